//! Two devices: pairing by code and by QR text, and syncing over QUIC.

use afterword_ffi::{JoinedJournal, Newcomer, Pairing, PairingListener, PairingStep};

use super::*;

/// Passes on the steps of a pairing.
pub(super) struct Steps(Mutex<Sender<PairingStep>>);

impl PairingListener for Steps {
    fn on_step(&self, step: PairingStep) -> Result<(), ListenerError> {
        lock(&self.0).send(step).map_err(|_| ListenerError::Failed)
    }
}

pub(super) fn steps() -> (Arc<Steps>, Receiver<PairingStep>) {
    let (tell, hear) = channel();
    (Arc::new(Steps(Mutex::new(tell))), hear)
}

/// A second journal that joined `host`'s, by what is typed or by what is scanned.
fn joined(host: &Home, is_scanned: bool) -> (tempfile::TempDir, Arc<Vault>, Arc<Engine>) {
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (shows, hear) = steps();
    let (listener, heard) = hearing(false);
    let _subscription = host.engine.subscribe(listener).unwrap();
    let engine = host.engine.clone();
    let hosting = std::thread::spawn(move || Pairing::new().host(&engine, port.to_string(), false, shows));
    let (code, qr) = loop {
        if let PairingStep::Code { code, qr, .. } = hear.recv_timeout(SOON).unwrap() {
            break (code, qr);
        }
    };
    let (folder, vault) = (tempfile::tempdir().unwrap(), Arc::<Vault>::default());
    let newcomer = Newcomer { name: "laptop".into(), home: text(folder.path()) };
    let (given, peer) = if is_scanned { (qr, None) } else { (code, Some(port.to_string())) };
    let JoinedJournal { engine, paired } =
        Pairing::new().join(given, peer, newcomer, vault.clone(), steps().0).unwrap();
    let told = hosting.join().unwrap().unwrap();
    assert_eq!((told, paired.device_name.as_str()), (paired.clone(), "laptop"));
    assert!(hear.iter().any(|step| step == PairingStep::Done));
    until(&heard, |event| *event == Event::PairingStep { step: PairingStep::Done });
    (folder, vault, engine)
}

fn both_hold_what_was_written(is_scanned: bool) {
    let host = Home::made();
    let id = host.engine.create_entry(note("Rain", "שלום 失败 🌧")).unwrap().id;
    let (_folder, _vault, guest) = joined(&host, is_scanned);
    assert_eq!(guest.show(id).unwrap().body, "שלום 失败 🌧");
    assert_eq!(guest.journal_id().unwrap(), host.engine.journal_id().unwrap());
    assert_eq!(host.engine.devices().unwrap().len(), 2);
}

#[test]
fn s10_pair_by_code() {
    both_hold_what_was_written(false);
    // A pairing that nobody comes to ends when it is told to.
    let (shows, _hear) = steps();
    let (pairing, host) = (Pairing::new(), Home::made());
    pairing.cancel().unwrap();
    let ended = pairing.host(&host.engine, "127.0.0.1:0".into(), false, shows).unwrap_err();
    assert!(matches!(ended, AfterwordError::Cancelled { .. }), "{ended}");
}

#[test]
fn s11_pair_by_qr() {
    both_hold_what_was_written(true);
}

fn serving_at(host: &Home) -> String {
    let begun = std::time::Instant::now();
    loop {
        if let Some(at) = host.engine.serving_at().unwrap() {
            return at;
        }
        assert!(begun.elapsed() < SOON, "it never listens");
        std::thread::yield_now();
    }
}

#[test]
fn s12_sync() {
    let host = Home::made();
    let (_folder, _vault, guest) = joined(&host, true);
    host.engine.serve("127.0.0.1:0".into(), false).unwrap();
    let (listener, hear) = hearing(false);
    let _subscription = host.engine.subscribe(listener).unwrap();
    let at = serving_at(&host);
    let (here, there) = (
        host.engine.create_entry(note("On the phone", "")).unwrap().id,
        guest.create_entry(note("On the laptop", "")).unwrap().id,
    );
    let first = guest.sync_once(Some(at.clone()), 20_000).unwrap();
    assert_eq!((first.met, first.equal, first.operations), (1, true, 2), "{first:?}");
    assert_eq!(guest.show(here).unwrap().title, "On the phone");
    assert_eq!(host.engine.show(there).unwrap().title, "On the laptop");
    until(&hear, |event| *event == Event::DevicesChanged);
    let nothing = guest.sync_once(Some(at), 20_000).unwrap();
    assert_eq!((nothing.equal, nothing.operations), (true, 0), "{nothing:?}");
    host.engine.stop_serving().unwrap();
    assert_eq!(host.engine.serving_at().unwrap(), None);
}

#[test]
fn s29_device_news() {
    let host = Home::made();
    let (_folder, _vault, guest) = joined(&host, true);
    let (_other_folder, _other_vault, other) = joined(&host, true);
    host.engine.serve("127.0.0.1:0".into(), false).unwrap();
    let at = serving_at(&host);
    let (listener, hear) = hearing(false);
    let _subscription = guest.subscribe(listener).unwrap();
    let (phone, added) = (host.engine.device_id().unwrap(), other.device_id().unwrap());
    for (code, is_removal) in [("device_added", false), ("device_removed", true)] {
        if is_removal {
            host.engine.remove_device(added.clone(), 1000).unwrap();
        }
        guest.sync_once(Some(at.clone()), 20_000).unwrap();
        until(&hear, |event| *event == Event::Alarm { code: code.into() });
        // Who listens later hears it too.
        let (later, hear_later) = hearing(false);
        let _later = guest.subscribe(later).unwrap();
        until(&hear_later, |event| *event == Event::Alarm { code: code.into() });
        let news = guest.device_news().unwrap();
        let [change] = &news.changes[..] else { panic!("{news:?}") };
        assert_eq!((change.device.as_str(), change.name.as_str()), (added.as_str(), "laptop"));
        assert_eq!((change.by.as_ref(), change.by_name.as_deref()), (Some(&phone), Some("phone")));
        assert!(change.is_removal == is_removal && change.at_ms.is_some() && news.more == 0, "{news:?}");
        guest.device_news_seen(news.seen).unwrap();
        assert!(guest.device_news().unwrap().changes.is_empty());
        assert!(host.engine.device_news().unwrap().changes.is_empty(), "it did so itself");
    }
    assert!(matches!(guest.device_news_seen(vec![7]), Err(AfterwordError::Invalid { .. })));
}
