import Foundation

/// Which entries to list. Days are `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
public struct ListFilter: Hashable, Sendable {
    /// From this day on.
    public var from: String?
    /// Up to this day, month or year.
    public var to: String?
    /// Of this kind.
    public var kind: Kind?
    /// In this state, today.
    public var state: InnerState?
    /// Those put away, and no others.
    public var trashed: Bool

    /// Every entry that is not put away, where nothing else is said.
    public init(
        from: String? = nil, to: String? = nil, kind: Kind? = nil, state: InnerState? = nil, trashed: Bool = false
    ) {
        self.from = from
        self.to = to
        self.kind = kind
        self.state = state
        self.trashed = trashed
    }
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
    /// Where the writer stands with it, today.
    public let states: [InnerState]
    /// Who can read it.
    public let audience: Audience
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
    /// Entries that are too large to be opened on this device. A row of one is as it was read last.
    public let tooLarge: [EntryId]
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
    /// Entries that are too large to be opened on this device.
    public let tooLarge: [EntryId]
    /// The first of them.
    public let hits: [SearchHit]
}
