//! How the store is opened: a passphrase from a file, else from the environment, else the OS keyring, else a question.
//!
//! The keyring is whatever keeps the person's other secrets: Keychain, Credential Manager, or on Linux the Secret
//! Service over D-Bus. `keyring`'s default feature, the only one this program builds with, knows no other store on
//! Linux; the kernel's keyutils, which forget at reboot, are in a feature that is off. Where no keyring answers within
//! two seconds there is none, and a passphrase is required.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use afterword_core::error::{Code, Error};
use afterword_core::time::Clock;
use afterword_core::vault::Costs;
use zeroize::Zeroizing;

use crate::ask;
use crate::json::VaultKind;
use crate::output::{Failure, Outcome, io_error};

/// Under which name the OS keyring keeps our secrets.
const SERVICE: &str = "afterword";
/// The variable that names what a guess at a passphrase that is set now shall cost. For tests; not in the help.
pub const COST_VARIABLE: &str = "AFTERWORD_PASSPHRASE_COST";
/// How long a keyring may take to say that it is there.
const GREETING: Duration = Duration::from_secs(2);
/// How long a person may take to unlock it in the keyring's own window.
const UNLOCKING: Duration = Duration::from_secs(120);
/// A passphrase of fewer characters is asked about once.
const SHORT: usize = 10;
/// What to do where nobody can be asked.
const HOW: &str = "give it with --passphrase-file FILE or AFTERWORD_PASSPHRASE";
/// The variable that may hold the passphrase.
pub const VARIABLE: &str = "AFTERWORD_PASSPHRASE";

/// What opens a store, or what a new one is locked with.
#[derive(Clone)]
pub enum Key {
    /// A passphrase, for Argon2id.
    Passphrase(Zeroizing<String>),
    /// What the OS keyring keeps.
    Keyring,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "Key::Passphrase(…)",
            Self::Keyring => "Key::Keyring",
        })
    }
}

/// A place of the operating system's that keeps secrets by name.
pub trait Keyring: fmt::Debug {
    /// The secret kept under `name`, or none.
    fn load(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error>;
    /// Keeps `secret` under `name`.
    fn save(&self, name: &str, secret: &[u8]) -> Result<(), Error>;
    /// Forgets what is under `name`.
    fn delete(&self, name: &str) -> Result<(), Error>;
}

/// Where a passphrase may come from without asking: the flag's file, and the variable. Holds neither's content: it is
/// read when a journal is opened and wiped with the [`Key`], so that a program which stays does not keep it.
#[derive(Debug, Clone)]
pub struct Given {
    file: Option<std::path::PathBuf>,
    variable: fn() -> Option<OsString>,
}

impl Given {
    /// The flag, and `AFTERWORD_PASSPHRASE`.
    pub fn new(file: Option<&Path>) -> Self {
        Self { file: file.map(Path::to_owned), variable: || std::env::var_os(VARIABLE) }
    }

