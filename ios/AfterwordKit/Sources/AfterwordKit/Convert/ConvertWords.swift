internal import AfterwordGenerated

// The words of a journal, from what is generated and back.
// Made by `tests/tests/conformance/vocabulary.rs` from core's vocabularies; do not edit.

extension Kind {
    init(_ word: AfterwordGenerated.Kind) {
        self =
            switch word {
            case .failure: .failure
            case .loss: .loss
            case .vent: .vent
            case .experiment: .experiment
            case .win: .win
            case .note: .note
            }
    }

    var crossing: AfterwordGenerated.Kind {
        switch self {
        case .failure: .failure
        case .loss: .loss
        case .vent: .vent
        case .experiment: .experiment
        case .win: .win
        case .note: .note
        }
    }
}

extension ItemKind {
    init(_ word: AfterwordGenerated.ItemKind) {
        self =
            switch word {
            case .mine: .mine
            case .notMine: .notMine
            case .lesson: .lesson
            case .carryForward: .carryForward
            case .action: .action
            case .repair: .repair
            case .aftermath: .aftermath
            case .evidence: .evidence
            case .openQuestion: .openQuestion
            case .want: .want
            }
    }

    var crossing: AfterwordGenerated.ItemKind {
        switch self {
        case .mine: .mine
        case .notMine: .notMine
        case .lesson: .lesson
        case .carryForward: .carryForward
        case .action: .action
        case .repair: .repair
        case .aftermath: .aftermath
        case .evidence: .evidence
        case .openQuestion: .openQuestion
        case .want: .want
        }
    }
}

extension ItemState {
    init(_ word: AfterwordGenerated.ItemState) {
        self =
            switch word {
            case .open: .open
            case .done: .done
            case .dropped: .dropped
            }
    }

    var crossing: AfterwordGenerated.ItemState {
        switch self {
        case .open: .open
        case .done: .done
        case .dropped: .dropped
        }
    }
}

extension MarkGroup {
    init(_ word: AfterwordGenerated.MarkGroup) {
        self =
            switch word {
            case .areas: .areas
            case .nature: .nature
            case .feelings: .feelings
            case .factors: .factors
            case .measuredAgainst: .measuredAgainst
            case .tags: .tags
            }
    }

    var crossing: AfterwordGenerated.MarkGroup {
        switch self {
        case .areas: .areas
        case .nature: .nature
        case .feelings: .feelings
        case .factors: .factors
        case .measuredAgainst: .measuredAgainst
        case .tags: .tags
        }
    }
}

extension ClosureKind {
    init(_ word: AfterwordGenerated.ClosureKind) {
        self =
            switch word {
            case .wrote: .wrote
            case .talked: .talked
            case .repaired: .repaired
            case .letGo: .letGo
            case .noneNeeded: .noneNeeded
            case .livingWithIt: .livingWithIt
            }
    }

    var crossing: AfterwordGenerated.ClosureKind {
        switch self {
        case .wrote: .wrote
        case .talked: .talked
        case .repaired: .repaired
        case .letGo: .letGo
        case .noneNeeded: .noneNeeded
        case .livingWithIt: .livingWithIt
        }
    }
}

extension LinkKind {
    init(_ word: AfterwordGenerated.LinkKind) {
        self =
            switch word {
            case .repeats: .repeats
            case .continues: .continues
            case .inspired: .inspired
            case .evidence: .evidence
            }
    }

    var crossing: AfterwordGenerated.LinkKind {
        switch self {
        case .repeats: .repeats
        case .continues: .continues
        case .inspired: .inspired
        case .evidence: .evidence
        }
    }
}

extension NextMove {
    init(_ word: AfterwordGenerated.NextMove) {
        self =
            switch word {
            case .climb: .climb
            case .around: .around
            case .rest: .rest
            case .none: .nothing
            }
    }

    var crossing: AfterwordGenerated.NextMove {
        switch self {
        case .climb: .climb
        case .around: .around
        case .rest: .rest
        case .nothing: .none
        }
    }
}

extension InnerState {
    init(_ word: AfterwordGenerated.InnerState) {
        self =
            switch word {
            case .boxed: .boxed
            case .raw: .raw
            case .reflected: .reflected
            case .livingWithIt: .livingWithIt
            case .closed: .closed
            case .reopened: .reopened
            }
    }

    var crossing: AfterwordGenerated.InnerState {
        switch self {
        case .boxed: .boxed
        case .raw: .raw
        case .reflected: .reflected
        case .livingWithIt: .livingWithIt
        case .closed: .closed
        case .reopened: .reopened
        }
    }
}

extension Audience {
    init(_ word: AfterwordGenerated.Audience) {
        self =
            switch word {
            case .private: .private
            case .persons: .persons
            case .public: .public
            case .withdrawn: .withdrawn
            }
    }

    var crossing: AfterwordGenerated.Audience {
        switch self {
        case .private: .private
        case .persons: .persons
        case .public: .public
        case .withdrawn: .withdrawn
        }
    }
}
