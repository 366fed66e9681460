//! Files that a person brings in: a Markdown file of somebody else's, and an export of ours.

use std::path::Path;

use afterword_cli::import::{Found, Source};

/// Reads `data` as a file of this name; whether an entry came of it.
fn read(name: &str, data: &[u8]) -> bool {
    let Ok(folder) = tempfile::tempdir() else { return false };
    let path = folder.path().join(name);
    if std::fs::write(&path, data).is_err() {
        return false;
    }
    let once = |path: &Path| {
        let mut found = Vec::new();
        let Ok(source) = Source::open(path) else { return (found, false) };
        let ended = source.each(&mut |one| {
            found.push(one);
            Ok(())
        });
        (found, ended.is_ok())
    };
    let (found, ended) = once(&path);
    assert_eq!(once(&path).0, found, "the same file reads in two ways");
    ended && found.iter().any(|one| matches!(one, Found::Foreign(_) | Found::Own(_)))
}

pub(crate) fn markdown(data: &[u8]) -> bool {
    read("2024-05-17 a day.md", data)
}

pub(crate) fn markdowns() -> Vec<Vec<u8>> {
    [
        "# It fell\n\nEverything I said. ![alt](photo.png \"Caption\") and [[link]].\n",
        "---\ntitle: A day\ndate: 2024-02-29\ntags: [work, 日記]\nkind: loss\n---\nIt rained.\n\n- one\n- two\n",
        "---\nid: 03030303030303030303030303030303\nmood: {deep: {deeper: [1, 2]}}\n---\n\n```\ncode\n```\n<img src=a.png>\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

pub(crate) fn export(data: &[u8]) -> bool {
    read("export.json", data)
}

pub(crate) fn exports() -> Vec<Vec<u8>> {
    let id = "03030303030303030303030303030303";
    let entry = format!(
        r#"{{"id":"{id}","kind":"failure","title":"It fell","first_telling":"x","happened":{{"date":"2024-05","precision":"month"}},
"sections":[{{"id":"{id}","prompt":"","text":"Body {{{{p:abcdefghij}}}}","order":"m"}}],
"items":[{{"id":"{id}","kind":"lesson","text":"Ask","state":"open","day":"2024-05-17","order":"m"}}],
"reflections":[{{"id":"{id}","day":"2024-05-17","text":"Still"}}],"marks":{{"tags":["work"]}},
"people":[{{"token":"abcdefghij","role":"boss","contact":null}}],"links":[{{"entry":"{id}","kind":"repeats"}}],
"closures":[{{"id":"{id}","day":"2024-05-17","kind":"closed","note":"","reopened":null}}],
"attachments":[],"seals":["{id}"],"created_ms":1790000000000,"updated_ms":1790000000001}}"#
    );
    let people = r#"[{"token":"abcdefghij","name":"Zoë","aliases":["Z"]}]"#;
    let minimal = format!(r#"{{"id":"{id}","kind":"note","created_ms":1,"updated_ms":1}}"#);
    [
        format!(r#"{{"afterword_export":1,"exported_at":"2026-01-01T00:00:00Z","people":{people},"entries":[{entry},{minimal}]}}"#),
        format!(r#"{{"afterword_export":1,"people":[],"entries":[{minimal}],"later":[1,{{"a":null}}]}}"#),
    ]
    .map(String::into_bytes)
    .into()
}
