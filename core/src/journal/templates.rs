//! Templates: the kind and the prompts that an entry may begin with. Every prompt may stay empty.

use super::words::Kind;
use crate::error::{Error, Result};

/// A way to begin an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// What it is asked for by.
    pub name: &'static str,
    /// What an entry begun with it is about, unless the writer says otherwise.
    pub kind: Kind,
    /// Its prompts, in order; each becomes a section.
    pub prompts: &'static [&'static str],
}

/// Every template that comes with the journal.
pub const TEMPLATES: &[Template] = &[
    Template {
        name: "post-mortem",
        kind: Kind::Failure,
        prompts: &[
            "What happened",
            "What I expected",
            "Why it mattered",
            "Mine / not mine",
            "Other factors, luck included",
            "What I did next",
            "What surprised me",
            "Repairs",
            "What I know about myself now",
            "What I carry forward",
            "What I still do not know",
        ],
    },
    // One empty page, on purpose.
    Template { name: "vent", kind: Kind::Vent, prompts: &[] },
    Template {
        name: "micro-failure",
        kind: Kind::Experiment,
        prompts: &[
            "What I will try",
            "What I fear will happen",
            "Fear before",
            "Did I try",
            "What happened",
            "Fear after",
            "Again?",
        ],
    },
    Template { name: "win", kind: Kind::Win, prompts: &["What I did", "Which of the four kinds", "Who saw it"] },
    // No causes are asked for.
    Template { name: "loss", kind: Kind::Loss, prompts: &["What is gone", "What it meant", "What stays"] },
];

impl Template {
    /// The template of this name.
    pub fn named(name: &str) -> Result<&'static Self> {
        TEMPLATES.iter().find(|template| template.name == name).ok_or_else(|| {
            let names: Vec<_> = TEMPLATES.iter().map(|template| template.name).collect();
            Error::invalid("there is no template of that name", format!("use one of: {}", names.join(", ")))
        })
    }

    /// The prompts as the sections of a new entry, each without text.
    pub fn sections(&self) -> Vec<(String, String)> {
        self.prompts.iter().map(|prompt| ((*prompt).to_owned(), String::new())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_found_by_its_name_and_a_wrong_one_lists_them() {
        for template in TEMPLATES {
            assert_eq!(Template::named(template.name), Ok(template));
            assert!(template.prompts.iter().all(|prompt| !prompt.is_empty()), "an empty prompt would be the body");
        }
        let error = Template::named("essay").unwrap_err();
        assert!(TEMPLATES.iter().all(|template| error.advice.to_string().contains(template.name)), "{}", error.advice);
    }
}
