package app.afterword.kit

// The vocabularies of a journal.

/** What an entry is about. */
public enum class Kind {
    /** Something went wrong. */
    FAILURE,

    /** Something or someone is gone. No causes are asked for. */
    LOSS,

    /** One empty page, no prompts. */
    VENT,

    /** A small failure on purpose. */
    EXPERIMENT,

    /** Something went right; evidence for a bad hour. */
    WIN,

    /** Anything else. */
    NOTE,
}

/** What a line of an entry says. */
public enum class ItemKind {
    /** My part in it. */
    MINE,

    /** What was not mine. */
    NOT_MINE,

    /** What I learned. */
    LESSON,

    /** What to take along. */
    CARRY_FORWARD,

    /** What to do. */
    ACTION,

    /** What to make good. */
    REPAIR,

    /** What came of it. */
    AFTERMATH,

    /** What speaks for or against. */
    EVIDENCE,

    /** What is still open. */
    OPEN_QUESTION,

    /** What I want. */
    WANT,
}

/** Where a line stands. */
public enum class ItemState {
    /** Not done yet. */
    OPEN,

    /** Done. */
    DONE,

    /** Let go of. */
    DROPPED,
}

/** What a mark is a word for. */
public enum class MarkGroup {
    /** Where in life it belongs. */
    AREAS,

    /** What sort of failure it was. */
    NATURE,

    /** What it felt like. */
    FEELINGS,

    /** What played a part. */
    FACTORS,

    /** What it was measured against. */
    MEASURED_AGAINST,

    /** The writer's own words. */
    TAGS,
}

/** How an entry was closed. */
public enum class ClosureKind {
    /** By writing. */
    WROTE,

    /** By talking. */
    TALKED,

    /** By making it good. */
    REPAIRED,

    /** By letting go. */
    LET_GO,

    /** Nothing was needed. */
    NONE_NEEDED,

    /** As something one lives with. */
    LIVING_WITH_IT,
}

/** How two entries belong together. */
public enum class LinkKind {
    /** It happened again. */
    REPEATS,

    /** It goes on. */
    CONTINUES,

    /** One led to the other. */
    INSPIRED,

    /** One speaks for the other. */
    EVIDENCE,
}

/** What comes next. */
public enum class NextMove {
    /** Try again. */
    CLIMB,

    /** Another way. */
    AROUND,

    /** Rest. */
    REST,

    /** Nothing. */
    NONE,
}

/** Where the writer stands with an entry; several at once. */
public enum class InnerState {
    /** Put away until a day or by hand. */
    BOXED,

    /** Nothing was added to the telling yet. */
    RAW,

    /** Has a reflection. */
    REFLECTED,

    /** Closed as something one lives with. */
    LIVING_WITH_IT,

    /** Closed. */
    CLOSED,

    /** Was closed, and is open again. */
    REOPENED,
}

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

/** What of an attachment is said in words. */
public enum class AttachmentField {
    /** The writer's caption. */
    CAPTION,

    /** What the picture shows. */
    ALT,

    /** Whose it is. */
    CREDIT,
}
