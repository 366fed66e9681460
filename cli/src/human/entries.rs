//! Entries for a person: rows, a page, hits, readings.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use afterword_core::engine::ListView;
use afterword_core::id::EntryId;
use afterword_core::journal::view::{EntryView, HistoryView, TextRange};
use afterword_core::journal::{Boxed, InnerState, ItemKind, ItemState};

use super::text::{Style, columns, count, cut, line, pad, short, size, wrap};
use crate::import::Problem;
use crate::json::{Changed, Exported, Imported, NamedPart, Search, Show};

/// So many problems are worth a screen; the rest is counted.
const PROBLEMS: usize = 40;

/// `write`, `edit` and their like: what it was done to, and nothing more.
pub fn changed(did: &str, changed: &Changed) -> String {
    let title = if changed.title.is_empty() { "(no title)".to_owned() } else { line(&changed.title) };
    let part = match &changed.part {
        Some(NamedPart::Item(id)) => format!("  item {}", short(id)),
        Some(NamedPart::Reflection(id)) => format!("  reflection {}", short(id)),
        Some(NamedPart::Attachment(id)) => format!("  attachment {}", short(id)),
        Some(NamedPart::Closure(_)) | None => String::new(),
    };
    format!("{did}  {}  {title}{part}", short(&changed.id))
}

/// `list`.
pub fn list(list: &ListView, style: Style) -> String {
    if list.entries.is_empty() && list.unread == 0 && list.too_large.is_empty() {
        return "Nothing here yet. `afterword write` begins an entry.".into();
    }
    let mut out = String::new();
    let kinds = list.entries.iter().map(|row| row.kind.as_str().len()).max().unwrap_or(0);
    for row in &list.entries {
        let mut about = states(&row.states);
        if row.arriving {
            about.push("arriving".into());
        }
        let files = if row.attachments > 0 { count(row.attachments, "file", "files") } else { String::new() };
        let about = about.join(", ");
        let tail =
            [about.as_str(), files.as_str()].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(", ");
        let left =
            format!("{}  {}  {}  ", short(&row.id), pad(&row.day.to_string(), 10), pad(row.kind.as_str(), kinds));
        let room = style.width.saturating_sub(columns(&left) + if tail.is_empty() { 0 } else { columns(&tail) + 2 });
        let title = if row.title.is_empty() {
            style.dim("(no title)")
        } else {
            style.strong(&cut(&line(&row.title), room.max(12)))
        };
        let tail = if tail.is_empty() { String::new() } else { format!("  {}", style.dim(&tail)) };
        let _ = writeln!(out, "{}{title}{tail}", style.dim(&left));
    }
    if let Some(next) = &list.next {
        let _ = writeln!(out, "{}", style.dim(&format!("more: --after {}", next.to_text())));
    }
    if list.unread > 0 {
        let _ = writeln!(out, "{}", style.dim(&format!("{} still being read", count(list.unread, "entry", "entries"))));
    }
    too_large(&mut out, &list.too_large, style);
    out
}

/// A word of a vocabulary as a person reads it.
fn word(word: &str) -> String {
    word.replace('_', " ")
}

/// What a person would ask about; "raw" is how everything begins and says nothing.
fn states(states: &BTreeSet<InnerState>) -> Vec<String> {
    states.iter().filter(|state| **state != InnerState::Raw).map(|state| word(state.as_str())).collect()
}

/// Entries that are left out, a line for each: a person has to know that they are there.
fn too_large(out: &mut String, ids: &[EntryId], style: Style) {
    for id in ids {
        let _ = writeln!(out, "{}", style.dim(&format!("{}  too large to be opened on this device", short(id))));
    }
}

