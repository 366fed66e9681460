import AfterwordKit
import Foundation
import Testing

extension Scenarios {
    @Suite struct Events {
        private let place = Place()

        @Test func s05Subscribe() async throws {
            let journal = try await Journal.create(in: place.home, deviceName: "phone", vault: place.vault).journal
            try await journal.createEntry(NewEntry(.note, title: "earlier"))
            // What a list shows is derived by then, and changes no list once somebody listens.
            _ = try await journal.list()
            var events = try await journal.events().makeAsyncIterator()
            #expect(await events.next() == .lockChanged(.open))
            guard case .listChanged(let revision) = await events.next() else {
                Issue.record("no revision of the lists")
                return
            }
            #expect(await events.next() == .syncChanged(.idle))
            try await journal.createEntry(NewEntry(.note, title: "now"))
            guard case .listChanged(let later) = await events.next() else {
                Issue.record("the write was not heard")
                return
            }
            #expect(later > revision)
            try await journal.pause()
            #expect(await events.next() == .lockChanged(.paused))
            try await journal.resume()
            #expect(await events.next() == .lockChanged(.open))
            try await journal.shutdown()
            var last: JournalEvent?
            while let event = await events.next() { last = event }
            #expect(last == .lockChanged(.ended))
            // Who comes later hears that, and no more.
            var late = try await journal.events().makeAsyncIterator()
            #expect(await late.next() == .lockChanged(.ended))
            #expect(await late.next() == nil)
        }

        @Test func s16ListenerThrows() async throws {
            struct Undeclared: Error { let quoted = "what a person wrote" }
            try await place.created { journal in
                let (heard, tell) = AsyncStream.makeStream(of: JournalEvent.self)
                let count = Noted(0)
                let subscription = try await journal.listenAndThrow { event in
                    tell.yield(event)
                    count.note { $0 += 1 }
                    return count.now % 2 == 0 ? declaredListenerError : Undeclared()
                }
                var thrown = heard.makeAsyncIterator()
                var calm = try await journal.events().makeAsyncIterator()
                for _ in 1...3 {
                    _ = await thrown.next()
                    _ = await calm.next()
                }
                for number in 1...5 {
                    try await journal.createEntry(NewEntry(.note, title: "\(number)"))
                    guard case .listChanged = await thrown.next(), case .listChanged = await calm.next() else {
                        Issue.record("the write was not heard")
                        return
                    }
                }
                #expect(try await journal.list().rows.count == 5)
                #expect(count.now >= 8)
                withExtendedLifetime(subscription) {}
            }
        }

        @Test func s19ManyObjects() async throws {
            try await place.created { journal in
                let id = try await journal.createEntry(NewEntry(.note, title: "one", body: "text")).id
                let threads = try threadsNow()
                for _ in 1...10_000 {
                    _ = try await journal.editor(for: id)
                    _ = try await journal.events()
                }
                // Each subscription had a thread in the engine; letting go of its stream ended it.
                try await until("no thread is left behind") { try threadsNow() < threads + 20 }
                // The last editor is one that works.
                let editor = try await journal.editor(for: id)
                let text = try #require(try await editor.texts().first { $0.field == .body })
                try editor.type("text, and more", into: .body, base: text.heads)
                #expect(try await editor.finish() != nil)
                #expect(try await journal.show(id).body == "text, and more")
            }
        }

        /// How many threads this process has, where that can be read.
        private func threadsNow() throws -> Int {
            #if os(Linux)
                try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
            #else
                0
            #endif
        }
    }
}
