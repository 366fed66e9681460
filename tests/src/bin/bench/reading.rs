//! Writing one entry, opening, listing, searching; the program's memory while it lists.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use afterword_core::engine::Engine;
use afterword_core::error::{Error, Result};
use afterword_core::files::Home as Folder;
use afterword_core::store::SqliteStore;
use afterword_core::store::read_model::Filter;
use afterword_core::store::sqlite::open::Vouched;
use afterword_core::vault::{self, Costs, Unlock};
use afterword_tests::clock::environment;
use afterword_tests::corpus::Corpus;
use afterword_tests::{Home, Running};

use super::Plan;
use super::figures::{Parts, Table, median, timed};
use super::fill::{self, Keys};

/// What one page of a list shows.
const PAGE: usize = 50;
/// What listing may take of memory, in a journal of any size.
const MEMORY: u64 = 60;
/// The argument by which this program runs itself.
pub(crate) const LIST_ONLY: &str = "--list-only";
const LIMIT: Duration = Duration::from_secs(120);
const PASSPHRASE: &str = "correct horse battery staple";

/// Everything that needs one device.
pub(crate) fn measure(plan: &Plan, parts: &Parts, table: &mut Table) -> Result<()> {
    write(plan, parts, table)?;
    for (at, size) in plan.journals.iter().enumerate() {
        journal(plan, *size, at + 1 == plan.journals.len(), table)?;
    }
    Ok(())
}

/// One entry, saved and derived, in a journal that has a hundred.
fn write(plan: &Plan, parts: &Parts, table: &mut Table) -> Result<()> {
    let (folder, keys) = (tempfile::tempdir().expect("a temporary folder can be made"), Keys::default());
    fill::create(folder.path(), &keys, 1)?.0.close()?;
    fill::fill(folder.path(), &keys, 100, plan.words, true)?;
    let engine = Engine::open(folder.path(), Unlock::Platform(&keys), environment(2))?;
    let mut corpus = Corpus::new(7);
    let mut timings = Vec::new();
    for _ in 0..plan.writes {
        let new = fill::entry(&mut corpus, plan.words);
        let (written, took) = timed(|| engine.create_entry(new));
        written?;
        timings.push(took);
    }
    let what = format!("write one entry of {} words, durable, listed, searchable", plan.words);
    table.ratio(&what, 100, median(timings), "append and fdatasync", parts.append);
    engine.close()
}

fn journal(plan: &Plan, size: usize, last: bool, table: &mut Table) -> Result<()> {
    let home = Home::new();
    let (root, keys) = (home.path(), Keys::default());
    // A list reads rows and never texts; a hundred thousand long texts would take an hour to make.
    let words = if size > 10_000 { plan.words.div_ceil(25) } else { plan.words };
    fill::create(&root, &keys, size as u64)?.0.close()?;
    let (filled, took) = timed(|| fill::fill(&root, &keys, size, words, true));
    filled?;
    eprintln!("{size} entries of {words} words made in {took:.0} ms");

    let bare = || -> Result<f64> {
        let folder = Folder::new(&root);
        let (opened, took) = timed(|| {
            let key = vault::open(&folder, Unlock::Platform(&keys))?;
            SqliteStore::open(&folder.database(), &key, Vouched::ByVault)
        });
        opened?.pause()?;
        Ok(took)
    };
    let first_page = || -> Result<(f64, u64)> {
        let (listed, took) = timed(|| -> Result<_> {
            let engine = Engine::open(&root, Unlock::Platform(&keys), environment(3))?;
            let listed = engine.list(&Filter::default(), PAGE, None)?;
            Ok((engine, listed))
        });
        let (engine, listed) = listed?;
        assert_eq!((listed.entries.len(), listed.unread), (PAGE.min(size), 0));
        let opened = engine.documents_opened();
        engine.close()?;
        Ok((took, opened))
    };
    let part = median((0..9).map(|_| bare()).collect::<Result<_>>()?);
    let pages: Vec<(f64, u64)> = (0..9).map(|_| first_page()).collect::<Result<_>>()?;
    let opened = pages.iter().map(|(_, opened)| opened).sum();
    table.ratio(
        "open and list the first 50",
        size,
        median(pages.iter().map(|(took, _)| *took).collect()),
        "open the database",
        part,
    );
    table.promise("documents opened by that", size, opened, "documents", 0);

    let engine = Engine::open(&root, Unlock::Platform(&keys), environment(4))?;
    let page = |_| -> Result<f64> {
        let (listed, took) = timed(|| engine.list(&Filter::default(), PAGE, None));
        listed.map(|_| took)
    };
    let warm = median((0..50).map(page).collect::<Result<_>>()?);
    table.ratio("list 50, journal open", size, warm, "open the database", part);
    let mut corpus = Corpus::new(size as u64);
    let title = corpus.entry_of(words).title.to_lowercase();
    let rare = title.split(' ').max_by_key(|word| word.len()).unwrap_or_default().to_owned();
    let common = Corpus::new(0).word().to_owned();
    for (what, query) in [
        ("search a word", rare.clone()),
        ("search a common word", common.clone()),
        ("search two words", format!("{rare} {common}")),
        ("search a phrase", format!("\"{title}\"")),
        ("search a prefix", format!("{}*", &common[..common.len().min(3)])),
    ] {
        let search = |_| -> Result<f64> {
            let (found, took) = timed(|| engine.search(&query, 20));
            found.map(|_| took)
        };
        table.ratio(what, size, median((0..15).map(search).collect::<Result<_>>()?), "list 50", warm);
    }
    table.promise("documents opened by all that", size, engine.documents_opened(), "documents", 0);
    // What a passphrase costs is a choice (64 MiB and half a second, or more); what reading costs is measured here.
    engine.change_unlock(Unlock::NewPassphrase { passphrase: PASSPHRASE, costs: Costs::LEAST })?;
    engine.close()?;

    let memory = |what: &str, peak: Option<u64>, table: &mut Table| match peak {
        Some(peak) if last => table.promise(what, size, peak.div_ceil(1_000_000), "MB", MEMORY),
        Some(peak) => table.plain(what, size, &format!("{} MB", peak.div_ceil(1_000_000))),
        None => table.plain(what, size, "not known on this system"),
    };
    let mut alone = Command::new(std::env::current_exe().map_err(Error::internal)?);
    alone.arg(LIST_ONLY).arg(&root);
    let (output, took, peak) = Running::start(alone, b"").measure(LIMIT);
    output.expect_code(0);
    let engine_ms = took.as_secs_f64() * 1000.0;
    memory("peak memory of a process that opens and lists, the passphrase's cost left out", peak, table);

    let (output, took, peak) = Running::start(home.command(&["--json", "list"]), b"").measure(LIMIT);
    let took = took.as_secs_f64() * 1000.0;
    if output.code == Some(0) {
        table.ratio(
            "`afterword list`, the whole process, the passphrase's cost left out",
            size,
            took,
            "the same by the engine alone",
            engine_ms,
        );
        memory("peak memory of `afterword list`", peak, table);
    } else {
        table.broken("`afterword list`", size, &format!("ended with {:?}: {}", output.code, output.stderr.trim()));
    }
    Ok(())
}

/// Opens the journal in `root` with the passphrase and lists its first page: what another process of this program is for.
pub(crate) fn list_only(root: &Path) -> ExitCode {
    let listed = Engine::open(root, Unlock::Passphrase(PASSPHRASE), environment(5)).and_then(|engine| {
        engine.list(&Filter::default(), PAGE, None)?;
        engine.close()
    });
    if listed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
