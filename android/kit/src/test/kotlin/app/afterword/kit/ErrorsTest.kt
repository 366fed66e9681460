package app.afterword.kit

import app.afterword.ffi.Pairing
import app.afterword.ffi.PairingListener
import app.afterword.kit.convert.failures
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.io.OutputStream
import kotlin.time.Duration.Companion.seconds
import app.afterword.ffi.PairingStep as FfiPairingStep

/**
 * Every error that can be brought about, with its code, its fields and the text that core gives it. What a panic, a full disk
 * and a lost key say stands in scenarios of their own.
 */
class ErrorsTest {
    @Test
    fun s13Errors() =
        scenario { place ->
            opening(place)
            place.opened { asking(it) }
            place.opened { editing(it) }
            closed(place)
            damaged(place)
            place.opened { lonely(it) }
            place.opened { streams(it) }
            together()
        }

    private suspend fun opening(place: Place) {
        failing<AfterwordException.NotFound>(
            "there is no journal in ${place.home}; make a journal, or pair with a device that has one",
        ) { Journal.open(place.home, place.vault) }
        place.created { journal ->
            invalid("home", "this folder already holds a journal; open it, or choose another folder") {
                Journal.create(place.home, "phone", place.vault)
            }
            failing<AfterwordException.WrongKey>(
                "these 24 words are not this journal's recovery phrase; " +
                    "look again at what was typed, or open the journal with its 24 words",
            ) { journal.checkRecovery("abandon ".repeat(23) + "art") }
            invalid(
                "phrase",
                "a recovery phrase has 24 words, and this one 3; " +
                    "type the 24 words that were shown at the beginning, in their order",
            ) { journal.checkRecovery("three words only") }
        }
    }

    private suspend fun asking(journal: Journal) {
        // Of seventeen names two begin with the same letter.
        val ids = List(17) { journal.createEntry(note()).id }
        val letter = ids.groupBy { it.text.first() }.entries.first { it.value.size > 1 }.key
        failing<AfterwordException.Ambiguous>(
            "more than one entry's id begins with $letter; give a few more characters of it",
        ) { journal.show(EntryId("$letter")) }
        invalid(
            "entry",
            "an entry is named by the first characters of its id (0-9, a-f); look again at what is there, and choose from that",
        ) { journal.show(EntryId("no such id")) }
        failing<AfterwordException.NotFound>(
            "no entry's id begins with ${"0".repeat(32)}; look again at what is there, and choose from that",
        ) { journal.show(EntryId("0".repeat(32))) }
        unread("entry", "expected 32 lower-case hexadecimal digits") { journal.history(EntryId("x")) }
        unread("heads", "expected 64 lower-case hexadecimal digits") { journal.showAt(ids[0], Heads(listOf("x"))) }
        unread("from", "a day is written YYYY, YYYY-MM or YYYY-MM-DD") { journal.list(ListFilter(from = "May")) }
        unread("listen", "invalid socket address syntax") { journal.serve("here") }
        unread("peer", "invalid socket address syntax") { journal.syncOnce("there") }
        invalid("after", "that is not a place in a list; use the `next` of the page before") {
            journal.list(after = Cursor("nowhere"))
        }
        assertEquals(IllegalArgumentException::class, runCatching { journal.list(limit = 0) }.exceptionOrNull()!!::class)
    }

    private suspend fun editing(journal: Journal) {
        val (id, _, _, heads) = journal.createEntry(note("one", "text"))
        invalid(
            "base",
            "a text was written on no heads; give the heads that came with the text, so that what a sync brings stays",
        ) { journal.edit(id, Edit.SetText(TextField.Body, Heads(emptyList()), "lost?")) }
        failing<AfterwordException.NotFound>("this entry has no such item; look again at what the entry has, and choose from that") {
            journal.edit(id, Edit.RetireItem(ItemId("0".repeat(32))))
        }
        unread("day", "a day is written YYYY, YYYY-MM or YYYY-MM-DD") { journal.edit(id, Edit.SetHappened("yesterday")) }
        journal.editor(id).use { editor ->
            editor.finish()
            val thrown =
                failing<AfterwordException.Refused>("this editor is closed; open the entry again") {
                    editor.type(TextField.Body, heads, "too late")
                }
            assertEquals("closed", thrown.reason)
        }
        journal.edit(id, Edit.SetTrashed(true))
        assertTrue(journal.erase(id))
        failing<AfterwordException.NotFound>(
            "no entry's id begins with $id; look again at what is there, and choose from that",
        ) { journal.show(id) }
    }

    private suspend fun closed(place: Place) {
        place.opened { journal ->
            journal.pause()
            assertTrue(failing<AfterwordException.Locked>(PAUSED) { journal.people() }.paused)
            assertTrue(failing<AfterwordException.Locked>(PAUSED) { journal.serve("127.0.0.1:0", false) }.paused)
            journal.resume()
        }
        place.vault.broken = KeyVaultException.Failed("the chip is gone")
        val shut = Journal.open(place.home, place.vault)
        assertFalse(failing<AfterwordException.Locked>(SHUT) { shut.devices() }.paused)
        failing<AfterwordException.Locked>(
            "this device's key store could not be used: the chip is gone; unlock this device and try again",
        ) { shut.resume() }
        place.vault.broken = KeyVaultException.Locked()
        failing<AfterwordException.Locked>("this device's key store is locked; unlock this device and try again") {
            shut.resume()
        }
        place.vault.broken = IllegalStateException("it quotes a secret")
        failing<AfterwordException.Locked>(
            "this device's key store failed in a way that the app did not expect; unlock this device and try again",
        ) { shut.resume() }
        place.vault.broken = null
        shut.shutdown()
        failing<AfterwordException.Locked>(ENDED) { shut.devices() }
    }

