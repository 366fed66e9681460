internal import AfterwordGenerated
import Foundation

// What an app hears, from what is generated, and who hears it there.

extension JournalEvent {
    init(_ event: AfterwordGenerated.Event) {
        self =
            switch event {
            case .lockChanged(let state): .lockChanged(LockState(state))
            case .listChanged(let revision): .listChanged(revision: revision)
            case .entryChanged(let id, let heads): .entryChanged(EntryId(id), heads: Heads(hashes: heads))
            case .syncChanged(let state): .syncChanged(SyncState(state))
            case .devicesChanged: .devicesChanged
            case .pairingStep(let step): .pairingStep(PairingStep(step))
            case .alarm(let code): .alarm(code: code)
            }
    }
}

extension SyncState {
    init(_ state: AfterwordGenerated.SyncState) {
        self =
            switch state {
            case .idle: .idle
            case .running: .running
            case .deriving(let done, let left): .deriving(done: Int(done), left: Int(left))
            case .met(let device, let equal): .met(DeviceId(device), equal: equal)
            case .failed(let code): .failed(AfterwordError.Code(word: code))
            }
    }
}

extension PairingStep {
    init(_ step: AfterwordGenerated.PairingStep) {
        self =
            switch step {
            case .code(let code, let qr, let expires):
                .code(code: code, qr: qr, expiresAt: Date(milliseconds: expires))
            case .wrongCode(let left): .wrongCode(left: Int(left))
            case .added(let device, let name): .added(DeviceId(device), name: name)
            case .syncing(let operations): .syncing(operations: Int(operations))
            case .done: .done
            case .failed(let code): .failed(AfterwordError.Code(word: code))
            }
    }
}

/// Passes events on into a stream, on the engine's thread: it neither blocks nor throws.
final class EventRelay: AfterwordGenerated.EventListener {
    private let continuation: AsyncStream<JournalEvent>.Continuation

    init(_ continuation: AsyncStream<JournalEvent>.Continuation) { self.continuation = continuation }

    func onEvent(event: AfterwordGenerated.Event) throws {
        continuation.yield(JournalEvent(event))
        if case .lockChanged(.ended) = event { continuation.finish() }
    }
}

/// A subscription as long as its stream. The stream may end before its subscription is at hand.
final class HeldSubscription: @unchecked Sendable {
    private let lock = NSLock()
    private var subscription: Subscription?
    private var ended = false

    func keep(_ subscription: Subscription) {
        lock.withLock { self.subscription = subscription }
        if lock.withLock({ ended }) { end() }
    }

    /// Cancelling waits for the listener, and whoever reads the stream does not.
    func end() {
        let last = lock.withLock {
            defer { subscription = nil }
            ended = true
            return subscription
        }
        if let last { later { try? last.cancel() } }
    }
}

/// Passes the steps of a pairing on.
final class PairingRelay: AfterwordGenerated.PairingListener {
    private let steps: @Sendable (PairingStep) -> Void

    init(_ steps: @escaping @Sendable (PairingStep) -> Void) { self.steps = steps }

    func onStep(step: AfterwordGenerated.PairingStep) throws { steps(PairingStep(step)) }
}

extension LockState {
    init(_ word: AfterwordGenerated.LockState) {
        self =
            switch word {
            case .locked: .locked
            case .open: .open
            case .paused: .paused
            case .ended: .ended
            case .broken: .broken
            }
    }
}
