//! What stands outside: the laptop program, an app's log, the system's own way to find devices.

use std::collections::HashMap;
use std::net::SocketAddr;

use afterword_ffi::{
    AnnouncedService, Discovery, DiscoveryError, Edit, JoinedJournal, LogLevel, LogLine, LogSink, Newcomer, Pairing,
    PairingStep, Sightings, TextField, set_log_sink,
};
use afterword_tests::home::{Home as Laptop, text as word};

use super::meeting::steps;
use super::*;

/// A family that is one letter, right to left, CJK.
const TITLE: &str = "👩‍👩‍👧‍👦 fällt aus";
const BODY: &str = "سقط المشروع 🌧️\n失敗は成功のもと";

/// What the laptop wrote the phone shows, edits and gets back, and the other way round.
fn round_trips(laptop: &Laptop, phone: &Engine) {
    let (serving, at) = laptop.serve();
    let sync = || {
        let synced = phone.sync_once(Some(at.clone()), 30_000).unwrap();
        assert_eq!((synced.met, synced.equal), (1, true), "{synced:?}");
    };
    let field = |id: &str, key: &str| word(&laptop.show(id), key);

    let theirs = laptop.write(TITLE, BODY);
    sync();
    let shown = phone.show(theirs.clone()).unwrap();
    assert_eq!((shown.title.as_str(), shown.body.as_str()), (TITLE, BODY));
    let edited = format!("{BODY}\nphone: 直した ✍️ حُرّر");
    let edit = Edit::SetText { field: TextField::Body, base: shown.heads, text: edited.clone() };
    phone.edit(theirs.clone(), vec![edit]).unwrap();
    sync();
    assert_eq!((field(&theirs, "title").as_str(), field(&theirs, "body")), (TITLE, edited.clone()));
    let last = format!("{edited}\nlaptop: 確認 ✅");
    laptop.json(&["edit", &theirs, "--body", &last]);
    sync();
    assert_eq!(phone.show(theirs).unwrap().body, last);

    let ours = phone.create_entry(note(TITLE, BODY)).unwrap();
    sync();
    assert_eq!((field(&ours.id, "title").as_str(), field(&ours.id, "body").as_str()), (TITLE, BODY));
    laptop.json(&["edit", &ours.id, "--title", "العنوان 標題 🏁"]);
    sync();
    assert_eq!(phone.show(ours.id).unwrap().title, "العنوان 標題 🏁");
    drop(serving);
}

#[test]
fn s25_laptop_shows_the_code() {
    let (laptop, _) = Laptop::init("laptop");
    let before = laptop.write(TITLE, BODY);
    let mut pairing = laptop.start(&["pair", "--listen", "127.0.0.1:0"]);
    let shown = pairing.event("code", SOON);
    let (folder, vault) = (tempfile::tempdir().unwrap(), Arc::<Vault>::default());
    let newcomer = Newcomer { name: "phone".into(), home: text(folder.path()) };
    let JoinedJournal { engine: phone, paired } =
        Pairing::new().join(word(&shown, "code"), Some(word(&shown, "address")), newcomer, vault, steps().0).unwrap();
    pairing.wait(SOON).expect_code(0);
    assert_eq!((paired.host_name.as_str(), paired.device_name.as_str()), ("laptop", "phone"));
    assert_eq!(phone.show(before).unwrap().body, BODY);
    round_trips(&laptop, &phone);
}

#[test]
fn s26_laptop_joins() {
    let phone = Home::made();
    let before = phone.engine.create_entry(note(TITLE, BODY)).unwrap().id;
    let at = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (shows, hear) = steps();
    let (engine, listen) = (phone.engine.clone(), at.clone());
    let hosting = std::thread::spawn(move || Pairing::new().host(&engine, listen, false, shows));
    let PairingStep::Code { code, .. } = hear.recv_timeout(SOON).unwrap() else { panic!("no code was shown first") };
    let laptop = Laptop::new();
    laptop.run_json(&["pair", &code, "--peer", &at]).expect_code(0);
    hosting.join().unwrap().unwrap();
    assert_eq!(word(&laptop.show(&before), "body"), BODY);
    round_trips(&laptop, &phone.engine);
}

struct Lines(Mutex<Sender<LogLine>>);

impl LogSink for Lines {
    fn log(&self, line: LogLine) -> Result<(), ListenerError> {
        lock(&self.0).send(line).map_err(|_| ListenerError::Failed)
    }
}

