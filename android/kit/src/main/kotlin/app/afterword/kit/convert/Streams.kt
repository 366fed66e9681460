package app.afterword.kit.convert

import app.afterword.ffi.ByteSink
import app.afterword.ffi.ByteSource
import app.afterword.ffi.StreamException
import app.afterword.ffi.Transfer
import java.io.InputStream
import java.io.OutputStream

/** A stream of the app's that is read into a journal. */
internal class ForeignSource(
    private val stream: InputStream,
    private val transfer: Transfer,
    private val progress: (Long) -> Unit,
) : ByteSource {
    override fun read(most: UInt): ByteArray {
        // What was given before is moved once more is asked for.
        transfer.tell(progress)
        return declared("read") { stream.piece(most.toInt()) }
    }
}

/** A stream of the app's that is written from a journal. */
internal class ForeignSink(
    private val stream: OutputStream,
    private val transfer: Transfer,
    private val progress: (Long) -> Unit,
) : ByteSink {
    override fun write(bytes: ByteArray) {
        transfer.tell(progress)
        declared("written") { stream.write(bytes) }
    }
}

private fun Transfer.tell(progress: (Long) -> Unit) {
    val moved = moved().toLong()
    if (moved > 0) progress(moved)
}

/** At most [most] bytes; none at the end, and only there. */
private fun InputStream.piece(most: Int): ByteArray {
    val buffer = ByteArray(most)
    var count = read(buffer)
    if (count == 0) {
        val next = read()
        count = if (next < 0) 0 else 1
        buffer[0] = next.toByte()
    }
    return if (count == most) buffer else buffer.copyOf(count.coerceAtLeast(0))
}

/** What the platform says has the file's path in it, so only the exception's class is carried on. */
private inline fun <T> declared(
    what: String,
    call: () -> T,
): T =
    try {
        call()
    } catch (thrown: Exception) {
        throw StreamException.Failed("the file can't be $what (${thrown.javaClass.simpleName})")
    }
