/// A text of an entry.
public enum TextField: Hashable, Sendable {
    /// The title.
    case title
    /// The main section's text.
    case body
    /// A section's text.
    case section(SectionId)
    /// A line's text.
    case item(ItemId)
    /// A reflection's text.
    case reflection(ReflectionId)
}

/// One thing to do to an entry: what ``Journal/edit(_:_:)`` takes. Texts have people as `@Name`; days are `YYYY`,
/// `YYYY-MM` or `YYYY-MM-DD`.
public enum Edit: Hashable, Sendable {
    /// A text says `to`, written on what it said at the heads `base`: what came meanwhile stays.
    case setText(TextField, base: Heads, to: String)
    /// A new section under a prompt.
    case addSection(NewSection)
    /// Puts a section away.
    case retireSection(SectionId)
    /// A new line.
    case addItem(ItemKind, text: String)
    /// Where a line stands; nil: nobody says.
    case setItemState(ItemId, ItemState?)
    /// A line's day, or none.
    case setItemDay(ItemId, day: String?)
    /// Puts a line away.
    case retireItem(ItemId)
    /// A reflection of a day.
    case addReflection(day: String, text: String)
    /// Adds a mark.
    case mark(MarkGroup, word: String)
    /// Takes a mark away.
    case unmark(MarkGroup, word: String)
    /// When it happened, or that nobody knows.
    case setHappened(day: String?)
    /// What it is about.
    case setKind(Kind)
    /// Ties it to another entry.
    case link(EntryId, LinkKind)
    /// Takes a tie away.
    case unlink(EntryId)
    /// Closes it.
    case close(ClosureKind, day: String, note: String)
    /// Opens it again.
    case reopen(ClosureId, day: String)
    /// Puts it out of sight.
    case box(Box)
    /// Takes it out of its box.
    case unbox
    /// Never shown again unasked, or again as others.
    case setMuted(Bool)
    /// Puts it away, reversibly, or takes it back.
    case setTrashed(Bool)
    /// What comes next, or that nobody says.
    case setNextMove(NextMove?)
    /// The answers of an experiment: give all of them, since one that is nil may be taken back.
    case setExperiment(Experiment)
    /// What is said of an attachment, or that nothing is.
    case describe(AttachmentId, AttachmentField, text: String?)
    /// A person's part in it.
    case setPerson(PersonId, role: String?, contact: String?)
    /// Never to be published.
    case seal
    /// Lifts these seals; all, where none are named.
    case unseal([SealId])
}

/// What of an attachment is said in words.
public enum AttachmentField: String, Codable, CaseIterable, Sendable {
    /// The writer's caption.
    case caption
    /// What the picture shows.
    case alt
    /// Whose it is.
    case credit
}
