package app.afterword.kit

/**
 * What went wrong, and what to do about it. One class for each thing that an app can act on; catch those that you handle.
 *
 * [message] is the whole text, the same in every language that Afterword speaks: [sentence], a semicolon, [hint]. None of it
 * ever holds what a person wrote.
 *
 * @property sentence what was attempted, and why it failed
 * @property hint what to do about it
 */
public sealed class AfterwordException(
    public val sentence: String,
    public val hint: String,
) : Exception("$sentence; $hint") {
    /** The journal is shut down, or its key is not at hand yet. */
    public class Locked(sentence: String, hint: String) : AfterwordException(sentence, hint)

    /** The vault no longer holds the key. The recovery phrase or another device helps; nothing may be deleted. */
    public class KeyGone(sentence: String, hint: String) : AfterwordException(sentence, hint)

    /** A key or phrase does not open this journal. */
    public class WrongKey(sentence: String, hint: String) : AfterwordException(sentence, hint)

    /** A file or record is damaged or foreign. */
    public class Corrupt(sentence: String, hint: String) : AfterwordException(sentence, hint)

    /** Written by a newer version. */
    public class TooNew(sentence: String, hint: String) : AfterwordException(sentence, hint)

    /** Nothing by that name. */
    public class NotFound(sentence: String, hint: String) : AfterwordException(sentence, hint)

    /** More than one thing by that name. */
    public class Ambiguous(sentence: String, hint: String) : AfterwordException(sentence, hint)

    /** The request or its input makes no sense. */
    public class Invalid(sentence: String, hint: String) : AfterwordException(sentence, hint)

    /** The disk is full; nothing was changed. */
    public class StorageFull(sentence: String, hint: String) : AfterwordException(sentence, hint)

    /** No device answered. */
    public class Unreachable(sentence: String, hint: String) : AfterwordException(sentence, hint)

    /** The other side, or a rule of the journal, said no. */
    public class Refused(sentence: String, hint: String) : AfterwordException(sentence, hint)

    /** Stopped at the caller's wish. */
    public class Cancelled(sentence: String, hint: String) : AfterwordException(sentence, hint)

    /** A bug in Afterword. */
    public class Internal(sentence: String, hint: String) : AfterwordException(sentence, hint)
}
