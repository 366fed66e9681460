import Foundation

/// Something changed: whoever shows it asks again. No event carries what was written.
///
/// An event of a sort takes the place of one that was not yet heard, so that a slow listener hears the latest and
/// misses only what is over.
public enum JournalEvent: Hashable, Sendable {
    /// Whether the journal is open. ``LockState/ended`` is the last event of its stream.
    case lockChanged(LockState)
    /// Lists may read otherwise. The number says how often they changed, and only ever grows.
    case listChanged(revision: UInt64)
    /// An entry that an ``EntryEditor`` is open for reads otherwise; without heads, it was erased.
    case entryChanged(EntryId, heads: Heads)
    /// What syncing is at.
    case syncChanged(SyncState)
    /// A device was added, removed or heard of.
    case devicesChanged
    /// A pairing went on.
    case pairingStep(PairingStep)
    /// Something a person should know: `broken`, `inbox_key`, `inbox_unreadable`, `inbox_waits` and further words. What
    /// `device_added` and `device_removed` are about says ``Journal/deviceNews()``.
    case alarm(code: String)
}

/// What syncing is at.
public enum SyncState: Hashable, Sendable {
    /// Nothing goes on.
    case idle
    /// Devices are looked for or met.
    case running
    /// What came is read for lists and search: so many documents were, so many wait.
    case deriving(done: Int, left: Int)
    /// A device was met; whether both held the same at the end.
    case met(DeviceId, equal: Bool)
    /// It came to nothing.
    case failed(AfterwordError.Code)
}

/// How far a pairing is.
public enum PairingStep: Hashable, Sendable {
    /// A code is to be shown: `code` to be typed, `qr` to be scanned.
    case code(code: String, qr: String, expiresAt: Date)
    /// Somebody typed a wrong word; so many more codes are shown.
    case wrongCode(left: Int)
    /// The other device belongs to the journal, and the first sync goes on.
    case added(DeviceId, name: String)
    /// So many operations came or went.
    case syncing(operations: Int)
    /// Both hold the same.
    case done
    /// It came to nothing.
    case failed(AfterwordError.Code)
}

extension PairingStep: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Without the code: whoever reads it in a log can join.
    public var description: String {
        switch self {
        case .code(_, _, let expiresAt): "code(expiresAt: \(expiresAt))"
        case .wrongCode(let left): "wrongCode(left: \(left))"
        case .added(let device, let name): "added(\(device), name: \(name))"
        case .syncing(let operations): "syncing(operations: \(operations))"
        case .done: "done"
        case .failed(let code): "failed(\(code))"
        }
    }

    /// The same as the description: a debugger shows no code either.
    public var debugDescription: String { description }

    /// A mirror of nothing, for what prints values by their parts.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
