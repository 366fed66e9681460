//! Bringing in and writing out: `import`, `export`.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use afterword_core::engine::{Engine, Imported, ImportedAttachment, ImportedEntry, NewFile};
use afterword_core::error::{Code, Error};
use afterword_core::journal::NewEntry;
use afterword_core::journal::people::Person;
use afterword_core::journal::view::{AttachmentView, EntryView};
use afterword_core::time::{Clock, Timestamp};

use super::context::{Context, SystemClock};
use crate::args::ExportFormat;
use crate::export::Totals;
use crate::export::json::JsonExport;
use crate::export::markdown::MarkdownExport;
use crate::human::{self, Style};
use crate::import::{Bytes, ExportedPerson, Foreign, Found, Own, Problem, Source};
use crate::json;
use crate::outfile::Stop;
use crate::output::Outcome;
use crate::progress::Progress;

/// So many people of an export are taken in at once.
const PEOPLE_AT_ONCE: usize = 1000;

/// `import`.
pub(super) fn import(context: &Context, path: &Path) -> Outcome {
    // Named first: a path that is not there is no reason to open a journal.
    let source = Source::open(path)?;
    let engine = context.open()?;
    let imported = take_in(context, &engine, source, path)?;
    context.out.answer(&imported, |value| human::imported(value, Style::here()))
}

/// Takes everything in `source` into the journal, and derives it, so that what came is found at once.
pub(super) fn take_in(context: &Context, engine: &Engine, source: Source, path: &Path) -> Outcome<json::Imported> {
    let total = source.files();
    let mut progress = Progress::new("importing", context.out.is_json());
    let mut taking = Taking::new(engine, path, source.is_single().then(Vec::new))?;
    source.each(&mut |found| {
        taking.take(found)?;
        progress.at(taking.seen, total);
        Ok(())
    })?;
    taking.people()?;
    progress.finish();
    let imported = taking.report;
    let mut progress = Progress::new("indexing", context.out.is_json());
    engine.derive(Duration::MAX, |done, left| progress.at(done, Some(done + left)))?;
    progress.finish();
    Ok(imported)
}

/// An import on its way into the journal.
struct Taking<'e> {
    engine: &'e Engine,
    /// The folder, or the one file.
    root: PathBuf,
    waiting: Vec<Person>,
    seen: u64,
    report: json::Imported,
}

impl<'e> Taking<'e> {
    fn new(engine: &'e Engine, path: &Path, taken: Option<Vec<json::ImportedFile>>) -> Outcome<Self> {
        Ok(Self {
            engine,
            root: std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
            waiting: Vec::new(),
            seen: 0,
            report: json::Imported { created: 0, unchanged: 0, attachments: 0, problems: Vec::new(), taken },
        })
    }

    fn take(&mut self, found: Found) -> Result<(), Error> {
        match found {
            Found::Problem(problem) => self.problem(problem.path, problem.reason),
            Found::Person(person) => self.person(person)?,
            Found::Foreign(foreign) => {
                self.seen += 1;
                self.foreign(*foreign)?;
            }
            Found::Own(own) => {
                self.seen += 1;
                // They stand before every entry that names them.
                self.people()?;
                self.own(*own)?;
            }
        }
        Ok(())
    }

    fn problem(&mut self, path: String, reason: String) {
        self.report.problems.push(Problem { path, reason }.into());
    }

    fn person(&mut self, person: ExportedPerson) -> Result<(), Error> {
        let ExportedPerson { token, name, aliases } = person;
        if afterword_core::journal::people::sound_name(&name) {
            self.waiting.push(Person { token, name, aliases: aliases.into_iter().collect() });
            // Nobody knows so many; a file may name more than memory holds.
            if self.waiting.len() >= PEOPLE_AT_ONCE {
                self.people()?;
            }
        } else {
            self.problem(format!("person {token}"), "the name can't stand in a text; not imported".to_owned());
        }
        Ok(())
    }

    fn people(&mut self) -> Result<(), Error> {
        if !self.waiting.is_empty() {
            self.engine.import_people(&std::mem::take(&mut self.waiting))?;
        }
        Ok(())
    }

    fn foreign(&mut self, foreign: Foreign) -> Result<(), Error> {
        let known = match foreign.known_as {
            Some(id) => self.engine.is_known(id)?,
            None => false,
        };
        if known || self.engine.imported(&foreign.key)?.is_some() {
            self.report.unchanged += 1;
            return Ok(());
        }
        let written_at = self.written_at(&foreign);
        let (mut attachments, mut files) = (Vec::new(), Vec::new());
        for attachment in foreign.attachments {
            match attachment.bytes.read() {
                Ok(Some(bytes)) if !bytes.is_empty() => {
                    let caption = Some(attachment.caption).filter(|caption| !caption.is_empty());
                    let length = bytes.len() as u64;
                    files.push(json::ImportedFile { path: attachment.path, bytes: length });
                    let file = NewFile { mime: attachment.mime, caption, alt: attachment.alt, credit: None };
                    attachments.push(ImportedAttachment { file, bytes });
                }
                Ok(_) => self.problem(attachment.path, "the file is empty; not attached".to_owned()),
                Err(reason) => self.problem(attachment.path, format!("{reason}; not attached")),
            }
        }
        let count = attachments.len() as u64;
        let imported = self.engine.import_entry(ImportedEntry {
            key: foreign.key,
            new: NewEntry {
                kind: foreign.kind,
                title: foreign.title,
                body: foreign.body,
                sections: Vec::new(),
                happened: foreign.happened,
            },
            marks: foreign
                .marks
                .into_iter()
                .flat_map(|(group, words)| words.into_iter().map(move |word| (group, word)))
                .collect(),
            attachments,
            written_at,
        });
        if let (Ok(Imported::Created(_)), Some(taken)) = (&imported, &mut self.report.taken) {
            taken.extend(files);
        }
        self.count(foreign.path, imported, count)
    }

