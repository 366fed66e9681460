// The vocabularies of a journal. Their raw values are this library's own and may be stored by an app.
// Made by `tests/tests/conformance/vocabulary.rs` from core's vocabularies; do not edit.

/// What an entry is about.
public enum Kind: String, Codable, CaseIterable, Sendable {
    /// Something went wrong.
    case failure
    /// Something or someone is gone. No causes are asked for.
    case loss
    /// One empty page, no prompts.
    case vent
    /// A small failure on purpose.
    case experiment
    /// Something went right; evidence for a bad hour.
    case win
    /// Anything else.
    case note
}

/// What a list item says.
public enum ItemKind: String, Codable, CaseIterable, Sendable {
    /// Mine to own.
    case mine
    /// Not mine to own.
    case notMine
    /// Learned.
    case lesson
    /// To carry forward.
    case carryForward
    /// To do.
    case action
    /// To put right, for someone.
    case repair
    /// The mess: money, messages, apologies.
    case aftermath
    /// Proof of the opposite.
    case evidence
    /// Not understood yet; may stay so.
    case openQuestion
    /// Wanted.
    case want
}

/// Where an item stands. Absent means that nobody said.
public enum ItemState: String, Codable, CaseIterable, Sendable {
    /// Not done.
    case open
    /// Done.
    case done
    /// Decided against.
    case dropped
}

/// A group of marks.
public enum MarkGroup: String, Codable, CaseIterable, Sendable {
    /// Areas of life.
    case areas
    /// What it was by nature.
    case nature
    /// Feelings, in the writer's own words.
    case feelings
    /// Factors at work.
    case factors
    /// What one measured oneself against.
    case measuredAgainst
    /// Anything else.
    case tags
}

/// How an entry was closed.
public enum ClosureKind: String, Codable, CaseIterable, Sendable {
    /// By writing.
    case wrote
    /// By talking.
    case talked
    /// By putting it right.
    case repaired
    /// By letting go.
    case letGo
    /// None was needed.
    case noneNeeded
    /// Not closed: lived with.
    case livingWithIt
}

/// How two entries belong together.
public enum LinkKind: String, Codable, CaseIterable, Sendable {
    /// The same thing again.
    case repeats
    /// Picks up where the other ended.
    case continues
    /// Sparked by the other.
    case inspired
    /// Evidence for or against the other.
    case evidence
}

/// What comes next.
public enum NextMove: String, Codable, CaseIterable, Sendable {
    /// Over it.
    case climb
    /// Past it.
    case around
    /// Not now.
    case rest
    /// Nothing.
    case nothing
}

/// Where the writer stands with an entry. Derived, reversible, several at once.
public enum InnerState: String, Codable, CaseIterable, Sendable {
    /// Put away until a day or by hand.
    case boxed
    /// Nothing was added to the telling yet.
    case raw
    /// Has a reflection.
    case reflected
    /// Closed as something one lives with.
    case livingWithIt
    /// Closed.
    case closed
    /// Was closed, and is open again.
    case reopened
}

/// Who can read an entry. Widening is always its own act; until there is publishing, everything is private.
public enum Audience: String, Codable, CaseIterable, Sendable {
    /// Only the writer.
    case `private`
    /// Named persons.
    case persons
    /// Anyone.
    case `public`
    /// No longer anyone.
    case withdrawn
}
