//! The Markdown export: a folder that people and other programs read, and that [`crate::import`] knows again.
//!
//! `2024/2024-05-17-the-talk.md` for each entry, by the day it is filed under; attachments in `attachments/` by id.
//! Names stand in the text. What Markdown has no form for (reflections, items, people's parts) is written as headed
//! lists, so nothing is left out, but only the JSON export comes back as it was.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use afterword_core::error::Error;
use afterword_core::journal::view::{AttachmentView, EntryView};
use afterword_core::journal::{ItemKind, ItemState};
use afterword_core::time::Precision;

use super::json::Fetch;
use super::{Totals, exists};
use crate::home::private_folder;
use crate::import::OWN_ID;
use crate::output::io_error;

/// An export on its way into a folder.
#[derive(Debug)]
pub struct MarkdownExport {
    root: PathBuf,
    taken: BTreeSet<PathBuf>,
    totals: Totals,
}

impl MarkdownExport {
    /// Begins an export into a folder that is new or empty.
    pub fn begin(path: &Path) -> Result<Self, Error> {
        match fs::read_dir(path) {
            Ok(entries) => {
                if entries.count() > 0 {
                    return Err(exists(path));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                private_folder(path).map_err(|error| failed(path, &error))?;
            }
            Err(_) => return Err(exists(path)),
        }
        Ok(Self { root: path.to_owned(), taken: BTreeSet::new(), totals: Totals::default() })
    }

    /// Writes one entry and its attachments.
    pub fn entry(&mut self, entry: &EntryView, fetch: Fetch<'_>) -> Result<(), Error> {
        let mut files = Vec::new();
        for attachment in &entry.attachments {
            let name = format!("attachments/{}.{}", attachment.id, extension(attachment));
            let bytes = fetch(attachment)?;
            match &bytes {
                Some(bytes) => {
                    self.write(Path::new(&name), bytes)?;
                    self.totals.attachments += 1;
                }
                None => self.totals.missing += 1,
            }
            files.push((attachment, name, bytes.is_some()));
        }
        let path = self.path_for(entry);
        self.write(&path, render(entry, &files).as_bytes())?;
        self.totals.entries += 1;
        Ok(())
    }

    /// Ends it.
    pub fn finish(self) -> Totals {
        self.totals
    }

    fn path_for(&mut self, entry: &EntryView) -> PathBuf {
        let day = entry.day.to_string();
        let slug = slug(&entry.title);
        let stem = if slug.is_empty() { day.clone() } else { format!("{day}-{slug}") };
        let folder = PathBuf::from(&day[..4]);
        // File systems that do not tell A from a must not lose one of two.
        let mut number = 1;
        loop {
            let name = if number == 1 { format!("{stem}.md") } else { format!("{stem}-{number}.md") };
            if self.taken.insert(folder.join(name.to_lowercase())) {
                return folder.join(name);
            }
            number += 1;
        }
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let full = self.root.join(path);
        let write = || {
            if let Some(folder) = full.parent() {
                private_folder(folder)?;
            }
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&full)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|error| failed(&full, &error))?;
        self.totals.bytes += bytes.len() as u64;
        Ok(())
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    io_error(format!("the export {} could not be written", path.display()), error)
}

/// An ending by which programs know the file; a table of all media types would be larger than this program's text.
fn extension(attachment: &AttachmentView) -> &'static str {
    match attachment.mime.as_str() {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/heic" => "heic",
        "image/svg+xml" => "svg",
        "application/pdf" => "pdf",
        "audio/mpeg" => "mp3",
        "audio/mp4" => "m4a",
        "video/mp4" => "mp4",
        _ => "bin",
    }
}

/// A title as part of a file name: letters, digits and dashes, not too long.
fn slug(title: &str) -> String {
    let mut out = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if out.len() >= 60 {
            break;
        }
    }
    out.trim_end_matches('-').to_owned()
}

