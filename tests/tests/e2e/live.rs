//! What a live edit costs on the wire: two engines that stay connected, one of which writes at a typist's pace.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use afterword_core::engine::{Engine, ServeEvent, ServeOptions, SessionReport, SyncOptions};
use afterword_core::id::EntryId;
use afterword_core::journal::edit::{Edit, TextField};
use afterword_core::vault::Unlock;
use afterword_tests::Home;
use afterword_tests::clock::environment;
use afterword_tests::corpus::Corpus;
use tokio::sync::watch;

use super::support::SOON;

const PASSPHRASE: &str = "correct horse battery staple";
const EDITS: u64 = 20;
/// UDP payload of one edit of 22 characters, both ways, acknowledged, and its share of saying in the end where both stand.
const MOST: u64 = 380;
const SENTENCE: &str = " And then it was over.";

fn open(home: &Home, seed: u64) -> Engine {
    Engine::open(&home.path(), Unlock::Passphrase(PASSPHRASE), environment(seed)).unwrap()
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Serves until `stop` turns true; tells each settled session.
fn serve(
    engine: &Engine,
    stop: watch::Receiver<bool>,
    address: mpsc::Sender<SocketAddr>,
    synced: mpsc::Sender<SessionReport>,
) {
    let options = ServeOptions { listen: loopback(), discover: false };
    let told = |event| match event {
        ServeEvent::Listening(at) => address.send(at).unwrap_or_default(),
        ServeEvent::Synced { outcome, .. } => synced.send(*outcome).unwrap_or_default(),
        ServeEvent::Alarm(alarm) => panic!("{alarm:?}"),
        ServeEvent::Deriving { .. } => {}
    };
    engine.serve(&options, stop, told).unwrap();
}

/// Waits until a session told that so many operations came in it, and that both hold the same.
fn settled(synced: &mpsc::Receiver<SessionReport>, operations: u64) -> SessionReport {
    loop {
        let outcome = synced.recv_timeout(SOON).expect("the session settles");
        if outcome.costs.received_operations == operations && outcome.equal == Some(true) {
            return outcome;
        }
    }
}

#[test]
fn a_live_edit_costs_its_change_its_signature_and_little_else() {
    let (home, _) = Home::init("host");
    let entry: EntryId = home.write("One", &Corpus::new(7).entry_of(300).body).parse().unwrap();
    let joined = Home::join(&home);
    let (host, guest) = (open(&home, 1), open(&joined, 2));
    let (stop, stopped) = watch::channel(false);
    let (host, guest) = (&host, &guest);
    std::thread::scope(|scope| {
        let (tell, at) = mpsc::channel();
        let (unheard, _heard) = mpsc::channel();
        let also_stopped = stopped.clone();
        let tell_too = tell.clone();
        scope.spawn(move || serve(host, also_stopped, tell, unheard));
        let address = at.recv_timeout(SOON).unwrap();
        let options = SyncOptions { peer: Some(address), timeout: SOON, discover: None, within: None };
        assert!(guest.sync(&options, |_, _| {}).unwrap().equal);
        let (synced, settling) = mpsc::channel();
        scope.spawn(move || serve(guest, stopped, tell_too, synced));
        let before = settled(&settling, 0);

        let mut took = Vec::new();
        for number in 0..EDITS {
            let begun = Instant::now();
            let now = host.show(entry).unwrap();
            let text = format!("{}{SENTENCE}", now.body);
            let edit = Edit::SetText { field: TextField::Body, base: now.heads, text: text.clone() };
            host.edit(entry, &[edit]).unwrap();
            while guest.show(entry).unwrap().body != text {
                assert!(begun.elapsed() < SOON, "edit {number} never came");
                std::thread::sleep(Duration::from_micros(200));
            }
            took.push(begun.elapsed());
            std::thread::sleep(Duration::from_millis(60));
        }
        let after = settled(&settling, EDITS);
        let _ = stop.send(true);

        let wire = |outcome: &SessionReport| outcome.wire.sent_bytes + outcome.wire.received_bytes;
        let datagrams = |outcome: &SessionReport| outcome.wire.sent_datagrams + outcome.wire.received_datagrams;
        let bytes = (wire(&after) - wire(&before)) / EDITS;
        took.sort();
        println!(
            "{bytes} bytes, {:.1} datagrams an edit; written to shown there: {:?}",
            (datagrams(&after) - datagrams(&before)) as f64 / EDITS as f64,
            took[took.len() / 2]
        );
        assert!(bytes <= MOST, "{bytes} bytes an edit");
        assert_eq!(after.costs.transactions - before.costs.transactions, EDITS, "one transaction an edit");
        assert_eq!(after.costs.documents_opened, 0);
    });
}