/// `show`.
pub fn show(show: &Show, style: Style) -> String {
    let entry = &show.entry;
    let mut out = String::new();
    if !entry.title.is_empty() {
        for row in wrap(&line(&entry.title), style.width, "").lines() {
            let _ = writeln!(out, "{}", style.strong(row));
        }
    }
    let happened = match entry.happened.date {
        Some(date) => date.to_string(),
        None => format!("written {}", entry.day),
    };
    let mut facts = vec![happened, entry.kind.to_string()];
    facts.extend(states(&entry.states));
    if entry.trashed {
        facts.push("put away".into());
    }
    facts.push(short(&entry.id));
    let _ = writeln!(out, "{}", style.dim(&facts.join(" · ")));
    for section in &entry.sections {
        heading(&mut out, &section.prompt, style);
        out.push_str(&wrap(&section.text, style.width, ""));
    }
    items(&mut out, entry, style);
    for reflection in &entry.reflections {
        heading(&mut out, &format!("Looking back, {}  {}", reflection.day, short(&reflection.id)), style);
        out.push_str(&wrap(&reflection.text, style.width, ""));
    }
    if let Some(experiment) = &entry.experiment {
        heading(&mut out, "Experiment", style);
        let yes = |answer: bool| if answer { "yes" } else { "no" }.to_owned();
        for (name, answer) in [
            ("I expected", experiment.prediction.clone()),
            ("fear before", experiment.fear_before.map(|fear| fear.to_string())),
            ("tried", experiment.attempted.map(yes)),
            ("what happened", experiment.happened.clone()),
            ("fear after", experiment.fear_after.map(|fear| fear.to_string())),
            ("again", experiment.again.map(yes)),
        ] {
            if let Some(answer) = answer {
                out.push_str(&wrap(&format!("{name}: {}", line(&answer)), style.width, "  "));
            }
        }
    }
    for closure in &entry.closures {
        let reopened = closure.reopened.map(|day| format!(", reopened {day}")).unwrap_or_default();
        heading(&mut out, &format!("Closed {} ({}){reopened}", closure.day, word(closure.kind.as_str())), style);
        out.push_str(&wrap(&closure.note, style.width, ""));
    }
    foot(&mut out, entry, style);
    out
}

fn heading(out: &mut String, text: &str, style: Style) {
    out.push('\n');
    if !text.is_empty() {
        let _ = writeln!(out, "{}", style.dim(&line(text)));
    }
}

fn items(out: &mut String, entry: &EntryView, style: Style) {
    let mut kinds: Vec<ItemKind> = Vec::new();
    for item in &entry.items {
        if !kinds.contains(&item.kind) {
            kinds.push(item.kind);
        }
    }
    for kind in kinds {
        heading(out, &word(kind.as_str()), style);
        for item in entry.items.iter().filter(|item| item.kind == kind) {
            let mark = match item.state {
                Some(ItemState::Done) => "[x]",
                Some(ItemState::Dropped) => "[–]",
                Some(ItemState::Open) => "[ ]",
                None => "·",
            };
            let day = item.day.map(|day| format!(" ({day})")).unwrap_or_default();
            let text = format!("{mark} {}{day}  {}", line(&item.text), short(&item.id));
            out.push_str(&wrap(&text, style.width, "  "));
        }
    }
}

fn foot(out: &mut String, entry: &EntryView, style: Style) {
    let mut rows: Vec<(String, String)> = Vec::new();
    for (group, words) in entry.marks.iter().filter(|(_, words)| !words.is_empty()) {
        rows.push((word(group.as_str()), words.iter().map(String::as_str).collect::<Vec<_>>().join(", ")));
    }
    let people: Vec<String> = entry
        .people
        .iter()
        .map(|person| {
            let name = person.name.as_deref().unwrap_or("?");
            person.role.as_ref().map_or_else(|| name.to_owned(), |role| format!("{name} ({role})"))
        })
        .collect();
    if !people.is_empty() {
        rows.push(("people".into(), people.join(", ")));
    }
    for link in &entry.links {
        rows.push((link.kind.to_string(), short(&link.entry)));
    }
    for file in &entry.attachments {
        let what = file.caption.as_deref().or(file.alt.as_deref()).unwrap_or_default();
        let here = if file.here { "" } else { ", not here yet" };
        rows.push(("file".into(), format!("{}  {}, {}{here}  {what}", short(&file.id), file.mime, size(file.bytes))));
    }
    match entry.boxed_until {
        Some(Boxed::ByHand) => rows.push(("boxed".into(), "until you take it out".into())),
        Some(Boxed::Until(day)) => rows.push(("boxed".into(), format!("until {day}"))),
        None => {}
    }
    if entry.sealed {
        rows.push(("sealed".into(), "never to be published".into()));
    }
    if let Some(next) = entry.next_move {
        rows.push(("next".into(), next.to_string()));
    }
    if rows.is_empty() {
        return;
    }
    out.push('\n');
    let wide = rows.iter().map(|(name, _)| columns(name)).max().unwrap_or(0);
    for (name, value) in rows {
        let value = cut(&line(&value), style.width.saturating_sub(wide + 2).max(20));
        let _ = writeln!(out, "{}  {value}", style.dim(&pad(&name, wide)));
    }
}

