//! A byte flipped in every column of every table: nothing panics, and repair and one sync make both devices equal again.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::crypto::Secret;
use crate::engine::alone::set_text;
use crate::engine::home::{Device, create_store};
use crate::engine::{Environment, NewFile, SharedEntropy};
use crate::files::Home;
use crate::id::{ChangeHash, EntryId};
use crate::journal::edit::TextField;
use crate::journal::people::Person;
use crate::journal::{Kind, NewEntry};
use crate::log::{ChangeHeader, Operation};
use crate::membership::{Signer, Statement};
use crate::replication::Tx;
use crate::replication::rules::Packing;
use crate::store::read_model::Filter;
use crate::store::sqlite::open::Vouched;
use crate::store::sqlite::{SqliteStore, SqliteTx};
use crate::sync::{Close, Config, Mode, Session, Stream, serve_request};
use crate::testing::journal::Seeded;
use crate::time::{Clock, Timestamp};
use crate::transport::DiscoverySource;

#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_760_000_000_000)
    }
}

fn environment(seed: u64) -> Environment {
    Environment {
        clock: Arc::new(Still),
        entropy: SharedEntropy::new(Box::new(Seeded::new(seed))),
        finder: DiscoverySource::default(),
    }
}

/// One sync, from hello to the end. An error is one that the store gave to either side.
fn sync(a: &Engine, b: &Engine) -> Result<Close> {
    let engines = [a, b];
    let mut sessions = [Session::new(Config::new(Mode::Once)), Session::new(Config::new(Mode::Once))];
    for _ in 0..2_000 {
        let mut moved = false;
        for side in 0..2 {
            let (shared, peer) = (&engines[side].shared, engines[1 - side].device());
            while let Some(request) = sessions[side].poll_request() {
                let entropy = &mut shared.entropy.clone();
                let reply = serve_request(&shared.store, &shared.blobs, &shared.identity, entropy, &peer, request)?;
                sessions[side].reply(reply);
                moved = true;
            }
            for stream in [Stream::Control, Stream::Blobs] {
                while let Some(bytes) = sessions[side].poll_transmit(stream, 1 << 16) {
                    // What the peer makes of it is in its own close.
                    let _ = sessions[1 - side].receive(stream, &bytes);
                    moved = true;
                }
            }
        }
        if !moved {
            break;
        }
    }
    let [first, second] = sessions.map(|session| session.close().cloned());
    Ok(first.or(second).unwrap_or(Close::Stalled))
}

/// Two devices of one journal, the same in both: logs packed and not, an attachment, an erased entry, a change that waits.
struct World {
    folder: tempfile::TempDir,
    keys: [Secret; 2],
}

const SOMEBODY: &str = "abcdefghij";
const SIDES: [&str; 2] = ["a", "b"];

impl World {
    fn made() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut entropy = Seeded::new(3);
        let phrase = RecoveryPhrase::generate(&mut entropy);
        let devices = [Device::generate(&mut entropy), Device::generate(&mut entropy)];
        let genesis = Statement::genesis(&phrase.signing_key(), phrase.sealing_key().public(), [4; 16]);
        let journal = genesis.journal();
        let mut statements = vec![genesis];
        for (device, name) in devices.iter().zip(SIDES) {
            let newcomer = device.newcomer(&journal, name).unwrap();
            let tips = [statements.last().unwrap().id()];
            let signer = phrase.signing_key();
            let add = Statement::add(Signer::Recovery(&signer), &journal, &tips, newcomer, Timestamp(1)).unwrap();
            statements.push(add);
        }
        let secret = Secret::generate(&mut entropy);
        let made = [0, 1].map(|at| {
            let root = folder.path().join(SIDES[at]);
            let unlock = Unlock::NewPassphrase { passphrase: "opened by a test", costs: Costs::LEAST };
            create_store(&Home::new(root), unlock, &devices[at], &secret, &statements, environment(at as u64 + 1))
                .unwrap()
        });
        let [a, b] = &made;
        let aliases = ["E.".to_owned()].into();
        a.import_people(&[Person { token: SOMEBODY.to_owned(), name: "Esther".to_owned(), aliases }]).unwrap();
        a.create_entry(note(&format!("{{{{p:{SOMEBODY}}}}} came"), 0)).unwrap();
        write(a, "Rain", 4);
        write(b, "Wind", 4);
        sync(a, b).unwrap();
        for engine in &made {
            let packing = Packing { keep: 1, at_least: 0, at_most: 1500 };
            let shared = &engine.shared;
            while shared.store.write(|tx| rules::pack(tx, &shared.identity, &packing)).unwrap() > 0 {}
        }
        write(a, "Snow", 3);
        write(b, "Hail", 3);
        wait_for_what_never_comes(a);
        let gone = a.create_entry(note("Gone", 0)).unwrap().id;
        sync(a, b).unwrap();
        b.erase(gone).unwrap();
        assert!(matches!(sync(a, b).unwrap(), Close::Equal | Close::Done));
        for (engine, other) in [(a, b), (b, a)] {
            engine.shared.store.remember_peer(other.device(), "127.0.0.1:4000".parse().ok(), Timestamp(5)).unwrap();
            engine.derive(Duration::MAX, |_, _| {}).unwrap();
        }
        let keys = [a.key.clone(), b.key.clone()];
        made.into_iter().for_each(|engine| engine.shared.store.pause().unwrap());
        Self { folder, keys }
    }

    /// Copies of both, so that what one flip does is not there for the next.
    fn copied(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        for side in SIDES {
            copy_all(&self.folder.path().join(side), &copy.path().join(side));
        }
        copy
    }

    fn open(&self, folder: &Path, side: usize) -> Result<Engine> {
        Engine::open_with_key(
            Home::new(folder.join(SIDES[side])),
            &self.keys[side],
            environment(77 + side as u64),
            None,
        )
    }

    fn store(&self, folder: &Path) -> SqliteStore {
        SqliteStore::open(&Home::new(folder.join("a")).database(), &self.keys[0], Vouched::ByVault).unwrap()
    }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(|file| file.unwrap()) {
        let target = to.join(file.file_name());
        if file.path().is_dir() {
            copy_all(&file.path(), &target);
        } else {
            std::fs::copy(file.path(), target).unwrap();
        }
    }
}

