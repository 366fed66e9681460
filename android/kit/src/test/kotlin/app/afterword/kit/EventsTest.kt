package app.afterword.kit

import app.afterword.ffi.Event
import app.afterword.ffi.EventListener
import app.afterword.ffi.ListenerException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.ReceiveChannel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.produceIn
import kotlinx.coroutines.flow.toList
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import java.util.concurrent.atomic.AtomicInteger

/** The scenarios of who listens. */
class EventsTest {
    private suspend fun ReceiveChannel<JournalEvent>.revision() = (receive() as JournalEvent.ListChanged).revision

    /** The next; a write may be heard more than once before it. */
    private suspend fun ReceiveChannel<JournalEvent>.lockState(): LockState {
        for (event in this) {
            if (event is JournalEvent.LockChanged) return event.state
            assertTrue(event is JournalEvent.ListChanged, "$event")
        }
        throw AssertionError("the events ended")
    }

    @Test
    fun s05Subscribe() =
        scenario { place ->
            val journal = Journal.create(place.home, "phone", place.vault).journal
            journal.createEntry(note("earlier"))
            // What a list shows is derived by then, and changes no list once somebody listens.
            journal.list()
            coroutineScope {
                val events = journal.events.produceIn(this)
                assertEquals(JournalEvent.LockChanged(LockState.OPEN), events.receive())
                val revision = events.revision()
                assertEquals(JournalEvent.SyncChanged(SyncState.Idle), events.receive())
                journal.createEntry(note("now"))
                assertTrue(events.revision() > revision)
                journal.pause()
                assertEquals(LockState.PAUSED, events.lockState())
                journal.resume()
                assertEquals(LockState.OPEN, events.lockState())
                journal.shutdown()
                var last: JournalEvent? = null
                for (event in events) last = event
                assertEquals(JournalEvent.LockChanged(LockState.ENDED), last)
            }
            // Who comes later hears that, and no more.
            assertEquals(listOf(JournalEvent.LockChanged(LockState.ENDED)), journal.events.toList())
        }

    /** What the kit's own listener never does: one of the app's, as the library calls it, throws what it may and may not. */
    @Test
    fun s16ListenerThrows() =
        scenario { place ->
            place.created { journal ->
                val heard = Channel<Event>(Channel.UNLIMITED)
                val count = AtomicInteger()
                val thrower =
                    object : EventListener {
                        override fun onEvent(event: Event) {
                            heard.trySend(event)
                            val isDeclared = count.incrementAndGet() % 2 == 0
                            throw if (isDeclared) ListenerException.Failed() else IllegalStateException("quoted")
                        }
                    }
                journal.engine.subscribe(thrower).use {
                    coroutineScope {
                        val calm = journal.events.produceIn(this)
                        // A collector that throws ends, and nobody else does.
                        val thrown = runCatching { journal.events.collect { error("a collector's own") } }
                        assertEquals("a collector's own", thrown.exceptionOrNull()?.message)
                        repeat(3) {
                            heard.receive()
                            calm.receive()
                        }
                        for (number in 1..5) {
                            journal.createEntry(note("$number"))
                            assertTrue(heard.receive() is Event.ListChanged)
                            calm.revision()
                        }
                        calm.cancel()
                    }
                }
                assertTrue(count.get() >= 8, "${count.get()} events")
                assertEquals(5, journal.list().rows.size)
            }
        }

    @Test
    fun s19ManyObjects() =
        scenario { place ->
            place.created { journal ->
                val id = journal.createEntry(note("one", "text")).id
                val threads = threadsNow()
                coroutineScope {
                    (1..8).map {
                        async(Dispatchers.IO) {
                            repeat(10_000 / 8) {
                                journal.editor(id).close()
                                journal.events.first()
                            }
                        }
                    }.awaitAll()
                }
                // Each subscription had a thread in the library; so had every coroutine above, for a while.
                until("no thread is left behind") { (threadsNow() < threads + 100).takeIf { it } }
                journal.editor(id).use { editor ->
                    val text = editor.texts().single { it.field == TextField.Body }
                    editor.type(TextField.Body, text.heads, "text, and more")
                    assertEquals(journal.show(id).id, editor.finish()?.id)
                }
                assertEquals("text, and more", journal.show(id).body)
            }
        }

    /** How many threads this process has, where that can be read. */
    private fun threadsNow(): Int = File("/proc/self/task").list()?.size ?: 0

    @Test
    fun `a collector that is slow misses nothing that lasts, and holds nobody up`() =
        scenario { place ->
            place.created { journal ->
                coroutineScope {
                    val slow =
                        async(start = CoroutineStart.UNDISPATCHED) {
                            journal.events.first { it is JournalEvent.ListChanged && it.revision >= 200 }
                        }
                    repeat(200) { journal.createEntry(note("$it")) }
                    slow.await()
                }
            }
        }
}
