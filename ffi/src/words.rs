//! The vocabularies of a journal: core's words as enums of Kotlin and Swift.

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident of $core:path { $($(#[$vdoc:meta])* $variant:ident),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
        pub enum $name {$($(#[$vdoc])* $variant,)*}

        impl From<$core> for $name {
            fn from(word: $core) -> Self {
                match word { $(<$core>::$variant => Self::$variant,)* }
            }
        }

        impl From<$name> for $core {
            fn from(word: $name) -> Self {
                match word { $($name::$variant => Self::$variant,)* }
            }
        }
    )*};
}

words! {
    /// What an entry is about.
    Kind of afterword_core::journal::Kind {
        /// Something went wrong.
        Failure,
        /// Something or someone is gone. No causes are asked for.
        Loss,
        /// One empty page, no prompts.
        Vent,
        /// A small failure on purpose.
        Experiment,
        /// Something went right; evidence for a bad hour.
        Win,
        /// Anything else.
        Note,
    }
    /// What a line of an entry says.
    ItemKind of afterword_core::journal::ItemKind {
        /// My part in it.
        Mine,
        /// What was not mine.
        NotMine,
        /// What I learned.
        Lesson,
        /// What to take along.
        CarryForward,
        /// What to do.
        Action,
        /// What to make good.
        Repair,
        /// What came of it.
        Aftermath,
        /// What speaks for or against.
        Evidence,
        /// What is still open.
        OpenQuestion,
        /// What I want.
        Want,
    }
    /// Where a line stands.
    ItemState of afterword_core::journal::ItemState {
        /// Not done yet.
        Open,
        /// Done.
        Done,
        /// Let go of.
        Dropped,
    }
    /// What a mark is a word for.
    MarkGroup of afterword_core::journal::MarkGroup {
        /// Where in life it belongs.
        Areas,
        /// What sort of failure it was.
        Nature,
        /// What it felt like.
        Feelings,
        /// What played a part.
        Factors,
        /// What it was measured against.
        MeasuredAgainst,
        /// The writer's own words.
        Tags,
    }
    /// How an entry was closed.
    ClosureKind of afterword_core::journal::ClosureKind {
        /// By writing.
        Wrote,
        /// By talking.
        Talked,
        /// By making it good.
        Repaired,
        /// By letting go.
        LetGo,
        /// Nothing was needed.
        NoneNeeded,
        /// As something one lives with.
        LivingWithIt,
    }
    /// What of an attachment is said in words.
    AttachmentField of afterword_core::journal::edit::AttachmentField {
        /// The writer's caption.
        Caption,
        /// What the picture shows.
        Alt,
        /// Whose it is.
        Credit,
    }
    /// How two entries belong together.
    LinkKind of afterword_core::journal::LinkKind {
        /// It happened again.
        Repeats,
        /// It goes on.
        Continues,
        /// One led to the other.
        Inspired,
        /// One speaks for the other.
        Evidence,
    }
    /// What comes next.
    NextMove of afterword_core::journal::NextMove {
        /// Try again.
        Climb,
        /// Another way.
        Around,
        /// Rest.
        Rest,
        /// Nothing.
        None,
    }
    /// Where the writer stands with an entry; several at once.
    InnerState of afterword_core::journal::InnerState {
        /// Put away until a day or by hand.
        Boxed,
        /// Nothing was added to the telling yet.
        Raw,
        /// Has a reflection.
        Reflected,
        /// Closed as something one lives with.
        LivingWithIt,
        /// Closed.
        Closed,
        /// Was closed, and is open again.
        Reopened,
    }
    /// Whether a journal is open, and why not.
    LockState of afterword_core::engine::LockState {
        /// Its key is not at hand yet.
        Locked,
        /// It is open.
        Open,
        /// The app sleeps.
        Paused,
        /// It was shut down.
        Ended,
        /// A bug in Afterword stopped it; what was saved is saved.
        Broken,
    }
}
