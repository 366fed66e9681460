package app.afterword.kit

import app.afterword.ffi.Transfer
import app.afterword.kit.convert.ForeignSource
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.async
import kotlinx.coroutines.cancel
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.InputStream
import java.io.OutputStream
import java.util.concurrent.Semaphore
import app.afterword.ffi.NewFile as FfiNewFile

private const val LENGTH = 50L shl 20

/** The byte at a place of a file that nobody ever holds all of. */
private fun noise(at: Long): Byte = ((at * 2_654_435_761L) ushr 13).toByte()

/** So many bytes of noise. [asked] hears how many were given before each piece. */
private class NoiseSource(
    private val length: Long,
    private val asked: (Long) -> Unit = {},
) : InputStream() {
    var given = 0L
        private set
    var largest = 0
        private set

    @Volatile
    var isReading = false
        private set

    override fun read(): Int = if (given == length) -1 else noise(given++).toInt() and 0xff

    override fun read(
        bytes: ByteArray,
        offset: Int,
        most: Int,
    ): Int {
        isReading = true
        asked(given)
        val count = minOf(most.toLong(), length - given).toInt()
        for (at in 0 until count) bytes[offset + at] = noise(given + at)
        given += count
        largest = maxOf(largest, most)
        isReading = false
        return if (count == 0) -1 else count
    }
}

/** Compares with the same noise. [taking] hears how many were taken before each piece. */
private class NoiseSink(
    private val taking: (Long) -> Unit = {},
) : OutputStream() {
    var taken = 0L
        private set
    var largest = 0
        private set
    var isSame = true
        private set

    override fun write(byte: Int) = write(byteArrayOf(byte.toByte()), 0, 1)

    override fun write(
        bytes: ByteArray,
        offset: Int,
        count: Int,
    ) {
        taking(taken)
        for (at in 0 until count) isSame = isSame && bytes[offset + at] == noise(taken + at)
        taken += count
        largest = maxOf(largest, count)
    }
}

/** The scenarios of files. */
class FilesTest {
    /** A copy in Kotlin would not fit into this JVM, and one in Rust would be seen in the process. */
    @Test
    fun s08Stream() =
        scenario { place ->
            place.created { journal ->
                assertTrue(Runtime.getRuntime().maxMemory() < LENGTH, "this JVM has room for a copy")
                val id = journal.createEntry(note("a film")).id
                val before = residentNow()
                var (most, told) = 0L to 0L
                val progress = { moved: Long ->
                    assertTrue(moved >= told)
                    told = moved
                    most = maxOf(most, residentNow())
                }
                val (source, sink) = NoiseSource(LENGTH) to NoiseSink()
                val attached = journal.attach(id, NewFile("video/mp4", caption = "the fall"), source, progress)
                assertEquals(LENGTH to LENGTH, source.given to told)
                val shown = journal.show(id).attachments.single()
                val video =
                    Attachment(attached.attachment, "video/mp4", LENGTH, "the fall", null, null, false, isHere = true)
                assertEquals(video, shown)
                told = 0
                assertEquals(LENGTH, journal.extract(id, attached.attachment, sink, progress))
                assertEquals(LENGTH to LENGTH, sink.taken to told)
                assertTrue(sink.isSame)
                assertTrue(maxOf(source.largest, sink.largest) <= 1 shl 20, "a piece of ${source.largest}, ${sink.largest}")
                assertTrue(most - before < LENGTH / 2, "${(most - before) shr 20} MB more")
            }
        }

    /** Bytes of this process in memory, where that can be read. */
    private fun residentNow(): Long {
        val pages = File("/proc/self/statm").takeIf { it.exists() }?.readText()?.split(' ')?.get(1)
        return (pages?.toLong() ?: 0) * 4096
    }

