import AfterwordKit
import Foundation
import Testing

// A family that is one letter, right to left, CJK.
private let title = "👩‍👩‍👧‍👦 fällt aus"
private let body = "سقط المشروع 🌧️\n失敗は成功のもと"

extension Scenarios {
    /// What stands outside: the laptop program, an app's log, the system's own way to find devices.
    @Suite struct Across {
        @Test func s25LaptopShowsTheCode() async throws {
            let (laptop, place) = (try Laptop(), Place())
            _ = try await laptop.run("init", "--name", "laptop")
            let before = EntryId(try text(try await laptop.run("write", title, "--body", body), "id"))
            let (pairing, shown) = try await laptop.staying("pair", "--listen", "127.0.0.1:0")
            let joined = try await Journal.join(
                code: try text(shown, "code"), peer: try text(shown, "address"), in: place.home, deviceName: "phone",
                vault: place.vault)
            await blocking { pairing.waitUntilExit() }
            #expect(pairing.terminationStatus == 0)
            #expect(joined.paired.hostName == "laptop" && joined.paired.deviceName == "phone")
            try await closing(joined.journal) { phone in
                #expect(try await phone.show(before).body == body)
                try await roundTrips(laptop, phone)
            }
        }

        @Test func s26LaptopJoins() async throws {
            let (laptop, place) = (try Laptop(), Place())
            let made = try await Journal.create(in: place.home, deviceName: "phone", vault: place.vault).journal
            try await closing(made) { phone in
                let before = try await phone.createEntry(NewEntry(.note, title: title, body: body)).id
                let listen = "127.0.0.1:\(try freePort())"
                let (steps, told) = AsyncStream.makeStream(of: PairingStep.self)
                let hosting = Task {
                    defer { told.finish() }
                    return try await phone.pair(listen: listen, discover: false) { told.yield($0) }
                }
                for await step in steps {
                    guard case .code(let code, _, _) = step else { continue }
                    _ = try await laptop.run("pair", code, "--peer", listen)
                }
                #expect(try await hosting.value.hostName == "phone")
                #expect(try entry(try await laptop.run("show", before.text), "body") == body)
                try await roundTrips(laptop, phone)
            }
        }

