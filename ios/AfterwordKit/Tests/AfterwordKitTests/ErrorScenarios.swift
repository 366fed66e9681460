import AfterwordKit
import Foundation
import Testing

// Every error that can be brought about, with its code, its fields and the text that core gives it. What a panic, a full
// disk and a lost key say stands in scenarios of their own.

extension Scenarios {
    @Suite struct Errors {
        private let place = Place()

        @Test func s13Errors() async throws {
            try await opening()
            try await asking()
            try await editing()
            try await closed()
            try await damaged()
            try await lonely()
            try await streams()
            try await together()
        }

        private func opening() async throws {
            let (home, vault) = (place.home, place.vault)
            await expect(
                .notFound(
                    why(
                        "there is no journal in \(home.path)",
                        "make a journal, or pair with a device that has one"))
            ) { _ = try await Journal.open(in: home, vault: vault) }
            try await place.created { journal in
                await expect(
                    .invalid(
                        why("this folder already holds a journal", "open it, or choose another folder"),
                        field: "home")
                ) { _ = try await Journal.create(in: home, deviceName: "phone", vault: vault) }
                await expect(
                    .wrongKey(
                        why(
                            "these 24 words are not this journal's recovery phrase",
                            "look again at what was typed, or open the journal with its 24 words"))
                ) {
                    try await journal.checkRecovery(
                        phrase: Array(repeating: "abandon", count: 23).joined(separator: " ") + " art")
                }
                await expect(
                    .invalid(
                        why(
                            "a recovery phrase has 24 words, and this one 3",
                            "type the 24 words that were shown at the beginning, in their order"),
                        field: "phrase")
                ) { try await journal.checkRecovery(phrase: "three words only") }
            }
        }

        private func asking() async throws {
            try await place.opened { journal in
                let id = try await journal.createEntry(NewEntry(.note, title: "one")).id
                var ids = [id.text]
                // Of seventeen names two begin with the same letter.
                while ids.count < 17 { ids.append(try await journal.createEntry(NewEntry(.note)).id.text) }
                let firsts = Dictionary(grouping: ids, by: { $0.prefix(1) })
                let prefix = try #require(firsts.first { $0.value.count > 1 }).key
                await expect(
                    .ambiguous(
                        why("more than one entry's id begins with \(prefix)", "give a few more characters of it"))
                ) { _ = try await journal.show(EntryId(String(prefix))) }
                await expect(
                    .invalid(
                        why(
                            "an entry is named by the first characters of its id (0-9, a-f)",
                            "look again at what is there, and choose from that"),
                        field: "entry")
                ) { _ = try await journal.show(EntryId("no such id")) }
                await expect(
                    .notFound(
                        why(
                            "no entry's id begins with 00000000000000000000000000000000",
                            "look again at what is there, and choose from that"))
                ) { _ = try await journal.show(EntryId(String(repeating: "0", count: 32))) }
                await expect(
                    .invalid(
                        why(
                            "this is no entry: expected 32 lower-case hexadecimal digits",
                            "give it as it was given to you"), field: "entry")
                ) { _ = try await journal.history(of: EntryId("x")) }
                await expect(
                    .invalid(
                        why(
                            "this is no heads: expected 64 lower-case hexadecimal digits",
                            "give it as it was given to you"), field: "heads")
                ) { _ = try await journal.show(id, at: Heads(hashes: ["x"])) }
                await expect(
                    .invalid(
                        why(
                            "this is no from: a day is written YYYY, YYYY-MM or YYYY-MM-DD",
                            "give it as it was given to you"), field: "from")
                ) { _ = try await journal.list(ListFilter(from: "May")) }
                await expect(
                    .invalid(why("that is not a place in a list", "use the `next` of the page before"), field: "after")
                ) { _ = try await journal.list(after: Cursor("nowhere")) }
                await expect(
                    .invalid(
                        why("this is no listen: invalid socket address syntax", "give it as it was given to you"),
                        field: "listen")
                ) { _ = try await journal.serve(listen: "here") }
                await expect(
                    .invalid(
                        why("this is no peer: invalid socket address syntax", "give it as it was given to you"),
                        field: "peer")
                ) { _ = try await journal.syncOnce(peer: "there") }
            }
        }

