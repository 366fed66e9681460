internal import AfterwordGenerated
import Foundation

// Other devices. What waits for one has a thread to itself.

extension Journal {
    /// Meets every device that can be reached, or the one at the address `peer`, and returns before the deadline. A
    /// background task that is killed in it loses nothing.
    @discardableResult
    public func syncOnce(
        peer: String? = nil, deadline: Duration = .seconds(20)
    ) async throws(AfterwordError) -> SyncedOnce {
        try await waiting { [engine] in
            SyncedOnce(try engine.syncOnce(peer: peer, deadlineMs: deadline.wholeMilliseconds))
        }
    }

    /// Stays up for other devices at the address `listen`, port 0 for any, until ``stopServing()``; a pause interrupts it.
    /// Other devices of this network find it where `discover` says so.
    public func serve(listen: String = "0.0.0.0:0", discover: Bool = true) async throws(AfterwordError) {
        try await working { [engine] in try engine.serve(listen: listen, discover: discover) }
    }

    /// The address that it serves at, once it does.
    public func servingAt() async throws(AfterwordError) -> String? {
        try await working { [engine] in try engine.servingAt() }
    }

    /// From now on other devices are looked for with `discovery`, in the place of the engine's own mDNS.
    public func useDiscovery(_ discovery: some Discovery) async throws(AfterwordError) {
        try await working { [engine] in try engine.useDiscovery(discovery: ForeignDiscovery(discovery)) }
    }

    /// No device is answered any more.
    public func stopServing() async throws(AfterwordError) {
        try await working { [engine] in try engine.stopServing() }
    }

    /// The journal's devices, those that were removed too.
    public func devices() async throws(AfterwordError) -> [Device] {
        try await working { [engine] in try engine.devices().map(Device.init) }
    }

    /// Removes a device for ever, and tells every other that can be reached before the deadline. It is removed first: what
    /// this device has and it lacks it never gets.
    @discardableResult
    public func removeDevice(
        _ device: DeviceId, deadline: Duration = .seconds(20)
    ) async throws(AfterwordError) -> SyncedOnce {
        try await waiting { [engine] in
            SyncedOnce(try engine.removeDevice(device: device.text, deadlineMs: deadline.wholeMilliseconds))
        }
    }

    /// Devices that were added or removed elsewhere, and that nobody has seen here yet. ``JournalEvent/alarm(code:)`` says
    /// `device_added` or `device_removed` where there are any, also to those who begin to listen later.
    public func deviceNews() async throws(AfterwordError) -> DeviceNews {
        try await working { [engine] in DeviceNews(try engine.deviceNews()) }
    }

    /// Somebody has seen these news: nobody is told of them again on this device.
    public func deviceNewsSeen(_ news: DeviceNews) async throws(AfterwordError) {
        try await working { [engine] in try engine.deviceNewsSeen(seen: news.seen) }
    }

    /// Shows a code and adds the device that comes with it: `steps` hears the code and how far it is, on the thread that
    /// waits, and must not block. Returns when both hold the same. Cancelling the task ends it with
    /// ``AfterwordError/cancelled(_:)``. Listens at the address `listen`, port 0 for any.
    public func pair(
        listen: String = "0.0.0.0:0", discover: Bool = true, steps: @escaping @Sendable (PairingStep) -> Void
    ) async throws(AfterwordError) -> Paired {
        let pairing = Pairing()
        return try await waiting(stoppedBy: pairing) { [engine] in
            let relay = PairingRelay(steps)
            return Paired(try pairing.host(engine: engine, listen: listen, discover: discover, listener: relay))
        }
    }

    /// Joins the journal whose `code` another device shows, as typed or as scanned, as a new device in the folder `home`.
    /// `peer` is the other device's address, where no network says it; it is looked for with `discovery`, where one is
    /// given. `steps` and cancelling as in ``pair(listen:discover:steps:)``.
    public static func join(
        code: String, peer: String? = nil, in home: URL, deviceName: String, vault: some KeyVault,
        discovery: (any Discovery)? = nil,
        steps: @escaping @Sendable (PairingStep) -> Void = { _ in }
    ) async throws(AfterwordError) -> JoinedJournal {
        let pairing = Pairing()
        let joined = try await waiting(stoppedBy: pairing) {
            if let discovery { try pairing.useDiscovery(discovery: ForeignDiscovery(discovery)) }
            let newcomer = Newcomer(name: deviceName, home: home.path)
            let (vault, relay) = (ForeignVault(vault), PairingRelay(steps))
            return try pairing.join(code: code, peer: peer, newcomer: newcomer, vault: vault, listener: relay)
        }
        return JoinedJournal(journal: Journal(joined.engine), paired: Paired(joined.paired))
    }
}
