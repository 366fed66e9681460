import Foundation

/// A device of the journal.
public struct Device: Hashable, Identifiable, Sendable {
    /// Its name in the journal, which no other device ever has.
    public let id: DeviceId
    /// How it is called.
    public let name: String
    /// Whether it is this one.
    public let isThis: Bool
    /// Whether it was removed, or its adding does not count any more.
    public let isRemoved: Bool
}

/// A device that was added or removed on another one.
public struct DeviceChange: Hashable, Sendable {
    /// Its name in the journal.
    public let device: DeviceId
    /// How it is called.
    public let name: String
    /// Whether it was removed, or its adding does not count any more; else it was added.
    public let isRemoval: Bool
    /// The device that did it; nil where it was the recovery phrase, or where only its adding does not count any more.
    public let by: DeviceId?
    /// How that one is called.
    public let byName: String?
    /// When, by the clock of whoever did it.
    public let at: Date?
}

/// Changes of devices that nobody has seen yet.
public struct DeviceNews: Hashable, Sendable {
    /// The newest of them, oldest first; not many.
    public let changes: [DeviceChange]
    /// How many more there are.
    public let more: Int
    let seen: Data
}

/// Who joined whom.
public struct Paired: Hashable, Sendable {
    /// The newcomer.
    public let device: DeviceId
    /// How it is called.
    public let deviceName: String
    /// The device that showed the code.
    public let host: DeviceId
    /// How it is called.
    public let hostName: String
}

/// A journal that was joined.
public struct JoinedJournal: Sendable {
    /// The journal, open.
    public let journal: Journal
    /// Who joined whom.
    public let paired: Paired
}

/// What one bounded sync came to.
public struct SyncedOnce: Hashable, Sendable {
    /// Devices that were met.
    public let met: Int
    /// Devices that were not found.
    public let missed: Int
    /// Whether all that were met held the same at the end.
    public let equal: Bool
    /// Operations that came and went.
    public let operations: Int
    /// Bytes of datagrams, both ways.
    public let bytes: Int
}

/// Whether everything is in order.
public struct Health: Hashable, Sendable {
    /// Whether all of it is.
    public let ok: Bool
    /// What was looked at.
    public let checks: [HealthCheck]
}

/// One thing that was looked at.
public struct HealthCheck: Hashable, Sendable {
    /// A word for it.
    public let name: String
    /// Whether it is in order.
    public let ok: Bool
    /// A sentence.
    public let detail: String
}

/// What was made again.
public struct Repaired: Hashable, Sendable {
    /// Documents whose state was made again.
    public let documents: Int
    /// Operations that were written down again.
    public let loggedAgain: Int
}
