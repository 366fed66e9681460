package app.afterword.kit

/**
 * Where the platform keeps secrets for this app: on Android, a file sealed by a key in the Keystore.
 *
 * Called while a journal is created or opened, on the thread that does it: answer without asking the main thread. Throw
 * [KeyVaultException] where nobody can tell now; anything else that is thrown reaches the caller as
 * [AfterwordException.Locked], without its text, which might quote a secret.
 */
public interface KeyVault {
    /** Keeps [secret] under [name], replacing what was there. Durable when it returns: the journal opens with nothing else. */
    @Throws(KeyVaultException::class)
    public fun store(name: String, secret: ByteArray)

    /** The secret kept under [name]; null only if it is certain that there is none. */
    @Throws(KeyVaultException::class)
    public fun load(name: String): ByteArray?

    /** Forgets the secret kept under [name], if there is one. */
    @Throws(KeyVaultException::class)
    public fun delete(name: String)
}

/** Why a [KeyVault] did not do what it was asked. */
public sealed class KeyVaultException(message: String) : Exception(message) {
    /** It opens only once the person unlocks the device. */
    public class Locked : KeyVaultException("this device's key store is locked")

    /**
     * Something else.
     *
     * @property reason the platform's words; shown to the person, so never a secret
     */
    public class Failed(public val reason: String) : KeyVaultException(reason)
}
