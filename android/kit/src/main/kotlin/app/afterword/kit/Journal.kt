package app.afterword.kit

import app.afterword.ffi.Engine
import app.afterword.ffi.EventListener
import app.afterword.ffi.Newcomer
import app.afterword.ffi.Pairing
import app.afterword.ffi.PairingListener
import app.afterword.ffi.Transfer
import app.afterword.ffi.createJournal
import app.afterword.ffi.isJournal
import app.afterword.ffi.putJournalAside
import app.afterword.ffi.recoverJournal
import app.afterword.kit.convert.ForeignDiscovery
import app.afterword.kit.convert.ForeignSink
import app.afterword.kit.convert.ForeignSource
import app.afterword.kit.convert.ForeignVault
import app.afterword.kit.convert.limit
import app.afterword.kit.convert.toFfi
import app.afterword.kit.convert.toKit
import app.afterword.kit.convert.word
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.flow.flowOn
import java.io.File
import java.io.InputStream
import java.io.OutputStream
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import app.afterword.ffi.CapturedFile as FfiCapturedFile
import app.afterword.ffi.Event as FfiEvent
import app.afterword.ffi.NewFile as FfiNewFile
import app.afterword.ffi.PairingStep as FfiPairingStep

/**
 * One journal on this device.
 *
 * Every call may come from any thread and returns when its work is done: what [createEntry] answers is durable. The work is
 * done on [Dispatchers.IO]; a coroutine that is cancelled meanwhile stops waiting, but a write that has begun is finished.
 * Keep one journal for the life of the process: [pause] it before the app sleeps, [resume] it afterwards, [shutdown] it
 * where the platform allows. While it is not open, calls throw [AfterwordException.Locked].
 */
