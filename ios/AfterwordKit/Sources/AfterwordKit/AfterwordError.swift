import Foundation

/// What went wrong, and what to do about it. One case for each thing that an app can act on.
///
/// ``description`` is the whole text, the same in every language that Afterword speaks: the sentence, a semicolon, the
/// hint. None of it ever holds what a person wrote.
public enum AfterwordError: Error, Hashable, Sendable {
    /// The journal is closed, or its key is not at hand yet. One that is `paused` opens again by ``Journal/resume()``.
    case locked(Explanation, paused: Bool)
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
    /// The request or its input makes no sense; which `field` of it, where that can be said.
    case invalid(Explanation, field: String?)
    /// The disk is full; nothing was changed.
    case storageFull(Explanation)
    /// No device answered.
    case unreachable(Explanation)
    /// The other side, or a rule of the journal, said no. The `reason` is a word, where one can be said: `not_a_member`,
    /// `pairing`, `closed`.
    case refused(Explanation, reason: String?)
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

    /// The case as one word: that of the laptop program's JSON.
    public enum Code: String, Codable, CaseIterable, Sendable {
        /// ``AfterwordError/locked(_:paused:)``
        case locked
        /// ``AfterwordError/keyGone(_:)``
        case keyGone = "key_gone"
        /// ``AfterwordError/wrongKey(_:)``
        case wrongKey = "wrong_key"
        /// ``AfterwordError/corrupt(_:)``
        case corrupt
        /// ``AfterwordError/tooNew(_:)``
        case tooNew = "too_new"
        /// ``AfterwordError/notFound(_:)``
        case notFound = "not_found"
        /// ``AfterwordError/ambiguous(_:)``
        case ambiguous
        /// ``AfterwordError/invalid(_:field:)``
        case invalid
        /// ``AfterwordError/storageFull(_:)``
        case storageFull = "storage_full"
        /// ``AfterwordError/unreachable(_:)``
        case unreachable
        /// ``AfterwordError/refused(_:reason:)``
        case refused
        /// ``AfterwordError/cancelled(_:)``
        case cancelled
        /// ``AfterwordError/internal(_:)``
        case `internal`
    }

    /// The case as one word.
    public var code: Code { parts.0 }

    /// Why, and what to do.
    public var explanation: Explanation { parts.1 }

    private var parts: (Code, Explanation) {
        switch self {
        case .locked(let why, _): (.locked, why)
        case .keyGone(let why): (.keyGone, why)
        case .wrongKey(let why): (.wrongKey, why)
        case .corrupt(let why): (.corrupt, why)
        case .tooNew(let why): (.tooNew, why)
        case .notFound(let why): (.notFound, why)
        case .ambiguous(let why): (.ambiguous, why)
        case .invalid(let why, _): (.invalid, why)
        case .storageFull(let why): (.storageFull, why)
        case .unreachable(let why): (.unreachable, why)
        case .refused(let why, _): (.refused, why)
        case .cancelled(let why): (.cancelled, why)
        case .internal(let why): (.internal, why)
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