    /// When a file's entry was written: on the day it names, else when the file was last changed.
    fn written_at(&self, foreign: &Foreign) -> Timestamp {
        let midnight = |day| Timestamp::from_rfc3339(&format!("{day}T00:00:00Z"));
        if let Some(at) = foreign.happened.and_then(|day| midnight(day.first())) {
            return at;
        }
        let file = if self.root.is_dir() { self.root.join(&foreign.path) } else { self.root.clone() };
        let changed = std::fs::metadata(file).and_then(|meta| meta.modified()).ok();
        let since = changed.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        since.and_then(|since| i64::try_from(since.as_millis()).ok()).map_or_else(|| SystemClock.now(), Timestamp)
    }

    fn own(&mut self, own: Own) -> Result<(), Error> {
        let Own { entry, mut bytes } = own;
        let mut files = 0;
        let imported = self.engine.import_own(&entry, |attachment| match bytes.remove(&attachment.id) {
            None => Ok(None),
            Some(Bytes::Here(bytes)) if bytes.is_empty() => Ok(None),
            Some(there) => {
                let read = there.read().map_err(|why| Error::invalid(why, "import it again"))?;
                files += u64::from(read.is_some());
                Ok(read)
            }
        });
        self.count(format!("entry {}", entry.id), imported, files)
    }

    /// What an entry came to. One that the journal can't take is said, and the others go on.
    fn count(&mut self, path: String, imported: Result<Imported, Error>, files: u64) -> Result<(), Error> {
        match imported {
            Ok(Imported::Created(_)) => {
                self.report.created += 1;
                self.report.attachments += files;
            }
            Ok(Imported::Unchanged(_)) => self.report.unchanged += 1,
            Err(error) if error.code == Code::Invalid => {
                self.problem(path, format!("{}; not imported", error.message));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// `export`: one entry in memory at a time.
pub(super) fn export(context: &Context, path: &Path, format: ExportFormat) -> Outcome {
    let engine = context.open()?;
    let ids = engine.entry_ids()?;
    let total = ids.len() as u64;
    let mut progress = Progress::new("exporting", context.out.is_json());
    let stop = context.stop_writing(path)?;
    let mut writing = Writing::begin(&engine, path, format, &stop)?;
    let stopped = |error| stop.explains(error, || stopped(path, format));
    let (mut unreadable, mut away) = (0, 0);
    for (done, id) in (1..).zip(ids) {
        let read = match format {
            ExportFormat::Json => engine.show_with_tokens(id),
            ExportFormat::Markdown => engine.show(id),
        };
        let entry = match read {
            Ok(entry) => entry,
            // Erased by another device since the list was made.
            Err(error) if error.code == Code::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        unreadable += entry.unreadable;
        if entry.trashed && format == ExportFormat::Markdown {
            away += 1;
        } else {
            writing.entry(&engine, &entry).map_err(stopped)?;
        }
        if stop.asked() {
            return Err(stopped(Error::internal("stopped")).into());
        }
        progress.at(done, Some(total));
    }
    let totals = writing.finish().map_err(stopped)?;
    progress.finish();
    if unreadable > 0 {
        context.out.note(&format!("{unreadable} changes can't be read yet and are not in the export."));
    }
    if totals.missing > 0 {
        context.out.note(&format!(
            "{} attachments are not on this device yet; the export names them without their bytes.",
            totals.missing
        ));
    }
    if away > 0 {
        context.out.note(&format!("{away} entries are in the trash and were left out; a JSON export has them."));
    }
    context.out.answer(&totals.exported(path), human::exported)
}

/// What a stopped export left, and what to do with it.
fn stopped(path: &Path, format: ExportFormat) -> (String, String) {
    let path = path.display();
    match format {
        ExportFormat::Json => (format!("the export was stopped, and nothing is at {path}"), "run it again".to_owned()),
        ExportFormat::Markdown => (
            format!("the export was stopped; what was written by then stands in {path}, in the clear"),
            "delete it, or run the export again into another folder".to_owned(),
        ),
    }
}

enum Writing {
    Json(Box<JsonExport>),
    Markdown(MarkdownExport),
}

impl Writing {
    fn begin(engine: &Engine, path: &Path, format: ExportFormat, stop: &Stop) -> Outcome<Self> {
        Ok(match format {
            ExportFormat::Markdown => Self::Markdown(MarkdownExport::begin(path)?),
            ExportFormat::Json => {
                let people = engine.people()?;
                let people = people.iter().map(|person| ExportedPerson {
                    token: person.token.clone(),
                    name: person.name.clone(),
                    aliases: person.aliases.iter().cloned().collect(),
                });
                let people: Vec<_> = people.collect();
                Self::Json(Box::new(JsonExport::begin(path, &people, SystemClock.now(), stop)?))
            }
        })
    }

    fn entry(&mut self, engine: &Engine, entry: &EntryView) -> Result<(), Error> {
        let mut fetch = |attachment: &AttachmentView| {
            if !attachment.here {
                return Ok(None);
            }
            let mut bytes = Vec::new();
            engine.extract(entry.id, attachment.id, &mut bytes).map(|_| Some(bytes))
        };
        match self {
            Self::Json(export) => export.entry(entry, &mut fetch),
            Self::Markdown(export) => export.entry(entry, &mut fetch),
        }
    }

    fn finish(self) -> Result<Totals, Error> {
        match self {
            Self::Json(export) => export.finish(),
            Self::Markdown(export) => Ok(export.finish()),
        }
    }
}
