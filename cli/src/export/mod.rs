//! Writing the journal out: one lossless JSON file, or a folder of Markdown that any program reads.
//!
//! Both take entries one at a time and hold one in memory. Both hold everything in the clear, because that is what an
//! export is for: the files are readable by their owner only, and nothing that exists is ever overwritten.

pub mod json;
pub mod markdown;

use std::path::Path;

use afterword_core::error::{Code, Error};

use crate::json::Exported;

/// Running totals of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Entries written.
    pub entries: u64,
    /// Attachments written, their bytes included.
    pub attachments: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Attachments whose bytes are not on this device.
    pub missing: u64,
}

impl Totals {
    /// What `export` answers.
    pub fn exported(&self, path: &Path) -> Exported {
        Exported {
            path: path.display().to_string(),
            entries: self.entries,
            attachments: self.attachments,
            bytes: self.bytes,
        }
    }
}

fn exists(path: &Path) -> Error {
    Error::new(
        Code::Refused,
        format!("nothing was exported: {} already exists", path.display()),
        "choose another name, or move it away first",
    )
}