        private func editing() async throws {
            try await place.opened { journal in
                let written = try await journal.createEntry(NewEntry(.note, title: "one", body: "text"))
                let (id, heads) = (written.id, written.heads)
                await expect(
                    .invalid(
                        why(
                            "a text was written on no heads",
                            "give the heads that came with the text, so that what a sync brings stays"), field: "base")
                ) { _ = try await journal.edit(id, .setText(.body, base: Heads(hashes: []), to: "lost?")) }
                await expect(
                    .notFound(
                        why("this entry has no such item", "look again at what the entry has, and choose from that"))
                ) {
                    try await journal.edit(id, .retireItem(ItemId(String(repeating: "0", count: 32))))
                }
                await expect(
                    .invalid(
                        why(
                            "this is no day: a day is written YYYY, YYYY-MM or YYYY-MM-DD",
                            "give it as it was given to you"), field: "day")
                ) {
                    try await journal.edit(id, .setHappened(day: "yesterday"))
                }
                let editor = try await journal.editor(for: id)
                try await editor.finish()
                await expect(.refused(why("this editor is closed", "open the entry again"), reason: "closed")) {
                    try editor.type("too late", into: .body, base: heads)
                }
                try await journal.edit(id, .setTrashed(true))
                try await journal.erase(id)
                await expect(
                    .notFound(
                        why("no entry's id begins with \(id)", "look again at what is there, and choose from that")
                    )
                ) { _ = try await journal.show(id) }
            }
        }

        private func closed() async throws {
            try await place.opened { journal in
                try await journal.pause()
                await expect(pausedError) { _ = try await journal.people() }
                await expect(pausedError) { try await journal.serve(listen: "127.0.0.1:0", discover: false) }
                try await journal.resume()
            }
            place.vault.fail(with: .failed(reason: "the chip is gone"))
            let shut = try await Journal.open(in: place.home, vault: place.vault)
            await expect(shutError) { _ = try await shut.devices() }
            await expect(
                .locked(
                    why(
                        "this device's key store could not be used: the chip is gone",
                        "unlock this device and try again"),
                    paused: false)
            ) { try await shut.resume() }
            place.vault.fail(with: .locked)
            await expect(
                .locked(why("this device's key store is locked", "unlock this device and try again"), paused: false)
            ) { try await shut.resume() }
            place.vault.fail(with: nil)
            try await shut.shutdown()
            await expect(endedError) { _ = try await shut.devices() }
            let kept = place.vault.all
            place.vault.all = kept.mapValues { $0.prefix(16) }
            await expect(
                .wrongKey(
                    why(
                        "this device's key store holds something else than this journal's key",
                        "look again at what was typed, or open the journal with its 24 words"))
            ) { _ = try await Journal.open(in: place.home, vault: place.vault) }
            place.vault.all = kept
        }

        private func damaged() async throws {
            let file = place.home.appendingPathComponent("vault")
            let whole = try Data(contentsOf: file)
            defer { try? whole.write(to: file) }
            // Its ninth byte is its version.
            var newer = whole
            newer[8] = 2
            try newer.write(to: file)
            await expect(
                .tooNew(
                    why(
                        "the vault has format 2, and this version of Afterword knows formats up to 1",
                        "install the newest Afterword on this device"))
            ) { _ = try await Journal.open(in: place.home, vault: place.vault) }
            try whole.prefix(20).write(to: file)
            await expect(
                .corrupt(
                    why(
                        "the vault file is not one of Afterword's, or was cut short",
                        "nothing was changed; look at the journal's health, your other devices hold their copies"))
            ) { _ = try await Journal.open(in: place.home, vault: place.vault) }
        }

