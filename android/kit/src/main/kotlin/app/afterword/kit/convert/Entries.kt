package app.afterword.kit.convert

import app.afterword.kit.Attachment
import app.afterword.kit.AttachmentId
import app.afterword.kit.Box
import app.afterword.kit.Closure
import app.afterword.kit.ClosureId
import app.afterword.kit.DeviceId
import app.afterword.kit.EarlierReading
import app.afterword.kit.Edited
import app.afterword.kit.Entry
import app.afterword.kit.EntryId
import app.afterword.kit.Experiment
import app.afterword.kit.Heads
import app.afterword.kit.Item
import app.afterword.kit.ItemId
import app.afterword.kit.Link
import app.afterword.kit.Mark
import app.afterword.kit.NewEntry
import app.afterword.kit.Part
import app.afterword.kit.Person
import app.afterword.kit.PersonId
import app.afterword.kit.PersonPart
import app.afterword.kit.Reflection
import app.afterword.kit.ReflectionId
import app.afterword.kit.SealId
import app.afterword.kit.Section
import app.afterword.kit.SectionId
import java.time.Instant
import app.afterword.ffi.Attachment as FfiAttachment
import app.afterword.ffi.BoxedUntil as FfiBoxedUntil
import app.afterword.ffi.Closure as FfiClosure
import app.afterword.ffi.EarlierReading as FfiEarlierReading
import app.afterword.ffi.Edited as FfiEdited
import app.afterword.ffi.Entry as FfiEntry
import app.afterword.ffi.Experiment as FfiExperiment
import app.afterword.ffi.Item as FfiItem
import app.afterword.ffi.Link as FfiLink
import app.afterword.ffi.Mark as FfiMark
import app.afterword.ffi.NewEntry as FfiNewEntry
import app.afterword.ffi.NewSection as FfiNewSection
import app.afterword.ffi.Part as FfiPart
import app.afterword.ffi.Person as FfiPerson
import app.afterword.ffi.PersonPart as FfiPersonPart
import app.afterword.ffi.Reflection as FfiReflection
import app.afterword.ffi.Section as FfiSection

/** The word of a vocabulary that has the same name in another. A test holds that both have the same. */
internal inline fun <reified Word : Enum<Word>> Enum<*>.word(): Word = enumValueOf(name)

internal fun NewEntry.toFfi() =
    FfiNewEntry(
        kind = kind.word(),
        title = title,
        body = body,
        sections = sections.map { FfiNewSection(it.prompt, it.text) },
        happened = happened,
    )

internal fun FfiEdited.toKit() = Edited(EntryId(id), kind.word(), title, Heads(heads), parts.map { it.toKit() })

private fun FfiPart.toKit(): Part =
    when (this) {
        is FfiPart.Section -> Part.Section(SectionId(id))
        is FfiPart.Item -> Part.Item(ItemId(id))
        is FfiPart.Reflection -> Part.Reflection(ReflectionId(id))
        is FfiPart.Attachment -> Part.Attachment(AttachmentId(id))
        is FfiPart.Closure -> Part.Closure(ClosureId(id))
        is FfiPart.Seal -> Part.Seal(SealId(id))
    }

internal fun FfiEntry.toKit() =
    Entry(
        id = EntryId(id),
        kind = kind.word(),
        title = title,
        body = body,
        firstTelling = firstTelling,
        day = day,
        happened = happened,
        sections = sections.map { it.toKit() },
        items = items.map { it.toKit() },
        reflections = reflections.map { it.toKit() },
        marks = marks.map { it.toKit() },
        people = people.map { it.toKit() },
        links = links.map { it.toKit() },
        experiment = experiment?.toKit(),
        closures = closures.map { it.toKit() },
        attachments = attachments.map { it.toKit() },
        states = states.map { it.word() },
        audience = audience.word(),
        words = words.toLong(),
        box = boxedUntil?.toKit(),
        isMuted = muted,
        isTrashed = trashed,
        nextMove = nextMove?.word(),
        seals = seals.map(::SealId),
        createdAt = Instant.ofEpochMilli(createdAtMs),
        updatedAt = Instant.ofEpochMilli(updatedAtMs),
        heads = Heads(heads),
        unreadable = unreadable.toLong(),
    )

private fun FfiBoxedUntil.toKit(): Box =
    when (this) {
        is FfiBoxedUntil.ByHand -> Box.ByHand
        is FfiBoxedUntil.Day -> Box.Until(day)
    }

private fun FfiSection.toKit() = Section(SectionId(id), prompt, text)

private fun FfiItem.toKit() = Item(ItemId(id), kind.word(), text, state?.word(), day)

private fun FfiReflection.toKit() = Reflection(ReflectionId(id), day, text)

private fun FfiMark.toKit() = Mark(group.word(), word)

private fun FfiPersonPart.toKit() = PersonPart(PersonId(token), name, role, contact)

private fun FfiLink.toKit() = Link(EntryId(entry), kind.word())

private fun FfiClosure.toKit() = Closure(ClosureId(id), day, kind.word(), note, reopened)

private fun FfiAttachment.toKit() =
    Attachment(AttachmentId(id), mime, bytes.toLong(), caption, alt, credit, publishable, here)

private fun FfiExperiment.toKit() = Experiment(prediction, fearBefore, attempted, happened, fearAfter, again)

internal fun FfiPerson.toKit() = Person(PersonId(token), name, aliases)

internal fun FfiEarlierReading.toKit() =
    EarlierReading(Heads(heads), Instant.ofEpochMilli(atMs), DeviceId(device), name, fields)
