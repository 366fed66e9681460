//! The vocabularies of a journal in the kits' own languages, from where core defines them: enums that an app sees, and in
//! Swift the switches to what UniFFI generates. Kotlin converts by name.
//!
//! They are kept with the kits' sources, so that a review and an editor see them. The test that compares them writes them
//! where it is asked to: `AFTERWORD_WRITE_WORDS=1 cargo test --release -p afterword-tests --test all -- conformance::vocabulary`.

use std::fs;
use std::path::Path;

use afterword_core::journal::{VOCABULARIES, Vocabulary};

/// Makes one file of the words.
type Made = fn() -> String;

/// The files, from the repository's root, and what makes each.
const FILES: [(&str, Made); 3] = [
    ("android/kit/src/main/kotlin/app/afterword/kit/Words.kt", kotlin),
    ("ios/AfterwordKit/Sources/AfterwordKit/Words.swift", swift),
    ("ios/AfterwordKit/Sources/AfterwordKit/Convert/ConvertWords.swift", swift_conversions),
];
const MADE: &str = "Made by `tests/tests/conformance/vocabulary.rs` from core's vocabularies; do not edit.";

/// Joins blocks of lines, an empty line between two.
fn blocks(head: &str, blocks: impl Iterator<Item = String>) -> String {
    let blocks: Vec<String> = std::iter::once(format!("{head}\n")).chain(blocks).collect();
    blocks.join("\n")
}

fn kotlin() -> String {
    let head = format!("package app.afterword.kit\n\n// The vocabularies of a journal. {MADE}");
    blocks(&head, VOCABULARIES.iter().map(kotlin_enum))
}

fn kotlin_enum(Vocabulary { name, doc, words }: &Vocabulary) -> String {
    let words = words.iter().map(|(word, doc)| format!("    /** {} */\n    {},\n", doc.trim(), shouted(word)));
    let words: Vec<String> = words.collect();
    format!("/** {} */\npublic enum class {name} {{\n{}}}\n", doc.trim(), words.join("\n"))
}

fn swift() -> String {
    let head = format!(
        "// The vocabularies of a journal. Their raw values are this library's own and may be stored by an app.\n// {MADE}"
    );
    blocks(&head, VOCABULARIES.iter().map(swift_enum))
}

fn swift_enum(Vocabulary { name, doc, words }: &Vocabulary) -> String {
    let words: String =
        words.iter().map(|(word, doc)| format!("    /// {}\n    case {}\n", doc.trim(), declared(word))).collect();
    format!("/// {}\npublic enum {name}: String, Codable, CaseIterable, Sendable {{\n{words}}}\n", doc.trim())
}

fn swift_conversions() -> String {
    let head = format!(
        "internal import AfterwordGenerated\n\n// The words of a journal, from what is generated and back.\n// {MADE}"
    );
    blocks(&head, VOCABULARIES.iter().map(swift_conversion))
}

fn swift_conversion(Vocabulary { name, words, .. }: &Vocabulary) -> String {
    let switch = |indent: &str, from: fn(&str) -> String, to: fn(&str) -> String| -> String {
        words.iter().map(|(word, _)| format!("{indent}case .{}: .{}\n", from(word), to(word))).collect()
    };
    let (inwards, outwards) = (switch("            ", camel, swift_case), switch("        ", swift_case, camel));
    format!(
        "extension {name} {{\n    init(_ word: AfterwordGenerated.{name}) {{\n        self =\n            switch word {{\n{inwards}            \
         }}\n    }}\n\n    var crossing: AfterwordGenerated.{name} {{\n        switch self {{\n{outwards}        }}\n    }}\n}}\n"
    )
}

/// `NotMine` as `NOT_MINE`.
fn shouted(word: &str) -> String {
    let mut out = String::new();
    for letter in word.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(letter.to_uppercase());
    }
    out
}

/// `NotMine` as `notMine`.
fn camel(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}

/// A case of the kit's own enum. `none` would be taken for an optional's.
fn swift_case(word: &str) -> String {
    if word == "None" { "nothing".to_owned() } else { camel(word) }
}

/// The same where it is declared: Swift's own words are quoted there, and nowhere else.
fn declared(word: &str) -> String {
    let case = swift_case(word);
    if matches!(case.as_str(), "private" | "public") { format!("`{case}`") } else { case }
}

#[test]
fn the_kits_have_the_words_of_core() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (path, text) in FILES {
        let (path, text) = (root.join(path), text());
        if std::env::var_os("AFTERWORD_WRITE_WORDS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap();
        assert!(kept == text, "{} is not what core's words make; see the top of this test", path.display());
    }
}

#[test]
fn words_are_spelt_as_each_language_does() {
    let spelt = |word| [shouted(word), camel(word), swift_case(word)];
    assert_eq!(spelt("LivingWithIt"), ["LIVING_WITH_IT", "livingWithIt", "livingWithIt"]);
    assert_eq!(spelt("None"), ["NONE", "none", "nothing"]);
}
