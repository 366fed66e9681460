import AfterwordKit
import Foundation
import Testing

/// Two devices of one journal in this process, which meet over QUIC on 127.0.0.1.
struct Two: Sendable {
    let laptop: Journal
    let phone: Journal

    /// What a newcomer gives: what was typed, with the address that its code does not hold, or what was scanned.
    enum Given: Sendable { case typed, scanned }

    /// Makes a journal that `prepare` writes into, lets a second device join it, lets `use` use both.
    static func joined(
        by given: Given = .scanned, prepare: (Journal) async throws -> Void = { _ in },
        _ use: (Two) async throws -> Void
    ) async throws {
        let (host, guest) = (Place(), Place())
        try await host.created { laptop in
            try await prepare(laptop)
            let joined = try await join(laptop, guest, given)
            try await closing(joined.journal) { phone in try await use(Two(laptop: laptop, phone: phone)) }
        }
    }

    private static func join(_ laptop: Journal, _ guest: Place, _ given: Given) async throws -> JoinedJournal {
        let (steps, told) = AsyncStream.makeStream(of: PairingStep.self)
        let port = given == .typed ? try freePort() : 0
        let hosting = Task {
            defer { told.finish() }
            return try await laptop.pair(listen: "127.0.0.1:\(port)", discover: false) { told.yield($0) }
        }
        var seen: [PairingStep] = []
        var joined: JoinedJournal?
        for await step in steps {
            seen.append(step)
            guard case .code(let code, let qr, let expiresAt) = step, joined == nil else { continue }
            #expect(expiresAt > Date())
            joined = try await Journal.join(
                code: given == .typed ? code : qr, peer: given == .typed ? "127.0.0.1:\(port)" : nil, in: guest.home,
                deviceName: "phone", vault: guest.vault)
        }
        let hosted = try await hosting.value
        let both = try #require(joined)
        #expect(both.paired == hosted && hosted.hostName == "laptop" && hosted.deviceName == "phone")
        #expect(seen.contains(.added(hosted.device, name: "phone")) && seen.last == .done, "\(seen)")
        return both
    }

    /// A third device joins, is called "phone" like the second, and is used.
    func third(_ use: (Journal) async throws -> Void) async throws {
        let guest = Place()
        try await closing(try await Two.join(laptop, guest, .scanned).journal, use)
    }

    /// The phone meets the laptop once.
    @discardableResult
    func sync() async throws -> SyncedOnce {
        try await laptop.serve(listen: "127.0.0.1:0", discover: false)
        try await until("the laptop serves") { try await laptop.servingAt() != nil }
        let synced = try await phone.syncOnce(peer: try await laptop.servingAt(), deadline: .seconds(30))
        try await laptop.stopServing()
        return synced
    }
}

/// A UDP port that nobody has now.
func freePort() throws -> UInt16 {
    #if canImport(Darwin)
        let datagram = SOCK_DGRAM
    #else
        let datagram = Int32(SOCK_DGRAM.rawValue)
    #endif
    let descriptor = socket(AF_INET, datagram, 0)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
    }
    try #require(bound)
    return UInt16(bigEndian: address.sin_port)
}
