//! One text file as one entry: its title, its day, its text.
//!
//! - Title: front matter, else the first heading of the first level, else (plain text) a first line that stands alone,
//!   else the file's name. A heading or line at the head of the text that became the title leaves the text.
//! - Day: front matter, else the file's name, else its folders; else unknown.
//! - Tags: front matter's, and the folders as one tag.

use std::path::Path;

use afterword_core::journal::{Kind, MarkGroup};

use super::{Foreign, folder, matter, names};

/// A longer first line is a paragraph.
const MAX_TITLE: usize = 200;

/// What became of a file.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The entry, where there was anything to make one of.
    pub(super) entry: Option<Foreign>,
    /// What was not understood.
    pub(super) problems: Vec<String>,
}

/// Reads the text of the file at `path`, relative to what is imported.
pub(super) fn parse(path: &Path, text: &str) -> Parsed {
    let plain = matches!(folder::extension(path).as_str(), "txt" | "text");
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let (mut matter, rest) = if plain { (matter::Matter::default(), text.as_str()) } else { matter::split(&text) };
    let mut problems = std::mem::take(&mut matter.problems);
    if text.trim().is_empty() {
        return Parsed { entry: None, problems: vec!["the file is empty; not imported".into()] };
    }
    let named = names::read(path);
    if named.odd {
        problems.push("the date in the file's name is in no calendar; it was kept in the title".into());
    }
    let (heading, rest) = match &matter.title {
        Some(title) => (None, without_same_heading(rest, title)),
        None if plain => first_line(rest),
        None => first_heading(rest),
    };
    let title = matter.title.or(heading).unwrap_or(named.title);
    let mut body = rest.trim_matches('\n').trim_end().to_owned();
    if let Some(kept) = &matter.kept {
        let mut fence = "```".to_owned();
        while kept.contains(&fence) {
            fence.push('`');
        }
        let gap = if body.is_empty() { "" } else { "\n\n" };
        body = format!("{body}{gap}{fence}yaml\n{}\n{fence}", kept.trim_end());
    }
    let mut marks = matter.marks;
    if let Some(tag) = named.folders {
        marks.entry(MarkGroup::Tags).or_default().insert(tag);
    }
    let (kind, happened) = (matter.kind.unwrap_or(Kind::Note), matter.day.or(named.day));
    let entry = Foreign {
        path: folder::shown(path),
        key: Foreign::key_of(kind, &title, happened, &body),
        known_as: matter.known_as,
        kind,
        title,
        body,
        happened,
        marks,
        attachments: Vec::new(),
    };
    Parsed { entry: Some(entry), problems }
}

/// The text of a first-level heading line.
fn heading(line: &str) -> Option<&str> {
    let text = line.strip_prefix('#')?;
    if !text.starts_with([' ', '\t']) {
        return None;
    }
    let text = text.trim().trim_end_matches('#').trim();
    (!text.is_empty() && text.chars().count() <= MAX_TITLE).then_some(text)
}

/// The first heading of the first level, and the text without it if nothing stands before it.
fn first_heading(text: &str) -> (Option<String>, &str) {
    let body = text.trim_start_matches(['\n', ' ']);
    let (first, after) = body.split_once('\n').unwrap_or((body, ""));
    if let Some(title) = heading(first) {
        return (Some(title.to_owned()), after);
    }
    // The older way to write a heading: a line of equal signs below it.
    let (under, after) = after.split_once('\n').unwrap_or((after, ""));
    let is_title = !first.trim().is_empty() && first.chars().count() <= MAX_TITLE;
    if is_title && under.trim_end().len() >= 3 && under.trim_end().bytes().all(|byte| byte == b'=') {
        return (Some(first.trim().to_owned()), after);
    }
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") || line.starts_with("~~~") {
            fenced = !fenced;
        } else if let Some(title) = heading(line).filter(|_| !fenced) {
            return (Some(title.to_owned()), text);
        }
    }
    (None, text)
}

/// The first line of plain text, if an empty line sets it apart from what follows.
fn first_line(text: &str) -> (Option<String>, &str) {
    let body = text.trim_start_matches('\n');
    match body.split_once('\n') {
        Some((first, after))
            if after.starts_with('\n')
                && !after.trim().is_empty()
                && !first.trim().is_empty()
                && first.chars().count() <= MAX_TITLE =>
        {
            (Some(first.trim().to_owned()), after)
        }
        _ => (None, text),
    }
}

