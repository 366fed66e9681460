internal import AfterwordGenerated
import Foundation

// Lists and searches, from what is generated and back.

extension ListFilter {
    var crossing: AfterwordGenerated.ListFilter {
        .init(from: from, to: to, kind: kind?.crossing, state: state?.crossing, trashed: trashed)
    }
}

extension ListPage {
    init(_ page: AfterwordGenerated.ListPage) {
        self.init(
            rows: page.rows.map(ListRow.init), next: page.next.map(Cursor.init), unread: Int(page.unread),
            tooLarge: page.tooLarge.map(EntryId.init))
    }
}

extension ListRow {
    init(_ row: AfterwordGenerated.ListRow) {
        self.init(
            id: EntryId(row.id), kind: Kind(row.kind), title: row.title, day: row.day,
            createdAt: Date(milliseconds: row.createdAtMs), updatedAt: Date(milliseconds: row.updatedAtMs),
            states: row.states.map(InnerState.init), audience: Audience(row.audience), words: Int(row.words),
            attachments: Int(row.attachments), arriving: row.arriving)
    }
}

extension SearchPage {
    init(_ page: AfterwordGenerated.SearchPage) {
        self.init(
            total: Int(page.total), more: page.more, unread: Int(page.unread),
            tooLarge: page.tooLarge.map(EntryId.init), hits: page.hits.map(SearchHit.init))
    }
}

extension SearchHit {
    init(_ hit: AfterwordGenerated.SearchHit) {
        let excerpt = hit.excerpt
        self.init(
            id: EntryId(hit.id), title: hit.title, day: hit.day, field: hit.field, excerpt: excerpt,
            ranges: hit.ranges.map { excerpt.place(ofCodePoint: $0.start)..<excerpt.place(ofCodePoint: $0.end) })
    }
}

/// How many rows a page may have.
func crossing(_ limit: Int) -> UInt32 {
    precondition(limit > 0, "a page has at least one row")
    return UInt32(clamping: limit)
}