/// The entry as Markdown; `files` says where its attachments are and whether their bytes came along.
fn render(entry: &EntryView, files: &[(&AttachmentView, String, bool)]) -> String {
    let mut out = String::from("---\n");
    // Writing to a String cannot fail, so its results are of no interest.
    let _ = writeln!(out, "{OWN_ID}: \"{}\"", entry.id);
    let _ = writeln!(out, "title: {}", quoted(&entry.title));
    let _ = writeln!(out, "kind: {}", entry.kind);
    if let (Some(date), true) = (entry.happened.date, entry.happened.precision != Precision::Unknown) {
        let _ = writeln!(out, "happened: \"{date}\"");
    }
    for (group, words) in entry.marks.iter().filter(|(_, words)| !words.is_empty()) {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let _ = writeln!(out, "{group}: [{}]", words.join(", "));
    }
    out.push_str("---\n");
    let mut part = |heading: &str, text: &str| {
        if !heading.is_empty() {
            let _ = write!(out, "\n## {heading}\n");
        }
        if !text.is_empty() {
            let _ = write!(out, "\n{}\n", text.trim_end_matches('\n'));
        }
    };
    for section in &entry.sections {
        part(&one_line(&section.prompt), &section.text);
    }
    for kind in ItemKind::ALL {
        let lines: Vec<String> = entry
            .items
            .iter()
            .filter(|item| item.kind == *kind)
            .map(|item| {
                let box_ = match item.state {
                    None => "",
                    Some(ItemState::Done) => "[x] ",
                    Some(ItemState::Dropped) => "[-] ",
                    Some(_) => "[ ] ",
                };
                let day = item.day.map(|day| format!(" ({day})")).unwrap_or_default();
                format!("- {box_}{}{day}", item.text.replace('\n', "\n  "))
            })
            .collect();
        if !lines.is_empty() {
            part(&kind.as_str().replace('_', " "), &lines.join("\n"));
        }
    }
    for reflection in &entry.reflections {
        part(&format!("Reflection, {}", reflection.day), &reflection.text);
    }
    for closure in &entry.closures {
        let reopened = closure.reopened.map(|day| format!("; reopened {day}")).unwrap_or_default();
        let how = closure.kind.as_str().replace('_', " ");
        part(&format!("Closed, {}: {how}{reopened}", closure.day), &closure.note);
    }
    if let Some(experiment) = &entry.experiment {
        let yes = |answer: bool| if answer { "yes" } else { "no" }.to_owned();
        let answers = [
            ("prediction", experiment.prediction.clone()),
            ("fear before", experiment.fear_before.map(|fear| fear.to_string())),
            ("attempted", experiment.attempted.map(yes)),
            ("what happened", experiment.happened.clone()),
            ("fear after", experiment.fear_after.map(|fear| fear.to_string())),
            ("again", experiment.again.map(yes)),
        ];
        let lines: Vec<_> =
            answers.into_iter().filter_map(|(name, text)| Some(format!("- {name}: {}", text?))).collect();
        part("Experiment", &lines.join("\n"));
    }
    let people: Vec<String> = entry
        .people
        .iter()
        .map(|person| {
            let name = person.name.as_deref().unwrap_or("?");
            let more: Vec<&str> = [&person.role, &person.contact].into_iter().flatten().map(String::as_str).collect();
            if more.is_empty() { format!("- @{name}") } else { format!("- @{name}: {}", more.join("; ")) }
        })
        .collect();
    if !people.is_empty() {
        part("People", &people.join("\n"));
    }
    let links: Vec<String> = entry.links.iter().map(|link| format!("- {} {}", link.kind, link.entry)).collect();
    if !links.is_empty() {
        part("Links", &links.join("\n"));
    }
    let shown_files: Vec<String> = files
        .iter()
        .map(|(attachment, path, here)| {
            let caption = attachment.caption.as_deref().map(one_line).unwrap_or_default();
            let alt = attachment.alt.as_deref().map_or_else(|| caption.clone(), one_line).replace(['[', ']'], " ");
            let mark = if attachment.mime.starts_with("image/") { "!" } else { "" };
            let credit =
                attachment.credit.as_deref().map(|credit| format!(" ({})", one_line(credit))).unwrap_or_default();
            match here {
                true => format!("{mark}[{alt}](../{path} {}){credit}", quoted_title(&caption)).replace(" )", ")"),
                false => format!("({alt}: its bytes were not on the device that exported){credit}"),
            }
        })
        .collect();
    if !shown_files.is_empty() {
        part("Files", &shown_files.join("\n\n"));
    }
    if entry.first_telling != entry.body && !entry.first_telling.is_empty() {
        part("As first told", &entry.first_telling);
    }
    out
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text as YAML's double-quoted form, which is JSON's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(one_line(text)).to_string()
}

