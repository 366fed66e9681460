package app.afterword.kit.convert

import app.afterword.kit.Box
import app.afterword.kit.Edit
import app.afterword.kit.EditorText
import app.afterword.kit.Experiment
import app.afterword.kit.Heads
import app.afterword.kit.ItemId
import app.afterword.kit.ReflectionId
import app.afterword.kit.SectionId
import app.afterword.kit.TextField
import app.afterword.ffi.Edit as FfiEdit
import app.afterword.ffi.EditorText as FfiEditorText
import app.afterword.ffi.Experiment as FfiExperiment
import app.afterword.ffi.TextField as FfiTextField

internal fun TextField.toFfi(): FfiTextField =
    when (this) {
        TextField.Title -> FfiTextField.Title
        TextField.Body -> FfiTextField.Body
        is TextField.Section -> FfiTextField.Section(id.text)
        is TextField.Item -> FfiTextField.Item(id.text)
        is TextField.Reflection -> FfiTextField.Reflection(id.text)
    }

internal fun FfiTextField.toKit(): TextField =
    when (this) {
        FfiTextField.Title -> TextField.Title
        FfiTextField.Body -> TextField.Body
        is FfiTextField.Section -> TextField.Section(SectionId(id))
        is FfiTextField.Item -> TextField.Item(ItemId(id))
        is FfiTextField.Reflection -> TextField.Reflection(ReflectionId(id))
    }

internal fun FfiEditorText.toKit() = EditorText(`field`.toKit(), Heads(heads), text, isDraft)

internal fun Edit.toFfi(): FfiEdit =
    when (this) {
        is Edit.SetText -> FfiEdit.SetText(`field`.toFfi(), base.hashes, text)
        is Edit.AddSection -> FfiEdit.AddSection(section.prompt, section.text)
        is Edit.RetireSection -> FfiEdit.RetireSection(id.text)
        is Edit.AddItem -> FfiEdit.AddItem(kind.word(), text)
        is Edit.SetItemState -> FfiEdit.SetItemState(id.text, state?.word())
        is Edit.SetItemDay -> FfiEdit.SetItemDay(id.text, day)
        is Edit.RetireItem -> FfiEdit.RetireItem(id.text)
        is Edit.AddReflection -> FfiEdit.AddReflection(day, text)
        is Edit.AddMark -> FfiEdit.Mark(mark.group.word(), mark.word)
        is Edit.RemoveMark -> FfiEdit.Unmark(mark.group.word(), mark.word)
        is Edit.SetHappened -> FfiEdit.SetHappened(day)
        is Edit.SetKind -> FfiEdit.SetKind(kind.word())
        is Edit.AddLink -> FfiEdit.Link(link.entry.text, link.kind.word())
        is Edit.RemoveLink -> FfiEdit.Unlink(entry.text)
        is Edit.Close -> FfiEdit.Close(day, kind.word(), note)
        is Edit.Reopen -> FfiEdit.Reopen(closure.text, day)
        is Edit.SetBox -> box(box)
        is Edit.SetMuted -> FfiEdit.SetMuted(isMuted)
        is Edit.SetTrashed -> FfiEdit.SetTrashed(isTrashed)
        is Edit.SetNextMove -> FfiEdit.SetNextMove(next?.word())
        is Edit.SetExperiment -> FfiEdit.SetExperiment(answers.toFfi())
        is Edit.Describe -> FfiEdit.Describe(attachment.text, `field`.word(), text)
        is Edit.SetPerson -> FfiEdit.SetPerson(person.text, role, contact)
        Edit.Seal -> FfiEdit.Seal
        is Edit.Unseal -> FfiEdit.Unseal(seals.map { it.text })
    }

private fun box(box: Box?): FfiEdit =
    when (box) {
        null -> FfiEdit.Unbox
        Box.ByHand -> FfiEdit.Box(null)
        is Box.Until -> FfiEdit.Box(box.day)
    }

private fun Experiment.toFfi() = FfiExperiment(prediction, fearBefore, attempted, happened, fearAfter, again)
