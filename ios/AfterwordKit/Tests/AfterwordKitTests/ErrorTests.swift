import AfterwordGenerated
import Testing

@testable import AfterwordKit

/// What crosses as an error arrives as one of ours.
@Suite struct ErrorTests {
    /// That none is missing, the exhaustive `switch` in `Convert.swift` holds.
    @Test("every error keeps its name and its text")
    func everyError() {
        let (sentence, hint) = ("it failed", "do this")
        let why = AfterwordKit.AfterwordError.Explanation(sentence: sentence, hint: hint)
        let pairs: [(AfterwordGenerated.AfterwordError, AfterwordKit.AfterwordError)] = [
            (.Locked(sentence: sentence, hint: hint, paused: true), .locked(why, paused: true)),
            (.KeyGone(sentence: sentence, hint: hint), .keyGone(why)),
            (.WrongKey(sentence: sentence, hint: hint), .wrongKey(why)),
            (.Corrupt(sentence: sentence, hint: hint), .corrupt(why)),
            (.TooNew(sentence: sentence, hint: hint), .tooNew(why)),
            (.NotFound(sentence: sentence, hint: hint), .notFound(why)),
            (.Ambiguous(sentence: sentence, hint: hint), .ambiguous(why)),
            (.Invalid(sentence: sentence, hint: hint, field: "day"), .invalid(why, field: "day")),
            (.Invalid(sentence: sentence, hint: hint, field: ""), .invalid(why, field: nil)),
            (.StorageFull(sentence: sentence, hint: hint), .storageFull(why)),
            (.Unreachable(sentence: sentence, hint: hint), .unreachable(why)),
            (.Refused(sentence: sentence, hint: hint, reason: "closed"), .refused(why, reason: "closed")),
            (.Refused(sentence: sentence, hint: hint, reason: ""), .refused(why, reason: nil)),
            (.Cancelled(sentence: sentence, hint: hint), .cancelled(why)),
            (.Internal(sentence: sentence, hint: hint), .internal(why)),
        ]
        #expect(Set(pairs.map(\.1.code)) == Set(AfterwordKit.AfterwordError.Code.allCases))
        for (crossed, ours) in pairs {
            #expect(AfterwordKit.AfterwordError(crossed) == ours)
            #expect(ours.description == "it failed; do this")
        }
    }

    @Test("what a panic says is carried no further")
    func panic() {
        struct Panic: Error { let quoted = "what a person wrote" }
        let ours = AfterwordKit.AfterwordError(Panic())
        guard case .internal = ours else {
            Issue.record("\(ours)")
            return
        }
        #expect(!"\(ours)".contains("wrote"))
    }
}
