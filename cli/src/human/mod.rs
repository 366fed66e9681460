//! Answers as a person reads them: calm, aligned, as wide as the terminal and no wider. No scores, no cheering.
//!
//! Everything printed here may have been written elsewhere, so control characters never reach the terminal: a title
//! cannot move the cursor or change a colour.

mod alarms;
mod devices;
mod entries;
mod text;

pub use alarms::{alarm, told};
pub use devices::{devices, doctor, init, pair, peers, serve};
pub use entries::{changed, exported, history, imported, list, search, show};
pub use text::Style;

/// Sentences as wide as the terminal.
pub fn wrapped(text: &str) -> String {
    text::wrap(text, Style::here().width, "")
}
