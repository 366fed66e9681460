package app.afterword.kit

import app.afterword.ffi.Trouble
import app.afterword.kit.convert.failures
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.ByteArrayOutputStream

/** The scenarios of a journal's life: what it survives. */
class LifeTest {
    @Test
    fun s01Open() =
        scenario { place ->
            assertFalse(Journal.exists(place.home))
            val made = Journal.create(place.home, "phone", place.vault)
            assertEquals(24, made.recoveryPhrase.split(" ").size)
            assertTrue(made.recoveryPhrase.split(" ").toSet().size > 12)
            val (id, written) =
                made.journal.closing { journal ->
                    assertEquals(LockState.OPEN, journal.lockState())
                    journal.checkRecovery(made.recoveryPhrase)
                    journal.id() to journal.createEntry(NewEntry(Kind.WIN, "kept"))
                }
            assertTrue(Journal.exists(place.home))
            place.opened { journal ->
                assertEquals(id, journal.id())
                assertEquals("kept", journal.show(written.id).title)
                assertEquals(listOf(written.id), journal.list().rows.map { it.id })
            }
        }

    @Test
    fun s14Panic() =
        scenario { place ->
            val journal = Journal.create(place.home, "phone", place.vault).journal
            val written = journal.createEntry(NewEntry(Kind.FAILURE, "saved"))
            failing<AfterwordException.Internal>(BROKEN) { journal.trouble { it.panic() } }
            assertEquals(LockState.BROKEN, journal.lockState())
            failing<AfterwordException.Internal>(BROKEN) { journal.list() }
            failing<AfterwordException.Internal>(BROKEN) { journal.createEntry(note("too late")) }
            failing<AfterwordException.Internal>(BROKEN) { journal.resume() }
            place.opened { again ->
                assertEquals(listOf(written.id), again.list().rows.map { it.id })
                assertEquals("saved", again.show(written.id).title)
                assertTrue(again.doctor().ok)
            }
        }

    /** Each of eight writes until it is told that the journal is paused, and once more after it goes on. */
    @Test
    fun s17PauseWhileWriting() =
        scenario { place ->
            place.created { journal ->
                coroutineScope {
                    val written = Channel<EntryId>(Channel.UNLIMITED)
                    val writers =
                        (1..8).map { writer ->
                            async(Dispatchers.IO) {
                                try {
                                    repeat(100_000) { written.send(journal.createEntry(note("$writer: $it", "whole")).id) }
                                    null
                                } catch (thrown: AfterwordException) {
                                    thrown
                                }
                            }
                        }
                    val ids = List(20) { written.receive() }.toMutableSet()
                    journal.pause()
                    journal.pause()
                    assertEquals(LockState.PAUSED, journal.lockState())
                    for (thrown in writers.awaitAll()) {
                        assertEquals(PAUSED, thrown?.message)
                        assertTrue((thrown as AfterwordException.Locked).paused)
                    }
                    while (true) ids += written.tryReceive().getOrNull() ?: break
                    journal.resume()
                    journal.resume()
                    assertEquals(ids, journal.everyRow().map { it.id }.toSet())
                    for (id in ids) assertEquals("whole", journal.show(id).body)
                    for (writer in 1..8) journal.createEntry(note("$writer goes on"))
                    assertEquals(ids.size + 8, journal.everyRow().size)
                }
            }
        }

    @Test
    fun s18ShutDownTwice() =
        scenario { place ->
            val journal = Journal.create(place.home, "phone", place.vault).journal
            journal.shutdown()
            journal.shutdown()
            assertEquals(LockState.ENDED, journal.lockState())
            val thrown = failing<AfterwordException.Locked>(ENDED) { journal.list() }
            assertFalse(thrown.paused)
            failing<AfterwordException.Locked>(ENDED) { journal.createEntry(note("too late")) }
            failing<AfterwordException.Locked>(ENDED) { journal.resume() }
            journal.pause()
        }

