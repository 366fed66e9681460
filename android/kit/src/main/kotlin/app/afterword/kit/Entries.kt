package app.afterword.kit

import java.time.Instant

/**
 * What a writer begins an entry with.
 *
 * @property kind what it is about
 * @property title its title, people as `@Name`
 * @property body Markdown, people as `@Name`
 * @property sections further sections
 * @property happened when it happened: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`
 */
public data class NewEntry(
    val kind: Kind,
    val title: String = "",
    val body: String = "",
    val sections: List<NewSection> = emptyList(),
    val happened: String? = null,
)

/**
 * A section that an entry begins with.
 *
 * @property prompt its prompt
 * @property text its text
 */
public data class NewSection(
    val prompt: String,
    val text: String,
)

/**
 * What a write returns: the entry as it is now, and what came to be.
 *
 * @property id the entry
 * @property kind what it is about
 * @property title the title as it reads now
 * @property heads the base of the next edit
 * @property parts what the write made, in the order of its edits
 */
public data class Edited(
    val id: EntryId,
    val kind: Kind,
    val title: String,
    val heads: Heads,
    val parts: List<Part>,
)

/** A part of an entry that a write made. */
public sealed interface Part {
    /**
     * Prose under a prompt.
     *
     * @property id its name
     */
    public data class Section(val id: SectionId) : Part

    /**
     * A line.
     *
     * @property id its name
     */
    public data class Item(val id: ItemId) : Part

    /**
     * A reflection.
     *
     * @property id its name
     */
    public data class Reflection(val id: ReflectionId) : Part

    /**
     * A file.
     *
     * @property id its name
     */
    public data class Attachment(val id: AttachmentId) : Part

    /**
     * An act of closing.
     *
     * @property id its name
     */
    public data class Closure(val id: ClosureId) : Part

    /**
     * A never-publish seal.
     *
     * @property id its name
     */
    public data class Seal(val id: SealId) : Part
}

/**
 * One entry as it reads now, or read at some heads. Texts have people as `@Name`; days are `YYYY`, `YYYY-MM` or
 * `YYYY-MM-DD`, as exactly as they are known.
 *
 * @property id its name
 * @property kind what it is about
 * @property title its title
 * @property body the main section's Markdown
 * @property firstTelling how it was first told
 * @property day the day it is filed under
 * @property happened when it happened, as exactly as the writer knows
 * @property sections prose, in order; the main section, if there is one, comes first and has an empty prompt
 * @property items lines, in order
 * @property reflections oldest first
 * @property marks words of some groups
 * @property people who is in it
 * @property links ties to other entries
 * @property experiment the experiment, if it is one
 * @property closures oldest first
 * @property attachments files
 * @property states where the writer stands with it, today
 * @property audience who can read it
 * @property words how many words it has
 * @property box until when it is out of sight; null where it is not
 * @property isMuted never shown again unasked
 * @property isTrashed put away
 * @property nextMove what comes next
 * @property seals never-publish seals
 * @property createdAt when it was begun
 * @property updatedAt when it was last changed
 * @property heads the base of the next edit
 * @property unreadable changes that can't be read yet
 */
public data class Entry(
    val id: EntryId,
    val kind: Kind,
    val title: String,
    val body: String,
    val firstTelling: String,
    val day: String,
    val happened: String?,
    val sections: List<Section>,
    val items: List<Item>,
    val reflections: List<Reflection>,
    val marks: List<Mark>,
    val people: List<PersonPart>,
    val links: List<Link>,
    val experiment: Experiment?,
    val closures: List<Closure>,
    val attachments: List<Attachment>,
    val states: List<InnerState>,
    val audience: Audience,
    val words: Long,
    val box: Box?,
    val isMuted: Boolean,
    val isTrashed: Boolean,
    val nextMove: NextMove?,
    val seals: List<SealId>,
    val createdAt: Instant,
    val updatedAt: Instant,
    val heads: Heads,
    val unreadable: Long,
)

