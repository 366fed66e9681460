//! What every command stands on: the clock, randomness, the journal's folder, and the journal opened with its key.

use std::path::{Path, PathBuf};

use afterword_core::crypto::Secret;
use afterword_core::engine::{
    self, DeviceNews, Engine, Imported, ImportedAttachment, ImportedEntry, NewFile, is_journal,
};
use afterword_core::error::{Code, Error};
use afterword_core::files::{self, Permissions};
use afterword_core::files::{StoreError, StoreResult};
use afterword_core::id::EntryId;
use afterword_core::journal::{Kind, NewEntry};
use afterword_core::time::{Clock, random};
use afterword_core::vault::{PlatformVault, Unlock, UnlockKind};
pub(super) use afterword_system::{SystemClock, SystemEntropy, environment};
use tokio::sync::watch;

use crate::args::Global;
use crate::ask;
use crate::editor::{self, Beside, Recovered};
use crate::home::{self, run_folders};
use crate::human;
use crate::json::VaultKind;
use crate::key::{self, Given, Key, Keyring, OsKeyring};
use crate::outfile::{Stop, left_behind};
use crate::output::{Outcome, Output, sentence};

/// The keyring, as the core's vault sees it.
#[derive(Debug)]
struct KeyringVault(OsKeyring);

fn no_keyring(error: Error) -> StoreError {
    match error.code {
        Code::Locked => StoreError::Locked,
        _ => StoreError::KeyGone(error.message),
    }
}

impl PlatformVault for KeyringVault {
    fn store(&self, name: &str, secret: &Secret) -> StoreResult<()> {
        self.0.save(name, secret.expose()).map_err(no_keyring)
    }

    fn load(&self, name: &str) -> StoreResult<Option<Secret>> {
        let kept = self.0.load(name).map_err(no_keyring)?;
        let secret = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).ok().map(Secret::from_bytes);
        Ok(kept.and_then(|bytes| secret(&bytes)))
    }

    fn delete(&self, name: &str) -> StoreResult<()> {
        self.0.delete(name).map_err(no_keyring)
    }
}