fn note(title: &str, n: usize) -> NewEntry {
    let body = format!("It went wrong on {title}{n}, and nobody said so. ").repeat(4);
    NewEntry { kind: Kind::Note, title: format!("{title} {n}"), body, sections: Vec::new(), happened: None }
}

fn write(engine: &Engine, title: &str, count: usize) {
    for n in 0..count {
        let id = engine.create_entry(note(title, n)).unwrap().id;
        for edit in 0..3 {
            let text = format!("{title} {n} told {edit} times");
            set_text(engine, id, TextField::Title, &text).unwrap();
        }
        if n == 0 {
            engine.attach(id, &mut title.as_bytes().repeat(9).as_slice(), NewFile::default()).unwrap();
        }
    }
}

/// A change whose dependency nobody has.
fn wait_for_what_never_comes(engine: &Engine) {
    let shared = &engine.shared;
    let id = EntryId::from_bytes([9; 16]);
    let mut doc = crate::testing::journal::Doc::new(9);
    let (first, second) = (doc.write("one"), doc.write("two"));
    let missing: ChangeHash = ChangeHeader::parse(&first).unwrap().hash;
    assert_eq!(ChangeHeader::parse(&second).unwrap().dependencies, [missing]);
    let operation = Operation::change(id, second, Vec::new(), Vec::new()).unwrap();
    let append = |tx: &mut dyn Tx| rules::append(tx, &shared.identity, &mut shared.entropy.clone(), vec![operation]);
    shared.store.write(append).unwrap();
}

/// Everything that a person sees of a journal, and its digest.
fn seen(engine: &Engine) -> Result<Vec<String>> {
    let list = engine.list(&Filter::default(), 100, None)?;
    let mut all = vec![format!("{:?}", list.entries)];
    for word in ["esther", "rain0", "told", "wr", "hail2", "\"nobody said\""] {
        all.push(format!("{word}: {:?}", engine.search(word, 50)?.hits));
    }
    all.push(format!("{:?}", engine.people()?));
    for id in engine.entry_ids()? {
        all.push(format!("{id} {:?}", engine.stored_entry(id)));
    }
    let digest = engine.shared.store.read(|tx| rules::summary(tx))?.digest;
    all.push(format!("{digest:?}"));
    Ok(all)
}

/// A value of a row, to be replaced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Cell {
    table: String,
    column: String,
    /// Which of its rows, by its place among them.
    row: i64,
}

fn cells(tx: &mut SqliteTx<'_>, empty: &mut BTreeSet<String>) -> Result<Vec<Cell>> {
    let conn = tx.conn()?;
    let mut columns = conn
        .prepare(
            "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.sql NOT LIKE 'CREATE VIRTUAL%'",
        )
        .unwrap();
    let columns: Vec<(String, String)> =
        columns.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(|row| row.unwrap()).collect();
    let mut cells = Vec::new();
    for (table, column) in columns {
        let sql = format!("SELECT count(*) FROM \"{table}\" WHERE length(\"{column}\") > 0");
        let count: i64 = conn.query_row(&sql, [], |row| row.get(0)).unwrap();
        if count == 0 {
            empty.insert(format!("{table}.{column}"));
        }
        // The first, the last and one between; every one of the settings, of which each is another thing.
        let rows: BTreeSet<i64> =
            if table == "settings" { (0..count).collect() } else { [0, count / 2, count - 1].into() };
        let rows = rows.into_iter().filter(|row| (0..count).contains(row));
        cells.extend(rows.map(|row| Cell { table: table.clone(), column: column.clone(), row }));
    }
    Ok(cells)
}

