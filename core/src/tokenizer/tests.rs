//! Words cut and found again, against a plain scan.

use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::query::Asked;
use super::words::{MAX_TOKEN, Plain, atoms, dropped, unspaced};
use super::*;

fn find(query: &str, text: &str) -> Vec<(usize, usize)> {
    Matcher::new(&Query::parse(query)).find(text)
}

fn found(query: &str, text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    find(query, text).into_iter().map(|(from, to)| chars[from..to].iter().collect()).collect()
}

#[test]
fn words_are_folded_and_characters_stand_in_pairs() {
    for (text, expected) in [
        ("Ça va, Zoë? ÇA!", "ca va zoe"),
        ("Straße ŁÓDŹ Ærø İstanbul ısı", "aero isi istanbul lodz strasse"),
        ("cafe\u{301} café", "cafe"),
        ("שָׁלוֹם مُحَمَّد", "שלום محمد"),
        ("東京都 の tower", "tower の 京都 東京 都"),
        ("한국어", "국어 어 한국"),
        ("\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}\u{110b}\u{1165}", "국어 어 한국"),
        ("ｶﾞｷ が か\u{3099}", "が ガキ キ"),
        ("don't soft\u{ad}hyphen 👩‍👩‍👧 1️⃣ …", "1 don softhyphen t"),
        ("हिन्दी", "हिन्दी"),
        ("", ""),
    ] {
        let mut tokens: Vec<_> = tokens(text).split(' ').map(str::to_owned).collect();
        let mut expected: Vec<_> = expected.split(' ').map(str::to_owned).collect();
        tokens.sort();
        expected.sort();
        assert_eq!(tokens, expected, "{text}");
    }
    assert_eq!(tokens(&"x".repeat(1000)).len(), MAX_TOKEN);
}

#[test]
fn hits_are_code_points_of_the_text_as_written() {
    assert_eq!(find("zoe", "👩‍👩‍👧 Zoe\u{308}!"), vec![(6, 10)]);
    assert_eq!(found("STRASSE", "die Straße dort"), ["Straße"]);
    assert_eq!(found("京都", "東京都庁に行く"), ["京都"]);
    assert_eq!(found("都", "東京都庁に行く 都"), ["都", "都"]);
    assert_eq!(found("東京都庁", "東京、京都、都庁。東京都庁。"), ["東京都庁"]);
    assert_eq!(found("ガキ", "ｶﾞｷだ"), ["ｶﾞｷ"]);
    assert_eq!(found("株式", "㍿の"), ["㍿"]);
    assert_eq!(found("שלום", "אמר שָׁלוֹם לו"), ["שָׁלוֹם"]);
    assert_eq!(found("wal*", "A walk, wallpaper, swallow"), ["walk", "wallpaper"]);
    assert_eq!(found("wal", "A walk"), Vec::<String>::new());
    assert_eq!(found("\"the long walk\"", "The long, long walk; the\nLONG  walk"), ["the\nLONG  walk"]);
    assert_eq!(found("“long wa”*", "a long way"), ["long way"]);
    assert_eq!(found("don't", "don t, don't, t don"), ["don t", "don't"]);
    assert_eq!(found("go東京", "let's go東京tower"), ["go東京"]);
    assert_eq!(found("long walk", "walk long"), ["walk", "long"]);
}

fn asked(query: &Query, title: bool) -> String {
    let asked = query.of_index(title);
    let parts = asked.iter().map(|asked| match asked {
        Asked::Token(token) => format!("{token:?}"),
        Asked::Prefix(token) => format!("\"{token}\"*"),
    });
    parts.collect::<Vec<_>>().join(" AND ")
}

