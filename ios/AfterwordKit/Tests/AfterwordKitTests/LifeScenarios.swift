import AfterwordKit
import Foundation
import Testing

/// What an app can rely on, the same in Rust, Kotlin and Swift: `tests/conformance/scenarios.md`. One after the other, so
/// that what is measured is what one of them did.
@Suite(.serialized, .timeLimit(.minutes(2))) struct Scenarios {}

let brokenError = AfterwordError.internal(
    why("a bug in Afterword stopped this journal", "start the app anew; what was saved is saved"))
let endedError = AfterwordError.locked(why("the journal was shut down", "open it again"), paused: false)
let pausedError = AfterwordError.locked(why("the journal is paused", "resume it first"), paused: true)
let shutError = AfterwordError.locked(why("the journal is locked", "unlock the device and try again"), paused: false)

extension Scenarios {
    @Suite struct Life {
        private let place = Place()

        @Test func s01Open() async throws {
            #expect(try await !Journal.exists(in: place.home))
            let made = try await Journal.create(in: place.home, deviceName: "phone", vault: place.vault)
            #expect(Set(made.recoveryPhrase.split(separator: " ")).count > 12)
            #expect(made.recoveryPhrase.split(separator: " ").count == 24)
            let (written, id) = try await closing(made.journal) { journal in
                #expect(try await journal.lockState() == .open)
                try await journal.checkRecovery(phrase: made.recoveryPhrase)
                return (try await journal.createEntry(NewEntry(.win, title: "kept")), try await journal.id())
            }
            #expect(try await Journal.exists(in: place.home))
            try await place.opened { journal async throws in
                #expect(try await journal.id() == id)
                #expect(try await journal.show(written.id).title == "kept")
                #expect(try await journal.list().rows.map(\.id) == [written.id])
            }
        }

        @Test func s14Panic() async throws {
            let journal = try await Journal.create(in: place.home, deviceName: "phone", vault: place.vault).journal
            let written = try await journal.createEntry(NewEntry(.failure, title: "saved"))
            await expect(brokenError) { try await journal.panic() }
            #expect(try await journal.lockState() == .broken)
            await expect(brokenError) { _ = try await journal.list() }
            await expect(brokenError) { try await journal.createEntry(NewEntry(.note, title: "too late")) }
            await expect(brokenError) { try await journal.resume() }
            try await place.opened { again async throws in
                #expect(try await again.list().rows.map(\.id) == [written.id])
                #expect(try await again.show(written.id).title == "saved")
                #expect(try await again.doctor().ok)
            }
        }

