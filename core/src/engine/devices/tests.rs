//! What a removal gives away: nothing to the device that goes, and to the others the removal before anything else.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use tokio::sync::watch;

use super::*;
use crate::crypto::{RecoveryPhrase, Secret};
use crate::engine::alone::{PASSPHRASE, environment};
use crate::engine::home::{Device, create_store};
use crate::engine::{Engine, ServeEvent, ServeOptions};
use crate::fault::Fault;
use crate::files::Home;
use crate::id::EntryId;
use crate::journal::{Kind, NewEntry};
use crate::testing::journal::Seeded;
use crate::vault::Unlock;

const SOON: Duration = Duration::from_secs(30);

/// As many devices of one journal, all added with its recovery phrase.
pub(in crate::engine) fn devices<const N: usize>(folder: &Path) -> [Engine; N] {
    let mut entropy = Seeded::new(3);
    let phrase = RecoveryPhrase::generate(&mut entropy);
    let made: [_; N] = std::array::from_fn(|_| Device::generate(&mut entropy));
    let genesis = Statement::genesis(&phrase.signing_key(), phrase.sealing_key().public(), [4; 16]);
    let journal = genesis.journal();
    let mut statements = vec![genesis];
    for (at, device) in made.iter().enumerate() {
        let newcomer = device.newcomer(&journal, &format!("device {at}")).unwrap();
        let (tips, key) = ([statements[at].id()], phrase.signing_key());
        statements.push(Statement::add(Signer::Recovery(&key), &journal, &tips, newcomer, Timestamp(1)).unwrap());
    }
    let secret = Secret::generate(&mut entropy);
    std::array::from_fn(|at| {
        let (root, unlock) = (folder.join(at.to_string()), Unlock::Passphrase(PASSPHRASE));
        create_store(&Home::new(root), unlock, &made[at], &secret, &statements, environment(at as u64 + 1)).unwrap()
    })
}

/// Serves until it is dropped.
pub(in crate::engine) struct Serving {
    pub(in crate::engine) at: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

pub(in crate::engine) fn serving(engine: &Arc<Engine>, mut told: impl FnMut(ServeEvent) + Send + 'static) -> Serving {
    let (stop, stopped) = watch::channel(false);
    let (tell, hear) = channel();
    let engine = engine.clone();
    let thread = std::thread::spawn(move || {
        let options = ServeOptions { listen: SocketAddr::from(([127, 0, 0, 1], 0)), discover: false };
        let heard = |event| match event {
            ServeEvent::Listening(at) => tell.send(at).unwrap(),
            other => told(other),
        };
        engine.serve(&options, stopped, heard).unwrap();
    });
    Serving { at: hear.recv_timeout(SOON).unwrap(), stop, thread: Some(thread) }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

pub(in crate::engine) fn at(peer: SocketAddr) -> SyncOptions {
    SyncOptions { peer: Some(peer), timeout: SOON, discover: None, within: None }
}

/// Everybody whose address is known.
fn everybody() -> SyncOptions {
    SyncOptions { timeout: SOON, discover: None, ..SyncOptions::default() }
}

fn write(engine: &Engine, body: &str) -> EntryId {
    let title = "Rain".to_owned();
    engine
        .create_entry(NewEntry { kind: Kind::Note, title, body: body.into(), sections: Vec::new(), happened: None })
        .unwrap()
        .id
}

fn has(engine: &Engine, entry: EntryId) -> bool {
    engine.entry_ids().unwrap().contains(&entry)
}

/// 0 removes 2, both others being up; answers whether each of them has what 0 wrote just before.
fn removes(planted: Option<Fault>) -> [bool; 2] {
    let folder = tempfile::tempdir().unwrap();
    let [mut remover, stays, goes] = devices::<3>(folder.path());
    Arc::get_mut(&mut remover.shared).unwrap().identity.faults = planted.into();
    let (stays, goes) = (Arc::new(stays), Arc::new(goes));
    let up = [serving(&stays, |_| {}), serving(&goes, |_| {})];
    for one in &up {
        assert!(remover.sync(&at(one.at), |_, _| {}).unwrap().equal);
    }
    let entry = write(&remover, "just before");
    let told = remover.remove_device(goes.device(), &everybody()).unwrap().told.unwrap().unwrap();
    assert!(told.peers.iter().all(|peer| peer.device != Some(goes.device())), "{told:?}");
    assert!(told.equal && told.peers.len() == 1, "{told:?}");
    drop(up);
    [has(&stays, entry), has(&goes, entry)]
}

#[test]
fn a_removal_gives_nothing_to_the_device_that_goes() {
    assert_eq!(removes(None), [true, false]);
}

/// The test above would see it: what the program once did.
#[test]
fn a_sync_before_the_removal_is_caught() {
    assert_eq!(removes(Some(Fault::SyncsBeforeTheRemoval)), [true, true]);
}

#[test]
fn no_session_begins_with_a_device_that_was_removed() {
    let folder = tempfile::tempdir().unwrap();
    let [remover, goes] = devices::<2>(folder.path());
    let goes = Arc::new(goes);
    let up = serving(&goes, |_| {});
    assert!(remover.remove_device(goes.device(), &everybody()).unwrap().told.is_none(), "nobody is left to tell");
    let report = remover.sync(&at(up.at), |_, _| {}).unwrap();
    let [peer] = &report.peers[..] else { panic!("{report:?}") };
    assert!(peer.outcome.is_none(), "there was no session");
    assert_eq!(peer.error.as_ref().unwrap().code, Code::Unreachable);
}
