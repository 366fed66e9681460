//! Shapes about devices and the journal as a whole: `init`, `devices`, `sync`, `serve`, `pair`, `doctor`, `demo`.

use std::collections::BTreeMap;

use afterword_core::journal::view::EntryView;
use serde::Serialize;

use super::Problem;

/// A device by id and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceName {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
}

/// How the store is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VaultKind {
    /// The OS keyring.
    Keyring,
    /// A passphrase.
    Passphrase,
}

/// `init`.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Init {
    /// The journal.
    pub journal: String,
    /// This device.
    pub device: DeviceName,
    /// Its folder.
    pub home: String,
    /// How it is locked.
    pub vault: VaultKind,
    /// The 24 words, shown this once.
    pub recovery_phrase: String,
}

impl std::fmt::Debug for Init {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Init").field("journal", &self.journal).field("device", &self.device).finish_non_exhaustive()
    }
}

/// Whether a device belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It belongs.
    Member,
    /// It does not, or its add no longer counts.
    Removed,
}

/// One row of `devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whether it is this one.
    pub this: bool,
    /// Whether it belongs.
    pub status: Status,
    /// When it was added.
    pub added_at: Option<String>,
    /// When it last was heard.
    pub last_seen_at: Option<String>,
}

/// `devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Devices {
    /// Every device there ever was.
    pub devices: Vec<Device>,
}

/// Operations that moved one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// How many operations.
    pub operations: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// UDP payload of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Wire {
    /// Sent.
    pub sent_bytes: u64,
    /// Received.
    pub received_bytes: u64,
    /// Datagrams sent.
    pub sent_datagrams: u64,
    /// Datagrams received.
    pub received_datagrams: u64,
    /// The handshake's part, both ways.
    pub handshake_bytes: u64,
}

/// One peer of a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// The device; null where it was not reached.
    pub device: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// Whether all is durable on both sides.
    pub ok: bool,
    /// What went there.
    pub sent: Moved,
    /// What came.
    pub received: Moved,
    /// What it cost on the wire.
    pub wire: Wire,
    /// Round trips after the handshake.
    pub round_trips: u64,
    /// Milliseconds of the session.
    pub ms: u64,
    /// Processor time of it.
    pub cpu_ms: u64,
    /// Documents opened in it.
    pub documents_opened: u64,
    /// Transactions in it.
    pub transactions: u64,
    /// Entries derived afterwards.
    pub derived: u64,
    /// Milliseconds of that.
    pub derived_ms: u64,
    /// What went wrong.
    pub error: Option<Problem>,
}

/// `sync`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sync {
    /// Every peer that was tried.
    pub peers: Vec<Peer>,
    /// Whether the last Hellos with all of them were the same.
    pub equal: bool,
    /// Blobs that no peer had.
    pub wanted_blobs: u64,
    /// What the person should know.
    pub alarms: Vec<Alarm>,
}

/// Something the person should know. All but the first two keys are about devices that were added or removed elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// The word for programs.
    pub code: &'static str,
    /// A sentence.
    pub detail: String,
    /// The device that was added or removed.
    pub device: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// What the device that did it is called; null where it was the recovery phrase.
    pub by: Option<String>,
    /// The device that did it.
    pub by_device: Option<String>,
    /// When, by the clock of that device.
    pub at: Option<String>,
}

/// `demo`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Demo {
    /// The peers of its last sync.
    pub peers: Vec<Peer>,
    /// The entry that both edited.
    pub entry: EntryView,
}

/// One line of `pair`.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Pair {
    /// A code to type on the other device.
    Code {
        /// Nameplate and words.
        code: String,
        /// What the QR holds.
        qr: String,
        /// Where a guest can dial.
        address: String,
        /// When the window ends.
        expires_at: String,
    },
    /// It joined.
    Joined {
        /// The newcomer.
        device: DeviceName,
        /// Who let it in.
        host: DeviceName,
    },
    /// Somebody typed a wrong word; a new code follows.
    WrongGuess {
        /// Guesses left in this window.
        left: u32,
    },
}

impl std::fmt::Debug for Pair {
    /// Whoever reads the code of an open window can join: it stands on the screen and in no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code { address, expires_at, .. } => write!(f, "Code(… at {address} until {expires_at})"),
            Self::Joined { device, host } => write!(f, "Joined({device:?}, {host:?})"),
            Self::WrongGuess { left } => write!(f, "WrongGuess({left} left)"),
        }
    }
}

/// One line of `serve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Serve {
    /// It listens.
    Listening {
        /// An address that `sync --peer` takes.
        address: String,
    },
    /// A peer and this device hold the same.
    Synced(Box<Peer>),
    /// Something the person should know.
    Alarm(Alarm),
}

/// One check of `doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
}

/// Where a log stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Position {
    /// Its last sequence number.
    pub seq: u64,
    /// The chain up to it.
    pub chain: String,
}

