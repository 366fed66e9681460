//! G4, G9, G10 and half of G8: opening and the first page, the text of an entry, questions, and memory at rest.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use afterword_core::error::{Error, Result};
use afterword_core::store::read_model::{self, Filter};
use afterword_tests::Running;
use bench_common::{Corpus, Run, machine, timed};

use super::device::Device;

/// The word that starts this program as a journal at rest.
pub(crate) const IDLE: &str = "--goals-idle";
const PAGE: usize = 50;
const OPENINGS: usize = 15;
const TEXTS: usize = 1_000;
/// Questions of each kind.
const EACH: usize = 40;

/// Everything of this module, on a device that has derived all.
pub(crate) fn measure(run: &Run, device: &Device, corpus: &Corpus, entries: usize) -> Result<()> {
    run.step("opening and listing");
    for (name, cold) in [("first_page_cold", true), ("first_page_warm", false)] {
        for _ in 0..OPENINGS {
            if cold {
                machine::evict_all(device.root());
            }
            let (listed, took) = timed(|| -> Result<_> {
                let engine = device.open()?;
                let listed = engine.list(&Filter::default(), PAGE, None)?;
                Ok((engine, listed))
            });
            let (engine, listed) = listed?;
            assert_eq!((listed.entries.len(), listed.unread), (PAGE.min(entries), 0));
            assert_eq!(engine.documents_opened(), 0, "a list opened documents");
            run.add(name, "ms", took);
            engine.close()?;
        }
    }

    run.step("memory at rest");
    for _ in 0..5 {
        let mut command = Command::new(std::env::current_exe().map_err(Error::internal)?);
        command.arg(IDLE).arg(device.root());
        let output = Running::start(command, b"").wait(Duration::from_secs(120));
        let said = output.stdout.trim().parse::<f64>();
        output.expect_code(0);
        run.add("idle_resident", "MiB", said.map_err(Error::internal)?);
    }

    run.step("texts of entries");
    let engine = device.open()?;
    let ids = engine.entry_ids()?;
    let store = device.look()?;
    for id in ids.iter().cycle().step_by((ids.len() / TEXTS).max(1)).take(TEXTS) {
        let (projection, took) = timed(|| store.read_sql(|tx| read_model::projection(tx, *id)));
        let text = projection?.ok_or_else(|| Error::internal("an entry has no text"))?;
        let bytes: usize = text.parts.iter().map(|(_, text)| text.len()).sum();
        assert!(bytes > 1_000, "an entry's text is not whole");
        run.add("text", "us", took * 1000.0);
    }
    store.pause()?;

    run.step("asking");
    for query in corpus.queries(entries, EACH) {
        engine.search(&query.text, 20)?;
        let (found, took) = timed(|| engine.search(&query.text, 20));
        let found = found?;
        // A bound may have been reached before it, and then the answer says so.
        if found.hits.is_empty() && !found.more && matches!(query.kind, "phrase" | "cjk") {
            return Err(Error::internal(format!("`{}` stands in the journal and was not found", query.text)));
        }
        run.add(&format!("search_{}", query.kind), "ms", took);
    }
    assert_eq!(engine.documents_opened(), 0, "a search opened documents");
    engine.close()
}

/// A journal that is open and has listed, and nothing else.
pub(crate) fn idle_child(root: &Path) -> Result<()> {
    let engine = Device::at(root).open()?;
    engine.list(&Filter::default(), PAGE, None)?;
    println!("{}", machine::resident());
    engine.close()
}
