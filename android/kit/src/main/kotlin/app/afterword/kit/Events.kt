package app.afterword.kit

import java.time.Instant

/**
 * Something changed: whoever shows it asks again. No event carries what was written.
 *
 * An event of a sort takes the place of one that was not yet heard, so that a slow listener hears the latest and misses
 * only what is over.
 */
public sealed interface JournalEvent {
    /**
     * Whether the journal is open. [LockState.ENDED] is the last event of its flow.
     *
     * @property state whether it is
     */
    public data class LockChanged(val state: LockState) : JournalEvent

    /**
     * Lists may read otherwise.
     *
     * @property revision how often they changed; only ever grows
     */
    public data class ListChanged(val revision: Long) : JournalEvent

    /**
     * An entry that an [EntryEditor] is open for reads otherwise.
     *
     * @property id the entry
     * @property heads its heads now; none once it is erased
     */
    public data class EntryChanged(val id: EntryId, val heads: Heads) : JournalEvent

    /**
     * What syncing is at.
     *
     * @property state what it is at
     */
    public data class SyncChanged(val state: SyncState) : JournalEvent

    /** A device was added, removed or heard of. */
    public data object DevicesChanged : JournalEvent

    /**
     * A pairing went on.
     *
     * @property step how far it is
     */
    public data class PairingChanged(val step: PairingStep) : JournalEvent

    /**
     * Something a person should know. What `device_added` and `device_removed` are about says [Journal.deviceNews].
     *
     * @property code `device_added`, `device_removed`, `broken`, `inbox_key`, `inbox_unreadable`, `inbox_waits` and further words
     */
    public data class Alarm(val code: String) : JournalEvent
}

/** What syncing is at. */
public sealed interface SyncState {
    /** Nothing goes on. */
    public data object Idle : SyncState

    /** Devices are looked for or met. */
    public data object Running : SyncState

    /**
     * What came is read for lists and search.
     *
     * @property done documents read since some waited
     * @property left documents that wait
     */
    public data class Deriving(val done: Long, val left: Long) : SyncState

    /**
     * A device was met.
     *
     * @property device the device
     * @property equal whether both held the same at the end
     */
    public data class Met(val device: DeviceId, val equal: Boolean) : SyncState

    /**
     * It came to nothing.
     *
     * @property code why
     */
    public data class Failed(val code: ErrorCode) : SyncState
}

/** How far a pairing is. */
public sealed interface PairingStep {
    /**
     * A code is to be shown.
     *
     * @property code to be typed
     * @property qr to be scanned
     * @property expiresAt until when it holds
     */
    public data class Code(val code: String, val qr: String, val expiresAt: Instant) : PairingStep {
        /** Without the code: whoever reads it in a log can join. */
        override fun toString(): String = "Code(expiresAt=$expiresAt)"
    }

    /**
     * Somebody typed a wrong word.
     *
     * @property left how many more codes are shown
     */
    public data class WrongCode(val left: Int) : PairingStep

    /**
     * The other device belongs to the journal, and the first sync goes on.
     *
     * @property device the other device
     * @property name how it is called
     */
    public data class Added(val device: DeviceId, val name: String) : PairingStep

    /**
     * The first sync goes on.
     *
     * @property operations how many came or went
     */
    public data class Syncing(val operations: Long) : PairingStep

    /** Both hold the same. */
    public data object Done : PairingStep

    /**
     * It came to nothing.
     *
     * @property code why
     */
    public data class Failed(val code: ErrorCode) : PairingStep
}
