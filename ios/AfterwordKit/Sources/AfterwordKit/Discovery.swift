/// The system's own way to find devices on a network, for where it lets an app use no other: Bonjour.
///
/// No method may block, and each may be called from any thread. What begins under a number ends under it.
public protocol Discovery: Sendable {
    /// Announces a service on every network, until ``withdraw(number:)``.
    func announce(number: UInt64, service: AnnouncedService) throws(DiscoveryError)

    /// Announces it no more.
    func withdraw(number: UInt64)

    /// Looks for services of a type, and tells `seen` of each that was resolved, until ``stopLooking(number:)``.
    func look(
        number: UInt64, serviceType: String, seen: @escaping @Sendable (SeenService) -> Void
    ) throws(DiscoveryError)

    /// Looks no more.
    func stopLooking(number: UInt64)
}

/// What is to be announced, as DNS-based service discovery has it (RFC 6763).
public struct AnnouncedService: Hashable, Sendable {
    /// The type, like `_p2p._udp`.
    public let serviceType: String
    /// The instance's name; it says nothing of the device to who does not know the journal.
    public let name: String
    /// The UDP port.
    public let port: UInt16
    /// The TXT record.
    public let text: [String: String]
}

/// What was seen and resolved.
public struct SeenService: Hashable, Sendable {
    /// The instance's name.
    public var name: String
    /// Its TXT record.
    public var text: [String: String]
    /// Where it answers, each as `address:port`.
    public var addresses: [String]

    /// What was seen and resolved.
    public init(name: String, text: [String: String], addresses: [String]) {
        (self.name, self.text, self.addresses) = (name, text, addresses)
    }
}

/// Why the system did not announce or look. Devices are then met by their addresses.
public struct DiscoveryError: Error, Equatable, Sendable {
    /// The platform's words.
    public var reason: String

    /// Why the system did not announce or look.
    public init(reason: String) { self.reason = reason }
}
