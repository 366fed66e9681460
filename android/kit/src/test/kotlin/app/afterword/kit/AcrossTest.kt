package app.afterword.kit

import kotlinx.coroutines.async
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.net.InetSocketAddress
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit

/** The scenarios of what stands outside: the laptop program, an app's log, the system's own way to find devices. */
class AcrossTest {
    // A family that is one letter, right to left, CJK.
    private val title = "👩‍👩‍👧‍👦 fällt aus"
    private val body = "سقط المشروع 🌧️\n失敗は成功のもと"

    @Test
    fun s25LaptopShowsTheCode() =
        scenario { place ->
            Laptop().use { laptop ->
                laptop.run("init", "--name", "laptop")
                val before = EntryId(laptop.run("write", title, "--body", body).text("id"))
                val (pairing, line) = laptop.staying("pair", "--listen", "127.0.0.1:0")
                val joined = Journal.join(place.home, line.text("code"), "phone", place.vault, line.text("address"))
                assertTrue(pairing.waitFor(soon.inWholeSeconds, TimeUnit.SECONDS), "the laptop goes on showing the code")
                assertEquals(0, pairing.exitValue())
                assertEquals("laptop" to "phone", joined.paired.hostName to joined.paired.deviceName)
                joined.journal.closing { phone ->
                    assertEquals(body, phone.show(before).body)
                    roundTrips(laptop, phone)
                }
            }
        }

    @Test
    fun s26LaptopJoins() =
        scenario { place ->
            Laptop().use { laptop ->
                place.created { phone ->
                    val before = phone.createEntry(note(title, body)).id
                    val listen = "127.0.0.1:${freePort()}"
                    coroutineScope {
                        val steps = Channel<PairingStep>(Channel.UNLIMITED)
                        val hosting = async { phone.pair(listen, discover = false) { steps.trySend(it) } }
                        val code = steps.receive() as PairingStep.Code
                        laptop.run("pair", code.code, "--peer", listen)
                        assertEquals("phone", hosting.await().hostName)
                    }
                    assertEquals(body, laptop.run("show", before.text).text("body"))
                    roundTrips(laptop, phone)
                }
            }
        }

    /** What the laptop wrote the phone shows, edits and gets back, and the other way round. */
    private suspend fun roundTrips(
        laptop: Laptop,
        phone: Journal,
    ) {
        val (_, line) = laptop.staying("serve", "--listen", "127.0.0.1:0")
        val address = line.text("address")

        suspend fun sync() {
            val synced = phone.syncOnce(address, soon)
            assertTrue(synced.met == 1L && synced.equal, "$synced")
        }

        val theirs = EntryId(laptop.run("write", title, "--body", body).text("id"))
        sync()
        val shown = phone.show(theirs)
        assertEquals(title to body, shown.title to shown.body)
        val edited = "$body\nphone: 直した ✍️ حُرّر"
        phone.edit(theirs, Edit.SetText(TextField.Body, shown.heads, edited))
        sync()
        val there = laptop.run("show", theirs.text)
        assertEquals(title to edited, there.text("title") to there.text("body"))
        val last = "$edited\nlaptop: 確認 ✅"
        laptop.run("edit", theirs.text, "--body", last)
        sync()
        assertEquals(last, phone.show(theirs).body)

        val ours = phone.createEntry(note(title, body)).id
        sync()
        val here = laptop.run("show", ours.text)
        assertEquals(title to body, here.text("title") to here.text("body"))
        laptop.run("edit", ours.text, "--title", "العنوان 標題 🏁")
        sync()
        assertEquals("العنوان 標題 🏁", phone.show(ours).title)
    }

    @Test
    fun s27Log() =
        scenario { place ->
            val lines = LinkedBlockingQueue<LogLine>()
            Log.to(LogLevel.DEBUG) {
                lines += it
                // A log that fails is told the next line.
                error("nobody may log this either")
            }
            place.created { journal ->
                journal.createEntry(note("nobody may log this", "سقط 失敗"))
                journal.pause()
                journal.resume()
            }
            val awaited = mutableListOf("Open", "Paused", "Ended")
            while (awaited.isNotEmpty()) {
                val line = lines.poll(soon.inWholeSeconds, TimeUnit.SECONDS) ?: error("not logged: $awaited")
                assertFalse(listOf("nobody", "سقط", "失敗").any { it in line.text }, "$line")
                assertTrue(line.target.startsWith("afterword"), "$line")
                if (line.level == LogLevel.INFO && awaited.first() in line.text) awaited.removeFirst()
            }
        }

    @Test
    fun s28OwnDiscovery() =
        scenario { guest ->
            val network = Network()
            Place().use { host ->
                host.created { phone ->
                    phone.useDiscovery(network.side())
                    val tablet =
                        coroutineScope {
                            val steps = Channel<PairingStep>(Channel.UNLIMITED)
                            val hosting = async { phone.pair("127.0.0.1:0") { steps.trySend(it) } }
                            val code = (steps.receive() as PairingStep.Code).code
                            val joined = Journal.join(guest.home, code, "tablet", guest.vault, discovery = network.side())
                            hosting.await()
                            joined.journal
                        }
                    tablet.closing {
                        assertTrue(network.announced.isEmpty(), "a pairing window is announced no longer than it is open")
                        val id = phone.createEntry(note(title, body)).id
                        phone.serve("127.0.0.1:0")
                        val announced = until("it is announced") { network.announced.values.firstOrNull() }
                        assertTrue(announced.name.length == 16 && announced.text.isEmpty(), "$announced")
                        val synced = tablet.syncOnce(deadline = soon)
                        assertTrue(synced.met == 1L && synced.equal, "$synced")
                        assertEquals(body, tablet.show(id).body)
                        phone.stopServing()
                        assertTrue(network.announced.isEmpty(), "who serves no more is announced no more")
                    }
                }
            }
        }

    /** The system's service in this process: who looks sees what is announced, on 127.0.0.1. */
    private class Network {
        val announced = ConcurrentHashMap<Pair<Any, Long>, AnnouncedService>()
        private val looking = ConcurrentHashMap<Pair<Any, Long>, Pair<String, (SeenService) -> Unit>>()

        fun side() =
            object : Discovery {
                override fun announce(
                    number: Long,
                    service: AnnouncedService,
                ) {
                    announced[this to number] = service
                    looking.values.filter { it.first == service.serviceType }.forEach { service.tell(it.second) }
                }

                override fun withdraw(number: Long) {
                    announced.remove(this to number)
                }

                override fun look(
                    number: Long,
                    serviceType: String,
                    seen: (SeenService) -> Unit,
                ) {
                    looking[this to number] = serviceType to seen
                    // Somebody else's, and nonsense, of the same type.
                    seen(SeenService("printer", mapOf("n" to "x"), listOf(InetSocketAddress("127.0.0.1", 9))))
                    announced.values.filter { it.serviceType == serviceType }.forEach { it.tell(seen) }
                }

                override fun stopLooking(number: Long) {
                    looking.remove(this to number)
                }
            }

        private fun AnnouncedService.tell(seen: (SeenService) -> Unit) =
            seen(SeenService(name, text, listOf(InetSocketAddress("127.0.0.1", port))))
    }
}
