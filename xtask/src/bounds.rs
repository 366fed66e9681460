//! The table of bounds in `docs/formats.md` against the constants that it names: a bound stands in one place in code, and
//! the page says the same number.

use std::collections::BTreeMap;
use std::path::Path;

use crate::workspace::{self, Result};

const PAGE: &str = "docs/formats.md";
const HEADING: &str = "\n## 8. Bounds\n";

/// Every row whose constant is not in the file that it names, or says another number there.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let page = workspace::read(&root.join(PAGE))?;
    let mut sources = Sources::new();
    for path in workspace::files(root)? {
        if path.extension().is_some_and(|extension| extension == "rs") {
            sources.insert(path.display().to_string(), workspace::read(&root.join(path))?);
        }
    }
    Ok(findings(&page, &sources))
}

/// Rust files by their paths.
type Sources = BTreeMap<String, String>;

fn findings(page: &str, sources: &Sources) -> Vec<String> {
    let Some((_, section)) = page.split_once(HEADING) else {
        return vec![format!("{PAGE}: has no section `{}`", HEADING.trim())];
    };
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    let mut findings: Vec<String> = rows.iter().filter_map(|row| wrong(row, sources)).collect();
    if rows.is_empty() {
        findings.push("the table of bounds has no rows".to_owned());
    }
    findings.into_iter().map(|finding| format!("{PAGE}: {finding}")).collect()
}

/// What is wrong with a row `| what | bound | [`CONSTANT`](../path.rs) | what happens |`.
fn wrong(row: &str, sources: &Sources) -> Option<String> {
    let cells: Vec<&str> = row.trim().trim_matches('|').split(" | ").map(str::trim).collect();
    let &[what, bound, constant, happens] = cells.as_slice() else {
        return Some(format!("`{row}` has not four cells: what, bound, constant, what happens above it"));
    };
    if what.is_empty() || happens.is_empty() {
        return Some(format!("`{constant}` does not say what it bounds, or what happens above it"));
    }
    let Some((name, path)) = link(constant) else {
        return Some(format!("`{constant}` is no link to a constant's file"));
    };
    let Some(text) = sources.get(path) else { return Some(format!("`{path}` is not there")) };
    match (said(bound), value(name, text, sources)) {
        (Some(said), Ok(value)) if said == value => None,
        (Some(said), Ok(value)) => Some(format!("says {said} for {name}, and {path} says {value}")),
        (None, _) => Some(format!("`{bound}` is no number with a unit")),
        (_, Err(why)) => Some(format!("{name} of {path}: {why}")),
    }
}

/// Name and path of [`NAME`](../path).
fn link(cell: &str) -> Option<(&str, &str)> {
    let (name, path) = cell.strip_prefix("[`")?.split_once("`](../")?;
    Some((name.rsplit("::").next()?, path.strip_suffix(')')?))
}

/// `20 MiB + 1,024` or `45 s`: bytes, milliseconds, or a plain count.
fn said(cell: &str) -> Option<u64> {
    cell.split(" + ").map(term).sum()
}

fn term(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number: u64 = number.replace(',', "").parse().ok()?;
    let scale = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "s" => 1000,
        "min" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => 1,
    };
    number.checked_mul(scale)
}

type Value = std::result::Result<u64, String>;

/// What `const NAME: T = …;` comes to. Names in it are constants of the same file, or of what it is a path to.
fn value(name: &str, text: &str, sources: &Sources) -> Value {
    let marker = format!("const {name}: ");
    let mut found = text.match_indices(&marker);
    let (Some((at, _)), None) = (found.next(), found.next()) else {
        return Err("is not defined there exactly once".to_owned());
    };
    let definition = text[at..].split(';').next().unwrap_or_default();
    let Some((_, expression)) = definition.split_once(" = ") else { return Err("has no value".to_owned()) };
    Expression { tokens: tokens(expression), at: 0, text, sources }.all()
}

fn tokens(expression: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut last = ' ';
    for c in expression.chars() {
        let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
        let same = (joins(c) && joins(last)) || (c == '<' && last == '<');
        match tokens.last_mut() {
            Some(token) if same => token.push(c),
            _ if c.is_whitespace() => {}
            _ => tokens.push(c.to_string()),
        }
        last = c;
    }
    tokens
}

/// Sums and products of numbers, names, shifts and `Duration`s.
struct Expression<'a> {
    tokens: Vec<String>,
    at: usize,
    text: &'a str,
    sources: &'a Sources,
}

