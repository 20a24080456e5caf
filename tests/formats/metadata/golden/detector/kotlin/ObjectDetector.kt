// Written by `litesmith metadata wrap` for detector.tflite.
package com.example.model

import android.graphics.Bitmap
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.Interpreter

/**
 * Identify which of a known set of objects might be present and provide information about their positions within the given image or a video stream.
 *
 * @param bytes the model, mapped or read into a direct buffer
 * @param locale of the display names of labels, or an empty text
 */
class ObjectDetector(
    private val bytes: ByteBuffer,
    locale: String = "",
    options: Interpreter.Options = Interpreter.Options(),
) : AutoCloseable {
    /** A row of detection_result. */
    class DetectionResult(
        val location: FloatArray,
        val category: String,
        val score: Float,
    )

    /** What the model gives. Arrays are in row-major order. */
    class Outputs(
        val detectionResult: List<DetectionResult>,
    )

    private val interpreter = Interpreter(bytes, options)
    private val labels1 = associatedLines("labels.txt")
    private val displayNames1 = associatedLines(
        when (locale) {
            else -> "labels.txt"
        },
    )

    /** The labels of category, in the locale asked for. */
    val labelsOfCategory: List<String> get() = displayNames1

    init {
        require(interpreter.inputTensorCount == 1 && interpreter.outputTensorCount == 4) {
            "this is another model than the wrapper was written for"
        }
    }

    /**
     * Runs the model.
     *
     * @param image image of any size; Input image to be detected.
     */
    fun run(image: Bitmap): Outputs {
        val inputs = arrayOf<Any>(prepare0(image))
        interpreter.runForMultipleInputsOutputs(inputs, HashMap<Int, Any>())
        return Outputs(
            rowsOfDetectionResult(),
        )
    }

    override fun close() = interpreter.close()

    private fun prepare0(image: Bitmap): ByteBuffer {
        val width = 2
        val height = 2
        val pixels = IntArray(width * height)
        Bitmap.createScaledBitmap(image, width, height, true).getPixels(pixels, 0, width, 0, 0, width, height)
        val buffer = ByteBuffer.allocateDirect(12 * width * height).order(ByteOrder.nativeOrder())
        for (pixel in pixels) {
            buffer.putFloat((((pixel shr 16) and 0xff).toFloat() - 1.0f) / 2.0f)
            buffer.putFloat((((pixel shr 8) and 0xff).toFloat() - 2.0f) / 4.0f)
            buffer.putFloat((((pixel shr 0) and 0xff).toFloat() - 3.0f) / 8.0f)
        }
        buffer.rewind()
        return buffer
    }

    private fun fetch0(): FloatArray {
        val tensor = interpreter.getOutputTensor(0)
        val buffer = tensor.asReadOnlyBuffer().order(ByteOrder.nativeOrder())
        buffer.rewind()
        return FloatArray(tensor.numElements()) { buffer.getFloat() }
    }

    private fun fetch1(): FloatArray {
        val tensor = interpreter.getOutputTensor(1)
        val buffer = tensor.asReadOnlyBuffer().order(ByteOrder.nativeOrder())
        buffer.rewind()
        return FloatArray(tensor.numElements()) { buffer.getFloat() }
    }

    private fun fetch2(): FloatArray {
        val tensor = interpreter.getOutputTensor(2)
        val buffer = tensor.asReadOnlyBuffer().order(ByteOrder.nativeOrder())
        buffer.rewind()
        return FloatArray(tensor.numElements()) { buffer.getFloat() }
    }

    private fun fetch3(): FloatArray {
        val tensor = interpreter.getOutputTensor(3)
        val buffer = tensor.asReadOnlyBuffer().order(ByteOrder.nativeOrder())
        buffer.rewind()
        return FloatArray(tensor.numElements()) { buffer.getFloat() }
    }

    private fun rowsOfDetectionResult(): List<DetectionResult> {
        val location = fetch0()
        val category = fetch1()
        val score = fetch2()
        val rows = location.size / interpreter.getOutputTensor(0).shape()[2]
        return List(minOf(rows, fetch3()[0].toInt())) { row ->
            DetectionResult(
                location.copyOfRange(row * 4, (row + 1) * 4),
                name(displayNames1, category[row]),
                score[row],
            )
        }
    }

    private fun name(names: List<String>, value: Float): String = names.getOrNull(value.toInt()) ?: value.toInt().toString()

    /** The lines of a file in the archive behind the model, whose members are stored as they are. */
    private fun associatedLines(name: String): List<String> {
        val view = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN)
        fun short(at: Int) = view.getShort(at).toInt() and 0xffff
        fun text(start: Int, length: Int): String {
            val copy = ByteArray(length)
            val part = view.duplicate()
            part.position(start)
            part.get(copy)
            return String(copy, Charsets.UTF_8)
        }
        val end = (view.limit() - 22 downTo 0).firstOrNull { view.getInt(it) == 0x06054b50 }
            ?: throw IllegalArgumentException("the model has no associated files")
        var at = view.getInt(end + 16)
        repeat(short(end + 10)) {
            val length = short(at + 28)
            if (text(at + 46, length) == name) {
                val local = view.getInt(at + 42)
                val start = local + 30 + short(local + 26) + short(local + 28)
                return text(start, view.getInt(at + 24)).removePrefix("\uFEFF").removeSuffix("\n").lines()
            }
            at += 46 + length + short(at + 30) + short(at + 32)
        }
        throw IllegalArgumentException("the model has no associated file $name")
    }
}
