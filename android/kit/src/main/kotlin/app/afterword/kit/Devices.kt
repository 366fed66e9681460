package app.afterword.kit

import java.time.Instant

/**
 * A device of the journal.
 *
 * @property id its name in the journal, which no other device ever has
 * @property name how it is called
 * @property isThis whether it is this one
 * @property isRemoved whether it was removed, or its adding does not count any more
 */
public data class Device(
    val id: DeviceId,
    val name: String,
    val isThis: Boolean,
    val isRemoved: Boolean,
)

/**
 * A device that was added or removed on another one.
 *
 * @property device its name in the journal
 * @property name how it is called
 * @property isRemoval whether it was removed, or its adding does not count any more; else it was added
 * @property by the device that did it; null where it was the recovery phrase, or where only its adding does not count any
 *   more
 * @property byName how that one is called
 * @property at when, by the clock of whoever did it
 */
public data class DeviceChange(
    val device: DeviceId,
    val name: String,
    val isRemoval: Boolean,
    val by: DeviceId?,
    val byName: String?,
    val at: Instant?,
)

/**
 * Changes of devices that nobody has seen yet.
 *
 * @property changes the newest of them, oldest first; not many
 * @property more how many more there are
 */
public class DeviceNews internal constructor(
    public val changes: List<DeviceChange>,
    public val more: Long,
    internal val seen: ByteArray,
)

/**
 * Who joined whom.
 *
 * @property device the newcomer
 * @property deviceName how it is called
 * @property host the device that showed the code
 * @property hostName how it is called
 */
public data class Paired(
    val device: DeviceId,
    val deviceName: String,
    val host: DeviceId,
    val hostName: String,
)

/**
 * A journal that was joined.
 *
 * @property journal the journal, open
 * @property paired who joined whom
 */
public class JoinedJournal internal constructor(
    public val journal: Journal,
    public val paired: Paired,
)

/**
 * What one bounded sync came to.
 *
 * @property met devices that were met
 * @property missed devices that were not found
 * @property equal whether all that were met held the same at the end
 * @property operations how many came and went
 * @property bytes bytes of datagrams, both ways
 */
public data class SyncedOnce(
    val met: Long,
    val missed: Long,
    val equal: Boolean,
    val operations: Long,
    val bytes: Long,
)

/**
 * Whether everything is in order.
 *
 * @property ok whether all of it is
 * @property checks what was looked at
 */
public data class Health(
    val ok: Boolean,
    val checks: List<HealthCheck>,
)

/**
 * One thing that was looked at.
 *
 * @property name a word for it
 * @property ok whether it is in order
 * @property detail a sentence
 */
public data class HealthCheck(
    val name: String,
    val ok: Boolean,
    val detail: String,
)

/**
 * What was made again.
 *
 * @property documents documents whose state was made again
 * @property loggedAgain operations that were written down again
 */
public data class Repaired(
    val documents: Long,
    val loggedAgain: Long,
)
