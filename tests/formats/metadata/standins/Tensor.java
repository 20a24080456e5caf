package org.tensorflow.lite;

import java.nio.ByteBuffer;

/** Stands in for LiteRT's tensor. */
public final class Tensor {
  private final int place;

  Tensor(int place) {
    this.place = place;
  }

  public int[] shape() {
    String[] sizes = new String(Interpreter.read("outshape" + place)).trim().split(" ");
    int[] shape = new int[sizes.length];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = Integer.parseInt(sizes[i]);
    }
    return shape;
  }

  public int numElements() {
    int count = 1;
    for (int size : shape()) {
      count *= size;
    }
    return count;
  }

  public ByteBuffer asReadOnlyBuffer() {
    return ByteBuffer.wrap(Interpreter.read("out" + place)).asReadOnlyBuffer();
  }
}
