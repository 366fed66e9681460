//! Pictures and files that a Markdown text shows: `![alt](path "title")`, `[text](path)` and `![[path|alt]]`.
//!
//! Code is left alone: what stands in a fence or between backticks is an example and not a picture.

use std::path::PathBuf;

use super::{Bytes, ForeignAttachment};

/// One link as the text has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// Where it points, as written.
    pub(super) target: String,
    /// The text in brackets.
    pub(super) label: String,
    /// The title in quotes.
    pub(super) title: Option<String>,
    /// Whether it shows a picture.
    pub(super) image: bool,
    /// Whether it was written in double brackets.
    pub(super) wiki: bool,
}

impl Link {
    /// The path it means, percent signs read; none where it points to the web or into its own page.
    pub(super) fn local_path(&self) -> Option<String> {
        let target = self.target.trim();
        let scheme = target.find(':').is_some_and(|at| {
            at > 1 && target[..at].chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        });
        if target.is_empty() || scheme || target.starts_with('#') || target.starts_with("//") {
            return None;
        }
        let path = if self.wiki { target } else { target.split(['#', '?']).next().unwrap_or_default() };
        let path = if self.wiki { path.to_owned() } else { percent_decoded(path) };
        (!path.is_empty() && !path.contains('\0')).then(|| path.replace('\\', "/"))
    }

    /// The attachment it asks for, found at `path` inside the source.
    pub(super) fn attachment(&self, path: String, file: PathBuf) -> ForeignAttachment {
        let mime = mime_guess::from_path(&file).first_raw().unwrap_or("application/octet-stream").to_owned();
        ForeignAttachment {
            path,
            bytes: Bytes::File(file),
            mime,
            caption: self.title.clone().unwrap_or_else(|| self.target.clone()),
            alt: Some(self.label.clone()).filter(|label| self.image && !label.trim().is_empty()),
        }
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match (bytes[at], hex.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// Every link of the text in order. One pass; a bracket looks ahead at most [`REACH`] bytes for its end.
pub(super) fn find(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        match fence {
            Some(mark) => {
                if trimmed.starts_with(mark) {
                    fence = None;
                }
            }
            None => match ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark)) {
                Some(mark) => fence = Some(mark),
                None => in_line(line, &mut found),
            },
        }
    }
    found
}

/// No link is longer than this, and none has more brackets inside each other than [`NESTED`]: so a line of a million
/// brackets is not passed over a million times.
const REACH: usize = 4096;
const NESTED: usize = 8;
/// No code inside a line is longer than this.
const CODE_REACH: usize = 65_536;

fn in_line(line: &str, found: &mut Vec<Link>) {
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'`' => {
                let run = bytes[at..].iter().take_while(|b| **b == b'`').count();
                let after = at + run;
                let close = within(&line[after..], CODE_REACH).find(&line[at..after]);
                at = close.map_or(after, |close| after + close + run);
            }
            b'[' => {
                let image = at > 0 && bytes[at - 1] == b'!';
                match link_at(line, at, image) {
                    Some((link, end)) => {
                        // A picture inside a link, `[![alt](a.png)](b.png)`, is found on the way through the label.
                        if !image && !link.wiki {
                            in_line(&link.label, found);
                        }
                        found.push(link);
                        at = end;
                    }
                    None => at += 1,
                }
            }
            _ => at += 1,
        }
    }
}

/// The link whose bracket opens at `at`, and where it ends.
fn link_at(line: &str, at: usize, image: bool) -> Option<(Link, usize)> {
    let rest = within(&line[at..], REACH);
    if let Some(inner) = rest.strip_prefix("[[") {
        // `[[page]]` is a link between notes; only `![[…]]` shows something. A file's name is short.
        let inner = within(inner, if image { 512 } else { 0 });
        let end = inner.find("]]")?;
        let (target, label) = inner[..end].split_once('|').unwrap_or((&inner[..end], ""));
        let link = Link { target: target.trim().into(), label: label.trim().into(), title: None, image, wiki: true };
        return Some((link, at + 2 + end + 2));
    }
    let label_end = matching(rest, b'[', b']')?;
    let label = &rest[1..label_end];
    let inner = rest[label_end + 1..].strip_prefix('(')?;
    let (target, after) = match inner.trim_start().strip_prefix('<') {
        Some(angled) => {
            let end = within(angled, 512).find('>')?;
            (&angled[..end], &angled[end + 1..])
        }
        None => {
            let inner = inner.trim_start();
            let end = destination_end(inner)?;
            (&inner[..end], &inner[end..])
        }
    };
    let (title, after) = title_of(after.trim_start());
    let after = after.trim_start().strip_prefix(')')?;
    let end = at + rest.len() - after.len();
    let link = Link {
        target: target.to_owned(),
        label: label.to_owned(),
        title: title.map(str::to_owned),
        image,
        wiki: false,
    };
    Some((link, end))
}

