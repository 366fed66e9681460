import Foundation

/// What a writer begins an entry with.
public struct NewEntry: Hashable, Sendable {
    /// What it is about.
    public var kind: Kind
    /// Its title, people as `@Name`.
    public var title: String
    /// The main section's Markdown, people as `@Name`.
    public var body: String
    /// Further sections.
    public var sections: [NewSection]
    /// When it happened: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    public var happened: String?

    /// An entry to be written.
    public init(
        _ kind: Kind, title: String = "", body: String = "", sections: [NewSection] = [], happened: String? = nil
    ) {
        self.kind = kind
        self.title = title
        self.body = body
        self.sections = sections
        self.happened = happened
    }
}

/// A section that an entry begins with.
public struct NewSection: Hashable, Sendable {
    /// Its prompt.
    public var prompt: String
    /// Its text.
    public var text: String

    /// A section to be written.
    public init(prompt: String, text: String) {
        self.prompt = prompt
        self.text = text
    }
}

/// What a write returns: the entry as it is now, and what came to be.
public struct Edited: Hashable, Sendable {
    /// The entry.
    public let id: EntryId
    /// What it is about.
    public let kind: Kind
    /// Its title as it reads now.
    public let title: String
    /// The base of the next edit.
    public let heads: Heads
    /// What the write made, in the order of its edits.
    public let parts: [Part]
}

/// A part of an entry that a write made.
public enum Part: Hashable, Sendable {
    /// Prose under a prompt.
    case section(SectionId)
    /// A line.
    case item(ItemId)
    /// A reflection.
    case reflection(ReflectionId)
    /// A file.
    case attachment(AttachmentId)
    /// An act of closing.
    case closure(ClosureId)
    /// A never-publish seal.
    case seal(SealId)
}

/// One entry as it reads now, or read at some heads. Texts have people as `@Name`; days are `YYYY`, `YYYY-MM` or
/// `YYYY-MM-DD`, as exactly as they are known.
public struct Entry: Hashable, Identifiable, Sendable {
    /// Its name.
    public let id: EntryId
    /// What it is about.
    public let kind: Kind
    /// Its title.
    public let title: String
    /// The main section's Markdown.
    public let body: String
    /// How it was first told.
    public let firstTelling: String
    /// The day it is filed under.
    public let day: String
    /// When it happened, as exactly as the writer knows.
    public let happened: String?
    /// Prose, in order. The main section, if there is one, comes first and has an empty prompt.
    public let sections: [Section]
    /// Lines, in order.
    public let items: [Item]
    /// Reflections, oldest first.
    public let reflections: [Reflection]
    /// Marks.
    public let marks: [Mark]
    /// People in it.
    public let people: [PersonPart]
    /// Ties to other entries.
    public let links: [Link]
    /// The experiment, if it is one.
    public let experiment: Experiment?
    /// Closures, oldest first.
    public let closures: [Closure]
    /// Files.
    public let attachments: [Attachment]
    /// Where the writer stands with it, today.
    public let states: [InnerState]
    /// Who can read it.
    public let audience: Audience
    /// How many words it has.
    public let words: Int
    /// Until when it is out of sight; nil where it is not.
    public let box: Box?
    /// Never shown again unasked.
    public let isMuted: Bool
    /// Put away.
    public let isTrashed: Bool
    /// What comes next.
    public let nextMove: NextMove?
    /// Never-publish seals.
    public let seals: [SealId]
    /// When it was begun.
    public let createdAt: Date
    /// When it was last changed.
    public let updatedAt: Date
    /// The base of the next edit.
    public let heads: Heads
    /// Changes that can't be read yet.
    public let unreadable: Int
}

/// Until when an entry is out of sight.
public enum Box: Hashable, Sendable {
    /// Until the writer opens it.
    case byHand
    /// Until this day.
    case until(String)
}

/// Prose under a prompt.
public struct Section: Hashable, Identifiable, Sendable {
    /// Its name.
    public let id: SectionId
    /// Its prompt; empty for the main section.
    public let prompt: String
    /// Markdown.
    public let text: String
}

/// A short line.
public struct Item: Hashable, Identifiable, Sendable {
    /// Its name.
    public let id: ItemId
    /// What it says.
    public let kind: ItemKind
    /// Markdown.
    public let text: String
    /// Where it stands; nil where nobody said.
    public let state: ItemState?
    /// A day that belongs to it.
    public let day: String?
}

/// A dated reflection.
public struct Reflection: Hashable, Identifiable, Sendable {
    /// Its name.
    public let id: ReflectionId
    /// The day of reflecting.
    public let day: String
    /// Markdown.
    public let text: String
}

/// A dated, reversible act of closing.
public struct Closure: Hashable, Identifiable, Sendable {
    /// Its name.
    public let id: ClosureId
    /// The day of closing.
    public let day: String
    /// How.
    public let kind: ClosureKind
    /// The writer's note.
    public let note: String
    /// The day it was reopened, if it was.
    public let reopened: String?
}

/// A file that belongs to an entry.
public struct Attachment: Hashable, Identifiable, Sendable {
    /// Its name.
    public let id: AttachmentId
    /// Media type.
    public let mime: String
    /// Its length.
    public let bytes: Int
    /// The writer's caption.
    public let caption: String?
    /// What the picture shows.
    public let alt: String?
    /// Whose it is.
    public let credit: String?
    /// Whether it may be part of what is published.
    public let isPublishable: Bool
    /// Whether its bytes are on this device.
    public let isHere: Bool
}

/// A mark.
public struct Mark: Hashable, Sendable {
    /// What it is a word for.
    public let group: MarkGroup
    /// The word.
    public let word: String
}

/// A person's part in an entry.
public struct PersonPart: Hashable, Identifiable, Sendable {
    /// The person.
    public let id: PersonId
    /// Their name, where it is known: as it stands in texts, without its `@`.
    public let name: String?
    /// Their role.
    public let role: String?
    /// Whether to reach them.
    public let contact: String?
}

/// Somebody in the journal.
public struct Person: Hashable, Identifiable, Sendable {
    /// The person.
    public let id: PersonId
    /// How they are called.
    public let name: String
    /// Other names.
    public let aliases: [String]
}

/// A tie to another entry.
public struct Link: Hashable, Sendable {
    /// The other entry.
    public let entry: EntryId
    /// How they belong together.
    public let kind: LinkKind
}

/// A small failure on purpose. An answer that is nil was not given.
public struct Experiment: Hashable, Sendable {
    /// What I fear will happen.
    public var prediction: String?
    /// Fear before, in the writer's own scale.
    public var fearBefore: Int?
    /// Whether it was tried.
    public var attempted: Bool?
    /// What happened.
    public var happened: String?
    /// Fear after.
    public var fearAfter: Int?
    /// Again?
    public var again: Bool?

    /// These answers.
    public init(
        prediction: String? = nil, fearBefore: Int? = nil, attempted: Bool? = nil, happened: String? = nil,
        fearAfter: Int? = nil, again: Bool? = nil
    ) {
        self.prediction = prediction
        self.fearBefore = fearBefore
        self.attempted = attempted
        self.happened = happened
        self.fearAfter = fearAfter
        self.again = again
    }
}

/// An earlier reading of an entry.
public struct EarlierReading: Hashable, Sendable {
    /// What ``Journal/show(_:at:)`` and ``Journal/restore(_:to:)`` take.
    public let heads: Heads
    /// When it was written.
    public let writtenAt: Date
    /// The device that wrote it.
    public let device: DeviceId
    /// What that device is called, where it is known.
    public let deviceName: String?
    /// What changed then, by the names of an entry's parts.
    public let fields: [String]
}
