//! The lossless export: one JSON file that [`crate::import`] reads back into equal entries with the same ids.
//!
//! ```text
//! {"afterword_export":1,"exported_at":"…","people":[{"token","name","aliases":[]}],"entries":[ENTRY,…]}
//! ```
//!
//! The version stands first and people stand before entries. ENTRY is `show`'s entry, with people as tokens in every text,
//! and besides: `data` (base64, or null where the bytes are not on this device) in each attachment, `created_ms` and
//! `updated_ms` (Unix milliseconds). What `show` derives (day, states, words, heads, …) is there for other readers and is
//! not read back.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use afterword_core::error::Error;
use afterword_core::journal::view::{AttachmentView, EntryView};
use afterword_core::time::Timestamp;
use serde_json::json;

use super::{Totals, exists};
use crate::import::{ExportedPerson, VERSION};
use crate::outfile::{OutFile, Stop};
use crate::output::io_error;

/// Brings an attachment's bytes, or none where they are not on this device.
pub type Fetch<'a> = &'a mut dyn FnMut(&AttachmentView) -> Result<Option<Vec<u8>>, Error>;

/// An export on its way. Until [`JsonExport::finish`] nothing is at the path; dropped, it leaves nothing.
#[derive(Debug)]
pub struct JsonExport {
    path: PathBuf,
    out: BufWriter<Counted<OutFile>>,
    totals: Totals,
}

impl JsonExport {
    /// Begins an export to a path where nothing is yet. Once `stop` is asked, nothing more is written.
    pub fn begin(path: &Path, people: &[ExportedPerson], now: Timestamp, stop: &Stop) -> Result<Self, Error> {
        let file = OutFile::begin(path, stop).map_err(|error| failed(path, &error))?;
        let out = BufWriter::new(Counted { inner: file, bytes: 0 });
        let mut export = Self { path: path.to_owned(), out, totals: Totals::default() };
        let people = serde_json::to_string(people).map_err(Error::internal)?;
        let head = format!(
            "{{\"afterword_export\":{VERSION},\"exported_at\":\"{}\",\n\"people\":{people},\n\"entries\":[",
            now.to_rfc3339()
        );
        export.write(head.as_bytes())?;
        Ok(export)
    }

    /// Writes one entry, people as tokens.
    pub fn entry(&mut self, entry: &EntryView, fetch: Fetch<'_>) -> Result<(), Error> {
        let mut value = serde_json::to_value(entry).map_err(Error::internal)?;
        for (number, attachment) in entry.attachments.iter().enumerate() {
            let bytes = fetch(attachment)?;
            *if bytes.is_some() { &mut self.totals.attachments } else { &mut self.totals.missing } += 1;
            let file = &mut value["attachments"][number];
            file["here"] = json!(bytes.is_some());
            file["data"] = json!(bytes.map(|bytes| data_encoding::BASE64.encode(&bytes)));
        }
        value["created_ms"] = json!(entry.created_at.0);
        value["updated_ms"] = json!(entry.updated_at.0);
        self.write(if self.totals.entries == 0 { b"\n" } else { b",\n" })?;
        let path = &self.path;
        serde_json::to_writer(&mut self.out, &value).map_err(|error| failed(path, &error.into()))?;
        self.totals.entries += 1;
        Ok(())
    }

    /// Makes it durable and gives it its name.
    pub fn finish(mut self) -> Result<Totals, Error> {
        self.write(b"\n]}\n")?;
        let path = self.path;
        let counted = self.out.into_inner().map_err(|error| failed(&path, error.error()))?;
        counted.inner.publish().map_err(|error| failed(&path, &error))?;
        Ok(Totals { bytes: counted.bytes, ..self.totals })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).map_err(|error| failed(&self.path, &error))
    }
}

/// A writer that knows how much went through it.
#[derive(Debug)]
struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return exists(path);
    }
    io_error(format!("the export {} could not be written", path.display()), error)
}

#[cfg(test)]
mod tests {
    use afterword_core::error::Code;
    use afterword_core::id::{BlobId, EntryId};
    use afterword_core::journal::Entry;
    use afterword_core::journal::view::Tokens;
    use serde_json::Value;

    use super::*;
    use crate::import::{Bytes, Found, Source};
    use crate::json::tests_support::{self, full_entry};

    fn bo() -> ExportedPerson {
        ExportedPerson { token: "aaaaaaaaaa".into(), name: "Bo".into(), aliases: vec!["Robert".into()] }
    }

    fn export(path: &Path, entries: &[Entry], bytes: Option<&[u8]>) -> Totals {
        let today = "2024-10-01".parse().unwrap();
        let mut export = JsonExport::begin(path, &[bo()], Timestamp(0), &Stop::default()).unwrap();
        for entry in entries {
            let entry = EntryView::new(entry, &Tokens(&tests_support::bo()), today, &[]);
            export.entry(&entry, &mut |_| Ok(bytes.map(<[u8]>::to_vec))).unwrap();
        }
        export.finish().unwrap()
    }

