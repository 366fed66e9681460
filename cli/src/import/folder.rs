//! Walking a folder: what is text, what is a picture, what is neither. No link is followed, so no cycle can be.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use afterword_core::error::Error;

use super::{Found, MAX_TEXT, Problem, Sink, links, markdown, read_at_most};

/// Deeper than anybody sorts a diary.
const MAX_DEPTH: usize = 48;

/// What a folder holds, by path relative to it, sorted.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) root: PathBuf,
    pub(super) texts: Vec<PathBuf>,
    pub(super) others: BTreeSet<PathBuf>,
    pub(super) problems: Vec<Problem>,
    /// Whether it is one file and not a folder.
    pub(super) single: bool,
}

/// A file name's extension, in lower case.
pub(super) fn extension(path: &Path) -> String {
    path.extension().map(|ext| ext.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// Whether a file by this name is read as text.
pub(super) fn is_text(path: &Path) -> bool {
    matches!(extension(path).as_str(), "md" | "markdown" | "mdown" | "txt" | "text")
}

/// A relative path with `/` on every platform. What is not Unicode in it is shown as `�`.
pub(super) fn shown(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Lists one file as if it were alone in its folder: pictures beside it may be shown by it, nothing else is looked at.
/// What is taken with it is listed: a note from somebody else may name any file beside it.
pub(super) fn single(path: &Path) -> Listing {
    let root = path.parent().unwrap_or(Path::new("/")).to_owned();
    let name = path.file_name().map(PathBuf::from).unwrap_or_default();
    Listing { root, texts: vec![name], others: BTreeSet::new(), problems: Vec::new(), single: true }
}

/// Lists a folder and everything below it. Only the folder itself being unreadable is an error.
pub(super) fn list(root: &Path) -> io::Result<Listing> {
    let mut listing = Listing {
        root: root.to_owned(),
        texts: Vec::new(),
        others: BTreeSet::new(),
        problems: Vec::new(),
        single: false,
    };
    let mut waiting = vec![(PathBuf::new(), 0)];
    while let Some((folder, depth)) = waiting.pop() {
        let entries = match fs::read_dir(root.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Err(error),
            Err(error) => {
                listing.problem(&folder, format!("the folder could not be read ({})", error.kind()));
                continue;
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    listing.problem(&folder, format!("the folder could not be read to its end ({})", error.kind()));
                    break;
                }
            };
            let path = folder.join(entry.file_name());
            let hidden = entry.file_name().as_encoded_bytes().first() == Some(&b'.');
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => {
                    listing.problem(&path, "a link to somewhere else; links are not followed")
                }
                Ok(kind) if kind.is_dir() && hidden => {
                    listing.problem(&path, "a hidden folder; nothing in it was imported")
                }
                Ok(kind) if kind.is_dir() && depth == MAX_DEPTH => {
                    listing.problem(&path, "too many folders inside each other; nothing in it was imported");
                }
                Ok(kind) if kind.is_dir() => waiting.push((path, depth + 1)),
                Ok(kind) if kind.is_file() && hidden => listing.problem(&path, "a hidden file; not imported"),
                Ok(kind) if kind.is_file() && is_text(&path) => listing.texts.push(path),
                Ok(kind) if kind.is_file() => drop(listing.others.insert(path)),
                Ok(_) => listing.problem(&path, "not a regular file; not imported"),
                Err(error) => listing.problem(&path, format!("could not be looked at ({})", error.kind())),
            }
        }
    }
    listing.texts.sort();
    listing.problems.sort();
    Ok(listing)
}

impl Listing {
    fn problem(&mut self, path: &Path, reason: impl Into<String>) {
        self.problems.push(Problem::new(shown(path), reason));
    }
}

/// Reads every text, and at the end says which files no text asked for.
pub(super) fn each(listing: Listing, sink: Sink<'_>) -> Result<(), Error> {
    let Listing { root, texts, mut others, problems, single: _ } = listing;
    for problem in problems {
        sink(Found::Problem(problem))?;
    }
    for path in texts {
        let name = shown(&path);
        let text = match read_text(&root.join(&path)) {
            Ok(text) => text,
            Err(reason) => {
                sink(Found::Problem(Problem::new(name, format!("{reason}; not imported"))))?;
                continue;
            }
        };
        let parsed = markdown::parse(&path, &text);
        for reason in parsed.problems {
            sink(Found::Problem(Problem::new(name.clone(), reason)))?;
        }
        let Some(mut entry) = parsed.entry else { continue };
        for link in links::find(&entry.body) {
            match resolve(&root, &path, &link) {
                Ok(Some(found)) => {
                    others.remove(&found);
                    let path = shown(&found);
                    if entry.attachments.iter().all(|known| known.path != path) {
                        entry.attachments.push(link.attachment(path, root.join(&found)));
                    }
                }
                Ok(None) => {}
                Err(reason) => sink(Found::Problem(Problem::new(name.clone(), reason)))?,
            }
        }
        sink(Found::Foreign(Box::new(entry)))?;
    }
    for path in others {
        sink(Found::Problem(Problem::new(shown(&path), "no entry shows it, and it is not text; not imported")))?;
    }
    Ok(())
}

/// A file's text, or why it is none.
fn read_text(path: &Path) -> Result<String, String> {
    let bytes = read_at_most(path, MAX_TEXT)?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("UTF-16 text; save it as UTF-8 and import again".into());
    }
    if bytes.contains(&0) {
        return Err("not text but binary data".into());
    }
    String::from_utf8(bytes).map_err(|error| {
        format!("not UTF-8 text (byte {}); save it as UTF-8 and import again", error.utf8_error().valid_up_to() + 1)
    })
}