/// Flips one bit. Answers whether the table took it: keys of two rows can't be made alike.
fn flip(store: &SqliteStore, cell: &Cell) -> Option<String> {
    use rusqlite::types::Value;
    let Cell { table, column, row } = cell;
    let flipped = store.write_sql(|tx| {
        let conn = tx.conn()?;
        let sql = format!(
            "SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 UNION ALL SELECT 'rowid'
             WHERE NOT EXISTS (SELECT 1 FROM pragma_table_info('{table}') WHERE pk > 0)"
        );
        let mut keys = conn.prepare(&sql).unwrap();
        let keys: Vec<String> = keys.query_map([], |row| row.get(0)).unwrap().map(|key| key.unwrap()).collect();
        let names = keys.join(", ");
        let sql = format!(
            "SELECT {names}, \"{column}\" FROM \"{table}\" WHERE length(\"{column}\") > 0 ORDER BY {names} LIMIT 1 OFFSET {row}"
        );
        let values: Vec<Value> = conn
            .query_row(&sql, [], |row| (0..=keys.len()).map(|at| row.get(at)).collect())
            .unwrap();
        let (key, value) = (&values[..keys.len()], &values[keys.len()]);
        let mut text = false;
        let new = match value {
            Value::Integer(n) => Value::Integer(n ^ 2),
            Value::Blob(bytes) => Value::Blob(turned(bytes)),
            Value::Text(words) => {
                text = true;
                Value::Blob(turned(words.as_bytes()))
            }
            other => panic!("{cell:?} is {other:?}"),
        };
        let to = if text { "CAST(?1 AS TEXT)" } else { "?1" };
        let which: Vec<String> = keys.iter().enumerate().map(|(at, key)| format!("{key} = ?{}", at + 2)).collect();
        let sql = format!("UPDATE \"{table}\" SET \"{column}\" = {to} WHERE {}", which.join(" AND "));
        let values: Vec<&Value> = [&new].into_iter().chain(key).collect();
        Ok(conn.execute(&sql, rusqlite::params_from_iter(values)).map(|_| format!("{key:?}: {new:?}")))
    });
    flipped.unwrap().ok()
}

fn turned(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x81;
    bytes
}

/// What no repair can give back, and why.
fn excepted(cell: &Cell, key: &str) -> Option<&'static str> {
    match (cell.table.as_str(), key) {
        ("settings", key) if key.contains("device_seed") => {
            Some("known to this device only: it joins again as another")
        }
        ("settings", key) if key.contains("sealing_seed") => {
            Some("known to this device only: what is sealed to it stays shut")
        }
        ("settings", key) if key.contains("journal_secret") => {
            Some("what peers share without sending it: it joins again")
        }
        ("statements", _) if cell.column == "bytes" && cell.row == 0 => {
            Some("the genesis, without which no peer is believed: it joins again")
        }
        _ => None,
    }
}

/// What `doctor` need not name: nobody and nothing would ever see a difference.
fn means_nothing(cell: &Cell, key: &str) -> Option<&'static str> {
    match (cell.table.as_str(), cell.column.as_str()) {
        ("settings", "value") if key.contains("incarnation") => {
            Some("the next commit begins a log there, as after a rollback")
        }
        ("settings", "value") if key.contains("devices_seen") => {
            Some("of a device that was seen a person is told once more, and that is all")
        }
        ("certificates" | "blobs", "id") => Some("these have no order, and nothing refers to the number"),
        ("documents", "stale") => Some("what is set for nothing is derived once more, and that is all"),
        ("documents", "version") => Some("it counts on from any number, and only this process compares it"),
        ("peers", "seen") | ("snapshots", "used") => Some("a time by this device's own clock"),
        _ => None,
    }
}