    @Test
    fun s09CancelATransfer() =
        scenario { place ->
            place.created { journal ->
                val written = journal.createEntry(note("a film"))
                val film = NewFile("video/mp4")
                // Its caller is cancelled while it moves: it ends, although the stream never would.
                val moving = CompletableDeferred<Unit>()
                coroutineScope {
                    val endless = NoiseSource(Long.MAX_VALUE) { if (it > 4 shl 20) moving.complete(Unit) }
                    val attaching = launch { journal.attach(written.id, film, endless) }
                    moving.await()
                    attaching.cancelAndJoin()
                    assertTrue(attaching.isCancelled)
                    assertFalse(endless.isReading)
                }
                assertUnchanged(journal, written)
                // In the library's own words.
                Transfer().use { transfer ->
                    val endless = NoiseSource(Long.MAX_VALUE) { if (it > 4 shl 20) transfer.cancel() }
                    failing<AfterwordException.Cancelled>("the transfer was cancelled; nothing was changed") {
                        stoppable({}) {
                            val about = FfiNewFile("video/mp4", null, null, null)
                            transfer.attach(journal.engine, written.id.text, ForeignSource(endless, transfer) {}, about)
                        }
                    }
                }
                assertUnchanged(journal, written)

                val attached = journal.attach(written.id, film, NoiseSource(8L shl 20))
                coroutineScope {
                    val begun = CompletableDeferred<Unit>()
                    val gate = Semaphore(0)
                    val sink = NoiseSink { if (begun.complete(Unit)) gate.acquire() }
                    val extracting = async { runCatching { journal.extract(written.id, attached.attachment, sink) } }
                    begun.await()
                    extracting.cancel()
                    gate.release()
                    extracting.join()
                    assertTrue(extracting.isCancelled)
                    assertTrue(sink.taken < 8L shl 20, "${sink.taken} bytes came out")
                }
                assertEquals(attached.entry.heads, journal.show(written.id).heads)
                assertTrue(journal.doctor().ok)
            }
        }

    private suspend fun assertUnchanged(
        journal: Journal,
        written: Edited,
    ) {
        val shown = journal.show(written.id)
        assertEquals(emptyList<Attachment>() to written.heads, shown.attachments to shown.heads)
    }

    @Test
    fun `a transfer whose caller was cancelled before does not begin`() =
        scenario { place ->
            place.created { journal ->
                val id = journal.createEntry(note("a film")).id
                val source = NoiseSource(1L shl 20)
                coroutineScope {
                    launch {
                        cancel()
                        journal.attach(id, NewFile("video/mp4"), source)
                    }.join()
                }
                assertEquals(0, source.given)
            }
        }

    @Test
    fun `files go in and out through the platform's own streams`() =
        scenario { place ->
            place.created { journal ->
                val id = journal.createEntry(note()).id
                val bytes = ByteArray(1_000_000) { noise(it.toLong()) }
                val (from, to) = File(place.home, "from") to File(place.home, "to")
                from.writeBytes(bytes)
                val attached = from.inputStream().use { journal.attach(id, NewFile("image/png"), it) }.attachment
                val count = to.outputStream().use { journal.extract(id, attached, it) }
                assertEquals(bytes.size.toLong(), count)
                assertArrayEquals(bytes, to.readBytes())
                // A stream that gives nothing now has not ended.
                val stutters =
                    object : InputStream() {
                        private val inner = ByteArrayInputStream(bytes)
                        private var calls = 0

                        override fun read(): Int = inner.read()

                        override fun read(
                            bytes: ByteArray,
                            offset: Int,
                            most: Int,
                        ): Int = if (calls++ % 2 == 0) 0 else inner.read(bytes, offset, most)
                    }
                val again = journal.attach(id, NewFile("image/png"), stutters).attachment
                val sink = ByteArrayOutputStream()
                journal.extract(id, again, sink)
                assertArrayEquals(bytes, sink.toByteArray())
                val text = journal.detach(id, again)
                assertFalse(journal.show(text.id).attachments.any { it.id == again })
                assertNull(journal.show(text.id).attachments.single().caption)
            }
        }
}
