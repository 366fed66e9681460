internal import AfterwordGenerated
import Foundation

/// One journal on this device.
///
/// Every call may come from any task and returns when its work is done: what ``createEntry(_:)`` answers is durable. The
/// work is done on threads of its own, never on the main one or those that tasks share; it is no actor, so that calls run
/// side by side. A task that is cancelled meanwhile still gets its answer, except where a call says otherwise. Keep one
/// journal for the life of the process: ``pause()`` it before the app is suspended, ``resume()`` it afterwards.
public final class Journal: Sendable {
    let engine: Engine

    init(_ engine: Engine) { self.engine = engine }

    /// Whether the folder `home` holds a journal, or part of one.
    public static func exists(in home: URL) async throws(AfterwordError) -> Bool {
        try await working { try isJournal(home: home.path) }
    }

    /// A new journal in the folder `home`, whose first member is this device, called `deviceName`. `vault` keeps its key.
    public static func create(
        in home: URL, deviceName: String, vault: some KeyVault
    ) async throws(AfterwordError) -> NewJournal {
        let created = try await working {
            try createJournal(home: home.path, name: deviceName, vault: ForeignVault(vault))
        }
        return NewJournal(journal: Journal(created.engine), recoveryPhrase: created.phrase)
    }

    /// Opens the journal in the folder `home`. If the vault can't say the key now, it is ``LockState/locked`` until
    /// ``resume()``. Throws ``AfterwordError/notFound(_:)`` if there is none, and what ``AfterwordError`` says of a key that
    /// is gone or another.
    public static func open(in home: URL, vault: some KeyVault) async throws(AfterwordError) -> Journal {
        Journal(try await working { try Engine.open(home: home.path, vault: ForeignVault(vault)) })
    }

    /// Opens a journal whose vault lost the key, with its 24 words, and gives the key to `vault` again.
    public static func recover(
        in home: URL, phrase: String, vault: some KeyVault
    ) async throws(AfterwordError) -> Journal {
        Journal(try await working { try recoverJournal(home: home.path, phrase: phrase, vault: ForeignVault(vault)) })
    }

    /// Puts a damaged journal aside, all of it, so that `home` is free for joining the journal again from another device.
    /// Nothing is deleted. Answers where the database is now.
    public static func putAside(in home: URL) async throws(AfterwordError) -> URL {
        URL(fileURLWithPath: try await working { try putJournalAside(home: home.path) })
    }

    /// The journal's name, the same on all of its devices.
    public func id() async throws(AfterwordError) -> JournalId {
        try await working { [engine] in JournalId(try engine.journalId()) }
    }

    /// This device's name.
    public func deviceId() async throws(AfterwordError) -> DeviceId {
        try await working { [engine] in DeviceId(try engine.deviceId()) }
    }

    /// Whether the journal is open.
    public func lockState() async throws(AfterwordError) -> LockState {
        try await working { [engine] in LockState(try engine.lockState()) }
    }

    /// The app goes to sleep: what was typed is saved, syncing stops, every file is closed and no lock held. Calls throw
    /// ``AfterwordError/locked(_:paused:)`` until ``resume()``.
    public func pause() async throws(AfterwordError) {
        try await working { [engine] in try engine.pause() }
    }

    /// The app wakes: the journal is open again, or opened if its vault gives the key now.
    public func resume() async throws(AfterwordError) {
        try await working { [engine] in try engine.resume() }
    }

    /// The system has another network: call it when `NWPathMonitor` says so.
    public func networkChanged() async throws(AfterwordError) {
        try await working { [engine] in try engine.networkChanged() }
    }

    /// Waits for the calls that are running, saves what was typed and closes the journal, for good. Done twice, it does
    /// nothing; any other call then throws ``AfterwordError/locked(_:paused:)``.
    public func shutdown() async throws(AfterwordError) {
        try await working { [engine] in try engine.shutdown() }
    }

    /// How things are, and then what changes: the first events say whether the journal is open, the revision of its lists
    /// and what syncing is at. Nothing is dropped while the stream is not read; letting go of it, or cancelling the task
    /// that reads it, ends it. It ends by itself with ``LockState/ended``.
    public func events() async throws(AfterwordError) -> AsyncStream<JournalEvent> {
        let (stream, continuation) = AsyncStream.makeStream(of: JournalEvent.self, bufferingPolicy: .unbounded)
        let held = HeldSubscription()
        continuation.onTermination = { _ in held.end() }
        held.keep(try await working { [engine] in try engine.subscribe(listener: EventRelay(continuation)) })
        return stream
    }

    /// Writes even while the journal is locked: sealed, and taken in once it is open.
    public func capture(
        title: String = "", body: String = "", file: CapturedFile? = nil
    ) async throws(AfterwordError) {
        try await working { [engine] in try engine.capture(title: title, body: body, file: file?.crossing) }
    }

    /// Whether these 24 words open this journal. An error says why not.
    public func checkRecovery(phrase: String) async throws(AfterwordError) {
        try await working { [engine] in try engine.checkRecovery(phrase: phrase) }
    }

    /// Looks whether everything is in order.
    public func doctor() async throws(AfterwordError) -> Health {
        try await working { [engine] in Health(try engine.doctor()) }
    }

    /// Makes again what can be made again: lists, the search index, states of documents.
    @discardableResult
    public func rebuild() async throws(AfterwordError) -> Repaired {
        try await working { [engine] in Repaired(try engine.rebuild()) }
    }
}

/// A journal that was just made.
public struct NewJournal: Sendable {
    /// The journal, open.
    public let journal: Journal
    /// The 24 words that open it without this device: show them once, keep them nowhere.
    public let recoveryPhrase: String
}
