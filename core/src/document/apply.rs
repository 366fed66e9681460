//! Edits as values, carried out on an entry's document: one value, one call of the transaction.

use super::error::DocumentError;
use super::transaction::EntryTransaction;
use crate::journal::edit::{Edit, Part};

impl EntryTransaction<'_, '_> {
    /// Carries out one edit, whose texts have people as tokens. Returns the part that it made; `None` where it made
    /// none.
    pub(super) fn apply(&mut self, edit: &Edit) -> Result<Option<Part>, DocumentError> {
        match edit {
            Edit::AddSection { prompt, text } => return Ok(Some(Part::Section(self.add_section(prompt, None, text)?))),
            Edit::AddItem { kind, text } => return Ok(Some(Part::Item(self.add_item(*kind, text)?))),
            Edit::AddReflection { day, text } => return Ok(Some(Part::Reflection(self.add_reflection(*day, text)?))),
            Edit::Close { day, kind, note } => return Ok(Some(Part::Closure(self.add_closure(*day, *kind, note)?))),
            Edit::Attach(new) => return Ok(Some(Part::Attachment(self.add_attachment(new)?))),
            Edit::Seal => return Ok(Some(Part::Seal(self.seal()?))),
            Edit::SetText { field, base, text } => self.set_text(*field, base, text).map(drop),
            Edit::RestoreTexts(at) => self.restore_texts(at),
            Edit::RetireSection(id) => self.retire_section(*id),
            Edit::SetItemState(id, state) => self.set_item_state(*id, *state),
            Edit::SetItemDay(id, day) => self.set_item_day(*id, *day),
            Edit::RetireItem(id) => self.retire_item(*id),
            Edit::Mark(group, word) => self.mark(*group, word),
            Edit::Unmark(group, word) => self.unmark(*group, word),
            Edit::SetHappened(day) => self.set_happened(*day),
            Edit::SetKind(kind) => self.set_kind(*kind),
            Edit::Link(other, kind) => self.link(*other, *kind),
            Edit::Unlink(other) => self.unlink(*other),
            Edit::Reopen { closure, day } => self.reopen(*closure, *day),
            Edit::Box(until) => self.set_box(*until),
            Edit::Unbox => self.unbox(),
            Edit::SetMuted(muted) => self.set_muted(*muted),
            Edit::SetTrashed(trashed) => self.set_trashed(*trashed),
            Edit::SetNextMove(next) => self.set_next_move(*next),
            Edit::SetExperiment(answers) => self.set_experiment(answers),
            Edit::Describe(id, field, text) => self.describe_attachment(*id, *field, text.as_deref()),
            Edit::Detach(id) => self.detach(*id),
            Edit::SetPerson { token, role, contact } => self.set_person(token, role.as_deref(), contact.as_deref()),
            Edit::Unseal(seals) if seals.is_empty() => self.unseal_all(),
            Edit::Unseal(seals) => self.unseal(seals),
        }?;
        Ok(None)
    }
}
