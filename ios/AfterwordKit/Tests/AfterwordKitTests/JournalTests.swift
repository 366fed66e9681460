import AfterwordKit
import Foundation
import Testing

private let title = "Prüfung 🧗🏽‍♀️ اختبار 試験"
private let body = "Ich fiel durch. 👩‍👩‍👧‍👦\n\nفشلت في الاختبار أمام الجميع.\n\n試験に落ちた。でも友達がいた。"

/// A journal kept through the kit, on the real core.
@Suite final class JournalTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("afterword-\(UUID())")
    private var home: URL { folder.appendingPathComponent("journal") }
    private let vault = MemoryVault()

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Creates a journal, lets `use` use it, shuts it down.
    private func created<T: Sendable>(_ use: (Journal) async throws -> T) async throws -> T {
        let made = try await Journal.create(in: home, deviceName: "phone", vault: vault)
        #expect(made.recoveryPhrase.split(separator: " ").count == 24)
        return try await closing(made.journal, use)
    }

    private func opened<T: Sendable>(_ use: (Journal) async throws -> T) async throws -> T {
        try await closing(try await Journal.open(in: home, vault: vault), use)
    }

    private func closing<T: Sendable>(_ journal: Journal, _ use: (Journal) async throws -> T) async throws -> T {
        do {
            let given = try await use(journal)
            try await journal.shutdown()
            return given
        } catch {
            try await journal.shutdown()
            throw error
        }
    }

    private func failing(
        _ expected: (AfterwordError.Explanation) -> AfterwordError, _ sentence: String, _ hint: String,
        _ call: () async throws -> Void
    ) async {
        do {
            try await call()
            Issue.record("nothing was thrown")
        } catch {
            #expect(error as? AfterwordError == expected(.init(sentence: sentence, hint: hint)))
            #expect("\(error)" == "\(sentence); \(hint)")
            #expect(error.localizedDescription == "\(sentence); \(hint)")
        }
    }

    private func check(_ journal: Journal, _ written: Written) async throws {
        let entry = try await journal.show(written.id)
        #expect(entry.id == written.id && entry.kind == .failure && entry.heads == written.heads)
        #expect(entry.title == title && entry.body == body)
        #expect(entry.updatedAt >= entry.createdAt)
        let page = try await journal.list()
        #expect(page.rows.map(\.id) == [written.id] && page.rows.map(\.title) == [title])
        #expect(page.next == nil && !page.rows[0].arriving)
        for word in ["durch", "الاختبار", "友達", "\"試験に落ちた\"", "Prüf*"] {
            let found = try await journal.search(word)
            #expect(found.hits.map(\.id) == [written.id], "\(word)")
            #expect(found.total == 1)
        }
    }

    @Test("what was written is there again, in every script")
    func thereAgain() async throws {
        let written = try await created { journal in
            let written = try await journal.createEntry(NewEntry(.failure, title: title, body: body))
            #expect(written.title == title && written.kind == .failure)
            try await check(journal, written)
            return written
        }
        try await opened { try await check($0, written) }
    }

    @Test("what matched is marked in this platform's own strings")
    func marked() async throws {
        try await created { journal in
            let text = "🧗🏽‍♀️🧗🏽‍♀️ wieder gefallen, 友達 lachte"
            _ = try await journal.createEntry(NewEntry(.note, title: "Emoji", body: text))
            for word in ["gefallen", "友達"] {
                let hits = try await journal.search(word).hits
                #expect(hits.flatMap { hit in hit.ranges.map { String(hit.excerpt[$0]) } } == [word])
            }
        }
    }

    @Test("pages follow one another")
    func pages() async throws {
        try await created { journal in
            var written: Set<EntryId> = []
            for number in 1...5 {
                written.insert(try await journal.createEntry(NewEntry(.win, title: "entry \(number)")).id)
            }
            var seen: [EntryId] = []
            var after: Cursor?
            repeat {
                let page = try await journal.list(limit: 2, after: after)
                seen += page.rows.map(\.id)
                after = page.next
            } while after != nil
            #expect(Set(seen) == written && seen.count == 5)
        }
    }

    @Test("many tasks write at once")
    func atOnce() async throws {
        try await created { journal in
            let written = try await withThrowingTaskGroup(of: EntryId.self) { group in
                for number in 1...40 {
                    group.addTask { try await journal.createEntry(NewEntry(.note, title: "at once \(number)")).id }
                }
                return try await group.reduce(into: Set<EntryId>()) { $0.insert($1) }
            }
            #expect(Set(try await journal.list().rows.map(\.id)) == written && written.count == 40)
        }
    }

    @Test("after a shutdown everything says so, and a second one does nothing")
    func afterShutdown() async throws {
        let journal = try await Journal.create(in: home, deviceName: "phone", vault: vault).journal
        try await journal.shutdown()
        try await journal.shutdown()
        await failing(AfterwordError.locked, "the journal was shut down", "open it again first") {
            _ = try await journal.list()
        }
        await failing(AfterwordError.locked, "the journal was shut down", "open it again first") {
            _ = try await journal.createEntry(NewEntry(.note, title: "too late"))
        }
    }

    @Test("a task that is cancelled still gets its answer, and the entry is kept")
    func cancelled() async throws {
        try await created { journal in
            for _ in 1...20 {
                let writing = Task { try await journal.createEntry(NewEntry(.note, title: "certainly")) }
                writing.cancel()
                let written = try await writing.value
                #expect(try await journal.show(written.id).title == "certainly")
            }
            #expect(try await journal.list().rows.count == 20)
        }
    }

    @Test("a key that is gone, another key and a broken vault are told apart, and nothing is lost")
    func keys() async throws {
        let written = try await created { try await $0.createEntry(NewEntry(.failure, title: title, body: body)) }
        let kept = vault.all
        let again = "try again; after `init` nobody can look it up for you"
        vault.all = kept.mapValues { Data($0.map { $0 &+ 1 }) }
        await failing(AfterwordError.wrongKey, "the system's keyring holds another key", again) {
            _ = try await Journal.open(in: home, vault: vault)
        }
        vault.all = kept.mapValues { $0.prefix(16) }
        await failing(
            AfterwordError.wrongKey, "this device's key store holds something else than this journal's key", again
        ) { _ = try await Journal.open(in: home, vault: vault) }
        vault.fail(with: .locked)
        await failing(
            AfterwordError.locked, "this device's key store is locked", "unlock this device and try again"
        ) { _ = try await Journal.open(in: home, vault: vault) }
        vault.fail(with: .failed(reason: "the chip is gone"))
        await failing(
            AfterwordError.locked, "this device's key store could not be used: the chip is gone",
            "unlock this device and try again"
        ) { _ = try await Journal.open(in: home, vault: vault) }
        vault.fail(with: nil)
        vault.all = kept
        try await opened { try await check($0, written) }
        vault.all = [:]
        await failing(
            AfterwordError.keyGone, "the system's keyring no longer holds this journal's key",
            "restore the vault file from a backup of this folder, or make this device anew by pairing with another one"
        ) { _ = try await Journal.open(in: home, vault: vault) }
    }

    @Test("what makes no sense is refused in words")
    func refused() async throws {
        await failing(
            AfterwordError.notFound, "there is no journal in \(home.path)",
            "make one with `afterword init`, or name its folder with --home"
        ) { _ = try await Journal.open(in: home, vault: vault) }
        try await created { journal in
            await failing(
                AfterwordError.invalid, "this folder already holds a journal",
                "open it, or choose another folder with --home"
            ) { _ = try await Journal.create(in: home, deviceName: "phone", vault: vault) }
            await failing(
                AfterwordError.invalid, "an entry is named by the first characters of its id (0-9, a-f)",
                "copy it from `afterword list`"
            ) { _ = try await journal.show(EntryId("no such id")) }
            await failing(
                AfterwordError.invalid, "that is not a place in a list", "use the `next` of the page before"
            ) { _ = try await journal.list(after: Cursor("nowhere")) }
        }
    }
}
