//! What one check of the doctor found.

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What, in a word or two.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, for a person. Never holds entry text.
    pub detail: String,
}

impl Check {
    pub(super) fn new(name: &'static str, problems: &[String], fine: String) -> Self {
        let detail = match problems {
            [] => fine,
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
        };
        Self { name, ok: problems.is_empty(), detail }
    }
}
