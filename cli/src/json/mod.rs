//! The shapes of CLI.md as structs: exactly its keys, an absent value null, nothing missing.
//!
//! Keys are a contract with people who never read this code. A key may be added; none is renamed, retyped or left out,
//! and the tests compare every shape with the contract's own text.

mod changed;
mod devices;
mod entries;

#[cfg(test)]
pub(crate) use entries::tests as tests_support;

pub use changed::*;
pub use devices::*;
pub use entries::*;

use afterword_core::error::Error;
use serde::Serialize;

use crate::advice;

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The word for programs.
    pub code: &'static str,
    /// What was tried and why it failed.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code.as_str(),
            message: error.message.clone(),
            hint: advice::words(&error.advice).to_owned(),
        }
    }
}

/// A command that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Why.
    pub error: Problem,
}

impl From<&Error> for Failed {
    fn from(error: &Error) -> Self {
        Self { error: error.into() }
    }
}

/// `erase`, `devices remove`, `detach`, `extract`, `recovery check`, `passphrase`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Always true: a failure is an error object.
    pub ok: bool,
    /// What it was done to: entry, device, attachment or journal.
    pub id: String,
}

impl Done {
    /// Done to the thing with this id.
    pub fn to(id: impl std::fmt::Display) -> Self {
        Self { ok: true, id: id.to_string() }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Every path of keys in a value; an array is described by its first element.
    pub(crate) fn keys(value: &Value) -> Vec<String> {
        fn walk(value: &Value, at: &str, out: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    for (key, value) in map {
                        let at = format!("{at}.{key}");
                        out.push(at.clone());
                        walk(value, &at, out);
                    }
                }
                Value::Array(items) => {
                    if let Some(first) = items.first() {
                        walk(first, &format!("{at}[]"), out);
                    }
                }
                _ => {}
            }
        }
        let mut out = Vec::new();
        walk(value, "", &mut out);
        out.sort();
        out
    }

    /// Asserts that `value` has the keys of a shape as CLI.md writes it: `"key"` alone stands for any value.
    pub(crate) fn assert_shape(contract: &str, value: &impl Serialize) {
        // A bare `"key"` in the contract becomes `"key":null`; what follows a colon stays.
        let mut text = String::new();
        let mut rest = contract;
        let mut value_next = false;
        let mut depth_array = Vec::new();
        while let Some(c) = rest.chars().next() {
            if c == '"' {
                let end = rest[1..].find('"').unwrap() + 2;
                let word = &rest[..end];
                rest = rest[end..].trim_start();
                text.push_str(word);
                let key = !value_next && depth_array.last() == Some(&'{');
                if key && !rest.starts_with(':') {
                    text.push_str(":null");
                }
                value_next = false;
                continue;
            }
            match c {
                '{' | '[' => depth_array.push(c),
                '}' | ']' => drop(depth_array.pop()),
                _ => {}
            }
            value_next = c == ':' || (value_next && c.is_whitespace());
            text.push(c);
            rest = &rest[c.len_utf8()..];
        }
        let wanted: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(keys(&serde_json::to_value(value).unwrap()), keys(&wanted));
    }

    #[test]
    fn failures_and_acknowledgements() {
        let error = Error::invalid("m", "h");
        assert_eq!(
            serde_json::to_value(Failed::from(&error)).unwrap(),
            json!({"error": {"code": "invalid", "message": "m", "hint": "h"}})
        );
        assert_eq!(serde_json::to_value(Done::to("ab")).unwrap(), json!({"ok": true, "id": "ab"}));
    }

    #[test]
    fn the_shape_reader_sees_a_missing_and_an_extra_key() {
        let bad = std::panic::catch_unwind(|| assert_shape(r#"{"ok","id","more":[{"x"}]}"#, &Done::to("ab")));
        assert!(bad.is_err());
        let bad = std::panic::catch_unwind(|| assert_shape(r#"{"ok"}"#, &Done::to("ab")));
        assert!(bad.is_err());
        assert_shape(r#"{"ok","id"}"#, &Done::to("ab"));
    }
}
