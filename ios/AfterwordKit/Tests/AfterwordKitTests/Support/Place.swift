import AfterwordKit
import Foundation
import Testing

/// A device of a test: a folder of its own, and a vault.
final class Place: Sendable {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("afterword-\(UUID())")
    let vault = MemoryVault()
    var home: URL { folder.appendingPathComponent("journal") }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Makes a journal, lets `use` use it, shuts it down.
    @discardableResult
    func created<T: Sendable>(_ use: (Journal) async throws -> T) async throws -> T {
        try await closing(try await Journal.create(in: home, deviceName: "laptop", vault: vault).journal, use)
    }

    /// Opens the journal, lets `use` use it, shuts it down.
    @discardableResult
    func opened<T: Sendable>(_ use: (Journal) async throws -> T) async throws -> T {
        try await closing(try await Journal.open(in: home, vault: vault), use)
    }
}

/// Shuts the journal down once it was used, however that ends.
func closing<T: Sendable>(_ journal: Journal, _ use: (Journal) async throws -> T) async throws -> T {
    do {
        let given = try await use(journal)
        try await journal.shutdown()
        return given
    } catch {
        try await journal.shutdown()
        throw error
    }
}

/// `call` throws this, in these words.
func expect(
    _ expected: AfterwordError, at place: SourceLocation = #_sourceLocation, _ call: () async throws -> Void
) async {
    do {
        try await call()
        Issue.record("nothing was thrown", sourceLocation: place)
    } catch {
        #expect(error as? AfterwordError == expected, sourceLocation: place)
        let why = expected.explanation
        #expect("\(error)" == "\(why.sentence); \(why.hint)", sourceLocation: place)
        #expect(error.localizedDescription == "\(error)", sourceLocation: place)
    }
}

/// An explanation.
func why(_ sentence: String, _ hint: String) -> AfterwordError.Explanation { .init(sentence: sentence, hint: hint) }

/// Asks until the answer is yes, for what no event tells of. No more than ten seconds.
func until(
    _ what: String, at place: SourceLocation = #_sourceLocation, _ holds: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + .seconds(10)
    while try await !holds() {
        try #require(ContinuousClock.now < end, "\(what)", sourceLocation: place)
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// What several threads count or note.
final class Noted<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    var now: Value { lock.withLock { value } }

    @discardableResult
    func note<T>(_ change: (inout Value) -> T) -> T { lock.withLock { change(&value) } }
}
