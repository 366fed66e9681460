import Foundation

/// What went wrong, and what to do about it. One case for each thing that an app can act on.
///
/// ``description`` is the whole text, the same in every language that Afterword speaks: the sentence, a semicolon, the
/// hint. None of it ever holds what a person wrote.
public enum AfterwordError: Error, Equatable, Sendable {
    /// The journal is shut down, or its key is not at hand yet.
    case locked(Explanation)
    /// The vault no longer holds the key. The recovery phrase or another device helps; nothing may be deleted.
    case keyGone(Explanation)
    /// A key or phrase does not open this journal.
    case wrongKey(Explanation)
    /// A file or record is damaged or foreign.
    case corrupt(Explanation)
    /// Written by a newer version.
    case tooNew(Explanation)
    /// Nothing by that name.
    case notFound(Explanation)
    /// More than one thing by that name.
    case ambiguous(Explanation)
    /// The request or its input makes no sense.
    case invalid(Explanation)
    /// The disk is full; nothing was changed.
    case storageFull(Explanation)
    /// No device answered.
    case unreachable(Explanation)
    /// The other side, or a rule of the journal, said no.
    case refused(Explanation)
    /// Stopped at the caller's wish.
    case cancelled(Explanation)
    /// A bug in Afterword.
    case `internal`(Explanation)

    /// Why, and what to do.
    public struct Explanation: Hashable, Sendable {
        /// What was attempted, and why it failed.
        public let sentence: String
        /// What to do about it.
        public let hint: String

        /// An explanation in these words.
        public init(sentence: String, hint: String) {
            self.sentence = sentence
            self.hint = hint
        }
    }

    /// Why, and what to do.
    public var explanation: Explanation {
        switch self {
        case .locked(let why), .keyGone(let why), .wrongKey(let why), .corrupt(let why), .tooNew(let why),
            .notFound(let why), .ambiguous(let why), .invalid(let why), .storageFull(let why),
            .unreachable(let why), .refused(let why), .cancelled(let why), .internal(let why):
            why
        }
    }
}

extension AfterwordError: CustomStringConvertible {
    public var description: String { "\(explanation.sentence); \(explanation.hint)" }
}

extension AfterwordError: LocalizedError {
    public var errorDescription: String? { description }
    public var failureReason: String? { explanation.sentence }
    public var recoverySuggestion: String? { explanation.hint }
}
