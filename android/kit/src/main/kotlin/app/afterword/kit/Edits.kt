package app.afterword.kit

/** A text of an entry. */
public sealed interface TextField {
    /** The title. */
    public data object Title : TextField

    /** The main section's text. */
    public data object Body : TextField

    /**
     * A section's text.
     *
     * @property id the section
     */
    public data class Section(val id: SectionId) : TextField

    /**
     * A line's text.
     *
     * @property id the line
     */
    public data class Item(val id: ItemId) : TextField

    /**
     * A reflection's text.
     *
     * @property id the reflection
     */
    public data class Reflection(val id: ReflectionId) : TextField
}

/**
 * One thing to do to an entry: what [Journal.edit] takes. Texts have people as `@Name`; days are `YYYY`, `YYYY-MM` or
 * `YYYY-MM-DD`.
 */
public sealed interface Edit {
    /**
     * A text says something else: what came meanwhile from other devices stays.
     *
     * @property field which text
     * @property base the heads at which it was read
     * @property text what it is to say
     */
    public data class SetText(val field: TextField, val base: Heads, val text: String) : Edit

    /**
     * A new section.
     *
     * @property section its prompt and text
     */
    public data class AddSection(val section: NewSection) : Edit

    /**
     * Puts a section away.
     *
     * @property id the section
     */
    public data class RetireSection(val id: SectionId) : Edit

    /**
     * A new line.
     *
     * @property kind what it says
     * @property text its text
     */
    public data class AddItem(val kind: ItemKind, val text: String) : Edit

    /**
     * Where a line stands.
     *
     * @property id the line
     * @property state null: nobody says
     */
    public data class SetItemState(val id: ItemId, val state: ItemState?) : Edit

    /**
     * A line's day.
     *
     * @property id the line
     * @property day null: none
     */
    public data class SetItemDay(val id: ItemId, val day: String?) : Edit

    /**
     * Puts a line away.
     *
     * @property id the line
     */
    public data class RetireItem(val id: ItemId) : Edit

    /**
     * A reflection.
     *
     * @property day the day of reflecting
     * @property text its text
     */
    public data class AddReflection(val day: String, val text: String) : Edit

    /**
     * Adds a mark.
     *
     * @property mark the mark
     */
    public data class AddMark(val mark: Mark) : Edit

    /**
     * Takes a mark away.
     *
     * @property mark the mark
     */
    public data class RemoveMark(val mark: Mark) : Edit

    /**
     * When it happened.
     *
     * @property day null: nobody knows
     */
    public data class SetHappened(val day: String?) : Edit

    /**
     * What it is about.
     *
     * @property kind the kind
     */
    public data class SetKind(val kind: Kind) : Edit

    /**
     * Ties it to another entry.
     *
     * @property link the other entry, and how they belong together
     */
    public data class AddLink(val link: Link) : Edit

    /**
     * Takes a tie away.
     *
     * @property entry the other entry
     */
    public data class RemoveLink(val entry: EntryId) : Edit

    /**
     * Closes it.
     *
     * @property kind how
     * @property day the day of closing
     * @property note a note
     */
    public data class Close(val kind: ClosureKind, val day: String, val note: String = "") : Edit

    /**
     * Opens it again.
     *
     * @property closure which closure is taken back
     * @property day the day
     */
    public data class Reopen(val closure: ClosureId, val day: String) : Edit

    /**
     * Puts it out of sight, or takes it out of its box.
     *
     * @property box until when; null: it is in none
     */
    public data class SetBox(val box: Box?) : Edit

    /**
     * Never shown again unasked, or again as others.
     *
     * @property isMuted whether it is muted
     */
    public data class SetMuted(val isMuted: Boolean) : Edit

    /**
     * Puts it away, reversibly, or takes it back.
     *
     * @property isTrashed whether it is put away
     */
    public data class SetTrashed(val isTrashed: Boolean) : Edit

    /**
     * What comes next.
     *
     * @property next null: nobody says
     */
    public data class SetNextMove(val next: NextMove?) : Edit

    /**
     * The answers of an experiment.
     *
     * @property answers give all of them, since one that is null may be taken back
     */
    public data class SetExperiment(val answers: Experiment) : Edit

    /**
     * What is said of an attachment.
     *
     * @property attachment the attachment
     * @property field what of it
     * @property text null: nothing
     */
    public data class Describe(val attachment: AttachmentId, val field: AttachmentField, val text: String?) : Edit

    /**
     * A person's part in it.
     *
     * @property person the person
     * @property role their role
     * @property contact whether to reach them
     */
    public data class SetPerson(val person: PersonId, val role: String?, val contact: String?) : Edit

    /** Never to be published. */
    public data object Seal : Edit

    /**
     * Lifts seals.
     *
     * @property seals which; all, where none are named
     */
    public data class Unseal(val seals: List<SealId> = emptyList()) : Edit
}

/** What of an attachment is said in words. */
public enum class AttachmentField {
    /** The writer's caption. */
    CAPTION,

    /** What the picture shows. */
    ALT,

    /** Whose it is. */
    CREDIT,
}
