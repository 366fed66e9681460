package app.afterword.kit.convert

import app.afterword.ffi.InternalException
import app.afterword.kit.AfterwordException
import app.afterword.kit.ErrorCode
import app.afterword.kit.KeyVault
import app.afterword.kit.KeyVaultException
import app.afterword.ffi.AfterwordException as FfiException
import app.afterword.ffi.KeyVault as FfiKeyVault
import app.afterword.ffi.KeyVaultException as FfiKeyVaultException

/** What [call] gives; what it throws, as this library's own. */
internal inline fun <T> failures(call: () -> T): T =
    try {
        call()
    } catch (thrown: FfiException) {
        throw thrown.toKit()
    } catch (_: InternalException) {
        // A panic's text may quote what a person wrote, so nothing of it is carried on.
        throw AfterwordException.Internal(
            "something went wrong inside Afterword",
            "nothing that was saved is lost; open the journal again, and report what was done",
        )
    }

internal fun FfiException.toKit(): AfterwordException =
    when (this) {
        is FfiException.Locked -> AfterwordException.Locked(sentence, hint, paused)
        is FfiException.KeyGone -> AfterwordException.KeyGone(sentence, hint)
        is FfiException.WrongKey -> AfterwordException.WrongKey(sentence, hint)
        is FfiException.Corrupt -> AfterwordException.Corrupt(sentence, hint)
        is FfiException.TooNew -> AfterwordException.TooNew(sentence, hint)
        is FfiException.NotFound -> AfterwordException.NotFound(sentence, hint)
        is FfiException.Ambiguous -> AfterwordException.Ambiguous(sentence, hint)
        is FfiException.Invalid -> AfterwordException.Invalid(sentence, hint, field.ifEmpty { null })
        is FfiException.StorageFull -> AfterwordException.StorageFull(sentence, hint)
        is FfiException.Unreachable -> AfterwordException.Unreachable(sentence, hint)
        is FfiException.Refused -> AfterwordException.Refused(sentence, hint, reason.ifEmpty { null })
        is FfiException.Cancelled -> AfterwordException.Cancelled(sentence, hint)
        is FfiException.Internal -> AfterwordException.Internal(sentence, hint)
    }

/** The code that is written as [word]; a word that is not known yet can only be told as a bug. */
internal fun errorCode(word: String): ErrorCode = ErrorCode.entries.find { it.word == word } ?: ErrorCode.INTERNAL

/** An app's vault, as what is generated sees it. */
internal class ForeignVault(
    private val vault: KeyVault,
) : FfiKeyVault {
    override fun store(
        name: String,
        secret: ByteArray,
    ) = declared { vault.store(name, secret) }

    override fun load(name: String): ByteArray? = declared { vault.load(name) }

    override fun delete(name: String) = declared { vault.delete(name) }

    private inline fun <T> declared(call: () -> T): T =
        try {
            call()
        } catch (thrown: KeyVaultException) {
            throw when (thrown) {
                is KeyVaultException.Locked -> FfiKeyVaultException.Locked()
                is KeyVaultException.Failed -> FfiKeyVaultException.Failed(thrown.reason)
            }
        }
}
