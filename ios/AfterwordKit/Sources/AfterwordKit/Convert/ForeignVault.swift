internal import AfterwordGenerated
import Foundation

/// The app's vault, as the engine calls it.
final class ForeignVault: AfterwordGenerated.KeyVault {
    private let vault: any KeyVault

    init(_ vault: any KeyVault) { self.vault = vault }

    func store(name: String, secret: Data) throws {
        try Self.crossing { () throws(KeyVaultError) in try vault.store(name: name, secret: secret) }
    }

    func load(name: String) throws -> Data? {
        try Self.crossing { () throws(KeyVaultError) in try vault.load(name: name) }
    }

    func delete(name: String) throws {
        try Self.crossing { () throws(KeyVaultError) in try vault.delete(name: name) }
    }

    private static func crossing<T>(_ call: () throws(KeyVaultError) -> T) throws -> T {
        do {
            return try call()
        } catch .locked {
            throw AfterwordGenerated.KeyVaultError.Locked
        } catch .failed(let reason) {
            throw AfterwordGenerated.KeyVaultError.Failed(reason: reason)
        }
    }
}
