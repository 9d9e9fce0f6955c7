// One red cell in, the probability that it is infected out, by a TFLite file that `plasmoscope export --to tflite` wrote.
// Dependency: com.google.ai.edge.litert:litert (or org.tensorflow:tensorflow-lite). Research use only.

import org.json.JSONObject
import org.tensorflow.lite.Interpreter
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest
import kotlin.math.exp
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min
import kotlin.math.roundToInt

/** RGB, 8 bits a channel, row by row: as the crop of one cell by its bounding box, black outside the cell. */
class CellPicture(val width: Int, val height: Int, val rgb: ByteArray) {
    init {
        require(rgb.size == width * height * 3) { "rgb must hold width * height * 3 bytes" }
    }

    companion object {
        /** From Bitmap.getPixels, whose integers are ARGB: the order of channels is not the one that the network takes. */
        fun ofArgb(width: Int, height: Int, pixels: IntArray): CellPicture {
            val rgb = ByteArray(width * height * 3)
            pixels.forEachIndexed { index, pixel ->
                rgb[3 * index] = (pixel shr 16).toByte()
                rgb[3 * index + 1] = (pixel shr 8).toByte()
                rgb[3 * index + 2] = pixel.toByte()
            }
            return CellPicture(width, height, rgb)
        }
    }

    /** Level 0 to 255. */
    fun level(x: Int, y: Int, channel: Int): Int = rgb[(y * width + x) * 3 + channel].toInt() and 255

    /**
     * A square, without keeping the aspect, as in training. Not Bitmap.createScaledBitmap: that looks at four pixels
     * however many there are, and loses thin rings.
     */
    fun resized(size: Int): CellPicture {
        if (width == size && height == size) return this
        // Shrinking to less than half averages over areas; all else is bilinear.
        val area = width.toLong() * height > 4L * size * size && width >= size && height >= size
        val columns = weights(width, size, area)
        val rows = weights(height, size, area)
        val made = ByteArray(size * size * 3)
        for (y in 0 until size) for (x in 0 until size) for (channel in 0 until 3) {
            var sum = 0.0
            for ((row, share) in rows[y]) for ((column, part) in columns[x]) sum += share * part * level(column, row, channel)
            made[(y * size + x) * 3 + channel] = min(255, max(0, sum.roundToInt())).toByte()
        }
        return CellPicture(size, size, made)
    }

    /** For each new pixel of one axis, the old ones that it is made of and their shares, which sum to 1. */
    private fun weights(old: Int, size: Int, area: Boolean): List<List<Pair<Int, Double>>> = List(size) { new ->
        val scale = old.toDouble() / size
        if (area) {
            val from = new * scale
            val to = from + scale
            (from.toInt() until min(old, kotlin.math.ceil(to - 1e-9).toInt())).map { index ->
                index to (min(to, index + 1.0) - max(from, index.toDouble())) / scale
            }
        } else {
            val centre = (new + 0.5) * scale - 0.5
            val left = floor(centre).toInt()
            val share = centre - left
            listOf(left.coerceIn(0, old - 1) to 1 - share, (left + 1).coerceIn(0, old - 1) to share)
        }
    }
}

/** A model and its card, checked against each other. */
class CellClassifier(model: File, card: File) : AutoCloseable {
    private val told = JSONObject(card.readText())
    private val size = told.getJSONObject("preprocessing").getInt("image_size")
    private val temperature = told.getJSONObject("calibration").getDouble("temperature")

    /** The probability from which a cell is called infected. */
    val threshold = told.getDouble("threshold")
    private val interpreter: Interpreter

    init {
        val sum = MessageDigest.getInstance("SHA-256").digest(model.readBytes()).joinToString("") { "%02x".format(it) }
        require(sum == told.getString("sha256")) { "The model is not the one that its card describes; copy both again." }
        interpreter = Interpreter(model)
        val shape = interpreter.getInputTensor(0).shape().toList()
        require(shape == listOf(1, size, size, 3)) { "The model takes $shape, its card says $size pixels a side." }
    }

    /** Probability that the cell is infected, 0 to 1. The network normalises the pixels itself: give them as they are. */
    fun probability(cell: CellPicture): Double {
        val pixels = ByteBuffer.allocateDirect(size * size * 3).order(ByteOrder.nativeOrder()).put(cell.resized(size).rgb)
        pixels.rewind()
        val logits = arrayOf(FloatArray(2))
        interpreter.run(pixels, logits)
        val (infected, uninfected) = logits[0].toList()
        return 1 / (1 + exp(-(infected - uninfected) / temperature))
    }

    override fun close() = interpreter.close()
}