public class Journal private constructor(
    internal val engine: Engine,
) {
    /** The journal's name, the same on all of its devices. */
    public suspend fun id(): JournalId = working { JournalId(engine.journalId()) }

    /** This device's name. */
    public suspend fun deviceId(): DeviceId = working { DeviceId(engine.deviceId()) }

    /** Whether the journal is open. */
    public suspend fun lockState(): LockState = working { engine.lockState().word() }

    /** From now on other devices are looked for with [discovery], in the place of the engine's own mDNS. */
    public suspend fun useDiscovery(discovery: Discovery): Unit = working { engine.useDiscovery(ForeignDiscovery(discovery)) }

    /** The app goes to sleep: what was typed is saved, syncing stops, every file is closed and no lock held. */
    public suspend fun pause(): Unit = unbroken { engine.pause() }

    /** The app wakes: the journal is open again, or opened if its vault gives the key now. */
    public suspend fun resume(): Unit = unbroken { engine.resume() }

    /** The system has another network: call it when `ConnectivityManager` says so. */
    public suspend fun networkChanged(): Unit = working { engine.networkChanged() }

    /** Waits for the calls that are running, saves what was typed and closes the journal, for good. Done twice, it does nothing. */
    public suspend fun shutdown(): Unit = unbroken { engine.shutdown() }

    /**
     * How things are, and then what changes: the first events say whether the journal is open, the revision of its lists and
     * what syncing is at. Each collector has a subscription of its own, which ends with it; nothing is dropped while it is
     * busy. The flow ends with [LockState.ENDED].
     */
    public val events: Flow<JournalEvent> =
        callbackFlow {
            val listener =
                object : EventListener {
                    override fun onEvent(event: FfiEvent) {
                        val heard = event.toKit()
                        trySend(heard)
                        if (heard == JournalEvent.LockChanged(LockState.ENDED)) close()
                    }
                }
            val subscription = unbroken { engine.subscribe(listener) }
            awaitClose {
                subscription.cancel()
                subscription.destroy()
            }
            // Ending a subscription waits for its listener, so it is not done where the collector is.
        }.buffer(Channel.UNLIMITED).flowOn(Dispatchers.IO)

    /** Writes even while the journal is locked: sealed, and taken in once it is open. */
    public suspend fun capture(
        title: String = "",
        body: String = "",
        file: CapturedFile? = null,
    ): Unit = working { engine.capture(title, body, file?.let { FfiCapturedFile(it.mime, it.bytes) }) }

    /** A new entry, durable when this returns. */
    public suspend fun createEntry(entry: NewEntry): Edited = working { engine.createEntry(entry.toFfi()).toKit() }

    /** Does all of [edits] to an entry, as one change: either all of them, or it throws and does none. */
    public suspend fun edit(
        id: EntryId,
        edits: List<Edit>,
    ): Edited = working { engine.edit(id.text, edits.map { it.toFfi() }).toKit() }

    /** The same. */
    public suspend fun edit(
        id: EntryId,
        vararg edits: Edit,
    ): Edited = edit(id, edits.asList())

    /** The texts of an entry, to be typed into. What was typed and never became a change is there again. */
    public suspend fun editor(id: EntryId): EntryEditor = unbroken { EntryEditor(engine.editor(id.text), id) }

    /** The entry as it reads now. */
    public suspend fun show(id: EntryId): Entry = working { engine.show(id.text).toKit() }

    /** The entry as it read at [heads]. */
    public suspend fun showAt(
        id: EntryId,
        heads: Heads,
    ): Entry = working { engine.showAt(id.text, heads.hashes).toKit() }

    /** Every earlier reading of an entry, newest first. */
    public suspend fun history(id: EntryId): List<EarlierReading> = working { engine.history(id.text).map { it.toKit() } }

    /** Writes the texts that the entry had at [heads] as a new edit. */
    public suspend fun restore(
        id: EntryId,
        heads: Heads,
    ): Edited = working { engine.restore(id.text, heads.hashes).toKit() }

    /** Destroys an entry on every device. False where it was destroyed before. */
    public suspend fun erase(id: EntryId): Boolean = working { engine.erase(id.text) }

    /** One page of entries, newest first; [after] is the [ListPage.next] of the page before. */
    public suspend fun list(
        filter: ListFilter = ListFilter(),
        limit: Int = 100,
        after: Cursor? = null,
    ): ListPage = working { engine.list(filter.toFfi(), limit(limit), after?.text).toKit() }

    /** The newest entry that is filed under [day]. */
    public suspend fun entryOn(day: String): EntryId? = working { engine.entryOn(day)?.let(::EntryId) }

    /** Searches words, `"phrases"`, and beginnings of words with a star behind them. */
    public suspend fun search(
        query: String,
        limit: Int = 50,
    ): SearchPage = working { engine.search(query, limit(limit)).toKit() }

    /** Everybody in the journal. */
    public suspend fun people(): List<Person> = working { engine.people().map { it.toKit() } }

    /**
     * Attaches what [source] gives, up to its end, to an entry; durable when this returns. Memory stays bounded, however
     * long it is. [progress] hears how many bytes were moved, on the thread that moves them. A caller that is cancelled ends
     * it, and the entry is as it was. The stream is the caller's to close.
     */
    public suspend fun attach(
        id: EntryId,
        file: NewFile,
        source: InputStream,
        progress: (Long) -> Unit = {},
    ): Attached =
        moving { transfer ->
            val about = FfiNewFile(file.mime, file.caption, file.alt, file.credit)
            val attached = transfer.attach(engine, id.text, ForeignSource(source, transfer, progress), about)
            progress(transfer.moved().toLong())
            Attached(AttachmentId(attached.attachment), attached.entry.toKit())
        }

    /**
     * Gives an attachment's bytes, checked, to [sink], and answers how many. [progress], being cancelled and closing as in
     * [attach]. What a sink took of a file that turns out damaged, or of a call that ended early, is to be thrown away.
     */
    public suspend fun extract(
        id: EntryId,
        attachment: AttachmentId,
        sink: OutputStream,
        progress: (Long) -> Unit = {},
    ): Long =
        moving { transfer ->
            val count = transfer.extract(engine, id.text, attachment.text, ForeignSink(sink, transfer, progress)).toLong()
            progress(count)
            count
        }

    private suspend fun <T> moving(move: (Transfer) -> T): T =
        Transfer().use { transfer -> stoppable(transfer::cancel) { move(transfer) } }

    /** Takes an attachment off an entry; its bytes go from every device. */
    public suspend fun detach(
        id: EntryId,
        attachment: AttachmentId,
    ): Edited = working { engine.detach(id.text, attachment.text).toKit() }

    /**
     * Meets every device that can be reached, or the one at the address [peer], and returns before the deadline. A worker
     * that is killed in it loses nothing.
     */
    public suspend fun syncOnce(
        peer: String? = null,
        deadline: Duration = 20.seconds,
    ): SyncedOnce = waiting { engine.syncOnce(peer, deadline.toFfi()).toKit() }

    /**
     * Stays up for other devices at the address [listen], port 0 for any, until [stopServing]; a pause interrupts it. Other
     * devices of this network find it where [discover] says so.
     */
    public suspend fun serve(
        listen: String = "0.0.0.0:0",
        discover: Boolean = true,
    ): Unit = working { engine.serve(listen, discover) }

    /** The address that it serves at, once it does. */
    public suspend fun servingAt(): String? = working { engine.servingAt() }

    /** No device is answered any more. */
    public suspend fun stopServing(): Unit = unbroken { engine.stopServing() }

    /** The journal's devices, those that were removed too. */
    public suspend fun devices(): List<Device> = working { engine.devices().map { it.toKit() } }

    /**
     * Removes a device for ever, and tells every other that can be reached before the deadline. It is removed first: what this
     * device has and it lacks it never gets.
     */
    public suspend fun removeDevice(
        device: DeviceId,
        deadline: Duration = 20.seconds,
    ): SyncedOnce = waiting { engine.removeDevice(device.text, deadline.toFfi()).toKit() }

    /**
     * Devices that were added or removed elsewhere, and that nobody has seen here yet. [JournalEvent.Alarm] says
     * `device_added` or `device_removed` where there are any, also to those who begin to listen later.
     */
    public suspend fun deviceNews(): DeviceNews = working { engine.deviceNews().toKit() }

    /** Somebody has seen these news: nobody is told of them again on this device. */
    public suspend fun deviceNewsSeen(news: DeviceNews): Unit = working { engine.deviceNewsSeen(news.seen) }

    /**
     * Shows a code and adds the device that comes with it: [steps] hears the code and how far it is, on the thread that
     * waits, and must not block. Returns when both hold the same. A caller that is cancelled ends it. Listens at the address
     * [listen], port 0 for any.
     */
    public suspend fun pair(
        listen: String = "0.0.0.0:0",
        discover: Boolean = true,
        steps: (PairingStep) -> Unit,
    ): Paired = pairing { it.host(engine, listen, discover, steps(steps)).toKit() }

    /** Looks whether everything is in order. */
    public suspend fun doctor(): Health = waiting { engine.doctor().toKit() }

    /** Makes again what can be made again: lists, the search index, states of documents. */
    public suspend fun rebuild(): Repaired = waiting { engine.rebuild().toKit() }

    /** Whether these 24 words open this journal: it throws where they don't, and says why. */
    public suspend fun checkRecovery(phrase: String): Unit = working { engine.checkRecovery(phrase) }

    /** How an app comes to a journal. */
    public companion object {
        /** Whether the folder [home] holds a journal, or part of one. */
        public suspend fun exists(home: File): Boolean = working { isJournal(home.path) }

        /**
         * A new journal in the folder [home], whose first member is this device, called [deviceName]. [vault] keeps its key.
         *
         * @throws AfterwordException.Invalid if there is a journal in [home]
         */
        public suspend fun create(
            home: File,
            deviceName: String,
            vault: KeyVault,
        ): NewJournal =
            unbroken {
                val created = createJournal(home.path, deviceName, ForeignVault(vault))
                NewJournal(Journal(created.engine), created.phrase)
            }

        /**
         * Opens the journal in the folder [home]. If [vault] can't say the key now, it is [LockState.LOCKED] until [resume].
         *
         * @throws AfterwordException.NotFound if there is none
         * @throws AfterwordException.KeyGone if [vault] holds no key
         * @throws AfterwordException.WrongKey if it holds another
         */
        public suspend fun open(
            home: File,
            vault: KeyVault,
        ): Journal = unbroken { Journal(Engine.open(home.path, ForeignVault(vault))) }

        /** Opens a journal whose vault lost the key, with its 24 words, and gives the key to [vault] again. */
        public suspend fun recover(
            home: File,
            phrase: String,
            vault: KeyVault,
        ): Journal = unbroken { Journal(recoverJournal(home.path, phrase, ForeignVault(vault))) }

        /**
         * Joins the journal whose [code] another device shows, as typed or as scanned, as a new device in the folder [home].
         * [peer] is the other device's address, where no network says it; it is looked for with [discovery], where one is
         * given. [steps] and being cancelled as in [pair].
         */
        public suspend fun join(
            home: File,
            code: String,
            deviceName: String,
            vault: KeyVault,
            peer: String? = null,
            discovery: Discovery? = null,
            steps: (PairingStep) -> Unit = {},
        ): JoinedJournal =
            pairing {
                discovery?.let { own -> it.useDiscovery(ForeignDiscovery(own)) }
                val newcomer = Newcomer(deviceName, home.path)
                val joined = it.join(code, peer, newcomer, ForeignVault(vault), steps(steps))
                JoinedJournal(Journal(joined.engine), joined.paired.toKit())
            }

        /**
         * Puts a damaged journal aside, all of it, so that [home] is free for joining the journal again from another device.
         * Nothing is deleted. Answers where the database is now.
         */
        public suspend fun putAside(home: File): File = working { File(putJournalAside(home.path)) }

        private suspend fun <T> pairing(pair: (Pairing) -> T): T =
            Pairing().use { pairing -> stoppable(pairing::cancel) { pair(pairing) } }

        private fun steps(tell: (PairingStep) -> Unit) =
            object : PairingListener {
                override fun onStep(step: FfiPairingStep) = tell(step.toKit())
            }
    }
}

/**
 * A journal that was just made.
 *
 * @property journal the journal, open
 * @property recoveryPhrase the 24 words that open it without this device: show them once, keep them nowhere
 */
public class NewJournal internal constructor(
    public val journal: Journal,
    public val recoveryPhrase: String,
)
