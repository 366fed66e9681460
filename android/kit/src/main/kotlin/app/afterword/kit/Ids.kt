package app.afterword.kit

/**
 * The name of an entry.
 *
 * @property text 32 hexadecimal digits; their beginning shows the entry too, where it is the only one that begins so
 */
@JvmInline
public value class EntryId(public val text: String) {
    override fun toString(): String = text
}

/**
 * The name of a section of an entry.
 *
 * @property text opaque
 */
@JvmInline
public value class SectionId(public val text: String) {
    override fun toString(): String = text
}

/**
 * The name of a line of an entry.
 *
 * @property text opaque
 */
@JvmInline
public value class ItemId(public val text: String) {
    override fun toString(): String = text
}

/**
 * The name of a reflection.
 *
 * @property text opaque
 */
@JvmInline
public value class ReflectionId(public val text: String) {
    override fun toString(): String = text
}

/**
 * The name of an act of closing.
 *
 * @property text opaque
 */
@JvmInline
public value class ClosureId(public val text: String) {
    override fun toString(): String = text
}

/**
 * The name of an attachment.
 *
 * @property text opaque
 */
@JvmInline
public value class AttachmentId(public val text: String) {
    override fun toString(): String = text
}

/**
 * The name of a never-publish seal.
 *
 * @property text opaque
 */
@JvmInline
public value class SealId(public val text: String) {
    override fun toString(): String = text
}

/**
 * The name of a person: the same for ever, however they are called.
 *
 * @property text opaque
 */
@JvmInline
public value class PersonId(public val text: String) {
    override fun toString(): String = text
}

/**
 * The name of a device.
 *
 * @property text opaque
 */
@JvmInline
public value class DeviceId(public val text: String) {
    override fun toString(): String = text
}

/**
 * The name of a journal, the same on all of its devices.
 *
 * @property text opaque
 */
@JvmInline
public value class JournalId(public val text: String) {
    override fun toString(): String = text
}

/**
 * A place in a list: where the next page begins.
 *
 * @property text one opaque word, which may be kept and given back later
 */
@JvmInline
public value class Cursor(public val text: String)

/**
 * A state of an entry: what an edit names as its base, so that it never undoes what another device wrote meanwhile.
 *
 * @property hashes opaque words, none where the entry was erased
 */
@JvmInline
public value class Heads(public val hashes: List<String>)
