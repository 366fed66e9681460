//! What goes wrong on demand, for the scenarios of `tests/conformance`; not in what is shipped.

use std::sync::Arc;

use afterword_core::error::Error;

use crate::engine::Engine;
use crate::error::Result;

/// As many pages as a database may have.
const ROOM: u32 = u32::MAX - 1;

/// What goes wrong, on one journal.
#[derive(Debug, uniffi::Object)]
pub struct Trouble(Arc<Engine>);

#[uniffi::export]
impl Trouble {
    /// Trouble for this journal.
    #[uniffi::constructor]
    pub fn of(engine: Arc<Engine>) -> Arc<Self> {
        Arc::new(Self(engine))
    }

    /// A bug.
    #[allow(clippy::panic, reason = "what this is for")]
    pub fn panic(&self) -> Result<()> {
        Ok(self.0.with(|_| -> std::result::Result<(), Error> { panic!("a bug on demand") })?)
    }

    /// The disk is full, or has room again.
    pub fn fill_disk(&self, full: bool) -> Result<()> {
        self.0.with(|engine| engine.limit_room(if full { 0 } else { ROOM }))?;
        Ok(())
    }
}