        private func entry(_ shown: [String: Any], _ key: String) throws -> String {
            try text(try #require(shown["entry"] as? [String: Any]), key)
        }

        /// What the laptop wrote the phone shows, edits and gets back, and the other way round.
        private func roundTrips(_ laptop: Laptop, _ phone: Journal) async throws {
            let (_, listening) = try await laptop.staying("serve", "--listen", "127.0.0.1:0")
            let address = try text(listening, "address")
            func sync() async throws {
                let synced = try await phone.syncOnce(peer: address, deadline: .seconds(30))
                #expect(synced.met == 1 && synced.equal, "\(synced)")
            }

            let theirs = EntryId(try text(try await laptop.run("write", title, "--body", body), "id"))
            try await sync()
            let shown = try await phone.show(theirs)
            #expect(shown.title == title && shown.body == body)
            let edited = "\(body)\nphone: 直した ✍️ حُرّر"
            try await phone.edit(theirs, .setText(.body, base: shown.heads, to: edited))
            try await sync()
            let there = try await laptop.run("show", theirs.text)
            #expect(try entry(there, "title") == title && entry(there, "body") == edited)
            let last = "\(edited)\nlaptop: 確認 ✅"
            _ = try await laptop.run("edit", theirs.text, "--body", last)
            try await sync()
            #expect(try await phone.show(theirs).body == last)

            let ours = try await phone.createEntry(NewEntry(.note, title: title, body: body)).id
            try await sync()
            let here = try await laptop.run("show", ours.text)
            #expect(try entry(here, "title") == title && entry(here, "body") == body)
            _ = try await laptop.run("edit", ours.text, "--title", "العنوان 標題 🏁")
            try await sync()
            #expect(try await phone.show(ours).title == "العنوان 標題 🏁")
        }

        @Test func s27Log() async throws {
            let (lines, told) = AsyncStream.makeStream(of: LogLine.self)
            try await Log.send(upTo: .debug) { told.yield($0) }
            let place = Place()
            try await place.created { journal in
                _ = try await journal.createEntry(NewEntry(.note, title: "nobody may log this", body: "سقط 失敗"))
                try await journal.pause()
                try await journal.resume()
            }
            var awaited = ["Open", "Paused", "Ended"]
            for await line in lines {
                #expect(!["nobody", "سقط", "失敗"].contains { line.text.contains($0) }, "\(line)")
                #expect(line.target.hasPrefix("afterword"), "\(line)")
                if line.level == .info && line.text.contains(awaited[0]) { awaited.removeFirst() }
                if awaited.isEmpty { break }
            }
            #expect(awaited.isEmpty)
        }

        @Test func s28OwnDiscovery() async throws {
            let (network, guest, host) = (Network(), Place(), Place())
            try await host.created { phone in
                try await phone.useDiscovery(Side(network, number: 0))
                let (steps, told) = AsyncStream.makeStream(of: PairingStep.self)
                let hosting = Task {
                    defer { told.finish() }
                    return try await phone.pair(listen: "127.0.0.1:0") { told.yield($0) }
                }
                var joined: JoinedJournal?
                for await step in steps {
                    guard case .code(let code, _, _) = step else { continue }
                    joined = try await Journal.join(
                        code: code, in: guest.home, deviceName: "tablet", vault: guest.vault,
                        discovery: Side(network, number: 1))
                }
                _ = try await hosting.value
                try await closing(try #require(joined).journal) { tablet in
                    // A pairing window is announced no longer than it is open.
                    #expect(network.announced.isEmpty)
                    let id = try await phone.createEntry(NewEntry(.note, title: title, body: body)).id
                    try await phone.serve(listen: "127.0.0.1:0")
                    try await until("it is announced") { !network.announced.isEmpty }
                    #expect(network.announced.allSatisfy { $0.name.count == 16 && $0.text.isEmpty })
                    let synced = try await tablet.syncOnce(deadline: .seconds(20))
                    #expect(synced.met == 1 && synced.equal, "\(synced)")
                    #expect(try await tablet.show(id).body == body)
                    try await phone.stopServing()
                    #expect(network.announced.isEmpty)
                }
            }
        }
    }
}

/// The system's service in this process: who looks sees what is announced, on 127.0.0.1.
private final class Network: Sendable {
    struct Key: Hashable {
        let side: Int
        let number: UInt64
    }

    struct Seen {
        var announced: [Key: AnnouncedService] = [:]
        var looking: [Key: (String, @Sendable (SeenService) -> Void)] = [:]
    }

    let seen = Noted(Seen())

    var announced: [AnnouncedService] { Array(seen.now.announced.values) }

    static func tell(_ service: AnnouncedService, _ seen: @Sendable (SeenService) -> Void) {
        seen(SeenService(name: service.name, text: service.text, addresses: ["127.0.0.1:\(service.port)"]))
    }
}

/// One app's side of it.
private struct Side: Discovery {
    private let network: Network
    private let number: Int

    init(_ network: Network, number: Int) { (self.network, self.number) = (network, number) }

    func announce(number: UInt64, service: AnnouncedService) throws(DiscoveryError) {
        let key = Network.Key(side: self.number, number: number)
        network.seen.note { $0.announced[key] = service }
        for (type, seen) in network.seen.now.looking.values where type == service.serviceType {
            Network.tell(service, seen)
        }
    }

    func withdraw(number: UInt64) {
        let key = Network.Key(side: self.number, number: number)
        network.seen.note { $0.announced[key] = nil }
    }

    func look(
        number: UInt64, serviceType: String, seen: @escaping @Sendable (SeenService) -> Void
    ) throws(DiscoveryError) {
        let key = Network.Key(side: self.number, number: number)
        network.seen.note { $0.looking[key] = (serviceType, seen) }
        // Somebody else's, and nonsense, of the same type.
        seen(SeenService(name: "printer", text: ["n": "x"], addresses: ["127.0.0.1:9"]))
        for service in network.announced where service.serviceType == serviceType { Network.tell(service, seen) }
    }

    func stopLooking(number: UInt64) {
        let key = Network.Key(side: self.number, number: number)
        network.seen.note { $0.looking[key] = nil }
    }
}
