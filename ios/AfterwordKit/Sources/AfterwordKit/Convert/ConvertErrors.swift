internal import AfterwordGenerated
import Foundation

extension AfterwordError {
    /// What crossed, as this library's own. Anything else is a panic, whose text may quote what a person wrote: nothing of
    /// it is carried on.
    init(_ thrown: any Error) {
        guard let thrown = thrown as? AfterwordGenerated.AfterwordError else {
            self = .internal(
                Explanation(
                    sentence: "something went wrong inside Afterword",
                    hint: "nothing that was saved is lost; open the journal again, and report what was done"))
            return
        }
        self =
            switch thrown {
            case .Locked(let sentence, let hint, let paused):
                .locked(.init(sentence: sentence, hint: hint), paused: paused)
            case .KeyGone(let sentence, let hint): .keyGone(.init(sentence: sentence, hint: hint))
            case .WrongKey(let sentence, let hint): .wrongKey(.init(sentence: sentence, hint: hint))
            case .Corrupt(let sentence, let hint): .corrupt(.init(sentence: sentence, hint: hint))
            case .TooNew(let sentence, let hint): .tooNew(.init(sentence: sentence, hint: hint))
            case .NotFound(let sentence, let hint): .notFound(.init(sentence: sentence, hint: hint))
            case .Ambiguous(let sentence, let hint): .ambiguous(.init(sentence: sentence, hint: hint))
            case .Invalid(let sentence, let hint, let field):
                .invalid(.init(sentence: sentence, hint: hint), field: field.isEmpty ? nil : field)
            case .StorageFull(let sentence, let hint): .storageFull(.init(sentence: sentence, hint: hint))
            case .Unreachable(let sentence, let hint): .unreachable(.init(sentence: sentence, hint: hint))
            case .Refused(let sentence, let hint, let reason):
                .refused(.init(sentence: sentence, hint: hint), reason: reason.isEmpty ? nil : reason)
            case .Cancelled(let sentence, let hint): .cancelled(.init(sentence: sentence, hint: hint))
            case .Internal(let sentence, let hint): .internal(.init(sentence: sentence, hint: hint))
            }
    }
}

extension AfterwordError.Code {
    /// A code that crossed as a word.
    init(word: String) { self = Self(rawValue: word) ?? .internal }
}