/// `search`.
pub fn search(search: &Search, style: Style) -> String {
    let search = &search.found;
    let mut out = String::new();
    for hit in &search.hits {
        let title = if hit.title.is_empty() { "(no title)".to_owned() } else { line(&hit.title) };
        let left = format!("{}  {}  ", short(&hit.id), pad(&hit.day.to_string(), 10));
        let room = style.width.saturating_sub(columns(&left)).max(12);
        let _ = writeln!(out, "{}{}", style.dim(&left), style.strong(&cut(&title, room)));
        if hit.field != "title" {
            let marked = if style.colour { mark(&hit.excerpt, &hit.ranges) } else { line(&hit.excerpt) };
            let _ = writeln!(out, "  {marked}");
        }
    }
    let shown = search.hits.len() as u64;
    let found = match search.total {
        0 if search.more => "Nothing found among the newest; a longer query looks further back.".to_owned(),
        0 => "Nothing found.".to_owned(),
        total if search.more => format!("{shown} of at least {}", count(total, "entry", "entries")),
        total if total > shown => format!("{} of {}", shown, count(total, "entry", "entries")),
        total => count(total, "entry", "entries"),
    };
    let _ = write!(out, "{}", style.dim(&found));
    if search.unread > 0 {
        let _ =
            write!(out, "{}", style.dim(&format!("; {} still being read", count(search.unread, "entry", "entries"))));
    }
    if !search.too_large.is_empty() {
        out.push('\n');
        too_large(&mut out, &search.too_large, style);
    }
    out
}

/// The excerpt with its ranges underlined. Ranges count code points; each character keeps its place.
fn mark(excerpt: &str, ranges: &[TextRange]) -> String {
    let mut out = String::new();
    for (at, c) in excerpt.chars().enumerate() {
        if ranges.iter().any(|range| range.start == at) {
            out.push_str("\x1b[4m");
        }
        let clean = line(&c.to_string());
        out.push_str(if clean.is_empty() { " " } else { &clean });
        if ranges.iter().any(|range| range.end == at + 1) {
            out.push_str("\x1b[24m");
        }
    }
    out.push_str("\x1b[0m");
    out
}

/// `history`.
pub fn history(history: &HistoryView, style: Style) -> String {
    let mut out = String::new();
    for reading in &history.readings {
        let heads: Vec<String> = reading.heads.iter().map(short).collect();
        let fields = word(&reading.fields.join(", "));
        let at = reading.at.to_rfc3339().replace('T', " ").replace('Z', "");
        let device = reading.name.as_deref().map_or_else(|| reading.device.to_string(), line);
        let _ = writeln!(out, "{}  {}  {}  {fields}", style.dim(&at), heads.join(","), style.dim(&device));
    }
    let _ =
        write!(out, "{}", style.dim("`restore ID --at HEADS` writes one of them again; --json shows the full heads"));
    out
}

/// `import`.
pub fn imported(imported: &Imported, style: Style) -> String {
    let mut out = count(imported.created, "new entry", "new entries");
    if imported.unchanged > 0 {
        let _ = write!(out, ", {} already here", imported.unchanged);
    }
    if imported.attachments > 0 {
        let _ = write!(out, ", {}", count(imported.attachments, "attachment", "attachments"));
    }
    out.push('\n');
    if let Some(taken) = imported.taken.as_ref().filter(|taken| !taken.is_empty()) {
        let _ = writeln!(out, "\n{}", style.dim("Files that it named, and that are in the journal now:"));
        for file in taken {
            out.push_str(&wrap(&format!("{} ({})", line(&file.path), size(file.bytes)), style.width, "  "));
        }
    }
    if !imported.problems.is_empty() {
        let _ = writeln!(out, "\n{}", style.dim("Not understood or not taken:"));
        for problem in imported.problems.iter().take(PROBLEMS) {
            let path = if problem.path.is_empty() { String::new() } else { format!("{}: ", line(&problem.path)) };
            out.push_str(&wrap(&format!("{path}{}", line(&problem.reason)), style.width, "  "));
        }
        let more = imported.problems.len().saturating_sub(PROBLEMS);
        if more > 0 {
            let _ = writeln!(out, "  and {more} more; --json lists all of them");
        }
    }
    out
}

/// `export`.
pub fn exported(exported: &Exported) -> String {
    let files = if exported.attachments == 0 {
        String::new()
    } else {
        format!(", {}", count(exported.attachments, "attachment", "attachments"))
    };
    let entries = count(exported.entries, "entry", "entries");
    format!("{entries}{files}, {} in {}\nThe export is not encrypted.", size(exported.bytes), line(&exported.path))
}