        @Test func s17PauseWhileWriting() async throws {
            try await place.created { journal in
                let written = Noted<Set<EntryId>>([])
                let (begun, tell) = AsyncStream.makeStream(of: Void.self)
                // Each writes until it is told that the journal is paused, and once more after it goes on.
                let writing = Task {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for writer in 1...8 {
                            group.addTask {
                                do {
                                    for number in 1...10_000 {
                                        let entry = NewEntry(.note, title: "\(writer): \(number)")
                                        let id = try await journal.createEntry(entry).id
                                        written.note { _ = $0.insert(id) }
                                        tell.yield()
                                    }
                                    Issue.record("nothing was answered `locked`")
                                } catch let error as AfterwordError {
                                    #expect(error == pausedError)
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                var count = 0
                for await _ in begun {
                    count += 1
                    if count == 20 { break }
                }
                try await journal.pause()
                try await journal.pause()
                #expect(try await journal.lockState() == .paused)
                try await writing.value
                try await journal.resume()
                try await journal.resume()
                for row in try await journal.everyRow() { #expect(written.now.contains(row.id)) }
                #expect(try await journal.everyRow().count == written.now.count)
                for writer in 1...8 { try await journal.createEntry(NewEntry(.note, title: "\(writer) goes on")) }
                #expect(try await journal.everyRow().count == written.now.count + 8)
            }
        }

        @Test func s18ShutDownTwice() async throws {
            let journal = try await Journal.create(in: place.home, deviceName: "phone", vault: place.vault).journal
            try await journal.shutdown()
            try await journal.shutdown()
            #expect(try await journal.lockState() == .ended)
            await expect(endedError) { _ = try await journal.list() }
            await expect(endedError) { try await journal.createEntry(NewEntry(.note, title: "too late")) }
            await expect(endedError) { try await journal.resume() }
        }

        @Test func s20WrongKey() async throws {
            let written = try await place.created { try await $0.createEntry(NewEntry(.failure, title: "mine")) }
            let kept = place.vault.all
            place.vault.all = kept.mapValues { Data($0.map { $0 &+ 1 }) }
            await expect(
                .wrongKey(
                    why(
                        "the system's keyring holds another key",
                        "look again at what was typed, or open the journal with its 24 words"))
            ) { _ = try await Journal.open(in: place.home, vault: place.vault) }
            place.vault.all = kept
            try await place.opened { journal async throws in #expect(try await journal.show(written.id).title == "mine")
            }
        }

        @Test func s21KeyGone() async throws {
            let made = try await Journal.create(in: place.home, deviceName: "phone", vault: place.vault)
            let written = try await closing(made.journal) { try await $0.createEntry(NewEntry(.loss, title: "kept")) }
            place.vault.all = [:]
            await expect(
                .keyGone(
                    why(
                        "the system's keyring no longer holds this journal's key",
                        "open the journal with its 24 words, or pair this device anew with another one"))
            ) { _ = try await Journal.open(in: place.home, vault: place.vault) }
            let recovered = try await Journal.recover(
                in: place.home, phrase: made.recoveryPhrase, vault: place.vault)
            try await closing(recovered) { journal async throws in
                #expect(try await journal.show(written.id).title == "kept")
            }
            #expect(!place.vault.all.isEmpty)
            try await place.opened { journal async throws in
                #expect(try await journal.list().rows.map(\.id) == [written.id])
            }
        }

        @Test func s23LockedCapture() async throws {
            try await place.created { _ = try await $0.createEntry(NewEntry(.note, title: "before")) }
            place.vault.fail(with: .locked)
            let journal = try await Journal.open(in: place.home, vault: place.vault)
            #expect(try await journal.lockState() == .locked)
            await expect(shutError) { _ = try await journal.list() }
            let picture = Data((0..<5000).map { UInt8(truncatingIfNeeded: $0) })
            try await journal.capture(
                title: "in the dark 🌒", body: "written while shut",
                file: CapturedFile(mime: "image/png", bytes: picture))
            place.vault.fail(with: nil)
            try await closing(journal) { journal in
                try await journal.resume()
                let rows = try await journal.list().rows
                #expect(Set(rows.map(\.title)) == ["before", "in the dark 🌒"] && rows.count == 2)
                let row = try #require(rows.first { $0.title != "before" })
                let entry = try await journal.show(row.id)
                #expect(entry.body == "written while shut" && entry.attachments.map(\.mime) == ["image/png"])
                let sink = Collected()
                try await journal.extract(try #require(entry.attachments.first).id, of: entry.id, into: sink)
                #expect(sink.bytes == picture)
                try await journal.pause()
                try await journal.resume()
                #expect(try await journal.list().rows.count == 2)
            }
            try await place.opened { journal async throws in #expect(try await journal.list().rows.count == 2) }
        }

        @Test func s24TwoEngines() async throws {
            try await place.created { first in
                try await place.opened { second in
                    let one = try await first.createEntry(NewEntry(.note, title: "of the first")).id
                    #expect(try await second.list().rows.map(\.id) == [one])
                    let two = try await second.createEntry(NewEntry(.note, title: "of the second")).id
                    for journal in [first, second] {
                        #expect(Set(try await journal.list().rows.map(\.id)) == [one, two])
                        #expect(try await journal.show(one).title == "of the first")
                        #expect(try await journal.show(two).title == "of the second")
                    }
                }
                // One that goes away takes nothing with it.
                #expect(try await first.list().rows.count == 2)
                try await first.createEntry(NewEntry(.note, title: "alone again"))
            }
        }
    }
}

extension Journal {
    /// Every row of the list, page by page.
    func everyRow(_ filter: ListFilter = ListFilter(), limit: Int = 100) async throws -> [ListRow] {
        var rows: [ListRow] = []
        var after: Cursor?
        repeat {
            let page = try await list(filter, limit: limit, after: after)
            #expect(page.rows.count <= limit)
            rows += page.rows
            after = page.next
        } while after != nil
        return rows
    }
}
