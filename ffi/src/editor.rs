//! The texts of one entry while they are written.

use std::sync::Arc;

use afterword_core::engine::EntryEditor as Core;

use crate::edits::{Edited, TextField};
use crate::entries::{EditorText, MergedText};
use crate::error::{Result, parse_all};

/// What is typed is durable within a second and becomes one change when the writer rests, closes, or a sync begins.
/// Close it when the writer leaves; one that is let go of leaves its drafts for the next.
#[derive(Debug, uniffi::Object)]
pub struct EntryEditor(pub(crate) Arc<Core>);

#[uniffi::export]
impl EntryEditor {
    /// The entry.
    pub fn id(&self) -> Result<String> {
        Ok(self.0.id().to_string())
    }

    /// Every text of the entry that can be written, drafts in the place of what is saved.
    pub fn texts(&self) -> Result<Vec<EditorText>> {
        Ok(self.0.texts()?.into_iter().map(Into::into).collect())
    }

    /// A text as it is now typed; `base` are the heads that came with it.
    pub fn type_text(&self, field: TextField, base: Vec<String>, text: String) -> Result<()> {
        Ok(self.0.type_text(field.try_into()?, &parse_all(&base, "base")?, &text)?)
    }

    /// Makes one change of everything that was typed. Nothing where nothing was.
    pub fn save(&self) -> Result<Option<Edited>> {
        Ok(self.0.save()?.map(Into::into))
    }

    /// Saves, and says what a text reads with everything that came meanwhile, and where the cursor went.
    pub fn take_in(&self, field: TextField, cursor: u32) -> Result<MergedText> {
        Ok(self.0.take_in(field.try_into()?, cursor as usize)?.into())
    }

    /// Saves what was typed and ends the editor. A second time does nothing.
    pub fn finish(&self) -> Result<Option<Edited>> {
        Ok(self.0.close()?.map(Into::into))
    }
}
