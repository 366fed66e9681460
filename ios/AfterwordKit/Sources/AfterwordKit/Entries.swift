import Foundation

/// The name of an entry.
public struct EntryId: Hashable, Codable, Sendable, CustomStringConvertible {
    /// 32 hexadecimal digits; their beginning names the entry too, where it is the only one that begins so.
    public let text: String

    /// The entry of this name.
    public init(_ text: String) { self.text = text }

    public var description: String { text }
}

/// A place in a list: where the next page begins.
public struct Cursor: Hashable, Codable, Sendable {
    /// One opaque word, which may be kept and given back later.
    public let text: String

    /// The place of this word.
    public init(_ text: String) { self.text = text }
}

/// A state of an entry: what an edit names as its base, so that it never undoes what another device wrote meanwhile.
public struct Heads: Hashable, Codable, Sendable {
    /// Opaque words.
    public let hashes: [String]
}

/// What an entry is about.
public enum Kind: String, Codable, CaseIterable, Sendable {
    /// Something went wrong.
    case failure
    /// Something or someone is gone. No causes are asked for.
    case loss
    /// One empty page, no prompts.
    case vent
    /// A small failure on purpose.
    case experiment
    /// Something went right; evidence for a bad hour.
    case win
    /// Anything else.
    case note
}

/// What a writer begins an entry with.
public struct NewEntry: Hashable, Sendable {
    /// What it is about.
    public var kind: Kind
    /// Its title, people as `@Name`.
    public var title: String
    /// Markdown, people as `@Name`.
    public var body: String

    /// An entry to be written.
    public init(_ kind: Kind, title: String = "", body: String = "") {
        self.kind = kind
        self.title = title
        self.body = body
    }
}

/// What a write answers.
public struct Written: Hashable, Sendable {
    /// The entry.
    public let id: EntryId
    /// What it is about.
    public let kind: Kind
    /// Its title as it reads now.
    public let title: String
    /// The base of the next edit.
    public let heads: Heads
}

/// One entry as it reads now.
public struct Entry: Hashable, Identifiable, Sendable {
    /// Its name.
    public let id: EntryId
    /// What it is about.
    public let kind: Kind
    /// Its title, people as `@Name`.
    public let title: String
    /// The main section's Markdown, people as `@Name`.
    public let body: String
    /// The base of the next edit.
    public let heads: Heads
    /// When it was begun.
    public let createdAt: Date
    /// When it was last changed.
    public let updatedAt: Date
}

/// One row of a list: all that is shown there, without opening the entry.
public struct ListRow: Hashable, Identifiable, Sendable {
    /// The entry.
    public let id: EntryId
    /// What it is about.
    public let kind: Kind
    /// Its title, people as `@Name`.
    public let title: String
    /// The day it is filed under, as exactly as it is known: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    public let day: String
    /// When it was begun.
    public let createdAt: Date
    /// When it was last changed.
    public let updatedAt: Date
    /// How many words it has.
    public let words: Int
    /// How many attachments.
    public let attachments: Int
    /// Announced by another device, and not here yet: it can't be shown.
    public let arriving: Bool
}

/// One page of a list, newest first.
public struct ListPage: Hashable, Sendable {
    /// The rows.
    public let rows: [ListRow]
    /// Where the next page begins; nil after the last.
    public let next: Cursor?
    /// Entries that are not read yet, and may be missing or stale here.
    public let unread: Int
}

/// One entry found.
public struct SearchHit: Hashable, Identifiable, Sendable {
    /// The entry.
    public let id: EntryId
    /// Its title, people as `@Name`.
    public let title: String
    /// The day it is filed under.
    public let day: String
    /// Where in the entry: title, body, section, item, reflection, closure.
    public let field: String
    /// Text around the hit.
    public let excerpt: String
    /// What matched in ``excerpt``, as places in this string.
    public let ranges: [Range<String.Index>]
}

/// What a search found: title hits first, then the rest, newest first.
public struct SearchPage: Hashable, Sendable {
    /// How many entries match, as far as was looked.
    public let total: Int
    /// Whether there are, or may be, more than that.
    public let more: Bool
    /// Entries not yet indexed.
    public let unread: Int
    /// The first of them.
    public let hits: [SearchHit]
}