#[test]
fn no_text_is_syntax() {
    for (query, expression) in [
        ("a OR b", "\"a\" AND \"b\" AND \"or\""),
        ("title:x NEAR(y z)", "\"near\" AND \"title\" AND \"x\" AND \"y\" AND \"z\""),
        ("\"half", "\"half\""),
        ("x\"\"y", "\"x\" AND \"y\""),
        ("* ** -a^ {b}", "\"a\" AND \"b\""),
        ("pre* 東", "\"pre\"* AND \"東\"*"),
        ("東京都", "\"京都\" AND \"東京\""),
        ("!?* 🎉", ""),
        ("", ""),
    ] {
        let parsed = Query::parse(query);
        assert_eq!(asked(&parsed, false), expression, "{query}");
        assert_eq!(parsed.is_empty(), expression.is_empty());
    }
    // A title's tokens are as long as the others, where there is room above them.
    assert_eq!(asked(&Query::parse("pre*"), true), "\"\u{F0070}re\"*");
    assert_eq!(asked(&Query::parse("\u{20000}"), true), "\"\u{E000}\u{20000}\"*");
    for (query, needs) in [
        ("a b", false),
        ("pre*", false),
        ("東", false),
        ("東京", false),
        ("東京都", true),
        ("\"a b\"", true),
        ("don't", true),
    ] {
        assert_eq!(Query::parse(query).needs_text(), needs, "{query}");
    }
    assert!(Query::parse(&"x".repeat(900)).needs_text());
    let many: String = (0..200).map(|n| format!("w{n} ")).collect();
    assert!(Query::parse(&many).needs_text());
    assert_eq!(Query::parse(&many).of_index(false).len(), 32);
}

#[test]
fn terms_may_stand_in_different_fields_and_phrases_may_not() {
    let matches = |query: &str, fields: [&str; 2]| Matcher::new(&Query::parse(query)).matches(fields);
    assert!(matches("walk rain", ["The walk", "It was rain."]));
    assert!(!matches("walk snow", ["The walk", "It was rain."]));
    assert!(!matches("\"walk it\"", ["The walk", "It was rain."]));
    assert!(!matches("", ["", ""]));
    assert!(!matches("🎉", ["🎉", ""]));
}

#[test]
fn an_excerpt_shows_the_hit_and_keeps_its_place() {
    assert_eq!(excerpt("short\ntext", &[(6, 10)]), ("short text".to_owned(), vec![(6, 10)]));
    assert_eq!(excerpt("", &[]), (String::new(), vec![]));
    let text = format!("{}needle{}", "word ".repeat(100), " tail".repeat(100));
    let (shown, ranges) = excerpt(&text, &[(500, 506), (900, 904)]);
    assert!(shown.starts_with("…word") && shown.ends_with("tail…"), "{shown}");
    assert!((140..=165).contains(&shown.chars().count()), "{}", shown.chars().count());
    let (from, to) = ranges[0];
    assert_eq!(shown.chars().skip(from).take(to - from).collect::<String>(), "needle");
    assert_eq!(ranges.len(), 1);

    let flags = "🇩🇪".repeat(300);
    let (shown, _) = excerpt(&flags, &[]);
    assert_eq!(shown.trim_end_matches('…').chars().count() % 2, 0, "no flag is cut in half");
    let family = "👩‍👩‍👧".repeat(100);
    let (shown, _) = excerpt(&family, &[(250, 251)]);
    assert!(shown.starts_with("…👩") && !shown.ends_with("\u{200d}…"), "{shown}");
}

/// What is found, by the plainest means: the whole text folded as one string.
fn fold(text: &str) -> String {
    text.nfkd().filter(|c| !dropped(*c)).flat_map(char::to_lowercase).flat_map(Plain::of).nfc().collect()
}

