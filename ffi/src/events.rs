//! What an app hears, and how it stops hearing it.

use std::fmt;
use std::sync::Arc;

use afterword_core::engine as core;
use uniffi::UnexpectedUniFFICallbackError;

use crate::entries::texts;
use crate::error::Result;
use crate::words::LockState;

/// Something changed: whoever shows it asks again. No event carries what was written.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Event {
    /// Whether the journal is open.
    LockChanged {
        /// Whether it is.
        state: LockState,
    },
    /// Lists may read otherwise.
    ListChanged {
        /// How often they changed; only ever grows.
        revision: u64,
    },
    /// An entry that is being edited reads otherwise.
    EntryChanged {
        /// The entry.
        id: String,
        /// Its heads now; none once it is erased.
        heads: Vec<String>,
    },
    /// What syncing is at.
    SyncChanged {
        /// What it is at.
        state: SyncState,
    },
    /// A device was added, removed or heard of.
    DevicesChanged,
    /// A pairing went on.
    PairingStep {
        /// How far it is.
        step: PairingStep,
    },
    /// Something a person should know.
    Alarm {
        /// A word for it.
        code: String,
    },
}

/// What syncing is at.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum SyncState {
    /// Nothing goes on.
    Idle,
    /// Devices are looked for or met.
    Running,
    /// What came is read for lists and search.
    Deriving {
        /// Documents read since some waited.
        done: u64,
        /// Documents that wait.
        left: u64,
    },
    /// A device was met.
    Met {
        /// The device.
        device: String,
        /// Whether both held the same at the end.
        equal: bool,
    },
    /// It came to nothing.
    Failed {
        /// A word of CLI.md for why.
        code: String,
    },
}

/// How far a pairing is.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
pub enum PairingStep {
    /// A code is to be shown.
    Code {
        /// To be typed.
        code: String,
        /// To be scanned.
        qr: String,
        /// Until when, in milliseconds since 1970.
        expires_at_ms: i64,
    },
    /// Somebody typed a wrong word; so many more codes are shown.
    WrongCode {
        /// How many.
        left: u8,
    },
    /// The other device belongs to the journal, and the first sync goes on.
    Added {
        /// The other device.
        device: String,
        /// Its name.
        name: String,
    },
    /// So many operations came or went.
    Syncing {
        /// Sent and received.
        operations: u64,
    },
    /// Both hold the same.
    Done,
    /// It came to nothing.
    Failed {
        /// A word of CLI.md for why.
        code: String,
    },
}

impl fmt::Debug for PairingStep {
    /// Whoever reads the code of an open window can join: it stands in no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { expires_at_ms, .. } => write!(f, "Code(… until {expires_at_ms})"),
            Self::WrongCode { left } => write!(f, "WrongCode({left} left)"),
            Self::Added { device, name } => write!(f, "Added({device}, {name:?})"),
            Self::Syncing { operations } => write!(f, "Syncing({operations})"),
            Self::Done => f.write_str("Done"),
            Self::Failed { code } => write!(f, "Failed({code})"),
        }
    }
}

impl From<core::Event> for Event {
    fn from(event: core::Event) -> Self {
        match event {
            core::Event::LockChanged(state) => Self::LockChanged { state: state.into() },
            core::Event::ListChanged { revision } => Self::ListChanged { revision },
            core::Event::EntryChanged { id, heads } => Self::EntryChanged { id: id.to_string(), heads: texts(&heads) },
            core::Event::SyncChanged(state) => Self::SyncChanged { state: state.into() },
            core::Event::DevicesChanged => Self::DevicesChanged,
            core::Event::PairingStep(step) => Self::PairingStep { step: step.into() },
            core::Event::Alarm(code) => Self::Alarm { code: code.as_str().to_owned() },
        }
    }
}

impl From<core::SyncState> for SyncState {
    fn from(state: core::SyncState) -> Self {
        match state {
            core::SyncState::Idle => Self::Idle,
            core::SyncState::Running => Self::Running,
            core::SyncState::Deriving { done, left } => Self::Deriving { done, left },
            core::SyncState::Met { device, equal } => Self::Met { device: device.to_string(), equal },
            core::SyncState::Failed { code } => Self::Failed { code: code.as_str().to_owned() },
        }
    }
}

impl From<core::PairingStep> for PairingStep {
    fn from(step: core::PairingStep) -> Self {
        match step {
            core::PairingStep::Code { code, qr, expires_at } => Self::Code { code, qr, expires_at_ms: expires_at },
            core::PairingStep::WrongCode { left } => Self::WrongCode { left },
            core::PairingStep::Added { device, name } => Self::Added { device: device.to_string(), name },
            core::PairingStep::Syncing { operations } => Self::Syncing { operations },
            core::PairingStep::Done => Self::Done,
            core::PairingStep::Failed { code } => Self::Failed { code: code.as_str().to_owned() },
        }
    }
}

/// Why an app did not take what it was told. It is told the next thing all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum ListenerError {
    /// It threw. What was thrown may quote what was written, so nothing of it is carried on.
    #[error("the app's listener failed")]
    Failed,
}

impl From<UnexpectedUniFFICallbackError> for ListenerError {
    fn from(_: UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// Hears events, one after the other, on a thread of its own: first how things are, then what changes. Must not block.
#[uniffi::export(foreign)]
pub trait EventListener: Send + Sync {
    /// Takes one event.
    fn on_event(&self, event: Event) -> std::result::Result<(), ListenerError>;
}

/// The app's listener, as core sees it.
pub(crate) struct Adapter(pub(crate) Arc<dyn EventListener>);

impl core::Listener for Adapter {
    fn on_event(&self, event: core::Event) -> std::result::Result<(), core::NotHeard> {
        self.0.on_event(event.into()).map_err(|_| core::NotHeard)
    }
}

/// Ends when it is cancelled or let go of.
#[derive(Debug, uniffi::Object)]
pub struct Subscription(pub(crate) core::Subscription);

#[uniffi::export]
impl Subscription {
    /// Ends it: its listener hears nothing more once this returned. A second time does nothing.
    pub fn cancel(&self) -> Result<()> {
        self.0.cancel();
        Ok(())
    }
}
