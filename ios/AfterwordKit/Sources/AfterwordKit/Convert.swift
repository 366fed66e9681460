internal import AfterwordGenerated
import Foundation

// Between what is generated and what this library shows: the one file, beside `Journal`, that knows both.

extension NewEntry {
    var crossing: AfterwordGenerated.NewEntry { .init(kind: kind.crossing, title: title, body: body) }
}

extension Kind {
    init(_ kind: AfterwordGenerated.Kind) {
        self =
            switch kind {
            case .failure: .failure
            case .loss: .loss
            case .vent: .vent
            case .experiment: .experiment
            case .win: .win
            case .note: .note
            }
    }

    var crossing: AfterwordGenerated.Kind {
        switch self {
        case .failure: .failure
        case .loss: .loss
        case .vent: .vent
        case .experiment: .experiment
        case .win: .win
        case .note: .note
        }
    }
}

extension Written {
    init(_ written: AfterwordGenerated.Written) {
        self.init(
            id: EntryId(written.id), kind: Kind(written.kind), title: written.title,
            heads: Heads(hashes: written.heads))
    }
}

extension Entry {
    init(_ entry: AfterwordGenerated.Entry) {
        self.init(
            id: EntryId(entry.id), kind: Kind(entry.kind), title: entry.title, body: entry.body,
            heads: Heads(hashes: entry.heads), createdAt: Date(milliseconds: entry.createdAtMs),
            updatedAt: Date(milliseconds: entry.updatedAtMs))
    }
}

extension ListPage {
    init(_ page: AfterwordGenerated.ListPage) {
        self.init(rows: page.rows.map(ListRow.init), next: page.next.map(Cursor.init), unread: Int(page.unread))
    }
}

extension ListRow {
    init(_ row: AfterwordGenerated.ListRow) {
        self.init(
            id: EntryId(row.id), kind: Kind(row.kind), title: row.title, day: row.day,
            createdAt: Date(milliseconds: row.createdAtMs), updatedAt: Date(milliseconds: row.updatedAtMs),
            words: Int(row.words), attachments: Int(row.attachments), arriving: row.arriving)
    }
}

extension SearchPage {
    init(_ page: AfterwordGenerated.SearchPage) {
        self.init(
            total: Int(page.total), more: page.more, unread: Int(page.unread), hits: page.hits.map(SearchHit.init))
    }
}

extension SearchHit {
    init(_ hit: AfterwordGenerated.SearchHit) {
        let scalars = hit.excerpt.unicodeScalars
        let place = { (codePoint: UInt32) in
            scalars.index(scalars.startIndex, offsetBy: Int(codePoint), limitedBy: scalars.endIndex) ?? scalars.endIndex
        }
        self.init(
            id: EntryId(hit.id), title: hit.title, day: hit.day, field: hit.field, excerpt: hit.excerpt,
            ranges: hit.ranges.map { place($0.start)..<place($0.end) })
    }
}

extension Date {
    init(milliseconds: Int64) { self.init(timeIntervalSince1970: Double(milliseconds) / 1000) }
}

/// How many rows a page may have.
func crossing(_ limit: Int) -> UInt32 {
    precondition(limit > 0, "a page has at least one row")
    return UInt32(clamping: limit)
}

extension AfterwordError {
    /// What crossed, as this library's own. Anything else is a panic, whose text may quote what a person wrote: nothing of
    /// it is carried on.
    init(_ thrown: any Error) {
        guard let thrown = thrown as? AfterwordGenerated.AfterwordError else {
            self = .internal(
                Explanation(
                    sentence: "something went wrong inside Afterword",
                    hint: "nothing that was saved is lost; open the journal again, and report what was done"))
            return
        }
        self =
            switch thrown {
            case .Locked(let sentence, let hint): .locked(Explanation(sentence: sentence, hint: hint))
            case .KeyGone(let sentence, let hint): .keyGone(Explanation(sentence: sentence, hint: hint))
            case .WrongKey(let sentence, let hint): .wrongKey(Explanation(sentence: sentence, hint: hint))
            case .Corrupt(let sentence, let hint): .corrupt(Explanation(sentence: sentence, hint: hint))
            case .TooNew(let sentence, let hint): .tooNew(Explanation(sentence: sentence, hint: hint))
            case .NotFound(let sentence, let hint): .notFound(Explanation(sentence: sentence, hint: hint))
            case .Ambiguous(let sentence, let hint): .ambiguous(Explanation(sentence: sentence, hint: hint))
            case .Invalid(let sentence, let hint): .invalid(Explanation(sentence: sentence, hint: hint))
            case .StorageFull(let sentence, let hint): .storageFull(Explanation(sentence: sentence, hint: hint))
            case .Unreachable(let sentence, let hint): .unreachable(Explanation(sentence: sentence, hint: hint))
            case .Refused(let sentence, let hint): .refused(Explanation(sentence: sentence, hint: hint))
            case .Cancelled(let sentence, let hint): .cancelled(Explanation(sentence: sentence, hint: hint))
            case .Internal(let sentence, let hint): .internal(Explanation(sentence: sentence, hint: hint))
            }
    }
}

/// The app's vault, as the engine calls it.
final class ForeignVault: AfterwordGenerated.KeyVault {
    private let vault: any KeyVault

    init(_ vault: any KeyVault) { self.vault = vault }

    func store(name: String, secret: Data) throws {
        try Self.crossing { () throws(KeyVaultError) in try vault.store(name: name, secret: secret) }
    }

    func load(name: String) throws -> Data? {
        try Self.crossing { () throws(KeyVaultError) in try vault.load(name: name) }
    }

    func delete(name: String) throws {
        try Self.crossing { () throws(KeyVaultError) in try vault.delete(name: name) }
    }

    private static func crossing<T>(_ call: () throws(KeyVaultError) -> T) throws -> T {
        do {
            return try call()
        } catch .locked {
            throw AfterwordGenerated.KeyVaultError.Locked
        } catch .failed(let reason) {
            throw AfterwordGenerated.KeyVaultError.Failed(reason: reason)
        }
    }
}
