package org.tensorflow.lite;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Map;

/** Stands in for LiteRT's interpreter: writes what it is given to files, and gives what lies in others. */
public final class Interpreter {
  public static final class Options {}

  static final Path FOLDER = Paths.get(System.getProperty("folder", "."));

  public Interpreter(ByteBuffer model, Options options) {
    if (!model.isDirect()) {
      throw new IllegalArgumentException("the model is in no direct buffer");
    }
  }

  public int getInputTensorCount() {
    return Integer.getInteger("inputs");
  }

  public int getOutputTensorCount() {
    return Integer.getInteger("outputs");
  }

  public Tensor getOutputTensor(int place) {
    return new Tensor(place);
  }

  public void resizeInput(int place, int[] shape) {
    write("shape" + place, java.util.Arrays.toString(shape).getBytes());
  }

  public void runForMultipleInputsOutputs(Object[] inputs, Map<Integer, Object> outputs) {
    for (int i = 0; i < inputs.length; i++) {
      ByteBuffer buffer = (ByteBuffer) inputs[i];
      byte[] bytes = new byte[buffer.remaining()];
      buffer.get(bytes);
      write("in" + i, bytes);
    }
  }

  public void close() {}

  static byte[] read(String name) {
    try {
      return Files.readAllBytes(FOLDER.resolve(name));
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  static void write(String name, byte[] bytes) {
    try {
      Files.write(FOLDER.resolve(name), bytes);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