#[test]
fn s27_log() {
    let (tell, hear) = channel();
    set_log_sink(LogLevel::Debug, Arc::new(Lines(Mutex::new(tell)))).unwrap();
    let home = Home::made();
    home.engine.create_entry(note("nobody may log this", "سقط 失敗")).unwrap();
    home.engine.pause().unwrap();
    home.engine.resume().unwrap();
    home.engine.shutdown().unwrap();
    // Other tests of this process are logged as well.
    let mut awaited = vec!["Open", "Paused", "Ended"];
    while let Some(next) = awaited.first() {
        let line = hear.recv_timeout(SOON).expect("a turn of the journal was not logged");
        assert!(!["nobody", "سقط", "失敗"].iter().any(|word| line.text.contains(word)), "{line:?}");
        assert!(line.target.starts_with("afterword"), "{line:?}");
        if line.level == LogLevel::Info && line.text.contains(next) {
            awaited.remove(0);
        }
    }
}

/// The system's service in this process: who looks sees what is announced, on 127.0.0.1.
#[derive(Default)]
struct Network(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    announced: HashMap<(usize, u64), AnnouncedService>,
    looking: HashMap<(usize, u64), (String, Arc<Sightings>)>,
}

/// One app's side of it.
struct Side(Arc<Network>, usize);

fn tell(service: &AnnouncedService, sightings: &Sightings) {
    let at = SocketAddr::from(([127, 0, 0, 1], service.port)).to_string();
    sightings.seen(service.name.clone(), service.text.clone(), vec![at]).unwrap();
}

impl Discovery for Side {
    fn announce(&self, number: u64, service: AnnouncedService) -> Result<(), DiscoveryError> {
        let mut seen = lock(&self.0.0);
        seen.looking.values().filter(|(of, _)| *of == service.service_type).for_each(|(_, to)| tell(&service, to));
        seen.announced.insert((self.1, number), service);
        Ok(())
    }

    fn withdraw(&self, number: u64) -> Result<(), DiscoveryError> {
        lock(&self.0.0).announced.remove(&(self.1, number));
        Ok(())
    }

    fn look(&self, number: u64, of: String, sightings: Arc<Sightings>) -> Result<(), DiscoveryError> {
        let mut seen = lock(&self.0.0);
        // Somebody else's, and nonsense, of the same type.
        sightings
            .seen("printer".into(), HashMap::from([("n".into(), "x".into())]), vec!["127.0.0.1:9".into()])
            .unwrap();
        seen.announced
            .values()
            .filter(|service| service.service_type == of)
            .for_each(|service| tell(service, &sightings));
        seen.looking.insert((self.1, number), (of, sightings));
        Ok(())
    }

    fn stop_looking(&self, number: u64) -> Result<(), DiscoveryError> {
        lock(&self.0.0).looking.remove(&(self.1, number));
        Ok(())
    }
}

#[test]
fn s28_own_discovery() {
    let (network, host) = (Arc::<Network>::default(), Home::made());
    let side = |number| Arc::new(Side(network.clone(), number));
    host.engine.use_discovery(side(0)).unwrap();
    let (shows, hear) = steps();
    let engine = host.engine.clone();
    let hosting = std::thread::spawn(move || Pairing::new().host(&engine, "127.0.0.1:0".into(), true, shows));
    let PairingStep::Code { code, .. } = hear.recv_timeout(SOON).unwrap() else { panic!("no code was shown first") };
    let (folder, vault, pairing) = (tempfile::tempdir().unwrap(), Arc::<Vault>::default(), Pairing::new());
    pairing.use_discovery(side(1)).unwrap();
    let newcomer = Newcomer { name: "tablet".into(), home: text(folder.path()) };
    let guest = pairing.join(code, None, newcomer, vault, steps().0).unwrap().engine;
    hosting.join().unwrap().unwrap();
    // A pairing window's announcement says no more than its number, and is gone with it.
    assert!(lock(&network.0).announced.is_empty());

    let id = host.engine.create_entry(note(TITLE, BODY)).unwrap().id;
    // Where it met the host before is forgotten with this port: only what is announced can lead there.
    host.engine.serve("127.0.0.1:0".into(), true).unwrap();
    let begun = std::time::Instant::now();
    while lock(&network.0).announced.is_empty() {
        assert!(begun.elapsed() < SOON, "it is never announced");
        std::thread::yield_now();
    }
    let names: Vec<String> = lock(&network.0).announced.values().map(|service| service.name.clone()).collect();
    assert!(names.iter().all(|name| name.len() == 16 && !name.contains("phone")), "{names:?}");
    let synced = guest.sync_once(None, 20_000).unwrap();
    assert_eq!((synced.met, synced.equal), (1, true), "{synced:?}");
    assert_eq!(guest.show(id).unwrap().body, BODY);
    host.engine.stop_serving().unwrap();
    assert!(lock(&network.0).announced.is_empty(), "who serves no more is announced no more");
}