    @Test
    fun s20WrongKey() =
        scenario { place ->
            val written = place.created { it.createEntry(NewEntry(Kind.FAILURE, "mine")) }
            val kept = place.vault.all
            place.vault.change { secret -> ByteArray(secret.size) { (secret[it] + 1).toByte() } }
            failing<AfterwordException.WrongKey>(
                "the system's keyring holds another key; look again at what was typed, or open the journal with its 24 words",
            ) { Journal.open(place.home, place.vault) }
            place.vault.change { it.copyOf(16) }
            failing<AfterwordException.WrongKey>(
                "this device's key store holds something else than this journal's key; " +
                    "look again at what was typed, or open the journal with its 24 words",
            ) { Journal.open(place.home, place.vault) }
            place.vault.all = kept
            place.opened { assertEquals("mine", it.show(written.id).title) }
        }

    @Test
    fun s21KeyGone() =
        scenario { place ->
            val made = Journal.create(place.home, "phone", place.vault)
            val written = made.journal.closing { it.createEntry(NewEntry(Kind.LOSS, "kept")) }
            place.vault.all = emptyMap()
            failing<AfterwordException.KeyGone>(
                "the system's keyring no longer holds this journal's key; open the journal with its 24 words, or pair " +
                    "this device anew with another one",
            ) { Journal.open(place.home, place.vault) }
            Journal.recover(place.home, made.recoveryPhrase, place.vault).closing { journal ->
                assertEquals("kept", journal.show(written.id).title)
            }
            assertTrue(place.vault.all.isNotEmpty())
            place.opened { assertEquals(listOf(written.id), it.list().rows.map { row -> row.id }) }
        }

    @Test
    fun s22FullDisk() =
        scenario { place ->
            place.created { journal ->
                val before = journal.createEntry(note("before", "kept"))
                journal.trouble { it.fillDisk(true) }
                val long = "no room for this ".repeat(5000)
                failing<AfterwordException.StorageFull>(FULL) { journal.createEntry(note("full", long)) }
                failing<AfterwordException.StorageFull>(FULL) {
                    journal.edit(before.id, Edit.SetText(TextField.Body, before.heads, long))
                }
                assertEquals(listOf(before.id), journal.list().rows.map { it.id })
                val shown = journal.show(before.id)
                assertEquals("kept" to before.heads, shown.body to shown.heads)
                journal.trouble { it.fillDisk(false) }
                val after = journal.createEntry(note("after", long))
                assertEquals(long, journal.show(after.id).body)
            }
            place.opened { assertEquals(2, it.list().rows.size) }
        }

    @Test
    fun s23LockedCapture() =
        scenario { place ->
            place.created { it.createEntry(note("before")) }
            place.vault.broken = KeyVaultException.Locked()
            val picture = ByteArray(5000) { it.toByte() }
            Journal.open(place.home, place.vault).closing { journal ->
                assertEquals(LockState.LOCKED, journal.lockState())
                failing<AfterwordException.Locked>(SHUT) { journal.list() }
                journal.capture("in the dark 🌒", "كُتب في الظلام", CapturedFile("image/png", picture))
                place.vault.broken = null
                journal.resume()
                val rows = journal.list().rows
                assertEquals(setOf("before", "in the dark 🌒"), rows.map { it.title }.toSet())
                assertEquals(2, rows.size)
                val entry = journal.show(rows.single { it.title != "before" }.id)
                assertEquals("كُتب في الظلام", entry.body)
                val sink = ByteArrayOutputStream()
                journal.extract(entry.id, entry.attachments.single().id, sink)
                assertArrayEquals(picture, sink.toByteArray())
                journal.pause()
                journal.resume()
                assertEquals(2, journal.list().rows.size)
            }
            place.opened { assertEquals(2, it.list().rows.size) }
        }

    @Test
    fun s24TwoEngines() =
        scenario { place ->
            place.created { first ->
                place.opened { second ->
                    val one = first.createEntry(note("of the first")).id
                    assertEquals(listOf(one), second.list().rows.map { it.id })
                    val two = second.createEntry(note("of the second")).id
                    for (journal in listOf(first, second)) {
                        assertEquals(setOf(one, two), journal.list().rows.map { it.id }.toSet())
                        assertEquals("of the first", journal.show(one).title)
                        assertEquals("of the second", journal.show(two).title)
                    }
                }
                // One that goes away takes nothing with it.
                assertEquals(2, first.list().rows.size)
                first.createEntry(note("alone again"))
            }
        }
}

/** What goes wrong on demand, with errors as the library shows them. */
internal fun Journal.trouble(make: (Trouble) -> Unit) = Trouble.of(engine).use { trouble -> failures { make(trouble) } }