/// The text without a heading at its head that only says the title again.
fn without_same_heading<'a>(text: &'a str, title: &str) -> &'a str {
    let body = text.trim_start_matches(['\n', ' ']);
    let (first, after) = body.split_once('\n').unwrap_or((body, ""));
    if heading(first) == Some(title) { after } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, text: &str) -> Foreign {
        parse(Path::new(path), text).entry.unwrap()
    }

    #[test]
    fn titles_come_from_where_people_put_them() {
        for (path, text, title, body) in [
            ("a.md", "---\ntitle: T\n---\n# T\n\nBody\n", "T", "Body"),
            ("a.md", "---\ntitle: T\n---\n# Other\nBody", "T", "# Other\nBody"),
            ("a.md", "\n# Head #\n\nBody\n\n# Second\n", "Head", "Body\n\n# Second"),
            ("a.md", "Head\n====\nBody", "Head", "Body"),
            ("a.md", "Before\n\n# Head\nBody", "Head", "Before\n\n# Head\nBody"),
            ("a.md", "```\n# no\n```\nBody", "a", "```\n# no\n```\nBody"),
            ("2024-05-17-the-talk.md", "Body", "the talk", "Body"),
            ("2024-05-17.md", "## Sub\nBody", "", "## Sub\nBody"),
            ("a.md", "#hashtag first", "a", "#hashtag first"),
            ("a.txt", "A first line\n\nThen more", "A first line", "Then more"),
            ("a.txt", "One line only", "a", "One line only"),
            ("a.txt", "---\ntitle: x\n---\n", "a", "---\ntitle: x\n---"),
            ("a.md", "\u{feff}# Head\r\n\r\nBody\rmore", "Head", "Body\nmore"),
        ] {
            let entry = entry(path, text);
            assert_eq!((entry.title.as_str(), entry.body.as_str()), (title, body), "{path}: {text}");
        }
    }

    #[test]
    fn days_tags_and_kinds() {
        let e = entry("trips/rome/2024-05-17.md", "---\ntags: [food]\nkind: win\n---\nBody");
        assert_eq!(e.happened.unwrap().to_string(), "2024-05-17");
        assert_eq!(e.marks[&MarkGroup::Tags].iter().collect::<Vec<_>>(), ["food", "trips/rome"]);
        assert_eq!((e.kind, e.path.as_str()), (Kind::Win, "trips/rome/2024-05-17.md"));
        assert_eq!(entry("2024-05-17.md", "---\ndate: 2020\n---\nx").happened.unwrap().to_string(), "2020");
        assert_eq!(entry("x.md", "x").happened, None);
    }

    #[test]
    fn what_front_matter_says_and_we_do_not_know_is_in_the_text() {
        let parsed = parse(Path::new("a.md"), "---\nmood: \"```\"\n---\nBody\n");
        let entry = parsed.entry.unwrap();
        assert_eq!(entry.body, "Body\n\n````yaml\nmood: '```'\n````");
        assert_eq!(parsed.problems.len(), 1);
        let parsed = parse(Path::new("a.md"), "---\nmood: 3\n---\n");
        assert_eq!(parsed.entry.unwrap().body, "```yaml\nmood: 3\n```");
    }

    #[test]
    fn empty_files_are_said() {
        for text in ["", " \n\t\n", "\u{feff}"] {
            let parsed = parse(Path::new("a.md"), text);
            assert!(parsed.entry.is_none() && parsed.problems.len() == 1, "{text:?}");
        }
        assert!(parse(Path::new("a.md"), "---\ntitle: T\n---\n").entry.is_some(), "a title alone is an entry");
    }

    #[test]
    fn a_key_follows_the_content_and_nothing_else() {
        let key = |path: &str, text: &str| entry(path, text).key;
        let first = key("2024-05-17-t.md", "# T\n\nBody");
        assert_eq!(first, key("moved/2024/05/17-other.md", "---\ntags: [x]\n---\n# T\nBody\n\n"));
        assert_ne!(first, key("2024-05-17-t.md", "# T\n\nBody!"));
        assert_ne!(first, key("2024-05-18-t.md", "# T\n\nBody"));
        assert_ne!(key("a.md", "---\ntitle: ab\n---\nc"), key("a.md", "---\ntitle: a\n---\nbc"));
    }
}