/// Calls `with` with what `key` unlocks a vault by.
pub(super) fn unlocking<R>(key: &Key, with: impl FnOnce(Unlock<'_>) -> R) -> R {
    match key {
        Key::Passphrase(passphrase) => with(Unlock::Passphrase(passphrase)),
        Key::Keyring => with(Unlock::Platform(&KeyringVault(OsKeyring))),
    }
}

/// Calls `with` with what a vault, or a new wrap of one, is to be locked by.
pub(super) fn locking<R>(key: &Key, with: impl FnOnce(Unlock<'_>) -> R) -> Outcome<R> {
    match key {
        Key::Passphrase(passphrase) => {
            let costs = key::costs(std::env::var_os(key::COST_VARIABLE).as_deref(), &SystemClock)?;
            Ok(with(Unlock::NewPassphrase { passphrase, costs }))
        }
        Key::Keyring => Ok(unlocking(key, with)),
    }
}

/// A fresh random name for a trial of the keyring.
fn probe() -> String {
    let random: [u8; 16] = random(&mut SystemEntropy);
    format!("probe-{}", data_encoding::HEXLOWER.encode(&random))
}

/// Whether this computer's keyring keeps what it is given.
pub(super) fn keyring_keeps() -> bool {
    key::keeps(&OsKeyring, &probe())
}

/// One run of the program.
#[derive(Debug)]
pub(super) struct Context {
    /// Where answers go.
    pub out: Output,
    /// The journal's folder.
    pub home: PathBuf,
    /// Answers every question yes.
    pub yes: bool,
    given: Given,
}

impl Context {
    /// The run that these flags ask for.
    pub(super) fn new(out: Output, global: &Global) -> Outcome<Self> {
        Ok(Self {
            out,
            home: home::folder(global.home.as_deref())?,
            yes: global.yes,
            given: Given::new(global.passphrase_file.as_deref()),
        })
    }

    /// What the journal in the folder opens with.
    pub(super) fn key(&self) -> Outcome<Key> {
        let kind = match engine::unlock_kind(&self.home) {
            Ok(UnlockKind::Passphrase) => VaultKind::Passphrase,
            Ok(UnlockKind::Platform) => VaultKind::Keyring,
            // Opening says what is wrong, in its own words; no key is needed for that.
            Err(_) => {
                return Ok(self.given.passphrase()?.map_or(Key::Passphrase(String::new().into()), Key::Passphrase));
            }
        };
        key::to_open(&self.given, kind)
    }

    /// What a new journal is locked with.
    pub(super) fn new_key(&self) -> Outcome<Key> {
        key::to_create(&self.given, &OsKeyring, &probe(), self.yes)
    }

    /// The journal, opened; what an earlier run left in an editor, taken up; and devices that were added or removed
    /// elsewhere told of, once.
    pub(super) fn open(&self) -> Outcome<Engine> {
        let engine = self.open_unseen()?;
        // A program that reads JSON is not a person, and its answer has its own shape.
        if !self.out.is_json() {
            let news = engine.device_news().unwrap_or_default();
            for alarm in news.alarms() {
                self.out.note(&human::alarm(&alarm));
            }
            self.seen(&engine, &news);
        }
        Ok(engine)
    }

    /// The same without a word of devices.
    pub(super) fn open_unseen(&self) -> Outcome<Engine> {
        let key = self.key()?;
        let engine = self.open_with(&key)?;
        self.take_up(&engine);
        Ok(engine)
    }

    /// These news of devices were shown. If that can't be written down, they are shown again.
    pub(super) fn seen(&self, engine: &Engine, news: &DeviceNews) {
        if !news.is_empty() {
            let _ = engine.device_news_seen(&news.seen);
        }
    }

    /// Words that were typed and never saved become entries. What goes wrong here is said and stops nothing: the words
    /// stay where they are for the next start.
    fn take_up(&self, engine: &Engine) {
        let found = match editor::collect(&run_folders(&self.home)) {
            Ok(found) => found,
            Err(error) => return self.out.note(&sentence(&error)),
        };
        for recovered in found {
            match keep(engine, &recovered) {
                Ok(id) => {
                    self.out.note(&kept(id, &recovered));
                    // Wiped only now that the words are durable in the journal.
                    if let Err(error) = recovered.wipe() {
                        self.out.note(&sentence(&error));
                    }
                }
                Err(error) => self.out.note(&sentence(&error)),
            }
        }
    }

    /// The journal, opened with a key that is at hand.
    pub(super) fn open_with(&self, key: &Key) -> Outcome<Engine> {
        let engine = unlocking(key, |unlock| Engine::open(&self.home, unlock, environment()))?;
        let Permissions { closed, open, .. } = engine.permissions();
        if !closed.is_empty() {
            self.out
                .note(&format!("Others could enter or read this; it is closed to them now: {}.", closed.join(", ")));
        }
        if !open.is_empty() {
            let open = open.join(", ");
            self.out.note(&format!("Others can enter or read this, and only its owner can close it: {open}."));
        }
        Ok(engine)
    }

    /// Asks before a folder in which a person keeps other things becomes a journal's, which nobody else can enter.
    pub(super) fn take_folder(&self) -> Outcome {
        if is_journal(&self.home) || !files::holds_others(&self.home) {
            return Ok(());
        }
        let question = format!(
            "{} holds other files. As the journal's folder it is closed to everybody but you. Use it all the same?",
            self.home.display()
        );
        ask::confirm(&question, self.yes)
    }

    /// Listens for a wish to stop, before something in the clear is written to `path`; and names what an earlier run that
    /// was killed left there.
    pub(super) fn stop_writing(&self, path: &Path) -> Outcome<Stop> {
        for left in left_behind(path) {
            self.out.note(&format!(
                "{} was left by a run that was killed, and holds parts of the journal in the clear; delete it.",
                left.display()
            ));
        }
        Ok(Stop::on_signals().map_err(|error| Error::internal(format!("signals can't be heard: {error}")))?)
    }

    /// The computer's name, for a device that was not given one.
    pub(super) fn device_name() -> String {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .ok()
            .or_else(|| std::env::var("HOSTNAME").ok())
            .or_else(|| std::env::var("COMPUTERNAME").ok());
        let name: String = name.unwrap_or_default().trim().chars().filter(|c| !c.is_control()).take(100).collect();
        if name.is_empty() { "laptop".to_owned() } else { name }
    }
}

/// What a text is called that is kept as a file.
const LONG: &str = "entry.md";

/// Makes an entry of what an editor left. Of the same words it is made once, also where they could not be wiped.
fn keep(engine: &Engine, recovered: &Recovered) -> Result<EntryId, Error> {
    let mut key = blake3::Hasher::new_derive_key("afterword recovered text v1");
    key.update(&(recovered.text.len() as u64).to_le_bytes()).update(recovered.text.as_bytes());
    for file in &recovered.beside {
        key.update(&(file.bytes.len() as u64).to_le_bytes()).update(&file.bytes);
    }
    let attachment = |file: &Beside| ImportedAttachment {
        file: NewFile {
            mime: mime_guess::mime::APPLICATION_OCTET_STREAM.essence_str().to_owned(),
            caption: Some(file.name.clone()),
            ..NewFile::default()
        },
        bytes: file.bytes.to_vec(),
    };
    // More than one text may have was refused before, which is why it is here: as a file it is kept all the same.
    let too_long = (!engine.fits_a_text(&recovered.text)?).then(|| ImportedAttachment {
        file: NewFile { mime: "text/markdown".to_owned(), caption: Some(LONG.to_owned()), ..NewFile::default() },
        bytes: recovered.text.as_bytes().to_vec(),
    });
    let imported = engine.import_entry(ImportedEntry {
        key: *key.finalize().as_bytes(),
        new: NewEntry {
            kind: Kind::Note,
            title: "Recovered text".to_owned(),
            body: if too_long.is_some() { String::new() } else { recovered.text.to_string() },
            sections: Vec::new(),
            happened: None,
        },
        marks: Vec::new(),
        attachments: recovered.beside.iter().map(attachment).chain(too_long).collect(),
        written_at: SystemClock.now(),
    })?;
    let (Imported::Created(id) | Imported::Unchanged(id)) = imported;
    Ok(id)
}

/// What is said of it.
fn kept(id: EntryId, recovered: &Recovered) -> String {
    let mut said =
        format!("Text from an editor that was cut off is now the entry {:.8}, \"Recovered text\".", id.to_string());
    if !recovered.beside.is_empty() {
        let names: Vec<_> = recovered.beside.iter().map(|file| file.name.as_str()).collect();
        said += &format!(
            " What the editor had not saved is attached to it ({}): `afterword extract` gives it back, and `vim -r` reads \
             a swap file.",
            names.join(", ")
        );
    }
    if recovered.left_out > 0 {
        said += &format!(" {} more files of the editor's were too large or too many to keep.", recovered.left_out);
    }
    said
}

/// Turns true when the person, or the system, asks the program to stop. Who asks a second time, or when nothing listens
/// any more, ends it at once.
pub(super) fn stop_signal() -> Outcome<watch::Receiver<bool>> {
    let (stop, stopped) = watch::channel(false);
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM])
        .map_err(|error| Error::internal(format!("signals can't be heard: {error}")))?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            // Looked at first: who hears it may be gone a moment later.
            if stop.is_closed() || stop.send_replace(true) {
                // As if nobody had waited for it.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    });
    Ok(stopped)
}