    /// The passphrase given, if one was. An empty variable is none; an empty file is a mistake.
    pub fn passphrase(&self) -> Outcome<Option<Zeroizing<String>>> {
        if let Some(path) = &self.file {
            return read_file(path).map(Some);
        }
        let text = (self.variable)().map(|value| Zeroizing::new(value.into_encoded_bytes()));
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
        match std::str::from_utf8(&text) {
            Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
            Err(_) => Err(Failure::usage(
                format!("the passphrase in {VARIABLE} is not UTF-8 text"),
                "give it with --passphrase-file FILE",
            )),
        }
    }
}

/// A passphrase from the first line of a file.
pub fn read_file(path: &Path) -> Outcome<Zeroizing<String>> {
    let what = || format!("the passphrase file {} could not be read", path.display());
    let mut file = File::open(path).map_err(|error| io_error(what(), &error))?;
    ask::first_line(&mut file)?.ok_or_else(|| {
        Failure::Failed(Error::invalid(
            format!("the passphrase file {} is empty", path.display()),
            "put the passphrase in its first line",
        ))
    })
}

/// What opens an existing store that is locked in this way. A passphrase that was given is always tried first, and a
/// store that has only a passphrase never makes the keyring's window come up.
pub fn to_open(given: &Given, kind: VaultKind) -> Outcome<Key> {
    if let Some(passphrase) = given.passphrase()? {
        return Ok(Key::Passphrase(passphrase));
    }
    match kind {
        VaultKind::Keyring => Ok(Key::Keyring),
        VaultKind::Passphrase => ask::secret("Passphrase: ", HOW).map(Key::Passphrase),
    }
}

/// What locks a new store: a passphrase that was given, else the keyring where one keeps what it is given, else a
/// passphrase that is asked for. `probe` is a fresh random name for the trial; `yes` takes a short one without a question.
pub fn to_create(given: &Given, keyring: &dyn Keyring, probe: &str, yes: bool) -> Outcome<Key> {
    if let Some(passphrase) = given.passphrase()? {
        return Ok(Key::Passphrase(passphrase));
    }
    if keeps(keyring, probe) {
        return Ok(Key::Keyring);
    }
    let why = "The journal is locked with a passphrase, since this computer keeps none for you (no keyring answers). Take \
               four or five words that nobody guesses. What you type does not show.";
    new_passphrase(why, HOW, yes).map(Key::Passphrase)
}

/// What a guess at a passphrase that is set now shall cost: as measured here, or the least where `wanted` says so.
pub fn costs(wanted: Option<&OsStr>, clock: &dyn Clock) -> Outcome<Costs> {
    match wanted.filter(|wanted| !wanted.is_empty()) {
        None => Ok(Costs::measured(clock).map_err(Error::from)?),
        Some(wanted) if wanted == "least" => Ok(Costs::LEAST),
        Some(_) => Err(Failure::usage(
            format!("{COST_VARIABLE} knows one word, `least`, which is for tests"),
            "unset it, and the cost is fitted to this computer",
        )),
    }
}

/// Whether the keyring gives back what it was given. One that does not would be noticed at the next start otherwise.
pub fn keeps(keyring: &dyn Keyring, probe: &str) -> bool {
    let kept = keyring.save(probe, probe.as_bytes()).and_then(|()| keyring.load(probe));
    let same = kept.is_ok_and(|back| back.is_some_and(|back| *back == probe.as_bytes()));
    // A trial that stays behind does no harm: it is a random name with itself in it.
    same && keyring.delete(probe).is_ok()
}

/// Asks for a new passphrase, twice; about a short one once, unless `yes`.
pub fn new_passphrase(why: &str, hint: &str, yes: bool) -> Outcome<Zeroizing<String>> {
    if !ask::somebody() {
        return Err(Failure::nobody("a passphrase for the journal", hint.to_owned()));
    }
    eprintln!("{}", ask::wrapped(why));
    let mut accepts_short = yes;
    loop {
        let first = ask::secret("New passphrase: ", hint)?;
        if first.is_empty() {
            eprintln!("An empty passphrase protects nothing.");
            continue;
        }
        if *ask::secret("Once more: ", hint)? != *first {
            eprintln!("The two were not the same. Again:");
            continue;
        }
        let length = first.chars().count();
        if length < SHORT && !accepts_short {
            eprintln!("{}", ask::wrapped(&short(length)));
            if !ask::agrees("Use it all the same?")? {
                accepts_short = true;
                continue;
            }
        }
        return Ok(first);
    }
}

fn short(length: usize) -> String {
    let characters = if length == 1 { "1 character".to_owned() } else { format!("{length} characters") };
    format!(
        "This passphrase has {characters}. Whoever gets hold of this computer can try many thousands a day; four or five \
         words of your own are safer, and easy to keep in mind."
    )
}

/// The operating system's keyring.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsKeyring;

impl OsKeyring {
    /// Whether a keyring answers at all. Connecting happens on a thread of its own, since it may hang for as long as
    /// whoever holds the bus lets it; a second call after one that answered costs nothing.
    fn reachable(&self) -> Result<(), Error> {
        let answered =
            bounded(GREETING, || keyring::Entry::store_status().as_ref().map(|_| ()).map_err(|e| e.to_string()));
        match answered {
            Some(Ok(())) => Ok(()),
            Some(Err(why)) => Err(no_keyring(&why)),
            None => Err(no_keyring("it did not answer within two seconds")),
        }
    }

    fn with<T: Send + 'static>(
        &self,
        name: &str,
        act: impl FnOnce(keyring::Entry) -> Result<T, keyring::Error> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        self.reachable()?;
        let name = name.to_owned();
        match bounded(UNLOCKING, move || keyring::Entry::new(SERVICE, &name).and_then(act)) {
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(keyring::Error::NoEntry)) => Ok(None),
            // A keyring's error may carry the secret itself (`BadEncoding`): only its kind is said.
            Some(Err(keyring::Error::NoStorageAccess(_))) => {
                Err(Error::new(Code::Locked, "the keyring stayed locked", "unlock it, or give a passphrase"))
            }
            Some(Err(_)) => Err(no_keyring("it refused the request")),
            None => Err(no_keyring("nobody unlocked it")),
        }
    }
}

impl Keyring for OsKeyring {
    fn load(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.with(name, |entry| entry.get_secret().map(Zeroizing::new))
    }

    fn save(&self, name: &str, secret: &[u8]) -> Result<(), Error> {
        let secret = Zeroizing::new(secret.to_vec());
        self.with(name, move |entry| entry.set_secret(&secret)).map(|_| ())
    }

    fn delete(&self, name: &str) -> Result<(), Error> {
        self.with(name, |entry| entry.delete_credential()).map(|_| ())
    }
}

fn no_keyring(why: &str) -> Error {
    Error::new(
        Code::Locked,
        format!("the operating system's keyring could not be used: {why}"),
        "give a passphrase with --passphrase-file FILE or AFTERWORD_PASSPHRASE",
    )
}

