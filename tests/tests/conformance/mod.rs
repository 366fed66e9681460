//! The scenarios of `tests/conformance/scenarios.md` in Rust, through the surface that Kotlin and Swift call.
//!
//! Each scenario is a test named after its line there. The kits run the same list in their languages.

mod across;
mod life;
mod meeting;
mod reading;
mod vocabulary;
mod writing;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use afterword_ffi::{
    AfterwordError, Created, Engine, Event, EventListener, KeyVault, KeyVaultError, Kind, ListenerError, NewEntry,
    create_journal,
};

const SOON: Duration = Duration::from_secs(30);
const LIST: &str = include_str!("../../conformance/scenarios.md");

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An app's vault, which can be shut, emptied and given another key.
#[derive(Debug, Default)]
struct Vault {
    held: Mutex<BTreeMap<String, Vec<u8>>>,
    is_shut: AtomicBool,
}

impl Vault {
    fn shut(&self, is_shut: bool) {
        self.is_shut.store(is_shut, Ordering::Relaxed);
    }
}

impl KeyVault for Vault {
    fn store(&self, name: String, secret: Vec<u8>) -> Result<(), KeyVaultError> {
        lock(&self.held).insert(name, secret);
        Ok(())
    }

    fn load(&self, name: String) -> Result<Option<Vec<u8>>, KeyVaultError> {
        if self.is_shut.load(Ordering::Relaxed) {
            return Err(KeyVaultError::Locked);
        }
        Ok(lock(&self.held).get(&name).cloned())
    }

    fn delete(&self, name: String) -> Result<(), KeyVaultError> {
        lock(&self.held).remove(&name);
        Ok(())
    }
}

/// A journal in a folder of its own.
struct Home {
    folder: tempfile::TempDir,
    vault: Arc<Vault>,
    engine: Arc<Engine>,
    phrase: String,
}

impl Home {
    fn made() -> Self {
        let (folder, vault) = (tempfile::tempdir().unwrap(), Arc::<Vault>::default());
        let Created { engine, phrase } = create_journal(text(folder.path()), "phone".into(), vault.clone()).unwrap();
        Self { folder, vault, engine, phrase }
    }

    /// The same journal, opened as another program would.
    fn again(&self) -> Result<Arc<Engine>, AfterwordError> {
        Engine::open(text(self.folder.path()), self.vault.clone()).map(Arc::new)
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn note(title: &str, body: &str) -> NewEntry {
    NewEntry { kind: Kind::Note, title: title.into(), body: body.into(), sections: Vec::new(), happened: None }
}

/// A listener that passes on what it hears, or throws each time.
struct Hears {
    tell: Mutex<Sender<Event>>,
    throws: bool,
}

impl EventListener for Hears {
    fn on_event(&self, event: Event) -> Result<(), ListenerError> {
        lock(&self.tell).send(event).map_err(|_| ListenerError::Failed)?;
        if self.throws { Err(ListenerError::Failed) } else { Ok(()) }
    }
}

fn hearing(throws: bool) -> (Arc<Hears>, Receiver<Event>) {
    let (tell, hear) = channel();
    (Arc::new(Hears { tell: Mutex::new(tell), throws }), hear)
}

fn until(hear: &Receiver<Event>, what: impl Fn(&Event) -> bool) -> Event {
    loop {
        let event = hear.recv_timeout(SOON).expect("the event never came");
        if what(&event) {
            return event;
        }
    }
}

/// Every line of the list has a test here.
#[test]
fn no_scenario_is_missing() {
    let sources =
        [include_str!("across.rs"), include_str!("life.rs"), include_str!("meeting.rs"), include_str!("writing.rs")]
            .concat();
    let numbered = LIST
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(number, _)| number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit()));
    let mut count = 0;
    for (number, rest) in numbered {
        count += 1;
        let name = rest.split(':').next().unwrap_or_default();
        assert!(sources.contains(&format!("fn s{number}_{name}()")), "scenario {number} {name} has no test in Rust");
    }
    assert!(count >= 30, "the list has {count} scenarios");
}
