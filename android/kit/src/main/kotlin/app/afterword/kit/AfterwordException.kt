package app.afterword.kit

/**
 * What went wrong, and what to do about it. One class for each thing that an app can act on; catch those that you handle.
 *
 * [message] is the whole text, the same in every language that Afterword speaks: [sentence], a semicolon, [hint]. None of it
 * ever holds what a person wrote.
 *
 * @property code the class as one word
 * @property sentence what was attempted, and why it failed
 * @property hint what to do about it
 */
public sealed class AfterwordException(
    public val code: ErrorCode,
    public val sentence: String,
    public val hint: String,
) : Exception("$sentence; $hint") {
    /**
     * The journal is closed, or its key is not at hand yet.
     *
     * @property paused the app paused it: it opens again by [Journal.resume]
     */
    public class Locked(sentence: String, hint: String, public val paused: Boolean) :
        AfterwordException(ErrorCode.LOCKED, sentence, hint)

    /** The vault no longer holds the key. The recovery phrase or another device helps; nothing may be deleted. */
    public class KeyGone(sentence: String, hint: String) : AfterwordException(ErrorCode.KEY_GONE, sentence, hint)

    /** A key or phrase does not open this journal. */
    public class WrongKey(sentence: String, hint: String) : AfterwordException(ErrorCode.WRONG_KEY, sentence, hint)

    /** A file or record is damaged or foreign. */
    public class Corrupt(sentence: String, hint: String) : AfterwordException(ErrorCode.CORRUPT, sentence, hint)

    /** Written by a newer version. */
    public class TooNew(sentence: String, hint: String) : AfterwordException(ErrorCode.TOO_NEW, sentence, hint)

    /** Nothing by that name. */
    public class NotFound(sentence: String, hint: String) : AfterwordException(ErrorCode.NOT_FOUND, sentence, hint)

    /** More than one thing by that name. */
    public class Ambiguous(sentence: String, hint: String) : AfterwordException(ErrorCode.AMBIGUOUS, sentence, hint)

    /**
     * The request or its input makes no sense.
     *
     * @property field what of it, where that can be said
     */
    public class Invalid(sentence: String, hint: String, public val field: String?) :
        AfterwordException(ErrorCode.INVALID, sentence, hint)

    /** The disk is full; nothing was changed. */
    public class StorageFull(sentence: String, hint: String) :
        AfterwordException(ErrorCode.STORAGE_FULL, sentence, hint)

    /** No device answered. */
    public class Unreachable(sentence: String, hint: String) : AfterwordException(ErrorCode.UNREACHABLE, sentence, hint)

    /**
     * The other side, or a rule of the journal, said no.
     *
     * @property reason why, as a word, where one can be said: `not_a_member`, `pairing`, `closed`
     */
    public class Refused(sentence: String, hint: String, public val reason: String?) :
        AfterwordException(ErrorCode.REFUSED, sentence, hint)

    /** Stopped at the caller's wish. */
    public class Cancelled(sentence: String, hint: String) : AfterwordException(ErrorCode.CANCELLED, sentence, hint)

    /** A bug in Afterword. */
    public class Internal(sentence: String, hint: String) : AfterwordException(ErrorCode.INTERNAL, sentence, hint)
}

/**
 * An [AfterwordException] as one word.
 *
 * @property word the word of the laptop program's JSON
 */
public enum class ErrorCode(public val word: String) {
    /** [AfterwordException.Locked]. */
    LOCKED("locked"),

    /** [AfterwordException.KeyGone]. */
    KEY_GONE("key_gone"),

    /** [AfterwordException.WrongKey]. */
    WRONG_KEY("wrong_key"),

    /** [AfterwordException.Corrupt]. */
    CORRUPT("corrupt"),

    /** [AfterwordException.TooNew]. */
    TOO_NEW("too_new"),

    /** [AfterwordException.NotFound]. */
    NOT_FOUND("not_found"),

    /** [AfterwordException.Ambiguous]. */
    AMBIGUOUS("ambiguous"),

    /** [AfterwordException.Invalid]. */
    INVALID("invalid"),

    /** [AfterwordException.StorageFull]. */
    STORAGE_FULL("storage_full"),

    /** [AfterwordException.Unreachable]. */
    UNREACHABLE("unreachable"),

    /** [AfterwordException.Refused]. */
    REFUSED("refused"),

    /** [AfterwordException.Cancelled]. */
    CANCELLED("cancelled"),

    /** [AfterwordException.Internal]. */
    INTERNAL("internal"),
}
