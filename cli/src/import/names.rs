//! What a file's name and folders say: `2024-05-17-title.md`, `2024/05/17.md`, `trips/rome/note.md`.

use std::path::Path;

use afterword_core::time::Day;

/// A name, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The day, month or year that the path gives.
    pub(super) day: Option<Day>,
    /// What is left of the file's name, dashes as spaces; may be empty.
    pub(super) title: String,
    /// The folders that are not part of a date, joined with `/`.
    pub(super) folders: Option<String>,
    /// Whether the name looks like a date that no calendar has.
    pub(super) odd: bool,
}

/// Reads a path relative to what is imported.
pub(super) fn read(path: &Path) -> Named {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let folders: Vec<String> = path
        .parent()
        .into_iter()
        .flat_map(Path::components)
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    // The trailing folders that read as a date: …/2024, …/2024/05, …/2024-05, …/2024/05/17.
    let (kept, date) = (1..=3)
        .rev()
        .filter_map(|count| {
            let split = folders.len().checked_sub(count)?;
            let day = day(&folders[split..].join("-"))?;
            // `2024/05` are two parts of one date; `2024/2024-05` is a date inside a year.
            Some((split, day))
        })
        .next()
        .map_or((folders.len(), None), |(split, day)| (split, Some(day)));
    // A year folder above a full date folder adds nothing and is no tag.
    let kept = match (date, kept.checked_sub(1).and_then(|above| self::day(&folders[above]))) {
        (Some(inner), Some(outer)) if covers(outer, inner) => kept - 1,
        _ => kept,
    };
    let tag = Some(folders[..kept].join("/")).filter(|tag| !tag.is_empty());
    let (mut found, mut rest, mut odd) = (date, stem.as_str(), false);
    if let Some((prefix, after)) = date_prefix(&stem) {
        match day(&prefix) {
            Some(day) => (found, rest) = (Some(day), after),
            None => odd = true,
        }
    } else if let Some(outer) = date {
        // Below date folders a bare number goes on with the date: 2024/05/17.md, 2024/05-17-title.md.
        let digits = stem.len() - stem.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-').len();
        let (number, after) = stem.split_at(digits);
        let number = number.trim_end_matches('-');
        if let Some(day) = day(&format!("{outer}-{number}")).filter(|_| digits > 0) {
            (found, rest) = (Some(day), after);
        }
    }
    Named { day: found, title: words(rest), folders: tag, odd }
}

/// A day written with dashes, of a year that a person may have lived in.
fn day(text: &str) -> Option<Day> {
    text.parse().ok().filter(|_| ("1800".."2200").contains(&text.get(..4).unwrap_or_default()))
}

fn covers(outer: Day, inner: Day) -> bool {
    outer.first() <= inner.first() && inner.last() <= outer.last() && outer != inner
}

/// The date at the head of a name, with dashes, and what follows. A lone year counts only with nothing behind it:
/// `1984.md` may be a year, `2024-goals.md` is a title.
fn date_prefix(stem: &str) -> Option<(String, &str)> {
    let shape = |pattern: &str| {
        let head = stem.get(..pattern.len())?;
        let fits = head.chars().zip(pattern.chars()).all(|(c, p)| match p {
            '0' => c.is_ascii_digit(),
            '-' => matches!(c, '-' | '_' | '.'),
            _ => false,
        });
        let rest = &stem[pattern.len()..];
        (fits && !rest.starts_with(|c: char| c.is_ascii_digit())).then_some((head, rest))
    };
    if let Some((head, rest)) = shape("0000-00-00") {
        return Some((head.replace(['_', '.'], "-"), rest));
    }
    if let Some((head, rest)) = shape("00000000") {
        return Some((format!("{}-{}-{}", &head[..4], &head[4..6], &head[6..]), rest));
    }
    if let Some((head, rest)) = shape("0000-00") {
        return Some((head.replace(['_', '.'], "-"), rest));
    }
    shape("0000").filter(|(_, rest)| rest.is_empty()).map(|(head, rest)| (head.to_owned(), rest))
}

/// A file's name as words: separators at the edges go, dashes and underscores between words are spaces.
fn words(name: &str) -> String {
    let name = name.trim_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '_' | '.' | ','));
    if name.contains(' ') { name.to_owned() } else { name.replace(['-', '_'], " ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_titles_and_tags_come_from_paths() {
        for (path, day, title, tag) in [
            ("2024-05-17-the-talk.md", Some("2024-05-17"), "the talk", None),
            ("2024-05-17.md", Some("2024-05-17"), "", None),
            ("2024-05-17 A talk.md", Some("2024-05-17"), "A talk", None),
            ("2024_05_17_talk.md", Some("2024-05-17"), "talk", None),
            ("20240517 talk.md", Some("2024-05-17"), "talk", None),
            ("2024-05-notes.md", Some("2024-05"), "notes", None),
            ("2024.md", Some("2024"), "", None),
            ("2024-goals.md", None, "2024 goals", None),
            ("2024/05/17.md", Some("2024-05-17"), "", None),
            ("2024/05/17-talk.md", Some("2024-05-17"), "talk", None),
            ("2024/05-17 talk.md", Some("2024-05-17"), "talk", None),
            ("2024/05/talk.md", Some("2024-05"), "talk", None),
            ("2024/talk.md", Some("2024"), "talk", None),
            ("2024/2024-05/2024-05-17.md", Some("2024-05-17"), "", None),
            ("trips/rome/2024/05/17.md", Some("2024-05-17"), "", Some("trips/rome")),
            ("work/the-talk.md", None, "the talk", Some("work")),
            ("123456789.md", None, "123456789", None),
            ("0001-first-decision.md", None, "0001 first decision", None),
            ("Überfall.md", None, "Überfall", None),
        ] {
            let named = read(Path::new(path));
            assert_eq!(named.day.map(|day| day.to_string()).as_deref(), day, "{path}");
            assert_eq!((named.title.as_str(), named.folders.as_deref()), (title, tag), "{path}");
            assert!(!named.odd, "{path}");
        }
    }

    #[test]
    fn a_date_no_calendar_has_is_said_and_stays_in_the_title() {
        let named = read(Path::new("2024-02-30-talk.md"));
        assert_eq!((named.day, named.title.as_str(), named.odd), (None, "2024 02 30 talk", true));
    }
}
