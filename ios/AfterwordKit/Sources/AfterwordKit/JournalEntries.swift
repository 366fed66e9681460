internal import AfterwordGenerated

// What is written and read.

extension Journal {
    /// A new entry, durable when this returns.
    @discardableResult
    public func createEntry(_ entry: NewEntry) async throws(AfterwordError) -> Edited {
        try await working { [engine] in Edited(try engine.createEntry(entry: entry.crossing)) }
    }

    /// Does all of `edits` to an entry, as one change: either all of them, or an error and none.
    @discardableResult
    public func edit(_ id: EntryId, _ edits: [Edit]) async throws(AfterwordError) -> Edited {
        try await working { [engine] in Edited(try engine.edit(id: id.text, edits: edits.map(\.crossing))) }
    }

    /// The same.
    @discardableResult
    public func edit(_ id: EntryId, _ edits: Edit...) async throws(AfterwordError) -> Edited {
        try await edit(id, edits)
    }

    /// The texts of an entry, to be typed into. What was typed and never became a change is there again.
    public func editor(for id: EntryId) async throws(AfterwordError) -> EntryEditor {
        EntryEditor(try await working { [engine] in try engine.editor(id: id.text) }, of: id)
    }

    /// The entry as it reads now.
    public func show(_ id: EntryId) async throws(AfterwordError) -> Entry {
        try await working { [engine] in Entry(try engine.show(id: id.text)) }
    }

    /// The entry as it read at `heads`.
    public func show(_ id: EntryId, at heads: Heads) async throws(AfterwordError) -> Entry {
        try await working { [engine] in Entry(try engine.showAt(id: id.text, heads: heads.hashes)) }
    }

    /// Every earlier reading of an entry, newest first.
    public func history(of id: EntryId) async throws(AfterwordError) -> [EarlierReading] {
        try await working { [engine] in try engine.history(id: id.text).map(EarlierReading.init) }
    }

    /// Writes the texts that the entry had at `heads` as a new edit.
    @discardableResult
    public func restore(_ id: EntryId, to heads: Heads) async throws(AfterwordError) -> Edited {
        try await working { [engine] in Edited(try engine.restore(id: id.text, heads: heads.hashes)) }
    }

    /// Destroys an entry on every device. False where it was destroyed before.
    @discardableResult
    public func erase(_ id: EntryId) async throws(AfterwordError) -> Bool {
        try await working { [engine] in try engine.erase(id: id.text) }
    }

    /// One page of entries, newest first; `after` is the ``ListPage/next`` of the page before.
    public func list(
        _ filter: ListFilter = ListFilter(), limit: Int = 100, after: Cursor? = nil
    ) async throws(AfterwordError) -> ListPage {
        try await working { [engine] in
            ListPage(try engine.list(filter: filter.crossing, limit: crossing(limit), after: after?.text))
        }
    }

    /// The newest entry that is filed under a day.
    public func entry(on day: String) async throws(AfterwordError) -> EntryId? {
        try await working { [engine] in try engine.entryOn(day: day).map(EntryId.init) }
    }

    /// Searches words, `"phrases"`, and beginnings of words with a star behind them.
    public func search(_ query: String, limit: Int = 50) async throws(AfterwordError) -> SearchPage {
        try await working { [engine] in SearchPage(try engine.search(query: query, limit: crossing(limit))) }
    }

    /// Everybody in the journal.
    public func people() async throws(AfterwordError) -> [Person] {
        try await working { [engine] in try engine.people().map(Person.init) }
    }
}

// Files. Each call has a thread to itself for as long as it takes; cancelling its task ends it with
// ``AfterwordError/cancelled(_:)``, and the entry is as it was.

extension Journal {
    /// Attaches what `source` gives to an entry, durable when this returns. Memory stays bounded, however long it is.
    /// `progress` hears after each piece how many bytes were moved, on the thread that moves them.
    @discardableResult
    public func attach(
        _ file: NewFile, from source: some ByteSource, to id: EntryId,
        progress: (@Sendable (Int) -> Void)? = nil
    ) async throws(AfterwordError) -> Attached {
        let transfer = Transfer()
        return try await waiting(stoppedBy: transfer) { [engine] in
            let source = ForeignSource(source, of: transfer, progress)
            return Attached(try transfer.attach(engine: engine, id: id.text, source: source, file: file.crossing))
        }
    }

    /// Gives an attachment's bytes, checked, to `sink`, and answers how many. `progress` as in
    /// ``attach(_:from:to:progress:)``. What a sink took of a file that turns out damaged, or of a call that is cancelled,
    /// is to be thrown away.
    @discardableResult
    public func extract(
        _ attachment: AttachmentId, of id: EntryId, into sink: some ByteSink,
        progress: (@Sendable (Int) -> Void)? = nil
    ) async throws(AfterwordError) -> Int {
        let transfer = Transfer()
        return try await waiting(stoppedBy: transfer) { [engine] in
            let sink = ForeignSink(sink, of: transfer, progress)
            let (id, attachment) = (id.text, attachment.text)
            return Int(try transfer.extract(engine: engine, id: id, attachment: attachment, sink: sink))
        }
    }

    /// Takes an attachment off an entry; its bytes go from every device.
    @discardableResult
    public func detach(_ attachment: AttachmentId, of id: EntryId) async throws(AfterwordError) -> Edited {
        try await working { [engine] in Edited(try engine.detach(id: id.text, attachment: attachment.text)) }
    }
}
