package app.afterword.kit

import app.afterword.ffi.setLogSink
import app.afterword.kit.convert.ForeignLog
import app.afterword.kit.convert.toFfi

/** What the engine says of itself: words and codes of its own, never what was written. */
public object Log {
    /**
     * From now on [sink] takes every line up to [most], one after the other, on a thread of their own, in the place of who
     * took them before. One for the whole process.
     */
    public suspend fun to(
        most: LogLevel = LogLevel.INFO,
        sink: (LogLine) -> Unit,
    ): Unit = working { setLogSink(most.toFfi(), ForeignLog(sink)) }
}

/** How much a line of the log matters, the most important first. */
public enum class LogLevel {
    /** Something is broken. */
    ERROR,

    /** Something did not work. */
    WARN,

    /** Something happened. */
    INFO,

    /** For who looks for a fault. */
    DEBUG,
}

/**
 * One line of the log.
 *
 * @property level how much it matters
 * @property target the part of the library that says it
 * @property text what it says
 */
public data class LogLine(
    val level: LogLevel,
    val target: String,
    val text: String,
)