    fn import(path: &Path) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        Source::open(path)?.each(&mut |one| {
            found.push(one);
            Ok(())
        })?;
        Ok(found)
    }

    /// As it comes back: heads and the bytes' name belong to the journal that holds it.
    fn bare(mut entry: Entry) -> Entry {
        entry.heads.clear();
        entry.attachments.iter_mut().for_each(|a| a.blob = BlobId::from_bytes([0; 32]));
        entry
    }

    #[test]
    fn what_is_exported_comes_back_equal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("all.json");
        let mut empty = full_entry();
        empty.id = EntryId::from_bytes([99; 16]);
        empty.sections.clear();
        empty.items.clear();
        empty.attachments.clear();
        empty.experiment = None;
        empty.boxed_until = Some(afterword_core::journal::Boxed::Until("2030-01".parse().unwrap()));
        empty.title = "emoji 👩‍👩‍👧 \u{202e}rtl\u{202c} \"quotes\" \n\t\\ 漢字".into();
        let totals = export(&path, &[full_entry(), empty.clone()], Some(&[1, 2, 3]));
        assert_eq!((totals.entries, totals.attachments, totals.missing), (2, 1, 0));
        assert_eq!(totals.bytes, std::fs::metadata(&path).unwrap().len());
        let found = import(&path).unwrap();
        assert_eq!(found[0], Found::Person(bo()));
        let entries: Vec<_> = found[1..]
            .iter()
            .map(|one| match one {
                Found::Own(own) => (own.entry.clone(), own.bytes.values().cloned().collect::<Vec<_>>()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(entries, [(bare(full_entry()), vec![Bytes::Here(vec![1, 2, 3])]), (bare(empty), vec![])]);
    }

    #[test]
    fn bytes_that_are_not_here_are_missing_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("all.json");
        let totals = export(&path, &[full_entry()], None);
        assert_eq!((totals.attachments, totals.missing), (0, 1));
        let Found::Own(own) = import(&path).unwrap().remove(1) else { panic!() };
        assert_eq!(own.bytes.into_values().collect::<Vec<_>>(), [Bytes::Missing]);
    }

    #[test]
    fn nothing_is_overwritten_and_a_broken_off_export_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("all.json");
        std::fs::write(&path, "mine").unwrap();
        let begin = |path: &Path| JsonExport::begin(path, &[], Timestamp(0), &Stop::default());
        assert_eq!(begin(&path).unwrap_err().code, Code::Refused);
        let other = dir.path().join("other.json");
        let late = begin(&other).unwrap();
        std::fs::write(&other, "came meanwhile").unwrap();
        assert_eq!(late.finish().unwrap_err().code, Code::Refused);
        drop(begin(&dir.path().join("third.json")).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "came meanwhile");
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("all.json");
        export(&path, &[], None);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(import(&path).unwrap(), [Found::Person(bo())]);
    }

    #[test]
    fn a_file_that_is_no_export_is_refused_and_a_newer_one_is_too_new() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        for (text, code) in [
            ("", Code::Invalid),
            ("[]", Code::Invalid),
            ("{}", Code::Invalid),
            ("{\"entries\":[]}", Code::Invalid),
            ("\u{0}\u{1}binary", Code::Invalid),
            ("{\"afterword_export\":2,\"entries\":[{\"new\":1}]}", Code::TooNew),
            ("{\"afterword_export\":1,\"entries\":[{\"id\"", Code::Corrupt),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(import(&path).unwrap_err().code, code, "{text}");
        }
        let deep = format!("{{\"afterword_export\":1,\"entries\":[{}", "[".repeat(1_000_000));
        std::fs::write(&path, deep).unwrap();
        assert_eq!(import(&path).unwrap_err().code, Code::Corrupt);
    }

    #[test]
    fn one_bad_entry_is_a_problem_and_the_next_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("all.json");
        export(&path, &[full_entry()], Some(&[1, 2, 3]));
        let good: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for (pointer, value) in [
            ("/kind", json!("sad")),
            ("/id", json!("zz")),
            ("/id", json!(afterword_core::id::PEOPLE.to_string())),
            ("/items/0/id", json!("AB")),
            ("/closures/0/day", json!("soon")),
            ("/attachments/0/data", json!("!!")),
            ("/attachments/0/bytes", json!(4)),
            ("/people/0/token", json!("}}{{p:")),
            ("/sections", json!(7)),
            ("/created_ms", json!(null)),
        ] {
            let mut file = good.clone();
            let mut bad = file["entries"][0].clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            file["entries"].as_array_mut().unwrap().insert(0, bad);
            // The version stands first in a file of ours; a map of serde_json sorts it there too.
            std::fs::write(&path, file.to_string()).unwrap();
            let found = import(&path).unwrap();
            let problems = found.iter().filter(|one| matches!(one, Found::Problem(_))).count();
            let entries = found.iter().filter(|one| matches!(one, Found::Own(_))).count();
            assert_eq!((problems, entries), (1, 1), "{pointer}");
        }
    }
}
