//! What the editor shows of an entry, and what its text means when it comes back.
//!
//! ```text
//! # The title
//!
//! The body.
//!
//! ## A prompt
//!
//! What stands under it.
//! ```
//!
//! The first line is always the title's, so that a body may begin with a heading. Whoever deletes it keeps the title.
//! An entry whose texts look like its own prompts is shown without them: nothing is ever put where it does not belong.

/// The texts of an entry as an editor shows them: people as `@Name`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The title.
    pub title: String,
    /// The main section.
    pub body: String,
    /// The other sections: prompt, text.
    pub sections: Vec<(String, String)>,
}

impl Page {
    /// The page for the editor, and which page it stands for: without sections where they could not be told apart.
    pub fn render(self) -> (String, Self) {
        let text = self.write();
        let soft = |page: &Self| {
            let trim = |text: &str| text.trim_matches('\n').to_owned();
            let sections = page.sections.iter().map(|(prompt, text)| (prompt.clone(), trim(text))).collect();
            Self { title: page.title.clone(), body: trim(&page.body), sections }
        };
        if soft(&self.read(&text)) == soft(&self) {
            return (text, self);
        }
        let alone = Self { sections: Vec::new(), ..self };
        (alone.write(), alone)
    }

    fn write(&self) -> String {
        let mut out = format!("# {}\n", one_line(&self.title));
        let mut part = |text: &str| {
            let text = text.trim_matches('\n');
            if !text.is_empty() {
                out.push('\n');
                out.push_str(text);
                out.push('\n');
            }
        };
        part(&self.body);
        for (prompt, text) in &self.sections {
            part(&heading(prompt));
            part(text);
        }
        if self.body.trim().is_empty() && self.sections.is_empty() {
            out.push('\n');
        }
        out
    }

    /// What `text`, which the editor gave back for this page, says. Empty lines around a text are the editor's; those
    /// that the page had stay.
    pub fn read(&self, text: &str) -> Self {
        let mut lines = text.lines().peekable();
        while lines.next_if(|line| line.trim().is_empty()).is_some() {}
        let title = lines.next_if(|line| *line == "#" || line.starts_with("# "));
        let title = title.map_or_else(|| self.title.clone(), |line| line.trim_start_matches('#').trim().to_owned());
        let title = if title == one_line(&self.title) { self.title.clone() } else { title };
        let mut texts = vec![String::new()];
        let mut sections: Vec<(String, String)> = Vec::new();
        let mut next = self.sections.iter().peekable();
        let mut found: Vec<usize> = vec![];
        for line in lines {
            // Prompts stand in their order; one that is gone was deleted with its heading.
            let at = next.clone().position(|(prompt, _)| line.trim_end() == heading(prompt));
            match at {
                Some(at) => {
                    found.push(self.sections.len() - next.len() + at);
                    next.nth(at);
                    texts.push(String::new());
                }
                None => {
                    if let Some(text) = texts.last_mut() {
                        text.push_str(line);
                        text.push('\n');
                    }
                }
            }
        }
        for (index, (prompt, old)) in self.sections.iter().enumerate() {
            let text = found.iter().position(|at| *at == index).map_or("", |at| texts[at + 1].as_str());
            sections.push((prompt.clone(), framed(text, old)));
        }
        Self { title, body: framed(&texts[0], &self.body), sections }
    }

    /// Whether nothing at all is written on it.
    pub fn is_empty(&self) -> bool {
        let texts = self.sections.iter().map(|(_, text)| text);
        [&self.title, &self.body].into_iter().chain(texts).all(|text| text.trim().is_empty())
    }
}

fn heading(prompt: &str) -> String {
    format!("## {}", one_line(prompt))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` with the empty lines around it that `old` had.
fn framed(text: &str, old: &str) -> String {
    let text = text.trim_matches('\n');
    if old.trim_matches('\n').is_empty() {
        return text.to_owned();
    }
    let before = old.len() - old.trim_start_matches('\n').len();
    let after = old.len() - old.trim_end_matches('\n').len();
    if text.is_empty() { String::new() } else { format!("{}{text}{}", &old[..before], &old[old.len() - after..]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(title: &str, body: &str, sections: &[(&str, &str)]) -> Page {
        let sections = sections.iter().map(|(prompt, text)| ((*prompt).into(), (*text).into())).collect();
        Page { title: title.into(), body: body.into(), sections }
    }

    #[test]
    fn what_nobody_touched_comes_back_as_it_was() {
        for page in [
            page("", "", &[]),
            page("A title", "", &[]),
            page("", "# A heading of the body\n\ntext", &[]),
            page("A title", "one\n\n\n  two\n", &[]),
            page("T", "\nbody\n\n", &[("Why", "because\n"), ("What now?", ""), ("Why", "again")]),
            page("漢字 👩‍👩‍👧", "שלום\u{202e}", &[]),
        ] {
            let (text, shown) = page.clone().render();
            assert_eq!(shown, page);
            assert_eq!(shown.read(&text), page, "{text:?}");
        }
    }

    #[test]
    fn what_was_written_is_read_where_it_stands() {
        let given = page("", "", &[("Why", ""), ("What now?", "")]);
        let (text, _) = given.clone().render();
        assert_eq!(text, "# \n\n## Why\n\n## What now?\n");
        let typed = "# A title\n\nbody\n\n## Why\n\nbecause\n\n## What now?\n\n## Mine\n\nthis\n";
        assert_eq!(given.read(typed), page("A title", "body", &[("Why", "because"), ("What now?", "## Mine\n\nthis")]));
        // A heading that is gone: its text went to what stands before it, and none is lost.
        assert_eq!(
            given.read("# T\n\nbody\n\nbecause"),
            page("T", "body\n\nbecause", &[("Why", ""), ("What now?", "")])
        );
        assert_eq!(given.read("just words\n"), page("", "just words", &[("Why", ""), ("What now?", "")]));
        let titled = page("Kept", "old", &[]);
        assert_eq!(titled.read("new\n"), page("Kept", "new", &[]));
        assert_eq!(titled.read("# \n\nnew\n"), page("", "new", &[]));
    }

    #[test]
    fn texts_that_look_like_prompts_are_left_alone() {
        let odd = page("T", "one\n\n## Why\n\ntwo", &[("Why", "because")]);
        let (text, shown) = odd.render();
        assert_eq!(shown, page("T", "one\n\n## Why\n\ntwo", &[]));
        assert_eq!(shown.read(&text), shown);
    }

    #[test]
    fn nothing_is_nothing() {
        assert!(page(" ", "\n", &[("Why", "")]).is_empty());
        assert!(!page("", "", &[("Why", "x")]).is_empty());
    }
}