/** Until when an entry is out of sight. */
public sealed interface Box {
    /** Until the writer opens it. */
    public data object ByHand : Box

    /**
     * Until a day.
     *
     * @property day the day on which it opens
     */
    public data class Until(val day: String) : Box
}

/**
 * Prose under a prompt.
 *
 * @property id its name
 * @property prompt its prompt; empty for the main section
 * @property text Markdown
 */
public data class Section(
    val id: SectionId,
    val prompt: String,
    val text: String,
)

/**
 * A short line.
 *
 * @property id its name
 * @property kind what it says
 * @property text Markdown
 * @property state where it stands; null where nobody said
 * @property day a day that belongs to it
 */
public data class Item(
    val id: ItemId,
    val kind: ItemKind,
    val text: String,
    val state: ItemState?,
    val day: String?,
)

/**
 * A dated reflection.
 *
 * @property id its name
 * @property day the day of reflecting
 * @property text Markdown
 */
public data class Reflection(
    val id: ReflectionId,
    val day: String,
    val text: String,
)

/**
 * A dated, reversible act of closing.
 *
 * @property id its name
 * @property day the day of closing
 * @property kind how
 * @property note the writer's note
 * @property reopened the day it was reopened, if it was
 */
public data class Closure(
    val id: ClosureId,
    val day: String,
    val kind: ClosureKind,
    val note: String,
    val reopened: String?,
)

/**
 * A file that belongs to an entry.
 *
 * @property id its name
 * @property mime media type
 * @property bytes its length
 * @property caption the writer's caption
 * @property alt what the picture shows
 * @property credit whose it is
 * @property isPublishable whether it may be part of what is published
 * @property isHere whether its bytes are on this device
 */
public data class Attachment(
    val id: AttachmentId,
    val mime: String,
    val bytes: Long,
    val caption: String?,
    val alt: String?,
    val credit: String?,
    val isPublishable: Boolean,
    val isHere: Boolean,
)

/**
 * A mark.
 *
 * @property group what it is a word for
 * @property word the word
 */
public data class Mark(
    val group: MarkGroup,
    val word: String,
)

/**
 * A person's part in an entry.
 *
 * @property id the person
 * @property name their name, where it is known: as it stands in texts, without its `@`
 * @property role their role
 * @property contact whether to reach them
 */
public data class PersonPart(
    val id: PersonId,
    val name: String?,
    val role: String?,
    val contact: String?,
)

/**
 * Somebody in the journal.
 *
 * @property id the person
 * @property name how they are called
 * @property aliases other names
 */
public data class Person(
    val id: PersonId,
    val name: String,
    val aliases: List<String>,
)

/**
 * A tie to another entry.
 *
 * @property entry the other entry
 * @property kind how they belong together
 */
public data class Link(
    val entry: EntryId,
    val kind: LinkKind,
)

/**
 * A small failure on purpose. An answer that is null was not given.
 *
 * @property prediction what I fear will happen
 * @property fearBefore fear before, in the writer's own scale
 * @property attempted whether it was tried
 * @property happened what happened
 * @property fearAfter fear after
 * @property again whether to try it again
 */
public data class Experiment(
    val prediction: String? = null,
    val fearBefore: Long? = null,
    val attempted: Boolean? = null,
    val happened: String? = null,
    val fearAfter: Long? = null,
    val again: Boolean? = null,
)

/**
 * An earlier reading of an entry.
 *
 * @property heads what [Journal.showAt] and [Journal.restore] take
 * @property writtenAt when it was written
 * @property device the device that wrote it
 * @property deviceName what that device is called, where it is known
 * @property fields what changed then, by the names of an entry's parts
 */
public data class EarlierReading(
    val heads: Heads,
    val writtenAt: Instant,
    val device: DeviceId,
    val deviceName: String?,
    val fields: List<String>,
)