/// The file that a link in the text of `from` means, relative to the root. `None` for a link to something that is no
/// attachment; an error is the reason why what was meant could not be had.
fn resolve(root: &Path, from: &Path, link: &links::Link) -> Result<Option<PathBuf>, String> {
    let Some(target) = link.local_path() else { return Ok(None) };
    let quoted = || format!("the {} {:?}", if link.image { "picture" } else { "file" }, link.target);
    let outside = || format!("{} lies outside the folder and was not read; the text keeps its link", quoted());
    let beside = from.parent().unwrap_or(Path::new(""));
    // Wiki embeds name a file wherever it is; ordinary links start beside the text.
    let bases: &[&Path] = if link.wiki { &[beside, Path::new("")] } else { &[beside] };
    let mut reason = None;
    for base in bases {
        let Some(path) = normal(base, Path::new(&target)) else {
            reason = Some(outside());
            continue;
        };
        if is_text(&path) {
            return Ok(None);
        }
        let full = root.join(&path);
        let Ok(meta) = fs::symlink_metadata(&full) else { continue };
        // Keys and settings lie there, and nobody who writes a note shows one; a note from somebody else might.
        if is_hidden(&path) {
            return Err(format!("{} is hidden and was not read; the text keeps its link", quoted()));
        }
        // A link anywhere on the way would show here as another real path.
        if meta.is_symlink() || fs::canonicalize(&full).ok().as_deref() != Some(&full) {
            return Err(format!("{} is behind a link to somewhere else; the text keeps its link", quoted()));
        }
        if !meta.is_file() {
            return Ok(None);
        }
        if meta.len() > super::MAX_ATTACHMENT {
            return Err(format!(
                "{} is larger than {} MB; the text keeps its link",
                quoted(),
                super::MAX_ATTACHMENT >> 20
            ));
        }
        return Ok(Some(path));
    }
    match reason {
        Some(reason) => Err(reason),
        // A missing picture is missed; an ordinary link may mean a page of somebody's wiki.
        None if link.image => Err(format!("{} was not found; the text keeps its link", quoted())),
        None => Ok(None),
    }
}

/// Whether any part of a path begins with a dot.
fn is_hidden(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().as_encoded_bytes().first() == Some(&b'.'))
}

/// `base/path` without `.` and `..`; none where it would leave the root or is absolute.
fn normal(base: &Path, path: &Path) -> Option<PathBuf> {
    let mut out = base.to_owned();
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(out)
}
