import AfterwordKit
import Foundation

/// A vault that keeps secrets as long as the test runs, and does what it is told to go wrong.
final class MemoryVault: KeyVault, @unchecked Sendable {
    private let lock = NSLock()
    private var kept: [String: Data] = [:]
    private var broken: KeyVaultError?

    func store(name: String, secret: Data) throws(KeyVaultError) {
        lock.lock()
        defer { lock.unlock() }
        if let broken { throw broken }
        kept[name] = secret
    }

    func load(name: String) throws(KeyVaultError) -> Data? {
        lock.lock()
        defer { lock.unlock() }
        if let broken { throw broken }
        return kept[name]
    }

    func delete(name: String) throws(KeyVaultError) {
        lock.lock()
        defer { lock.unlock() }
        if let broken { throw broken }
        kept[name] = nil
    }

    /// What is kept, to put it back later.
    var all: [String: Data] {
        get { lock.withLock { kept } }
        set { lock.withLock { kept = newValue } }
    }

    /// From now on throws this in place of an answer.
    func fail(with error: KeyVaultError?) { lock.withLock { broken = error } }
}