/// Runs `act` on a thread of its own and waits at most `limit` for it. A thread that hangs ends with the program.
fn bounded<T: Send + 'static>(limit: Duration, act: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().name("keyring".into()).spawn(move || sender.send(act())).ok()?;
    receiver.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::time::Instant;

    use super::*;

    /// A keyring in memory, or one that is not there.
    #[derive(Debug, Default)]
    struct Fake {
        there: bool,
        forgets: bool,
        kept: RefCell<HashMap<String, Vec<u8>>>,
    }

    impl Keyring for Fake {
        fn load(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
            if !self.there {
                return Err(no_keyring("test"));
            }
            Ok(self.kept.borrow().get(name).cloned().map(Zeroizing::new))
        }

        fn save(&self, name: &str, secret: &[u8]) -> Result<(), Error> {
            if !self.there {
                return Err(no_keyring("test"));
            }
            if !self.forgets {
                self.kept.borrow_mut().insert(name.into(), secret.to_vec());
            }
            Ok(())
        }

        fn delete(&self, name: &str) -> Result<(), Error> {
            self.kept.borrow_mut().remove(name);
            Ok(())
        }
    }

    const NONE: fn() -> Option<OsString> = || None;

    fn given(file: Option<&Path>, variable: fn() -> Option<OsString>) -> Given {
        Given { file: file.map(Path::to_owned), variable }
    }

    fn word(key: &Key) -> &str {
        match key {
            Key::Passphrase(text) => text,
            Key::Keyring => "(keyring)",
        }
    }

    #[test]
    fn the_order_is_file_variable_keyring_question() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p");
        std::fs::write(&file, "from file\n").unwrap();
        let both = given(Some(&file), || Some("from variable".into()));
        assert_eq!(word(&to_open(&both, VaultKind::Keyring).unwrap()), "from file");
        assert_eq!(
            word(&to_open(&given(None, || Some("from variable".into())), VaultKind::Keyring).unwrap()),
            "from variable"
        );
        assert_eq!(word(&to_open(&given(None, || Some("".into())), VaultKind::Keyring).unwrap()), "(keyring)");
        // Tests have no terminal to answer at, so the question is bad usage.
        assert_eq!(to_open(&given(None, NONE), VaultKind::Passphrase).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn a_missing_or_empty_passphrase_file_is_said_and_never_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("no such");
        let Failure::Failed(error) = given(Some(&missing), || Some("v".into())).passphrase().unwrap_err() else {
            panic!()
        };
        assert_eq!(error.code, Code::NotFound);
        let empty = dir.path().join("empty");
        std::fs::write(&empty, "\n").unwrap();
        assert!(given(Some(&empty), || Some("v".into())).passphrase().is_err());
    }

    #[test]
    fn a_new_store_takes_the_keyring_only_if_it_keeps_what_it_is_given() {
        let good = Fake { there: true, ..Fake::default() };
        assert_eq!(word(&to_create(&given(None, NONE), &good, "probe", false).unwrap()), "(keyring)");
        assert!(good.kept.borrow().is_empty(), "the trial is taken away");
        for bad in [Fake::default(), Fake { there: true, forgets: true, ..Fake::default() }] {
            assert_eq!(to_create(&given(None, NONE), &bad, "probe", false).unwrap_err().exit_code(), 2);
            assert_eq!(word(&to_create(&given(None, || Some("p".into())), &bad, "probe", false).unwrap()), "p");
        }
    }

    #[test]
    fn a_keyring_that_hangs_is_given_up_on() {
        let begun = Instant::now();
        let limit = Duration::from_millis(50);
        assert_eq!(bounded(limit, || std::thread::sleep(Duration::from_secs(30))), None);
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(bounded(Duration::from_secs(30), || 7), Some(7));
    }

    /// Whatever this computer has, the answer comes in time. Nothing is written.
    #[test]
    fn the_real_keyring_answers_or_fails_within_its_bound() {
        let begun = Instant::now();
        let _ = OsKeyring.reachable();
        assert!(begun.elapsed() < GREETING + Duration::from_secs(1));
    }

    #[test]
    fn no_secret_is_printed() {
        let key = Key::Passphrase(Zeroizing::new("hunter2".into()));
        assert!(!format!("{key:?} {:?}", given(None, || Some("hunter2".into()))).contains("hunter2"));
    }

    #[test]
    fn the_least_cost_is_asked_for_by_its_name_only() {
        let of = |wanted: &str| costs(Some(OsStr::new(wanted)), &afterword_system::SystemClock);
        assert_eq!(of("least").unwrap(), Costs::LEAST);
        assert_eq!(of("none").unwrap_err().exit_code(), 2);
        assert!(!of("").unwrap().is_below_floor());
    }

    /// The kernel's keyring must never be built in: what it holds is gone after a reboot.
    #[test]
    fn no_keyutils_are_linked() {
        let lock = include_str!("../../Cargo.lock");
        assert!(lock.contains("name = \"zbus-secret-service-keyring-store\""));
        assert!(!lock.contains("keyutils"));
    }
}
