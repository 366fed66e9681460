//! The few ways in which text is laid out: cleaned, cut, wrapped, dimmed.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::output;

/// How text is laid out here and now.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Columns.
    pub width: usize,
    /// Whether it may have colour.
    pub colour: bool,
}

impl Style {
    /// As the terminal at standard output wants it.
    pub fn here() -> Self {
        Self { width: output::width(), colour: output::colour() }
    }

    /// Less important.
    pub(super) fn dim(self, text: &str) -> String {
        self.paint(text, "2")
    }

    /// The beginning of a part.
    pub fn heading(self, text: &str) -> String {
        self.strong(text)
    }

    /// What one looks for.
    pub(super) fn strong(self, text: &str) -> String {
        self.paint(text, "1")
    }

    fn paint(self, text: &str, code: &str) -> String {
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A text on one line, without anything that could steer the terminal.
pub(super) fn line(text: &str) -> String {
    let flat: String = text.chars().map(|c| if steers(c) || c.is_whitespace() { ' ' } else { c }).collect();
    flat.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Control characters, and the marks that reorder or isolate whole lines. Right-to-left text itself is untouched.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How many columns it takes.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// At most so many columns, with an ellipsis where something was cut.
pub(super) fn cut(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > most {
            break;
        }
        used += wide;
        out.push(c);
    }
    format!("{}…", out.trim_end())
}

/// Filled up with spaces to so many columns.
pub(super) fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(columns(text))))
}

/// Paragraphs wrapped to `width` behind `indent`. Lines that begin with a space, a mark or a digit keep their break:
/// lists and code stay what they are.
pub(super) fn wrap(text: &str, width: usize, indent: &str) -> String {
    let room = width.saturating_sub(columns(indent)).max(20);
    let mut out = String::new();
    for source in text.lines() {
        let source: String = source.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !steers(*c)).collect();
        let lead: String = source.chars().take_while(|c| *c == ' ').collect();
        let mut current = lead.clone();
        let mut empty = true;
        for word in source.split(' ').filter(|word| !word.is_empty()) {
            if !empty && columns(&current) + 1 + columns(word) > room {
                push_line(&mut out, indent, &current);
                current.clone_from(&lead);
                empty = true;
            }
            if !empty {
                current.push(' ');
            }
            for c in word.chars() {
                // A word longer than the line (Chinese, an address) breaks where it must.
                if columns(&current) + c.width().unwrap_or(0) > room {
                    push_line(&mut out, indent, &current);
                    current.clone_from(&lead);
                }
                current.push(c);
            }
            empty = false;
        }
        push_line(&mut out, indent, &current);
    }
    out
}

fn push_line(out: &mut String, indent: &str, line: &str) {
    out.push_str(format!("{indent}{line}").trim_end());
    out.push('\n');
}

/// `1 entry`, `3 entries`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Bytes as people say them.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..=999 => format!("{bytes} B"),
        1000..=999_949 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// An id as short as a person may use it.
pub(super) fn short(id: &(impl ToString + ?Sized)) -> String {
    id.to_string().chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        let evil = "a\x1b[31m\r\x07b\u{202e}c\u{9b}d";
        assert_eq!(line(evil), "a [31m b c d");
        assert!(!wrap(evil, 40, "").contains(['\x1b', '\r', '\x07', '\u{202e}', '\u{9b}']));
        assert_eq!(line("שלום עולם"), "שלום עולם");
    }

    #[test]
    fn text_is_cut_and_padded_by_columns() {
        assert_eq!(cut("hello world", 8), "hello w…");
        assert_eq!(cut("漢字漢字漢字", 7), "漢字漢…");
        assert_eq!(cut("short", 8), "short");
        assert_eq!(columns(&pad("漢字", 6)), 6);
    }

    #[test]
    fn paragraphs_wrap_and_lists_stay() {
        assert_eq!(wrap("one two three four five six", 20, ""), "one two three four\nfive six\n");
        assert_eq!(wrap("- a\n  - b\n\nend", 40, "  "), "  - a\n    - b\n\n  end\n");
        assert!(wrap(&"漢".repeat(100), 40, "  ").lines().all(|line| columns(line) <= 40));
        assert!(wrap(&"x".repeat(1000), 40, "").lines().all(|line| columns(line) <= 40));
    }

    #[test]
    fn colour_only_where_wanted() {
        assert_eq!(Style { width: 80, colour: false }.dim("x"), "x");
        assert_eq!(Style { width: 80, colour: true }.dim("x"), "\x1b[2mx\x1b[0m");
    }

    #[test]
    fn numbers_are_said_as_people_say_them() {
        assert_eq!(
            (count(1, "entry", "entries"), count(0, "entry", "entries")),
            ("1 entry".into(), "0 entries".into())
        );
        assert_eq!([size(999), size(1500), size(999_999), size(10_485_760)], ["999 B", "1.5 kB", "1.0 MB", "10.5 MB"]);
    }
}