    private suspend fun damaged(place: Place) {
        val file = File(place.home, "vault")
        val whole = file.readBytes()
        try {
            // Its ninth byte is its version.
            file.writeBytes(whole.copyOf().also { it[8] = 2 })
            failing<AfterwordException.TooNew>(
                "the vault has format 2, and this version of Afterword knows formats up to 1; " +
                    "install the newest Afterword on this device",
            ) { Journal.open(place.home, place.vault) }
            file.writeBytes(whole.copyOf(20))
            failing<AfterwordException.Corrupt>(
                "the vault file is not one of Afterword's, or was cut short; " +
                    "nothing was changed; look at the journal's health, your other devices hold their copies",
            ) { Journal.open(place.home, place.vault) }
        } finally {
            file.writeBytes(whole)
        }
    }

    private suspend fun lonely(journal: Journal) {
        failing<AfterwordException.Unreachable>(
            "this journal has no other device to sync with; pair another device first",
        ) { journal.syncOnce(deadline = 2.seconds) }
        // Through the kit, whoever is cancelled hears so from their own coroutine.
        Pairing().use { pairing ->
            pairing.cancel()
            failing<AfterwordException.Cancelled>(
                "pairing was interrupted; nothing is lost; begin again when the other device is at hand",
            ) { failures { pairing.host(journal.engine, "127.0.0.1:0", false, Unheard) } }
        }
        val me = journal.deviceId()
        invalid(
            "device",
            "a device cannot remove itself; remove it from another device of this journal, or delete its folder",
        ) { journal.removeDevice(me) }
        Place().use { guest ->
            invalid(
                "code",
                "this is not a pairing code; " +
                    "a code is a number and two words, like 7-cabin-tiger; check the spelling on the other device",
            ) { Journal.join(guest.home, "no code", "p", guest.vault) }
        }
    }

    private suspend fun streams(journal: Journal) {
        val id = journal.createEntry(note("a film")).id
        val broken =
            object : InputStream() {
                override fun read(): Int = throw IOException("/storage/a name that tells something")
            }
        val full =
            object : OutputStream() {
                override fun write(byte: Int) = throw IOException("/storage/a name that tells something")
            }
        val film = NewFile("video/mp4")
        val unreadable =
            failing<AfterwordException.Refused>(
                "the file to attach could not be read: the file can't be read (IOException); " +
                    "nothing was changed; check the disk and try again",
            ) { journal.attach(id, film, broken) }
        assertEquals("io", unreadable.reason)
        invalid("file", "the file to attach is empty; nothing was changed; attach another file") {
            journal.attach(id, film, ByteArrayInputStream(byteArrayOf()))
        }
        val attached = journal.attach(id, film, ByteArrayInputStream(ByteArray(4096))).attachment
        failing<AfterwordException.Refused>(
            "the attachment could not be written: the file can't be written (IOException); " +
                "nothing was changed; check the disk and try again",
        ) { journal.extract(id, attached, full) }
        journal.detach(id, attached)
        failing<AfterwordException.NotFound>(
            "there is no such attachment; copy the attachment's id from where it is listed",
        ) { journal.extract(id, attached, ByteArrayOutputStream()) }
    }

    /** What only another device brings about. */
    private suspend fun together() =
        Two.joined { two ->
            val phone = two.phone.deviceId()
            two.laptop.removeDevice(phone)
            val outcome = two.sync()
            assertEquals(SyncedOnce(0, 1, false, 0, outcome.bytes), outcome)
            invalid("device", "that device is not a member; look again at the devices of this journal, and choose from them") { two.laptop.removeDevice(phone) }
            assertEquals(listOf(phone), two.laptop.devices().filter { it.isRemoved }.map { it.id })
            mistyped(two.laptop)
        }

    /** The right number, and the words the wrong way round. */
    private suspend fun mistyped(laptop: Journal) =
        coroutineScope {
            val steps = Channel<PairingStep>(Channel.UNLIMITED)
            val listen = "127.0.0.1:${freePort()}"
            val hosting = launch { laptop.pair(listen, discover = false) { steps.trySend(it) } }
            val code = (steps.receive() as PairingStep.Code).code
            val (number, one, other) = code.split('-')
            Place().use { guest ->
                val thrown =
                    failing<AfterwordException.Refused>(
                        "the code does not match the one that the other device shows; " +
                            "ask for the new code shown on the other device",
                    ) {
                        Journal.join(guest.home, "$number-$other-$one", "p", guest.vault, listen)
                    }
                assertEquals("wrong_code", thrown.reason)
                assertFalse(Journal.exists(guest.home))
            }
            assertTrue((steps.receive() as PairingStep.WrongCode).left > 0)
            assertTrue((steps.receive() as PairingStep.Code).code != code)
            hosting.cancel()
        }

    private suspend inline fun invalid(
        field: String?,
        text: String,
        call: () -> Unit,
    ) = assertEquals(field, failing<AfterwordException.Invalid>(text) { call() }.field)

    /** An app gave a text that does not read. */
    private suspend inline fun unread(
        field: String,
        why: String,
        call: () -> Unit,
    ) = invalid(field, "this is no $field: $why; give it as it was given to you") { call() }
}

private object Unheard : PairingListener {
    override fun onStep(step: FfiPairingStep) = Unit
}
