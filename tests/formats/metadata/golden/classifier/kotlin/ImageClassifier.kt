// Written by `litesmith metadata wrap` for classifier.tflite.
package com.example.model

import android.graphics.Bitmap
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.Interpreter

/**
 * Identify the most prominent object in the image from a known set of categories.
 * Version: 1
 * Author: A "B" * / /u000a
 *
 * @param bytes the model, mapped or read into a direct buffer
 * @param locale of the display names of labels, or an empty text
 */
class ImageClassifier(
    private val bytes: ByteBuffer,
    locale: String = "",
    options: Interpreter.Options = Interpreter.Options(),
) : AutoCloseable {
    /** A class of the model: its position, name of record, score, and name in the locale asked for. */
    data class Category(val index: Int, val label: String, val score: Float, val displayName: String)

    /** What the model gives. Arrays are in row-major order. */
    class Outputs(
        /** Probabilities of the labels respectively. */
        val probability: List<Category>,
    )

    private val interpreter = Interpreter(bytes, options)
    private val labels0 = associatedLines("labels.txt")
    private val displayNames0 = associatedLines(
        when (locale) {
            "de" -> "labels_de.txt"
            else -> "labels.txt"
        },
    )

    /** The labels of probability, in the locale asked for. */
    val labelsOfProbability: List<String> get() = displayNames0

    init {
        require(interpreter.inputTensorCount == 1 && interpreter.outputTensorCount == 1) {
            "this is another model than the wrapper was written for"
        }
    }

    /**
     * Runs the model.
     *
     * @param image image of any size; Input image to be classified.
     */
    fun run(image: Bitmap): Outputs {
        val inputs = arrayOf<Any>(prepare0(image))
        interpreter.runForMultipleInputsOutputs(inputs, HashMap<Int, Any>())
        return Outputs(
            categories(labels0, displayNames0, fetch0(), Float.NEGATIVE_INFINITY),
        )
    }

    override fun close() = interpreter.close()

    private fun prepare0(image: Bitmap): ByteBuffer {
        val width = 2
        val height = 2
        val pixels = IntArray(width * height)
        Bitmap.createScaledBitmap(image, width, height, true).getPixels(pixels, 0, width, 0, 0, width, height)
        val buffer = ByteBuffer.allocateDirect(3 * width * height).order(ByteOrder.nativeOrder())
        for (pixel in pixels) {
            buffer.put(quantized((((pixel shr 16) and 0xff).toFloat() - 127.5f) / 63.75f, 0.015625f, 128, 0, 255).toByte())
            buffer.put(quantized((((pixel shr 8) and 0xff).toFloat() - 127.5f) / 63.75f, 0.015625f, 128, 0, 255).toByte())
            buffer.put(quantized((((pixel shr 0) and 0xff).toFloat() - 127.5f) / 63.75f, 0.015625f, 128, 0, 255).toByte())
        }
        buffer.rewind()
        return buffer
    }

    private fun fetch0(): FloatArray {
        val tensor = interpreter.getOutputTensor(0)
        val buffer = tensor.asReadOnlyBuffer().order(ByteOrder.nativeOrder())
        buffer.rewind()
        return FloatArray(tensor.numElements()) { 0.03125f * ((buffer.get().toInt()) - -3) }
    }

    private fun categories(labels: List<String>, names: List<String>, scores: FloatArray, threshold: Float): List<Category> {
        check(labels.size == scores.size) { "${labels.size} labels do not fit ${scores.size} scores" }
        return scores.indices
            .filter { scores[it] >= threshold }
            .map { Category(it, labels[it], scores[it], names[it]) }
            .sortedByDescending { it.score }
    }

    private fun quantized(real: Float, scale: Float, zeroPoint: Int, low: Int, high: Int): Int {
        val stored = real / scale + zeroPoint
        return (if (stored < 0) stored - 0.5f else stored + 0.5f).toInt().coerceIn(low, high)
    }

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
