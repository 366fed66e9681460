// The vocabularies of a journal. Their raw values are this library's own and may be stored by an app.

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

/// What a line of an entry says.
public enum ItemKind: String, Codable, CaseIterable, Sendable {
    /// My part in it.
    case mine
    /// What was not mine.
    case notMine
    /// What I learned.
    case lesson
    /// What to take along.
    case carryForward
    /// What to do.
    case action
    /// What to make good.
    case repair
    /// What came of it.
    case aftermath
    /// What speaks for or against.
    case evidence
    /// What is still open.
    case openQuestion
    /// What I want.
    case want
}

/// Where a line stands.
public enum ItemState: String, Codable, CaseIterable, Sendable {
    /// Not done yet.
    case open
    /// Done.
    case done
    /// Let go of.
    case dropped
}

/// What a mark is a word for.
public enum MarkGroup: String, Codable, CaseIterable, Sendable {
    /// Where in life it belongs.
    case areas
    /// What sort of failure it was.
    case nature
    /// What it felt like.
    case feelings
    /// What played a part.
    case factors
    /// What it was measured against.
    case measuredAgainst
    /// The writer's own words.
    case tags
}

/// How an entry was closed.
public enum ClosureKind: String, Codable, CaseIterable, Sendable {
    /// By writing.
    case wrote
    /// By talking.
    case talked
    /// By making it good.
    case repaired
    /// By letting go.
    case letGo
    /// Nothing was needed.
    case noneNeeded
    /// As something one lives with.
    case livingWithIt
}

/// How two entries belong together.
public enum LinkKind: String, Codable, CaseIterable, Sendable {
    /// It happened again.
    case repeats
    /// It goes on.
    case continues
    /// One led to the other.
    case inspired
    /// One speaks for the other.
    case evidence
}

/// What comes next.
public enum NextMove: String, Codable, CaseIterable, Sendable {
    /// Try again.
    case climb
    /// Another way.
    case around
    /// Rest.
    case rest
    /// Nothing.
    case nothing
}

/// Where the writer stands with an entry; several at once.
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

/// Whether a journal is open, and why not.
public enum LockState: String, Codable, CaseIterable, Sendable {
    /// Its key is not at hand yet: ``Journal/resume()`` once the person unlocked the device.
    case locked
    /// It is open.
    case open
    /// The app sleeps.
    case paused
    /// It was shut down.
    case ended
    /// A bug in Afterword stopped it; what was saved is saved. Open it again.
    case broken
}

/// What of an attachment is said in words.
public enum AttachmentField: String, Codable, CaseIterable, Sendable {
    /// The writer's caption.
    case caption
    /// What the picture shows.
    case alt
    /// Whose it is.
    case credit
}
