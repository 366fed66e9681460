package app.afterword.kit

/** Whether a journal is open, and why not. */
public enum class LockState {
    /** Its key is not at hand yet: [Journal.resume] once the person unlocked the device. */
    LOCKED,

    /** It is open. */
    OPEN,

    /** The app sleeps. */
    PAUSED,

    /** It was shut down. */
    ENDED,

    /** A bug in Afterword stopped it; what was saved is saved. Open it again. */
    BROKEN,
}
