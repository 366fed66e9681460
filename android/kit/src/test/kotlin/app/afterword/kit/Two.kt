package app.afterword.kit

import kotlinx.coroutines.async
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import java.net.DatagramSocket
import java.net.InetAddress
import java.time.Instant

/** Two devices of one journal in this process, which meet over QUIC on 127.0.0.1. */
internal class Two(
    val laptop: Journal,
    val phone: Journal,
) {
    /** The phone meets the laptop once. */
    suspend fun sync(): SyncedOnce {
        laptop.serve("127.0.0.1:0", discover = false)
        val address = until("the laptop serves") { laptop.servingAt() }
        return phone.syncOnce(address, soon).also { laptop.stopServing() }
    }

    /** A third device joins, is called "phone" like the second, and is used. */
    suspend fun third(use: suspend (Journal) -> Unit) {
        Place().use { guest -> join(laptop, guest, isTyped = false).journal.closing { use(it) } }
    }

    companion object {
        /** Makes a journal that [prepare] writes into, lets a second device join it, lets [use] use both. */
        suspend fun joined(
            isTyped: Boolean = false,
            prepare: suspend (Journal) -> Unit = {},
            use: suspend (Two) -> Unit,
        ) {
            Place().use { host ->
                Place().use { guest ->
                    Journal.create(host.home, "laptop", host.vault).journal.closing { laptop ->
                        prepare(laptop)
                        join(laptop, guest, isTyped).journal.closing { phone -> use(Two(laptop, phone)) }
                    }
                }
            }
        }

        /** What is scanned has the laptop's address in it; to what is typed it is given. */
        private suspend fun join(
            laptop: Journal,
            guest: Place,
            isTyped: Boolean,
        ): JoinedJournal =
            coroutineScope {
                val listen = "127.0.0.1:${if (isTyped) freePort() else 0}"
                val (seen, asked) = Channel<PairingStep>(Channel.UNLIMITED) to mutableListOf<PairingStep>()
                val hosting = async { laptop.pair(listen, discover = false) { seen.trySend(it) } }
                val code = seen.receive() as PairingStep.Code
                assertTrue(code.expiresAt > Instant.now())
                val given = if (isTyped) code.code else code.qr
                val peer = listen.takeIf { isTyped }
                val joined = Journal.join(guest.home, given, "phone", guest.vault, peer) { asked += it }
                val paired = hosting.await()
                assertEquals(paired, joined.paired)
                assertEquals("laptop" to "phone", paired.hostName to paired.deviceName)
                seen.close()
                val told = seen.iterator().run { buildList { while (hasNext()) add(next()) } }
                assertTrue(PairingStep.Added(paired.device, "phone") in told, "$told")
                assertEquals(PairingStep.Done, told.last())
                joined
            }
    }
}

/** A UDP port that nobody has now. */
internal fun freePort(): Int = DatagramSocket(0, InetAddress.getLoopbackAddress()).use { it.localPort }
