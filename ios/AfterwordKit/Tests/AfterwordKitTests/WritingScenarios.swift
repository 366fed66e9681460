import AfterwordKit
import Foundation
import Testing

private let title = "Prüfung 🧗🏽‍♀️ اختبار 試験"
private let body = "Ich fiel durch. 👩‍👩‍👧‍👦\n\nفشلت في الاختبار أمام الجميع.\n\n試験に落ちた。でも友達がいた。"

extension Scenarios {
    @Suite struct Writing {
        private let place = Place()

        @Test func s02Write() async throws {
            let written = try await place.created { journal in
                let written = try await journal.createEntry(NewEntry(.failure, title: title, body: body))
                #expect(written.title == title && written.kind == .failure)
                try await check(journal, written)
                return written
            }
            try await place.opened { try await check($0, written) }
        }

        private func check(_ journal: Journal, _ written: Edited) async throws {
            let entry = try await journal.show(written.id)
            #expect(entry.id == written.id && entry.kind == .failure && entry.heads == written.heads)
            #expect(entry.title == title && entry.body == body && entry.firstTelling == body)
            #expect(entry.updatedAt >= entry.createdAt && abs(entry.createdAt.timeIntervalSinceNow) < 600)
            let page = try await journal.list()
            #expect(page.rows.map(\.id) == [written.id] && page.rows.map(\.title) == [title])
            #expect(page.next == nil && !page.rows[0].arriving && page.rows[0].day == entry.day)
            for word in ["durch", "الاختبار", "友達", "\"試験に落ちた\"", "Prüf*"] {
                let found = try await journal.search(word)
                #expect(found.hits.map(\.id) == [written.id] && found.total == 1, "\(word)")
            }
        }

        @Test func s03EditAtAnOldBase() async throws {
            var shown: Edited?
            try await Two.joined { laptop in
                shown = try await laptop.createEntry(NewEntry(.note, title: "T", body: "one two three 🌱"))
            } _: { two in
                let shown = try #require(shown)
                let edit = Edit.setText(.body, base: shown.heads, to: "ONE two three 🌱")
                let elsewhere = try await two.laptop.edit(shown.id, edit)
                let events = try await two.phone.events()
                let editor = try await two.phone.editor(for: shown.id)
                #expect(try await two.sync().equal)
                // The phone hears of it, and its writer goes on with what stands in the window.
                let heard = await events.first { event in
                    if case .entryChanged(shown.id, let heads) = event { return heads == elsewhere.heads }
                    return false
                }
                #expect(heard != nil)
                let window = "one two THREE 🌱"
                try editor.type(window, into: .body, base: shown.heads)
                let cursor = window.index(before: window.endIndex)
                let merged = try await editor.takeIn(.body, showing: window, cursor: cursor)
                #expect(merged.text.text == "ONE two THREE 🌱" && merged.changed && !merged.text.isDraft)
                #expect(merged.text.text[merged.cursor...] == "🌱")
                try await editor.finish()
                // At the same old base once more, without an editor.
                let later = Edit.setText(.body, base: shown.heads, to: "one two three 🌱 four")
                try await two.phone.edit(shown.id, later)
                #expect(try await two.phone.show(shown.id).body == "ONE two THREE 🌱 four")
                #expect(try await two.sync().equal)
                #expect(try await two.laptop.show(shown.id).body == "ONE two THREE 🌱 four")
            }
        }

        @Test func s30IdsOfWhatIsMade() async throws {
            try await place.created { journal in
                let id = try await journal.createEntry(NewEntry(.note, title: "Rain")).id
                let edited = try await journal.edit(
                    id,
                    .addItem(.lesson, text: "Ask"),
                    .addSection(NewSection(prompt: "And now?", text: "Better")),
                    .addReflection(day: "2024-05-17", text: "It passed"))
                let shown = try await journal.show(id)
                let item = try #require(shown.items.first)
                let section = try #require(shown.sections.last)
                let reflection = try #require(shown.reflections.first)
                #expect(section.text == "Better" && shown.items.count == 1)
                #expect(edited.parts == [.item(item.id), .section(section.id), .reflection(reflection.id)])
                #expect(edited.heads == shown.heads)
                let done = try await journal.edit(id, .setItemState(item.id, .done))
                #expect(done.parts.isEmpty)
                #expect(try await journal.show(id).items.first?.state == .done)
            }
        }