#[test]
fn a_byte_flipped_in_any_column_is_no_panic_and_is_made_right() {
    let world = World::made();
    let mut empty = BTreeSet::new();
    let first = world.copied();
    let cells = world.store(first.path()).write_sql(|tx| cells(tx, &mut empty)).unwrap();
    let good = seen(&world.open(first.path(), 1).unwrap()).unwrap();
    assert!(good[1].starts_with("esther: [Hit"), "{}", good[1]);
    for (ours, good) in seen(&world.open(first.path(), 0).unwrap()).unwrap().iter().zip(&good) {
        assert_eq!(ours, good);
    }
    // Nothing is aside, on its way or being opened; a blob all here has no map of its parts.
    let bare = ["aside.", "arriving.", "drafts.", "opening."];
    let left: Vec<_> = empty.iter().filter(|name| !bare.iter().any(|table| name.starts_with(table))).collect();
    assert_eq!(left, ["blobs.bitmap", "search_idx.term"], "a column in which nothing is flipped");
    let (mut wrong, mut unnamed) = (Vec::new(), Vec::new());
    for cell in &cells {
        let folder = world.copied();
        let Some(what) = flip(&world.store(folder.path()), cell) else { continue };
        let run = catch_unwind(AssertUnwindSafe(|| mended(&world, folder.path(), &good)));
        match run {
            Err(_) => wrong.push(format!("{cell:?} {what}: a panic")),
            Ok((noticed, result)) => {
                if noticed != means_nothing(cell, &what).is_none() {
                    unnamed.push(format!("{cell:?} {}: {noticed}", short(&what)));
                }
                if let Err(problem) = result
                    && excepted(cell, &what).is_none()
                {
                    wrong.push(format!("{cell:?} {}: {problem}", what.chars().take(120).collect::<String>()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cells.len(), wrong.join("\n"));
    let all = cells.len();
    assert!(unnamed.is_empty(), "whether doctor names it, {} of {all}:\n{}", unnamed.len(), unnamed.join("\n"));
}

/// Uses a damaged journal, mends it and syncs it. Answers whether anything was named, and what is still not as it was.
fn mended(world: &World, folder: &Path, good: &[String]) -> (bool, std::result::Result<(), String>) {
    // A journal that does not open says so by itself.
    let mut noticed = true;
    if let Ok(engine) = world.open(folder, 0) {
        // Whatever these answer, they answer.
        let _ = seen(&engine);
        noticed = engine.look().map_or(true, |checks| checks.iter().any(|check| !check.ok));
        let _ = engine.shared.store.pause();
    }
    let whole = || -> std::result::Result<(), String> {
        let said = |what: &'static str| move |error: crate::error::Error| format!("{what}: {}", error.message);
        let rebuilt = world.open(folder, 0).map_err(said("open"))?.rebuild(|_, _| {});
        if let Err(error) = rebuilt {
            // The journal's name: it is right now, and everything else is looked at under it.
            world.open(folder, 0).map_err(said("open"))?.rebuild(|_, _| {}).map_err(|_| error.message)?;
        }
        let (a, b) = (world.open(folder, 0).map_err(said("open"))?, world.open(folder, 1).unwrap());
        sync(&a, &b).map_err(said("sync"))?;
        let (ours, theirs) = (seen(&a).map_err(said("seen"))?, seen(&b).map_err(said("seen there"))?);
        for (engine, name) in [(&a, "here"), (&b, "there")] {
            let checks = engine.look().map_err(said("doctor"))?;
            if let Some(check) = checks.iter().find(|check| !check.ok) {
                return Err(format!("doctor {name}: {}: {}", check.name, check.detail));
            }
        }
        for (ours, good) in ours.iter().zip(good) {
            if ours != good {
                return Err(format!("not as it was: {} / {}", short(ours), short(good)));
            }
        }
        if ours != theirs { Err("the two differ".to_owned()) } else { Ok(()) }
    };
    let result = whole();
    (noticed, result)
}

fn short(text: &str) -> String {
    text.chars().take(150).collect()
}

#[test]
fn what_reads_behind_the_damage_is_there_without_any_other_device() {
    let world = World::made();
    let first = world.copied();
    let good = seen(&world.open(first.path(), 0).unwrap()).unwrap();
    for row in 0..6 {
        // A head that is lost takes the author's word for what it ended, and none of the writer's.
        let folder = world.copied();
        let cell = Cell { table: "heads".to_owned(), column: "bytes".to_owned(), row };
        flip(&world.store(folder.path()), &cell).unwrap();
        let engine = world.open(folder.path(), 0).unwrap();
        engine.rebuild(|_, _| {}).unwrap();
        assert_eq!(seen(&engine).unwrap(), good, "{cell:?}");
    }
    let folder = world.copied();
    let cell = Cell { table: "operations".to_owned(), column: "line".to_owned(), row: 0 };
    flip(&world.store(folder.path()), &cell).unwrap();
    let engine = world.open(folder.path(), 0).unwrap();
    let repaired = engine.rebuild(|_, _| {}).unwrap();
    assert!(repaired.cut.len() == 1 && repaired.aside > 1 && repaired.logged_again > 1, "{repaired:?}");
    let (all, left) = (world.open(first.path(), 0).unwrap().entry_ids().unwrap(), engine.entry_ids().unwrap());
    assert!(left.len() + 1 >= all.len(), "one operation can't be read: {} of {} entries", left.len(), all.len());
}