/// At most so many bytes of it, cut between characters.
fn within(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Where the bracket that opens `text` closes.
fn matching(text: &str, open: u8, close: u8) -> Option<usize> {
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b if b == open && depth == NESTED => return None,
            b if b == open => depth += 1,
            b if b == close => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// A destination ends at the bracket that is not its own, or before a title. Spaces inside are kept: strict Markdown
/// knows no such links, but many programs write them.
fn destination_end(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' if depth == NESTED => return None,
            '(' => depth += 1,
            ')' if depth == 0 => return Some(text[..at].trim_end().len()),
            ')' => depth -= 1,
            ' ' | '\t' if text[at..].trim_start().starts_with(['"', '\'']) => return Some(at),
            _ => {}
        }
    }
    None
}

fn title_of(text: &str) -> (Option<&str>, &str) {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote)
            && let Some(end) = inner.find(quote)
        {
            return (Some(&inner[..end]), &inner[end + 1..]);
        }
    }
    (None, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(text: &str) -> Vec<(String, String)> {
        find(text).into_iter().map(|link| (link.target, link.label)).collect()
    }

    #[test]
    fn links_are_found_where_people_write_them() {
        for (text, wanted) in [
            ("a ![sea](img/sea.png) b", vec![("img/sea.png", "sea")]),
            ("![](<a b.png>)", vec![("a b.png", "")]),
            ("![x](a b.png)", vec![("a b.png", "x")]),
            ("![x](a(1).png \"T\")", vec![("a(1).png", "x")]),
            ("[![alt](a.png)](b.png)", vec![("a.png", "alt"), ("b.png", "![alt](a.png)")]),
            ("![a [b] c](d.png)![e](f.png)", vec![("d.png", "a [b] c"), ("f.png", "e")]),
            ("![[pic.png|a pic]] [[page]]", vec![("pic.png", "a pic")]),
            ("`![no](a.png)` ``![`no](b.png)``", vec![]),
            ("```\n![no](a.png)\n```\n![yes](b.png)", vec![("b.png", "yes")]),
            ("\\[no](a.png) [open](", vec![]),
            ("été ![été](é.png)", vec![("é.png", "été")]),
        ] {
            let wanted: Vec<_> = wanted.into_iter().map(|(t, l)| (t.to_owned(), l.to_owned())).collect();
            assert_eq!(targets(text), wanted, "{text}");
        }
        assert_eq!(find("![x](a.png 'T')")[0].title.as_deref(), Some("T"));
    }

    #[test]
    fn only_paths_are_local() {
        let local = |target: &str| {
            Link { target: target.into(), label: String::new(), title: None, image: true, wiki: false }.local_path()
        };
        assert_eq!(local("a%20b.png").as_deref(), Some("a b.png"));
        assert_eq!(local("a.png#top").as_deref(), Some("a.png"));
        assert_eq!(local("100%.png").as_deref(), Some("100%.png"));
        for web in ["https://x/a.png", "data:image/png;base64,AA", "mailto:x@y", "#part", "//host/a.png", "", "a%00b"] {
            assert_eq!(local(web), None, "{web}");
        }
        assert_eq!(local("../../etc/passwd").as_deref(), Some("../../etc/passwd"), "refused later, and said");
    }

    #[test]
    fn a_line_of_brackets_is_read_in_bounded_time() {
        let begun = std::time::Instant::now();
        for part in ["[", "![a](", "`", "[![[", "[a](b ", "![a](<"] {
            assert!(find(&part.repeat((8 << 20) / part.len())).is_empty(), "{part}");
        }
        // Passing over the rest of the line for each bracket would take hours.
        assert!(begun.elapsed().as_secs() < 30);
    }
}
