internal import AfterwordGenerated
@preconcurrency import Dispatch
import Foundation

/// One open journal on this device.
///
/// Every call may come from any task and returns when its work is done: what ``createEntry(_:)`` answers is durable. The
/// work is done on threads of its own, never on the main one or those that tasks share. A task that is cancelled
/// meanwhile still gets its answer. Keep one journal for the life of the process, and ``shutdown()`` it before the app is
/// suspended; calls after that throw ``AfterwordError/locked(_:)``.
public actor Journal {
    private let engine: Engine

    private init(_ engine: Engine) { self.engine = engine }

    /// A new journal in the folder `home`, whose first member is this device, called `deviceName`. `vault` keeps its key.
    public static func create(
        in home: URL, deviceName: String, vault: some KeyVault
    ) async throws(AfterwordError) -> NewJournal {
        let created = try await working {
            try createJournal(home: home.path, name: deviceName, vault: ForeignVault(vault))
        }
        return NewJournal(journal: Journal(created.engine), recoveryPhrase: created.phrase)
    }

    /// Opens the journal in the folder `home`. Throws ``AfterwordError/notFound(_:)`` if there is none, and what
    /// ``AfterwordError`` says of a key that is locked, gone or another.
    public static func open(in home: URL, vault: some KeyVault) async throws(AfterwordError) -> Journal {
        Journal(try await working { try Engine.open(home: home.path, vault: ForeignVault(vault)) })
    }

    /// A new entry, durable when this returns.
    public func createEntry(_ entry: NewEntry) async throws(AfterwordError) -> Written {
        try await working { [engine] in Written(try engine.createEntry(entry: entry.crossing)) }
    }

    /// The entry as it reads now.
    public func show(_ id: EntryId) async throws(AfterwordError) -> Entry {
        try await working { [engine] in Entry(try engine.show(id: id.text)) }
    }

    /// One page of entries, newest first; `after` is the ``ListPage/next`` of the page before.
    public func list(limit: Int = 100, after: Cursor? = nil) async throws(AfterwordError) -> ListPage {
        try await working { [engine] in ListPage(try engine.list(limit: crossing(limit), after: after?.text)) }
    }

    /// Searches words, `"phrases"`, and beginnings of words with a star behind them.
    public func search(_ query: String, limit: Int = 50) async throws(AfterwordError) -> SearchPage {
        try await working { [engine] in SearchPage(try engine.search(query: query, limit: crossing(limit))) }
    }

    /// Waits for the calls that are running, then closes the journal. Done twice, it does nothing.
    public func shutdown() async throws(AfterwordError) {
        try await working { [engine] in try engine.shutdown() }
    }
}

/// A journal that was just made.
public struct NewJournal: Sendable {
    /// The journal, open.
    public let journal: Journal
    /// The 24 words that open it without this device: show them once, keep them nowhere.
    public let recoveryPhrase: String
}

/// Calls into the engine block, for as long as the disk takes: on the threads that tasks share, a few of them would stop
/// every other task.
private let threads = DispatchQueue(label: "app.afterword.kit", qos: .userInitiated, attributes: .concurrent)

private func working<T: Sendable>(
    _ call: @escaping @Sendable () throws -> T
) async throws(AfterwordError) -> T {
    let outcome: Result<T, AfterwordError> = await withCheckedContinuation { continuation in
        threads.async { continuation.resume(returning: Result(catching: call).mapError(AfterwordError.init)) }
    }
    return try outcome.get()
}
