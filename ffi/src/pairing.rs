//! Adding a device, from either side: an object that can be watched and cancelled.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use afterword_core::engine::{Environment, JoinOptions, Joined, JournalHandle, Stop};
use afterword_system::environment;

use crate::discovery::{Adapter as Looks, Discovery};
use crate::engine::Engine;
use crate::error::{Result, parse, parse_some};
use crate::events::{ListenerError, PairingStep};
use crate::vault::{Adapter, KeyVault};

/// How long the host is looked for on the network.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// Hears how far a pairing is, one step after the other, on the thread that called. Must not block.
#[uniffi::export(foreign)]
pub trait PairingListener: Send + Sync {
    /// Takes one step.
    fn on_step(&self, step: PairingStep) -> std::result::Result<(), ListenerError>;
}

/// Who joined whom.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Paired {
    /// The newcomer.
    pub device: String,
    /// Its name.
    pub device_name: String,
    /// The device that showed the code.
    pub host: String,
    /// Its name.
    pub host_name: String,
}

impl From<Joined> for Paired {
    fn from(Joined { device, device_name, host, host_name, .. }: Joined) -> Self {
        Self { device: device.to_string(), device_name, host: host.to_string(), host_name }
    }
}

/// A journal that was joined.
#[derive(Debug, uniffi::Record)]
pub struct JoinedJournal {
    /// The journal, open.
    pub engine: Arc<Engine>,
    /// Who joined whom.
    pub paired: Paired,
}

/// One pairing. Made first, so that it can be cancelled while a call waits for the other device.
#[derive(Debug, uniffi::Object)]
pub struct Pairing {
    stop: Stop,
    environment: Environment,
    /// One call at a time.
    running: Mutex<()>,
}

#[uniffi::export]
impl Pairing {
    /// A pairing that has not begun.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { stop: Stop::default(), environment: environment(), running: Mutex::default() })
    }

    /// Shows a code and adds the device that comes with it. Blocks until both hold the same. Listens at `listen`, an
    /// address with a port, 0 for any.
    pub fn host(
        &self,
        engine: &Engine,
        listen: String,
        discover: bool,
        listener: Arc<dyn PairingListener>,
    ) -> Result<Paired> {
        let _running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let listen = parse(&listen, "listen")?;
        // A listener that fails is told the next step.
        let told = |step: afterword_core::engine::PairingStep| drop(listener.on_step(step.into()));
        Ok(engine.0.pair_host(listen, discover, self.stop.heard(), told)?.into())
    }

    /// Joins the journal whose `code` another device shows, as typed or as scanned, in the folder `home`. Blocks until
    /// both hold the same. `peer` is the other device's address, where no network says it.
    pub fn join(
        &self,
        code: String,
        peer: Option<String>,
        newcomer: Newcomer,
        vault: Arc<dyn KeyVault>,
        listener: Arc<dyn PairingListener>,
    ) -> Result<JoinedJournal> {
        let _running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let (peer, stop) = (parse_some(peer.as_ref(), "peer")?, Some(self.stop.heard()));
        let options = JoinOptions { name: newcomer.name, peer, discover: DISCOVERY_TIMEOUT, stop };
        let told = |step: afterword_core::engine::PairingStep| drop(listener.on_step(step.into()));
        let vault = Arc::new(Adapter(vault));
        let environment = self.environment.clone();
        let (keeper, joined) =
            JournalHandle::join(Path::new(&newcomer.home), &code, &options, vault, environment, told)?;
        Ok(JoinedJournal { engine: Arc::new(Engine(keeper)), paired: joined.into() })
    }

    /// Looks for the host, and in the joined journal for every device, with the system's own service.
    pub fn use_discovery(&self, discovery: Arc<dyn Discovery>) -> Result<()> {
        self.environment.look_with(Arc::new(Looks(discovery)));
        Ok(())
    }

    /// Ends the call that waits; it answers `cancelled`.
    pub fn cancel(&self) -> Result<()> {
        self.stop.stop();
        Ok(())
    }
}

/// Who joins: what the device is to be called, and the folder for the journal.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Newcomer {
    /// The device's name.
    pub name: String,
    /// The folder.
    pub home: String,
}
