//! One journal on one device, for the tests beside.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::{Edited, Engine, Environment, SharedEntropy};
use crate::error::Result;
use crate::id::EntryId;
use crate::journal::edit::{Edit, TextField};
use crate::testing::journal::Seeded;
use crate::time::{Clock, Timestamp};
use crate::transport::DiscoverySource;
use crate::vault::{Costs, Unlock};

/// A clock that only moves when somebody looks.
#[derive(Debug, Default)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000 + self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// What opens [`made`].
pub(super) const PASSPHRASE: &str = "opened by a test";

pub(super) fn environment(seed: u64) -> Environment {
    Environment {
        clock: Arc::new(Ticking::default()),
        entropy: SharedEntropy::new(Box::new(Seeded::new(seed))),
        finder: DiscoverySource::default(),
    }
}

pub(super) fn made() -> (tempfile::TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let unlock = Unlock::NewPassphrase { passphrase: PASSPHRASE, costs: Costs::LEAST };
    let (engine, _) = Engine::create(folder.path(), unlock, "a device", environment(1)).unwrap();
    (folder, engine)
}

/// The journal once more, as another process has it.
pub(super) fn again(engine: &Engine, seed: u64) -> Engine {
    Engine::open_with_key(engine.shared.home.clone(), &engine.key, environment(seed), None).unwrap()
}

/// Writes a text whole, on what stands there now.
pub(super) fn set_text(engine: &Engine, id: EntryId, field: TextField, text: &str) -> Result<Edited> {
    let base = engine.heads(id)?;
    engine.edit(id, &[Edit::SetText { field, base, text: text.to_owned() }])
}
