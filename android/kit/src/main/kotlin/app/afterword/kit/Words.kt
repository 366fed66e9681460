package app.afterword.kit

// The vocabularies of a journal. Made by `tests/tests/conformance/vocabulary.rs` from core's vocabularies; do not edit.

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

/** What a list item says. */
public enum class ItemKind {
    /** Mine to own. */
    MINE,

    /** Not mine to own. */
    NOT_MINE,

    /** Learned. */
    LESSON,

    /** To carry forward. */
    CARRY_FORWARD,

    /** To do. */
    ACTION,

    /** To put right, for someone. */
    REPAIR,

    /** The mess: money, messages, apologies. */
    AFTERMATH,

    /** Proof of the opposite. */
    EVIDENCE,

    /** Not understood yet; may stay so. */
    OPEN_QUESTION,

    /** Wanted. */
    WANT,
}

/** Where an item stands. Absent means that nobody said. */
public enum class ItemState {
    /** Not done. */
    OPEN,

    /** Done. */
    DONE,

    /** Decided against. */
    DROPPED,
}

/** A group of marks. */
public enum class MarkGroup {
    /** Areas of life. */
    AREAS,

    /** What it was by nature. */
    NATURE,

    /** Feelings, in the writer's own words. */
    FEELINGS,

    /** Factors at work. */
    FACTORS,

    /** What one measured oneself against. */
    MEASURED_AGAINST,

    /** Anything else. */
    TAGS,
}

/** How an entry was closed. */
public enum class ClosureKind {
    /** By writing. */
    WROTE,

    /** By talking. */
    TALKED,

    /** By putting it right. */
    REPAIRED,

    /** By letting go. */
    LET_GO,

    /** None was needed. */
    NONE_NEEDED,

    /** Not closed: lived with. */
    LIVING_WITH_IT,
}

/** How two entries belong together. */
public enum class LinkKind {
    /** The same thing again. */
    REPEATS,

    /** Picks up where the other ended. */
    CONTINUES,

    /** Sparked by the other. */
    INSPIRED,

    /** Evidence for or against the other. */
    EVIDENCE,
}

/** What comes next. */
public enum class NextMove {
    /** Over it. */
    CLIMB,

    /** Past it. */
    AROUND,

    /** Not now. */
    REST,

    /** Nothing. */
    NONE,
}

/** Where the writer stands with an entry. Derived, reversible, several at once. */
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

/** Who can read an entry. Widening is always its own act; until there is publishing, everything is private. */
public enum class Audience {
    /** Only the writer. */
    PRIVATE,

    /** Named persons. */
    PERSONS,

    /** Anyone. */
    PUBLIC,

    /** No longer anyone. */
    WITHDRAWN,
}