fn plain_words(text: &str) -> Vec<String> {
    fold(text)
        .split(|c: char| unspaced(c) || !(c.is_alphanumeric() || is_combining_mark(c)))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

const PIECES: &[&str] = &[
    "walk",
    "Wal",
    "WALKING",
    "café",
    "cafe\u{301}",
    "Straße",
    "strasse",
    "Ærø",
    "naïve",
    "1984",
    "x",
    "שָׁלוֹם",
    "שלום",
    "مُحَمَّد",
    "हिन्दी",
    "東",
    "京",
    "東京",
    "京都",
    "東京都庁",
    "の",
    "が",
    "か\u{3099}",
    "ｶﾞ",
    "トーキョー",
    "한국",
    "\u{1112}\u{1161}\u{11ab}",
    "국",
    "สวัสดี",
    "㍿",
    "㎏",
    "👩‍👩‍👧",
    "🇩🇪",
    "🎉",
    "1️⃣",
    " ",
    " ",
    " ",
    "\n",
    ", ",
    "-",
    "'",
    "\"",
    "*",
    "\u{ad}",
    "\u{200f}",
    "。",
    "、",
    "_",
    "ﬁn",
    "fin",
];

fn generated(random: &mut ChaCha8Rng, most: u32) -> String {
    (0..random.next_u32() % most + 1).map(|_| PIECES[random.next_u32() as usize % PIECES.len()]).collect()
}

#[test]
fn the_index_and_the_matcher_agree_with_a_plain_scan() {
    let mut hits = 0;
    for seed in 0..20_000 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let text = generated(&mut random, 24);
        let indexed: BTreeSet<String> = tokens(&text).split(' ').map(str::to_owned).collect();

        // One word, or one run of a script without spaces.
        let asked = PIECES[random.next_u32() as usize % PIECES.len()];
        let parts = atoms(asked);
        let run = !parts.is_empty() && parts.iter().all(|atom| atom.unspaced);
        if run || parts.len() == 1 {
            let star = !run && random.next_u32() % 2 == 0;
            let plain = if run {
                fold(&text).contains(&fold(asked))
            } else {
                let word = fold(asked);
                let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !is_combining_mark(c));
                plain_words(&text).iter().any(|other| if star { other.starts_with(word) } else { other == word })
            };
            let query = Query::parse(&if star { format!("{asked}*") } else { asked.to_owned() });
            let ranges = Matcher::new(&query).find(&text);
            assert_eq!(!ranges.is_empty(), plain, "seed {seed}: {asked:?} (prefix: {star}) in {text:?}");
            assert_eq!(Matcher::new(&query).matches([text.as_str()]), plain);
            hits += usize::from(plain);
            // The index never misses what is there, and needs no look at the text where it says so.
            let listed = in_index(&query, &indexed);
            assert!(listed || !plain, "seed {seed}: {asked:?} is not in the index of {text:?}");
            assert!(query.needs_text() || listed == plain, "seed {seed}: {asked:?} wrongly in the index of {text:?}");
            let chars: Vec<char> = text.chars().collect();
            for (from, to) in ranges {
                let shown = fold(&chars[from..to].iter().collect::<String>());
                assert!(shown.contains(fold(asked).trim()), "seed {seed}: {asked:?} shown as {shown:?}");
            }
        }

        // Any part of the text, as a phrase, is found in the text.
        let chars: Vec<char> = text.chars().collect();
        let mut parts = Vec::new();
        let _ = walk(&text, |seen| {
            parts.push(seen.range);
            ControlFlow::Continue(())
        });
        if !parts.is_empty() {
            let first = random.next_u32() as usize % parts.len();
            let last = first + random.next_u32() as usize % (parts.len() - first);
            let part: String = chars[parts[first].start..parts[last].end].iter().collect();
            let query = Query::parse(&format!("\"{}\"", part.replace('"', " ")));
            assert!(Matcher::new(&query).matches([text.as_str()]), "seed {seed}: {part:?} in {text:?}");
            assert!(in_index(&query, &indexed), "seed {seed}: {part:?} in the index of {text:?}");
            let (shown, ranges) = excerpt(&text, &Matcher::new(&query).find(&text));
            let shown: Vec<char> = shown.chars().collect();
            assert!(ranges.iter().all(|(from, to)| from < to && *to <= shown.len()), "seed {seed}");
        }
    }
    assert!(hits > 3000, "the generator finds too little: {hits}");
}

/// What the index finds.
fn in_index(query: &Query, indexed: &BTreeSet<String>) -> bool {
    !query.is_empty()
        && query.of_index(false).iter().all(|asked| match asked {
            Asked::Prefix(prefix) => indexed.iter().any(|token| token.starts_with(prefix)),
            Asked::Token(token) => indexed.contains(token),
        })
}

#[test]
fn long_and_odd_text_takes_bounded_time() {
    let marks = format!("a{}", "\u{301}".repeat(200_000));
    assert_eq!(tokens(&marks), "a");
    let odd: String = ('\0'..='\u{10ffff}').collect();
    assert!(find("a", &odd).len() < 100);
    let (shown, _) = excerpt(&odd, &find("東", &odd));
    assert!(shown.chars().count() < 200);
}