impl From<Problem> for crate::json::ImportProblem {
    fn from(problem: Problem) -> Self {
        Self { path: problem.path, reason: problem.reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterword_core::engine::SearchView;
    use afterword_core::journal::Kind;
    use afterword_core::journal::view::{HitView, RowView};
    use afterword_core::replication::ListRow;
    use afterword_core::store::read_model::Cursor;

    use crate::json::ImportProblem;
    use crate::json::tests_support::{full_entry, row, view};

    const PLAIN: Style = Style { width: 60, colour: false };

    fn full() -> Show {
        Show { entry: view(&full_entry(), false) }
    }

    #[test]
    fn an_entry_reads_like_a_page() {
        let page = show(&full(), PLAIN);
        assert_eq!(
            page,
            "Lunch with @Bo\n\
             2024-05 · failure · boxed · reflected · reopened · 01010101\n\
             \n\
             It went wrong.\n\
             \n\
             Then better.\n\
             \n\
             What did I hope?\n\
             A quiet hour.\n\
             \n\
             repair\n\
             \x20 [x] Call @Bo (2024-06-01) 04040404\n\
             \n\
             Looking back, 2024-07-01 05050505\n\
             It was smaller than it looked.\n\
             \n\
             Experiment\n\
             \x20 I expected: worst\n\
             \n\
             Closed 2024-08-01 (let go), reopened 2024-09-01\n\
             enough\n\
             \n\
             feelings  relief, shame\n\
             people    Bo (friend)\n\
             repeats   06060606\n\
             file      08080808 image/png, 3 B, not here yet c\n\
             boxed     until you take it out\n\
             sealed    never to be published\n\
             next      rest\n"
        );
        assert!(page.lines().all(|row| columns(row) <= 60));
    }

    #[test]
    fn rows_line_up_and_fit() {
        let mut one = RowView { attachments: 2, ..row(&full_entry()) };
        one.title = "A very long title that has no room on a line of sixty columns".into();
        let mut two = one.clone();
        two.states = BTreeSet::from([InnerState::Raw]);
        two.kind = Kind::Win;
        two.title = "Tr\x1b[2Jick".into();
        two.attachments = 0;
        let next = Cursor::of(&ListRow::of(&full_entry()));
        let word = next.to_text();
        let text = list(&ListView { entries: vec![one, two], next: Some(next), unread: 2, too_large: vec![] }, PLAIN);
        assert_eq!(
            text,
            format!(
                "01010101  2024-05     failure  A very long…  boxed, reflected, reopened, 2 files\n\
                 01010101  2024-05     win      Tr [2Jick\n\
                 more: --after {word}\n\
                 2 entries still being read\n"
            )
        );
    }

    #[test]
    fn nothing_is_said_kindly() {
        assert!(
            list(&ListView { entries: vec![], next: None, unread: 0, too_large: vec![] }, PLAIN)
                .contains("Nothing here yet")
        );
    }

    #[test]
    fn hits_are_marked_by_code_points() {
        let hit = HitView {
            id: EntryId::from_bytes([0xab; 16]),
            title: "T".into(),
            day: "2024".parse().unwrap(),
            field: "body".into(),
            excerpt: "é 漢字 word".into(),
            ranges: vec![TextRange { start: 2, end: 4 }, TextRange { start: 5, end: 9 }],
        };
        let found = SearchView { total: 3, more: false, unread: 1, too_large: vec![], hits: vec![hit] };
        let search =
            |found: &SearchView, style| super::search(&Search { query: "q".into(), found: found.clone() }, style);
        let plain = search(&found, PLAIN);
        assert_eq!(plain, "abababab  2024        T\n  é 漢字 word\n1 of 3 entries; 1 entry still being read");
        let bounded = search(&SearchView { more: true, ..found.clone() }, PLAIN);
        assert!(bounded.ends_with("1 of at least 3 entries; 1 entry still being read"), "{bounded}");
        let nothing = SearchView { total: 0, more: true, unread: 0, too_large: vec![], hits: Vec::new() };
        assert!(search(&nothing, PLAIN).starts_with("Nothing found among the newest"));
        let coloured = search(&found, Style { colour: true, ..PLAIN });
        assert!(coloured.contains("\x1b[4m漢字\x1b[24m \x1b[4mword\x1b[24m"), "{coloured:?}");
    }

    #[test]
    fn an_import_reports_everything_it_can_on_a_screen() {
        let problems = (0..50).map(|i| ImportProblem { path: format!("{i}.md"), reason: "empty".into() }).collect();
        let text = imported(&Imported { created: 1, unchanged: 2, attachments: 0, problems, taken: None }, PLAIN);
        assert!(text.starts_with("1 new entry, 2 already here\n"));
        assert!(text.contains("  39.md: empty\n") && text.contains("and 10 more"));
    }
}
