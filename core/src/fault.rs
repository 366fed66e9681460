//! Fault injection: known defects that a test plants, to prove that it would catch them.
//!
//! What ships has none of it. Without the feature `faults` nothing can be planted, [`Faults::has`] is `false` at compile
//! time, and the optimizer removes every branch that asks it; a test looks into the shipped program and libraries.

use std::fmt;

/// A defect that can be planted.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "faults"), derive(Debug))]
pub enum Fault {
    /// The session acknowledges a batch when it arrives, not when it is durable.
    AcknowledgeBeforeDurable,
    /// A change is ready though its dependencies are not held.
    MergeWithoutDependencies,
    /// How far a log is held is written in a transaction of its own.
    VectorNotInTheTransaction,
    /// An add counts though a remove of its signer had not seen it.
    AddOutsideARemoversView,
    /// A keep is signed in a later transaction than the statement that calls for it.
    KeepNotInTheStatementsTransaction,
    /// A missing body is accepted without an erase certificate.
    HoleWithoutCertificate,
    /// A removed device's session goes on: what was known when it began still counts.
    StandingFromTheSessionsBeginning,
    /// What is read for a member goes out though this device has heard of a removal since it compared with it.
    EntriesBeforeTheRemoval,
    /// Before a device is removed, this one syncs with everybody, the one that goes included.
    SyncsBeforeTheRemoval,
    /// A device goes on appending to an incarnation that a peer holds further.
    RollbackIgnored,
    /// A pack leaves out the last of the operations that it stands for.
    PackDropsTheLast,
    /// What a peer announces is kept, whether or not it was erased here.
    AnnouncesTheErased,
    /// A repair does not write down again what can be read behind the damage.
    RepairForgetsTheRest,
    /// Rows that were prepared are written though the log says something else since, and the mark is taken away.
    DerivesWhatHasMovedOn,
    /// A large document over which the process ended as often as it may is opened all the same.
    OpensWhatEndedTheProcess,
    /// Rows that were prepared are written though their entry was erased since.
    DerivesTheErased,
    /// What another device's statement says that this version does not understand is not stored.
    ForgetsTheUnknown,
    /// A certificate is held though no operation names its entry.
    TakesEveryCertificate,
    /// A device's logs are taken, however many they are.
    TakesEveryLog,
    /// A peer's word that it holds our log further is believed.
    BelievesClaims,
    /// What a peer sends is not counted while it waits for the store.
    WindowWithoutCount,
    /// A removed device's logs are kept by a statement for each.
    KeepForEachLog,
    /// The statements are read and checked again in every transaction.
    StatementsNotCached,
    /// A text is written over in one change, however long it is, and nobody asks whether a reader takes that.
    WritesMoreThanIsRead,
}

#[cfg(not(any(test, feature = "faults")))]
impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names stay out of what ships.
        f.write_str("Fault")
    }
}

/// What is planted in a device or a session: at most one fault, and in what ships none.
#[derive(Clone, Copy, Default)]
pub struct Faults(#[cfg(any(test, feature = "faults"))] Option<Fault>);

#[cfg(any(test, feature = "faults"))]
impl Faults {
    /// Returns the fault that is planted, or `None`.
    pub fn planted(self) -> Option<Fault> {
        self.0
    }

    /// Returns whether this fault is planted.
    pub fn has(self, fault: Fault) -> bool {
        self.0 == Some(fault)
    }
}

#[cfg(not(any(test, feature = "faults")))]
impl Faults {
    /// Returns `false`: nothing can be planted in what ships.
    pub const fn has(self, _: Fault) -> bool {
        false
    }
}

#[cfg(any(test, feature = "faults"))]
impl From<Option<Fault>> for Faults {
    fn from(fault: Option<Fault>) -> Self {
        Self(fault)
    }
}

#[cfg(any(test, feature = "faults"))]
impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(Some(fault))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(any(test, feature = "faults"))]
        let said = write!(f, "{:?}", self.0);
        #[cfg(not(any(test, feature = "faults")))]
        let said = f.write_str("None");
        said
    }
}