        @Test func s04DraftSurvives() async throws {
            let killed = Place()
            try FileManager.default.createDirectory(at: killed.folder, withIntermediateDirectories: true)
            let made = try await Journal.create(in: place.home, deviceName: "phone", vault: place.vault).journal
            let id = try await closing(made) { try await $0.createEntry(NewEntry(.note, body: "begun")).id }
            try await place.opened { journal in
                let editor = try await journal.editor(for: id)
                let text = try #require(try await editor.texts().first { $0.field == .body })
                #expect(text.text == "begun" && !text.isDraft)
                try editor.type("begun, and", into: .body, base: text.heads)
                try editor.type("begun, and typed 🖋️", into: .body, base: text.heads)
                // What is durable another engine sees. It is not shut down before the copy: that would save the draft.
                try await place.opened { other in
                    try await until("the draft is durable") {
                        try await other.editor(for: id).texts().contains { $0.isDraft && $0.text.hasSuffix("🖋️") }
                    }
                    // What a killed program leaves behind: its folder as it is now.
                    try FileManager.default.copyItem(at: place.home, to: killed.home)
                }
            }
            killed.vault.all = place.vault.all
            try await killed.opened { journal async throws in
                #expect(try await journal.show(id).body == "begun")
                let editor = try await journal.editor(for: id)
                let text = try #require(try await editor.texts().first { $0.field == .body })
                #expect(text.text == "begun, and typed 🖋️" && text.isDraft)
                let written = try #require(try await editor.finish())
                #expect(try await journal.show(id).body == "begun, and typed 🖋️")
                #expect(try await journal.show(id).heads == written.heads)
                #expect(try await editor.finish() == nil)
            }
        }

        @Test func s06Page() async throws {
            try await place.created { journal in
                let count = 10_000
                let written = try await withThrowingTaskGroup(of: [EntryId].self) { group in
                    for writer in 0..<8 {
                        group.addTask {
                            var ids: [EntryId] = []
                            for number in stride(from: writer, to: count, by: 8) {
                                ids.append(try await journal.createEntry(NewEntry(.note, title: "\(number)")).id)
                            }
                            return ids
                        }
                    }
                    return try await group.reduce(into: Set<EntryId>()) { $0.formUnion($1) }
                }
                #expect(written.count == count)
                let rows = try await journal.everyRow(limit: 250)
                #expect(rows.count == count && Set(rows.map(\.id)) == written)
                #expect(zip(rows, rows.dropFirst()).allSatisfy { $0.createdAt >= $1.createdAt })
                let first = try await journal.list(limit: 1)
                #expect(first.rows.map(\.id) == [rows[0].id] && first.next != nil)
            }
        }

        @Test func s07Search() async throws {
            try await place.created { journal in
                let text = "🧗🏽‍♀️🧗🏽‍♀️ wieder gefallen, 友達 lachte: the phone rang twice"
                let entry = NewEntry(.note, title: "Emoji", body: text)
                let id = try await journal.createEntry(entry).id
                try await journal.createEntry(NewEntry(.note, title: "Other", body: "a phone that never rang"))
                let cases: [(String, [String])] = [
                    ("gefallen", ["gefallen"]), ("友達", ["友達"]), ("\"phone rang\"", ["phone", "rang"]),
                    ("gefal*", ["gefallen"]), ("lachte twice", ["lachte", "twice"]),
                ]
                for (query, words) in cases {
                    let found = try await journal.search(query)
                    #expect(found.hits.map(\.id) == [id] && found.total == 1 && !found.more, "\(query)")
                    let hit = try #require(found.hits.first)
                    let marked = hit.ranges.map { String(hit.excerpt[$0]) }
                    // A phrase may be one range.
                    #expect(marked == words || marked == [words.joined(separator: " ")], "\(query): \(marked)")
                    #expect(hit.field == "body" && hit.title == "Emoji")
                }
                #expect(try await journal.search("phone").total == 2)
                #expect(try await journal.search("gefal").hits.isEmpty)
            }
        }

        @Test func s15CancelMidCall() async throws {
            try await place.created { journal in
                for number in 1...20 {
                    let writing = Task {
                        try await journal.createEntry(NewEntry(.note, title: "\(number)", body: "all"))
                    }
                    writing.cancel()
                    // It still gets its answer, and the entry is whole.
                    let written = try await writing.value
                    #expect(try await journal.show(written.id).body == "all")
                }
                #expect(try await journal.list().rows.count == 20)
                #expect(try await journal.doctor().ok)
            }
        }

        @Test func s22FullDisk() async throws {
            try await place.created { journal in
                let before = try await journal.createEntry(NewEntry(.note, title: "before", body: "kept"))
                try await journal.fillDisk(true)
                let long = String(repeating: "no room for this ", count: 5000)
                await expect(fullError) { try await journal.createEntry(NewEntry(.note, title: "full", body: long)) }
                await expect(fullError) {
                    try await journal.edit(before.id, .setText(.body, base: before.heads, to: long))
                }
                #expect(try await journal.list().rows.map(\.id) == [before.id])
                #expect(try await journal.show(before.id).body == "kept")
                #expect(try await journal.show(before.id).heads == before.heads)
                try await journal.fillDisk(false)
                let after = try await journal.createEntry(NewEntry(.note, title: "after", body: long))
                #expect(try await journal.show(after.id).body == long)
            }
            try await place.opened { journal async throws in #expect(try await journal.list().rows.count == 2) }
        }
    }
}

let fullError = AfterwordError.storageFull(
    why("the disk is full; nothing was changed", "free some space and try again"))