fn quoted_title(caption: &str) -> String {
    if caption.is_empty() { String::new() } else { format!("\"{}\"", caption.replace('"', "'")) }
}

#[cfg(test)]
mod tests {
    use afterword_core::error::Code;
    use afterword_core::id::EntryId;
    use afterword_core::journal::{Entry, MarkGroup};

    use super::*;
    use crate::import::{Found, Source};
    use crate::json::tests_support::{full_entry, view};

    fn export(root: &Path, entries: &[Entry]) -> Totals {
        let mut export = MarkdownExport::begin(root).unwrap();
        for entry in entries {
            export.entry(&view(entry, true), &mut |_| Ok(Some(vec![1, 2, 3]))).unwrap();
        }
        export.finish()
    }

    #[test]
    fn everything_the_entry_says_is_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("out");
        let totals = export(&root, &[full_entry()]);
        assert_eq!((totals.entries, totals.attachments), (1, 1));
        let text = fs::read_to_string(root.join("2024/2024-05-lunch-with-bo.md")).unwrap();
        for part in [
            "title: \"Lunch with @Bo\"",
            "happened: \"2024-05\"",
            "feelings: [\"relief\", \"shame\"]",
            "It went wrong.\n\nThen better.",
            "## What did I hope?\n\nA quiet hour.",
            "## repair\n\n- [x] Call @Bo (2024-06-01)",
            "## Reflection, 2024-07-01\n\nIt was smaller than it looked.",
            "## Closed, 2024-08-01: let go; reopened 2024-09-01\n\nenough",
            "- prediction: worst",
            "- @Bo: friend",
            "- repeats 0606",
            "![c](../attachments/08080808080808080808080808080808.png \"c\")",
            "## As first told\n\nIt went wrong.",
        ] {
            assert!(text.contains(part), "{part}\n---\n{text}");
        }
        assert!(!text.contains("{{p:"), "names, not tokens");
    }

    #[test]
    fn our_import_knows_it_again() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("out");
        let mut odd = full_entry();
        odd.id = EntryId::from_bytes([99; 16]);
        odd.title = "a: \"b\" # [c] 漢字".into();
        odd.happened.date = None;
        odd.attachments.clear();
        export(&root, &[full_entry(), odd]);
        let (mut entries, mut problems) = (Vec::new(), Vec::new());
        Source::open(&root)
            .unwrap()
            .each(&mut |found| {
                match found {
                    Found::Foreign(entry) => entries.push(*entry),
                    other => problems.push(other),
                }
                Ok(())
            })
            .unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        entries.sort_by_key(|entry| entry.known_as);
        let first = &entries[0];
        assert_eq!((first.known_as, first.kind), (Some(full_entry().id), full_entry().kind));
        assert_eq!((first.title.as_str(), first.happened), ("Lunch with @Bo", full_entry().happened.date));
        assert_eq!(first.marks[&MarkGroup::Feelings], full_entry().marks[&MarkGroup::Feelings]);
        assert_eq!(first.attachments.len(), 1);
        assert_eq!(entries[1].title, "a: \"b\" # [c] 漢字");
    }

    #[test]
    fn two_entries_of_one_name_are_two_files_and_no_name_leaves_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("out");
        let named = |id: u8, title: &str| Entry {
            id: EntryId::from_bytes([id; 16]),
            title: title.into(),
            attachments: vec![],
            ..full_entry()
        };
        export(
            &root,
            &[named(1, "Same"), named(2, "same"), named(3, "../../x"), named(4, ""), named(5, &"ü".repeat(500))],
        );
        let mut names: Vec<_> =
            fs::read_dir(root.join("2024")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(
            names[..4],
            ["2024-05-same-2.md", "2024-05-same.md", "2024-05-x.md", &format!("2024-05-{}.md", "ü".repeat(30))]
        );
        assert_eq!(names.len(), 5);
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine"), "mine").unwrap();
        assert_eq!(MarkdownExport::begin(dir.path()).unwrap_err().code, Code::Refused);
        assert_eq!(MarkdownExport::begin(&dir.path().join("mine")).unwrap_err().code, Code::Refused);
    }
}
