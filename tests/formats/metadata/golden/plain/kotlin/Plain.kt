// Written by `litesmith metadata wrap` for plain.tflite.
package com.example.model

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.Interpreter

/**
 * The model.
 *
 * @param bytes the model, mapped or read into a direct buffer
 * @param locale of the display names of labels, or an empty text
 */
class Plain(
    private val bytes: ByteBuffer,
    locale: String = "",
    options: Interpreter.Options = Interpreter.Options(),
) : AutoCloseable {
    /** A class of the model: its position, name of record, score, and name in the locale asked for. */
    data class Category(val index: Int, val label: String, val score: Float, val displayName: String)

    /** What the model gives. Arrays are in row-major order. */
    class Outputs(
        val out: FloatArray,
        val shapeOfOut: IntArray,
        val numbers: IntArray,
        val shapeOfNumbers: IntArray,
        val doubled: LongArray,
        val shapeOfDoubled: IntArray,
        val not: BooleanArray,
        val shapeOfNot: IntArray,
        val points: List<Category>,
    )

    private val interpreter = Interpreter(bytes, options)
    private val labels4 = associatedLines("points.txt")
    private val displayNames4 = associatedLines(
        when (locale) {
            else -> "points.txt"
        },
    )

    /** The labels of points, in the locale asked for. */
    val labelsOfPoints: List<String> get() = displayNames4

    init {
        require(interpreter.inputTensorCount == 5 && interpreter.outputTensorCount == 5) {
            "this is another model than the wrapper was written for"
        }
    }

    /**
     * Runs the model.
     *
     * @param classValue array [1, -1, 2] in row-major order
     * @param input2ndInput array [1, 2] in row-major order
     * @param ids array [3] in row-major order
     * @param mask array [2] in row-major order
     * @param small array [2] in row-major order
     */
    fun run(classValue: FloatArray, shapeOfClassValue: IntArray, input2ndInput: IntArray, ids: LongArray, mask: BooleanArray, small: IntArray): Outputs {
        val inputs = arrayOf<Any>(prepare0(classValue, shapeOfClassValue), prepare1(input2ndInput), prepare2(ids), prepare3(mask), prepare4(small))
        interpreter.runForMultipleInputsOutputs(inputs, HashMap<Int, Any>())
        return Outputs(
            fetch0(),
            interpreter.getOutputTensor(0).shape(),
            fetch1(),
            interpreter.getOutputTensor(1).shape(),
            fetch2(),
            interpreter.getOutputTensor(2).shape(),
            fetch3(),
            interpreter.getOutputTensor(3).shape(),
            categories(labels4, displayNames4, fetch4(), 3.0f),
        )
    }

    override fun close() = interpreter.close()

    private fun prepare0(values: FloatArray, shape: IntArray): ByteBuffer {
        val count = shape.fold(1) { total, size -> total * size }
        interpreter.resizeInput(0, shape)
        require(values.size == count) { "classValue: expected $count numbers, got ${values.size}" }
        val buffer = ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder())
        val mean = floatArrayOf(1.0f, 2.0f, )
        val std = floatArrayOf(2.0f, 4.0f, )
        for (i in 0 until count) {
            buffer.putFloat((values[i] - mean[i % 2]) / std[i % 2])
        }
        buffer.rewind()
        return buffer
    }

    private fun prepare1(values: IntArray): ByteBuffer {
        val count = 2
        require(values.size == count) { "input2ndInput: expected $count numbers, got ${values.size}" }
        val buffer = ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder())
        for (i in 0 until count) {
            buffer.putInt(values[i])
        }
        buffer.rewind()
        return buffer
    }

    private fun prepare2(values: LongArray): ByteBuffer {
        val count = 3
        require(values.size == count) { "ids: expected $count numbers, got ${values.size}" }
        val buffer = ByteBuffer.allocateDirect(8 * count).order(ByteOrder.nativeOrder())
        for (i in 0 until count) {
            buffer.putLong(values[i])
        }
        buffer.rewind()
        return buffer
    }

    private fun prepare3(values: BooleanArray): ByteBuffer {
        val count = 2
        require(values.size == count) { "mask: expected $count numbers, got ${values.size}" }
        val buffer = ByteBuffer.allocateDirect(1 * count).order(ByteOrder.nativeOrder())
        for (i in 0 until count) {
            buffer.put(if (values[i]) 1.toByte() else 0.toByte())
        }
        buffer.rewind()
        return buffer
    }

    private fun prepare4(values: IntArray): ByteBuffer {
        val count = 2
        require(values.size == count) { "small: expected $count numbers, got ${values.size}" }
        val buffer = ByteBuffer.allocateDirect(1 * count).order(ByteOrder.nativeOrder())
        for (i in 0 until count) {
            buffer.put(values[i].toByte())
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

    private fun fetch1(): IntArray {
        val tensor = interpreter.getOutputTensor(1)
        val buffer = tensor.asReadOnlyBuffer().order(ByteOrder.nativeOrder())
        buffer.rewind()
        return IntArray(tensor.numElements()) { buffer.getInt() }
    }

    private fun fetch2(): LongArray {
        val tensor = interpreter.getOutputTensor(2)
        val buffer = tensor.asReadOnlyBuffer().order(ByteOrder.nativeOrder())
        buffer.rewind()
        return LongArray(tensor.numElements()) { buffer.getLong() }
    }

    private fun fetch3(): BooleanArray {
        val tensor = interpreter.getOutputTensor(3)
        val buffer = tensor.asReadOnlyBuffer().order(ByteOrder.nativeOrder())
        buffer.rewind()
        return BooleanArray(tensor.numElements()) { buffer.get() != 0.toByte() }
    }

    private fun fetch4(): FloatArray {
        val tensor = interpreter.getOutputTensor(4)
        val buffer = tensor.asReadOnlyBuffer().order(ByteOrder.nativeOrder())
        buffer.rewind()
        return FloatArray(tensor.numElements()) { 1.0f * ((buffer.get().toInt()) - 0) }
    }

    private fun categories(labels: List<String>, names: List<String>, scores: FloatArray, threshold: Float): List<Category> {
        check(labels.size == scores.size) { "${labels.size} labels do not fit ${scores.size} scores" }
        return scores.indices
            .filter { scores[it] >= threshold }
            .map { Category(it, labels[it], scores[it], names[it]) }
            .sortedByDescending { it.score }
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