impl Expression<'_> {
    fn all(mut self) -> Value {
        let value = self.shift()?;
        if self.at == self.tokens.len() { Ok(value) } else { Err("is no sum of numbers".to_owned()) }
    }

    fn takes(&mut self, token: &str) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|next| next == token);
        self.at += usize::from(found);
        found
    }

    fn shift(&mut self) -> Value {
        let mut value = self.sum()?;
        while self.takes("<<") {
            value = u32::try_from(self.sum()?).ok().and_then(|by| value.checked_shl(by)).ok_or("shifts too far")?;
        }
        Ok(value)
    }

    fn sum(&mut self) -> Value {
        let mut value = self.product()?;
        loop {
            if self.takes("+") {
                value += self.product()?;
            } else if self.takes("-") {
                value = value.checked_sub(self.product()?).ok_or("is below nothing")?;
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Value {
        let mut value = self.one()?;
        loop {
            if self.takes("*") {
                value *= self.one()?;
            } else if self.takes("/") {
                value = value.checked_div(self.one()?).ok_or("is divided by nothing")?;
            } else if self.takes("as") {
                self.at += 1;
            } else {
                return Ok(value);
            }
        }
    }

    fn one(&mut self) -> Value {
        if self.takes("(") {
            let value = self.shift()?;
            return if self.takes(")") { Ok(value) } else { Err("is no sum of numbers".to_owned()) };
        }
        let token = self.tokens.get(self.at).cloned().ok_or("ends too early")?;
        self.at += 1;
        if token.starts_with(|c: char| c.is_ascii_digit()) {
            let digits: String = token.chars().filter(|c| *c != '_').collect();
            return digits.parse().map_err(|_| format!("`{token}` is no number"));
        }
        let (path, name) = token.rsplit_once("::").unwrap_or(("", &token));
        match name {
            "from_secs" => Ok(self.one()? * 1000),
            "from_millis" => self.one(),
            _ if matches!(path, "" | "Self") && defines(self.text, name) => value(name, self.text, self.sources),
            _ => self.elsewhere(path, name),
        }
    }

    /// A constant that the file imports, or one of a type.
    fn elsewhere(&self, path: &str, name: &str) -> Value {
        let owner = format!("impl {path} {{");
        let shared = format!("pub const {name}: ");
        let mut found =
            self.sources.values().filter(|text| text.contains(&shared) && (path.is_empty() || text.contains(&owner)));
        match (found.next(), found.next()) {
            (Some(text), None) => value(name, text, self.sources),
            _ => Err(format!("`{name}` is not defined in exactly one file")),
        }
    }
}

fn defines(text: &str, name: &str) -> bool {
    text.contains(&format!("const {name}: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "pub const MAX: usize = 1 << 20;\nconst LONG: usize = MAX + (4 << 20);\nconst HERE: usize = 2 * 3;\n\
                          const WAIT: Duration = Duration::from_secs(6 * 60);\nconst AS: usize = MAX as usize + 128;\n\
                          const WORDS: &str = \"x\";\nconst FAR: usize = Batch::MOST + MOST;\n";

    fn page(row: &str) -> String {
        format!("# A\n{HEADING}\n| what | bound | constant | above it |\n|---|---|---|---|\n{row}\n\n## 9. More\n")
    }

    fn found(row: &str) -> Vec<String> {
        let other = "impl Batch {\n    pub const MOST: usize = 7;\n}\n";
        let sources = [("a.rs", SOURCE), ("other.rs", other)].map(|(path, text)| (path.to_owned(), text.to_owned()));
        findings(&page(row), &sources.into())
    }

    #[test]
    fn a_bound_that_is_the_constant_is_fine() {
        for (bound, name) in [
            ("1 MiB", "MAX"),
            ("5 MiB", "LONG"),
            ("6", "HERE"),
            ("6 min", "WAIT"),
            ("360 s", "WAIT"),
            ("1 MiB + 128", "AS"),
            ("1,048,576 bytes", "Batch::MAX"),
            ("14", "FAR"),
        ] {
            assert_eq!(found(&format!("| x | {bound} | [`{name}`](../a.rs) | no |")), [""; 0], "{bound} {name}");
        }
    }

    #[test]
    fn a_bound_that_is_not_is_found() {
        for row in [
            "| x | 2 MiB | [`MAX`](../a.rs) | no |",
            "| x | 1 MiB | [`MAXIMUM`](../a.rs) | no |",
            "| x | 1 MiB | [`MAX`](../b.rs) | no |",
            "| x | much | [`MAX`](../a.rs) | no |",
            "| x | 1 | [`WORDS`](../a.rs) | no |",
            "| x | 1 MiB | MAX | no |",
            "|  | 1 MiB | [`MAX`](../a.rs) |  |",
            "| x | 1 MiB | [`MAX`](../a.rs) |",
        ] {
            assert_eq!(found(row).len(), 1, "{row}");
        }
        assert_eq!(findings("# No table\n", &Sources::new()).len(), 1);
        assert_eq!(findings(&page(""), &Sources::new()).len(), 1);
    }
}
