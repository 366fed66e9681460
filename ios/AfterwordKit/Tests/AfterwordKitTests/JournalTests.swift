import Foundation
import Testing

@testable import AfterwordKit

/// What the scenarios do not touch: every edit, earlier readings, people, filters, care.
@Suite(.timeLimit(.minutes(2))) struct JournalTests {
    private let place = Place()

    @Test("every edit does what it says")
    func edits() async throws {
        try await place.created { journal in
            let other = try await journal.createEntry(NewEntry(.win, title: "other")).id
            let begun = try await journal.createEntry(
                NewEntry(
                    .note, title: "all of it", body: "told",
                    sections: [NewSection(prompt: "Why?", text: "because"), NewSection(prompt: "Then?", text: "then")],
                    happened: "2024-05"))
            let id = begun.id
            var entry = try await journal.show(id)
            #expect(entry.sections.map(\.text) == ["told", "because", "then"] && entry.happened == "2024-05")
            // Nobody has a name here yet: nothing that is exported gives one.
            let somebody = PersonId("abcdefghi2")
            #expect(try await journal.people().isEmpty)
            try await journal.edit(
                id, .setText(.section(entry.sections[1].id), base: entry.heads, to: "because of it"),
                .retireSection(entry.sections[2].id), .addSection(NewSection(prompt: "And?", text: "and")),
                .addItem(.lesson, text: "look up"), .addItem(.action, text: "call"), .addItem(.want, text: "away"),
                .addReflection(day: "2024-06-01", text: "calmer"), .mark(.tags, word: "work"),
                .mark(.feelings, word: "shame"),
                .setHappened(day: "2024-05-03"), .setKind(.experiment), .link(other, .repeats), .setMuted(true),
                .setTrashed(true), .setNextMove(.around),
                .setExperiment(Experiment(prediction: "they laugh", fearBefore: 70, attempted: true)), .seal,
                .setPerson(somebody, role: "witness", contact: "no"), .box(.until("2999-01-01")))
            entry = try await journal.show(id)
            #expect(entry.sections.map(\.text) == ["told", "because of it", "and"])
            #expect(entry.items.map(\.kind) == [.lesson, .action, .want] && entry.items.map(\.text)[0] == "look up")
            #expect(entry.reflections.map(\.text) == ["calmer"] && entry.reflections.map(\.day) == ["2024-06-01"])
            #expect(Set(entry.marks) == [Mark(group: .tags, word: "work"), Mark(group: .feelings, word: "shame")])
            #expect(entry.happened == "2024-05-03" && entry.day == "2024-05-03" && entry.kind == .experiment)
            #expect(entry.links == [Link(entry: other, kind: .repeats)] && entry.isMuted && entry.isTrashed)
            #expect(entry.nextMove == .around && entry.seals.count == 1 && entry.box == .until("2999-01-01"))
            let answers = Experiment(prediction: "they laugh", fearBefore: 70, attempted: true)
            #expect(entry.experiment == answers && entry.states.contains(.boxed) && entry.firstTelling == "told")
            let later = Experiment(
                prediction: "they laugh", fearBefore: 70, attempted: true, happened: "nobody did", fearAfter: 20,
                again: true)
            #expect(entry.people == [PersonPart(id: somebody, name: nil, role: "witness", contact: "no")])
            try await journal.edit(
                id, .setItemState(entry.items[1].id, .done), .setItemDay(entry.items[1].id, day: "2024-07"),
                .retireItem(entry.items[2].id), .unmark(.tags, word: "work"), .unlink(other), .setMuted(false),
                .setTrashed(false), .setNextMove(nil), .unseal(entry.seals), .unbox,
                .setExperiment(later),
                .close(.letGo, day: "2024-08-01", note: "enough"))
            entry = try await journal.show(id)
            #expect(entry.items.map(\.state) == [nil, .done] && entry.items[1].day == "2024-07")
            #expect(entry.marks.map(\.word) == ["shame"] && entry.links.isEmpty && !entry.isMuted && !entry.isTrashed)
            #expect(entry.nextMove == nil && entry.seals.isEmpty && entry.box == nil)
            #expect(entry.experiment == later)
            #expect(entry.closures.map(\.kind) == [.letGo] && entry.closures.map(\.note) == ["enough"])
            #expect(entry.states.contains(.closed))
            try await journal.edit(id, .reopen(entry.closures[0].id, day: "2024-09-01"), .box(.byHand))
            entry = try await journal.show(id)
            #expect(entry.closures.map(\.reopened) == ["2024-09-01"] && entry.box == .byHand)
            let file = NewFile(mime: "image/png", caption: "a", alt: "b", credit: "c")
            let attached = try await journal.attach(file, from: NoiseSource(length: 64), to: id).attachment
            try await journal.edit(id, .describe(attached, .caption, text: "A"), .describe(attached, .alt, text: nil))
            let shown = try await journal.show(id).attachments
            #expect(shown.map(\.caption) == ["A"] && shown.map(\.alt) == [nil] && shown.map(\.credit) == ["c"])
            try await journal.detach(attached, of: id)
            #expect(try await journal.show(id).attachments.isEmpty)
        }
    }

    @Test("an edit that fails takes the others with it")
    func editsAreOne() async throws {
        try await place.created { journal in
            let written = try await journal.createEntry(NewEntry(.note, title: "one"))
            let nowhere = ItemId(String(repeating: "0", count: 32))
            await #expect(throws: AfterwordError.self) {
                try await journal.edit(written.id, .addItem(.lesson, text: "lost"), .retireItem(nowhere))
            }
            #expect(try await journal.show(written.id).items.isEmpty)
            #expect(try await journal.show(written.id).heads == written.heads)
        }
    }

    @Test("earlier readings are shown and brought back, and what is erased is gone")
    func earlier() async throws {
        try await place.created { journal in
            let first = try await journal.createEntry(NewEntry(.note, title: "T", body: "first"))
            try await journal.edit(first.id, .setText(.body, base: first.heads, to: "second"))
            let readings = try await journal.history(of: first.id)
            #expect(readings.map(\.heads).contains(first.heads))
            #expect(readings.last?.heads == first.heads && readings.first?.fields == ["body"])
            #expect(try await Set(readings.map(\.device)) == [journal.deviceId()])
            #expect(try await journal.show(first.id, at: first.heads).body == "first")
            try await journal.restore(first.id, to: first.heads)
            #expect(try await journal.show(first.id).body == "first")
            #expect(try await journal.erase(first.id))
            #expect(try await !journal.erase(first.id))
            #expect(try await journal.list().rows.isEmpty)
        }
    }

    @Test("lists are filtered, and a day has its entry")
    func filters() async throws {
        try await place.created { journal in
            let old = try await journal.createEntry(NewEntry(.win, title: "old", happened: "2001-02-03")).id
            let new = try await journal.createEntry(NewEntry(.loss, title: "new")).id
            try await journal.edit(new, .box(.byHand))
            let listed = { (filter: ListFilter) in try await journal.list(filter).rows.map(\.id) }
            #expect(try await listed(ListFilter(to: "2001")) == [old])
            #expect(try await listed(ListFilter(from: "2002")) == [new])
            #expect(try await listed(ListFilter(kind: .win)) == [old])
            #expect(try await listed(ListFilter(state: .boxed)) == [new])
            #expect(try await journal.entry(on: "2001-02-03") == old)
            #expect(try await journal.entry(on: "1999-01-01") == nil)
            try await journal.edit(old, .setTrashed(true))
            #expect(try await listed(ListFilter(trashed: true)) == [old])
            #expect(try await listed(ListFilter()) == [new])
        }
    }

    @Test("a journal is looked after")
    func care() async throws {
        try await place.created { journal in
            try await journal.createEntry(NewEntry(.note, title: "kept", body: "words"))
            try await journal.networkChanged()
            try await journal.rebuild()
            let health = try await journal.doctor()
            #expect(health.ok && health.checks.count > 3 && health.checks.allSatisfy { !$0.detail.isEmpty })
            #expect(try await journal.search("words").total == 1)
        }
    }

    @Test("cancelling who joins ends the joining, and leaves no journal")
    func joiningCancelled() async throws {
        try await place.created { journal in
            let (codes, tell) = AsyncStream.makeStream(of: String.self)
            let hosting = Task {
                try await journal.pair(listen: "127.0.0.1:0", discover: false) { step in
                    if case .code(let code, _, _) = step { tell.yield(code) }
                }
            }
            let code = try #require(await codes.first { _ in true })
            let guest = Place()
            // Nobody is there: who joins waits.
            let port = try freePort()
            let joining = Task {
                try await Journal.join(
                    code: code, peer: "127.0.0.1:\(port)", in: guest.home, deviceName: "p", vault: guest.vault)
            }
            joining.cancel()
            await expect(
                .cancelled(
                    why("pairing was interrupted", "nothing is lost; begin again when the other device is at hand"))
            ) { _ = try await joining.value }
            #expect(try await !Journal.exists(in: guest.home))
            hosting.cancel()
            _ = try? await hosting.value
        }
    }

    @Test("files go in and out through the platform's own handles")
    func handles() async throws {
        try await place.created { journal in
            let id = try await journal.createEntry(NewEntry(.note)).id
            let (from, to) = (place.folder.appendingPathComponent("from"), place.folder.appendingPathComponent("to"))
            let bytes = Noise.bytes(from: 0, count: 1 << 20)
            try bytes.write(to: from)
            try Data().write(to: to)
            let source = try FileHandle(forReadingFrom: from)
            let attached = try await journal.attach(NewFile(mime: "image/png"), from: source, to: id).attachment
            let sink = try FileHandle(forWritingTo: to)
            #expect(try await journal.extract(attached, of: id, into: sink) == bytes.count)
            try sink.close()
            #expect(try Data(contentsOf: to) == bytes)
            // What the platform says has the file's path in it; what is told has not.
            do {
                try await journal.extract(attached, of: id, into: try FileHandle(forReadingFrom: from))
                Issue.record("nothing was thrown")
            } catch {
                #expect("\(error)".contains("the file can't be written") && !"\(error)".contains(place.folder.path))
            }
        }
    }

    @Test("a deadline crosses in whole milliseconds, as far as 32 bits go")
    func deadlines() {
        #expect(Duration.milliseconds(1500).wholeMilliseconds == 1500)
        #expect(Duration.seconds(-3).wholeMilliseconds == 0)
        #expect(Duration.seconds(Int64.max).wholeMilliseconds == .max)
    }
}