/// `doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doctor {
    /// Whether every check is well.
    pub ok: bool,
    /// Every check.
    pub checks: Vec<Check>,
    /// How many entries.
    pub entries: u64,
    /// How many operations.
    pub operations: u64,
    /// The digest over all documents.
    pub digest: String,
    /// Log by log.
    pub vector: BTreeMap<String, Position>,
    /// Attachments whose bytes are not here.
    pub wanted_blobs: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::super::tests::assert_shape;
    use super::*;

    const PEER: &str = r#""device","name","ok","sent":{"operations","bytes"},"received":{"operations","bytes"},
        "wire":{"sent_bytes","received_bytes","sent_datagrams","received_datagrams","handshake_bytes"},"round_trips",
        "ms","cpu_ms","documents_opened","transactions","derived","derived_ms","error":null"#;

    const ALARM: &str = r#""code","detail","device","name","by","by_device","at""#;

    fn alarm() -> Alarm {
        let (device, name, by, by_device, at) = (None, None, None, None, None);
        Alarm { code: "diverged", detail: "d".into(), device, name, by, by_device, at }
    }

    fn peer() -> Peer {
        Peer {
            device: Some("ab".into()),
            name: Some("phone".into()),
            ok: true,
            sent: Moved::default(),
            received: Moved::default(),
            wire: Wire::default(),
            round_trips: 1,
            ms: 2,
            cpu_ms: 0,
            documents_opened: 0,
            transactions: 0,
            derived: 0,
            derived_ms: 0,
            error: None,
        }
    }

    fn device(name: &str) -> DeviceName {
        DeviceName { id: "ab".into(), name: name.into() }
    }

    #[test]
    fn no_phrase_and_no_code_is_printed_but_as_json() {
        let text = || "crossover".to_owned();
        let name = || DeviceName { id: "ab".into(), name: "laptop".into() };
        let code = Pair::Code { code: text(), qr: text(), address: "a".into(), expires_at: "b".into() };
        let init = Init {
            journal: "j".into(),
            device: name(),
            home: "h".into(),
            vault: VaultKind::Passphrase,
            recovery_phrase: text(),
        };
        let printed = format!("{code:?} {init:?} {:?}", Pair::Joined { device: name(), host: name() });
        assert!(!printed.contains("crossover") && printed.contains("laptop"), "{printed}");
        assert!(to_value(code).unwrap().to_string().contains("crossover"));
    }

    #[test]
    fn init_devices_and_doctor() {
        let init = Init {
            journal: "j".into(),
            device: device("laptop"),
            home: "/h".into(),
            vault: VaultKind::Passphrase,
            recovery_phrase: "one two".into(),
        };
        assert_shape(
            r#"{"journal","device":{"id","name"},"home","vault":"keyring|passphrase","recovery_phrase"}"#,
            &init,
        );
        assert_eq!(to_value(&init).unwrap()["vault"], "passphrase");
        assert!(!format!("{init:?}").contains("one two"), "the phrase is in no log");
        let row = Device {
            id: "ab".into(),
            name: "laptop".into(),
            this: true,
            status: Status::Removed,
            added_at: None,
            last_seen_at: None,
        };
        assert_eq!(to_value(&row).unwrap()["status"], "removed");
        assert_shape(
            r#"{"devices":[{"id","name","this","status":"member|removed","added_at","last_seen_at"}]}"#,
            &Devices { devices: vec![row] },
        );
        assert_shape(
            r#"{"ok","checks":[{"name","ok","detail"}],"entries","operations","digest","vector":{"LOG":{"seq","chain"}},
               "wanted_blobs"}"#,
            &Doctor {
                ok: true,
                checks: vec![Check { name: "store".into(), ok: true, detail: String::new() }],
                entries: 0,
                operations: 0,
                digest: String::new(),
                vector: [("LOG".to_owned(), Position { seq: 1, chain: String::new() })].into(),
                wanted_blobs: 0,
            },
        );
    }

    #[test]
    fn sync_and_serve() {
        assert_shape(
            &format!(r#"{{"peers":[{{{PEER}}}],"equal":true,"wanted_blobs":0,"alarms":[{{{ALARM}}}]}}"#),
            &Sync { peers: vec![peer()], equal: true, wanted_blobs: 0, alarms: vec![alarm()] },
        );
        assert_shape(r#"{"event":"listening","address"}"#, &Serve::Listening { address: "a".into() });
        assert_shape(&format!(r#"{{"event":"synced",{PEER}}}"#), &Serve::Synced(Box::new(peer())));
        assert_shape(&format!(r#"{{"event":"alarm",{ALARM}}}"#), &Serve::Alarm(alarm()));
        assert_eq!(to_value(Serve::Synced(Box::new(peer()))).unwrap()["event"], "synced");
    }

    #[test]
    fn pair_prints_its_events() {
        let code = Pair::Code {
            code: "7-crossover-clockwork".into(),
            qr: "q".into(),
            address: "127.0.0.1:1".into(),
            expires_at: "2026-11-22T15:00:00Z".into(),
        };
        assert_shape(r#"{"event":"code","code","qr","address","expires_at"}"#, &code);
        assert_shape(
            r#"{"event":"joined","device":{"id","name"},"host":{"id","name"}}"#,
            &Pair::Joined { device: device("phone"), host: device("laptop") },
        );
        assert_eq!(to_value(Pair::WrongGuess { left: 4 }).unwrap(), json!({"event": "wrong_guess", "left": 4}));
    }
}
