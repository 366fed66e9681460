import Foundation

/// Where the platform keeps secrets for this app: the keychain.
///
/// Called while a journal is created or opened, on the thread that does it: answer without waiting for the main actor.
public protocol KeyVault: Sendable {
    /// Keeps `secret` under `name`, replacing what was there. Durable when it returns: the journal opens with nothing else.
    func store(name: String, secret: Data) throws(KeyVaultError)

    /// The secret kept under `name`; nil only if it is certain that there is none.
    func load(name: String) throws(KeyVaultError) -> Data?

    /// Forgets the secret kept under `name`, if there is one.
    func delete(name: String) throws(KeyVaultError)
}

/// Why a ``KeyVault`` did not do what it was asked.
public enum KeyVaultError: Error, Equatable, Sendable {
    /// It opens only once the person unlocks the device.
    case locked
    /// Something else. The reason is the platform's words; it is shown to the person, so never a secret.
    case failed(reason: String)
}