        private func lonely() async throws {
            try await place.opened { journal in
                await expect(
                    .unreachable(
                        why("this journal has no other device to sync with", "pair another device first"))
                ) { try await journal.syncOnce(deadline: .seconds(2)) }
                let (codes, tell) = AsyncStream.makeStream(of: PairingStep.self)
                let hosting = Task {
                    try await journal.pair(listen: "127.0.0.1:0", discover: false) { tell.yield($0) }
                }
                for await _ in codes { break }
                hosting.cancel()
                await expect(
                    .cancelled(
                        why("pairing was interrupted", "nothing is lost; begin again when the other device is at hand"))
                ) { _ = try await hosting.value }
                let me = try await journal.deviceId()
                await expect(
                    .invalid(
                        why(
                            "a device cannot remove itself",
                            "remove it from another device of this journal, or delete its folder"), field: "device")
                ) {
                    try await journal.removeDevice(me)
                }
            }
            await expect(
                .invalid(
                    why(
                        "this is not a pairing code",
                        "a code is a number and two words, like 7-cabin-tiger; check the spelling on the other device"),
                    field: "code")
            ) {
                _ = try await Journal.join(code: "no code", in: Place().home, deviceName: "p", vault: MemoryVault())
            }
        }

        private func streams() async throws {
            struct Broken: ByteSource, ByteSink {
                func read(most: Int) throws(StreamError) -> Data { throw StreamError(reason: "the camera went away") }
                func take(_ bytes: Data) throws(StreamError) { throw StreamError(reason: "no room for it") }
            }
            try await place.opened { journal in
                let id = try await journal.createEntry(NewEntry(.note, title: "a film")).id
                let file = NewFile(mime: "video/mp4")
                await expect(
                    .refused(
                        why(
                            "the file to attach could not be read: the camera went away",
                            "nothing was changed; check the disk and try again"), reason: "io")
                ) { try await journal.attach(file, from: Broken(), to: id) }
                await expect(
                    .invalid(
                        why("the file to attach is empty", "nothing was changed; attach another file"), field: "file")
                ) {
                    try await journal.attach(file, from: NoiseSource(length: 0), to: id)
                }
                let attached = try await journal.attach(file, from: NoiseSource(length: 4096), to: id)
                await expect(
                    .refused(
                        why(
                            "the attachment could not be written: no room for it",
                            "nothing was changed; check the disk and try again"), reason: "io")
                ) {
                    try await journal.extract(attached.attachment, of: id, into: Broken())
                }
                try await journal.detach(attached.attachment, of: id)
                await expect(
                    .notFound(why("there is no such attachment", "copy the attachment's id from where it is listed"))
                ) {
                    try await journal.extract(attached.attachment, of: id, into: Collected())
                }
            }
        }

        /// What only another device brings about.
        private func together() async throws {
            try await Two.joined { two in
                let phone = try await two.phone.deviceId()
                try await two.laptop.removeDevice(phone)
                let outcome = try await two.sync()
                #expect(outcome.met == 0 && outcome.missed == 1 && !outcome.equal)
                await expect(
                    .invalid(
                        why(
                            "that device is not a member",
                            "look again at the devices of this journal, and choose from them"), field: "device")
                ) {
                    try await two.laptop.removeDevice(phone)
                }
                #expect(try await two.laptop.devices().filter(\.isRemoved).map(\.id) == [phone])
                try await mistyped(two.laptop)
            }
        }

        /// The right number, and the words the wrong way round.
        private func mistyped(_ laptop: Journal) async throws {
            let (steps, tell) = AsyncStream.makeStream(of: PairingStep.self)
            let port = try freePort()
            let hosting = Task {
                try await laptop.pair(listen: "127.0.0.1:\(port)", discover: false) { tell.yield($0) }
            }
            var seen = steps.makeAsyncIterator()
            guard case .code(let code, _, _) = await seen.next() else {
                Issue.record("no code")
                return
            }
            let parts = code.split(separator: "-")
            let wrong = "\(parts[0])-\(parts[2])-\(parts[1])"
            let guest = Place()
            await expect(
                .refused(
                    why(
                        "the code does not match the one that the other device shows",
                        "ask for the new code shown on the other device"), reason: "wrong_code")
            ) {
                _ = try await Journal.join(
                    code: wrong, peer: "127.0.0.1:\(port)", in: guest.home, deviceName: "p", vault: guest.vault)
            }
            #expect(try await !Journal.exists(in: guest.home))
            guard case .wrongCode(let left) = await seen.next(), left > 0 else {
                Issue.record("nobody said so")
                return
            }
            guard case .code(let next, _, _) = await seen.next(), next != code else {
                Issue.record("no new code")
                return
            }
            hosting.cancel()
            _ = try? await hosting.value
        }
    }
}
