internal import AfterwordGenerated

/// The texts of one entry while they are written: ``Journal/editor(for:)``.
///
/// What is typed is durable within a second, and becomes one change when the writer rests, leaves, or a sync begins. What
/// another device wrote meanwhile is merged then, never overwritten; ``JournalEvent/entryChanged(_:heads:)`` tells of it,
/// and ``takeIn(_:showing:cursor:)`` brings it into the window. An editor that is let go of without ``finish()`` leaves
/// its drafts for the next one.
public final class EntryEditor: Sendable {
    /// The entry.
    public let entry: EntryId
    private let editor: AfterwordGenerated.EntryEditor

    init(_ editor: AfterwordGenerated.EntryEditor, of entry: EntryId) {
        self.editor = editor
        self.entry = entry
    }

    /// Every text of the entry that can be written, drafts in the place of what is saved.
    public func texts() async throws(AfterwordError) -> [EditorText] {
        try await working { [editor] in try editor.texts().map(EditorText.init) }
    }

    /// A text as it is now typed; `base` are the heads that came with it. Call it at every letter, from the main actor too:
    /// it only notes the text in memory, so that letters arrive in their order.
    public func type(_ text: String, into field: TextField, base: Heads) throws(AfterwordError) {
        do {
            try editor.typeText(field: field.crossing, base: base.hashes, text: text)
        } catch {
            throw AfterwordError(error)
        }
    }

    /// Makes one change of everything that was typed. Nil where nothing was.
    @discardableResult
    public func save() async throws(AfterwordError) -> Edited? {
        try await working { [editor] in try editor.save().map(Edited.init) }
    }

    /// Saves, and says what a text reads with everything that came meanwhile. `cursor` is where the writer stands in
    /// `text`, what the window shows; in ``MergedText/cursor`` it stands behind the same letters.
    public func takeIn(
        _ field: TextField, showing text: String, cursor: String.Index
    ) async throws(AfterwordError) -> MergedText {
        let scalars = text.unicodeScalars
        let codePoint = UInt32(clamping: scalars.distance(from: scalars.startIndex, to: cursor))
        return try await working { [editor] in
            MergedText(try editor.takeIn(field: field.crossing, cursor: codePoint))
        }
    }

    /// Saves what was typed and ends the editor. A second time does nothing.
    @discardableResult
    public func finish() async throws(AfterwordError) -> Edited? {
        try await working { [editor] in try editor.finish().map(Edited.init) }
    }
}

/// One text as its writer sees it.
public struct EditorText: Hashable, Sendable {
    /// Which text.
    public let field: TextField
    /// What typing names as its base.
    public let heads: Heads
    /// What it says: what was typed, if that is no change yet.
    public let text: String
    /// Whether it is a draft.
    public let isDraft: Bool
}

/// What a text says once everything is merged.
public struct MergedText: Hashable, Sendable {
    /// The text and its heads, the base of what is typed from now on.
    public let text: EditorText
    /// Where the cursor is now, as a place in that text.
    public let cursor: String.Index
    /// Whether it says anything else than what was typed.
    public let changed: Bool
}
