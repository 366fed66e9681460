internal import AfterwordGenerated
import Foundation

// What is written and read, from what is generated and back.

extension NewEntry {
    var crossing: AfterwordGenerated.NewEntry {
        .init(
            kind: kind.crossing, title: title, body: body,
            sections: sections.map { .init(prompt: $0.prompt, text: $0.text) }, happened: happened)
    }
}

extension Edited {
    init(_ edited: AfterwordGenerated.Edited) {
        self.init(
            id: EntryId(edited.id), kind: Kind(edited.kind), title: edited.title,
            heads: Heads(hashes: edited.heads), parts: edited.parts.map(Part.init))
    }
}

extension Part {
    init(_ part: AfterwordGenerated.Part) {
        switch part {
        case .section(let id): self = .section(SectionId(id))
        case .item(let id): self = .item(ItemId(id))
        case .reflection(let id): self = .reflection(ReflectionId(id))
        case .attachment(let id): self = .attachment(AttachmentId(id))
        case .closure(let id): self = .closure(ClosureId(id))
        case .seal(let id): self = .seal(SealId(id))
        }
    }
}

extension Entry {
    init(_ entry: AfterwordGenerated.Entry) {
        self.init(
            id: EntryId(entry.id), kind: Kind(entry.kind), title: entry.title, body: entry.body,
            firstTelling: entry.firstTelling, day: entry.day, happened: entry.happened,
            sections: entry.sections.map { Section(id: SectionId($0.id), prompt: $0.prompt, text: $0.text) },
            items: entry.items.map(Item.init),
            reflections: entry.reflections.map { Reflection(id: ReflectionId($0.id), day: $0.day, text: $0.text) },
            marks: entry.marks.map { Mark(group: MarkGroup($0.group), word: $0.word) },
            people: entry.people.map(PersonPart.init),
            links: entry.links.map { Link(entry: EntryId($0.entry), kind: LinkKind($0.kind)) },
            experiment: entry.experiment.map(Experiment.init), closures: entry.closures.map(Closure.init),
            attachments: entry.attachments.map(Attachment.init), states: entry.states.map(InnerState.init),
            audience: Audience(entry.audience), words: Int(entry.words), box: entry.boxedUntil.map(Box.init),
            isMuted: entry.muted, isTrashed: entry.trashed, nextMove: entry.nextMove.map(NextMove.init),
            seals: entry.seals.map(SealId.init), createdAt: Date(milliseconds: entry.createdAtMs),
            updatedAt: Date(milliseconds: entry.updatedAtMs), heads: Heads(hashes: entry.heads),
            unreadable: Int(entry.unreadable))
    }
}

extension Box {
    init(_ until: AfterwordGenerated.BoxedUntil) {
        self =
            switch until {
            case .byHand: .byHand
            case .day(let day): .until(day)
            }
    }
}

extension Item {
    init(_ item: AfterwordGenerated.Item) {
        self.init(
            id: ItemId(item.id), kind: ItemKind(item.kind), text: item.text, state: item.state.map(ItemState.init),
            day: item.day)
    }
}

extension PersonPart {
    init(_ part: AfterwordGenerated.PersonPart) {
        self.init(id: PersonId(part.token), name: part.name, role: part.role, contact: part.contact)
    }
}

extension Person {
    init(_ person: AfterwordGenerated.Person) {
        self.init(id: PersonId(person.token), name: person.name, aliases: person.aliases)
    }
}

extension Closure {
    init(_ closure: AfterwordGenerated.Closure) {
        self.init(
            id: ClosureId(closure.id), day: closure.day, kind: ClosureKind(closure.kind), note: closure.note,
            reopened: closure.reopened)
    }
}

extension Attachment {
    init(_ file: AfterwordGenerated.Attachment) {
        self.init(
            id: AttachmentId(file.id), mime: file.mime, bytes: Int(file.bytes), caption: file.caption, alt: file.alt,
            credit: file.credit, isPublishable: file.publishable, isHere: file.here)
    }
}

extension Experiment {
    init(_ answers: AfterwordGenerated.Experiment) {
        self.init(
            prediction: answers.prediction, fearBefore: answers.fearBefore.map(Int.init), attempted: answers.attempted,
            happened: answers.happened, fearAfter: answers.fearAfter.map(Int.init), again: answers.again)
    }

    var crossing: AfterwordGenerated.Experiment {
        .init(
            prediction: prediction, fearBefore: fearBefore.map(Int64.init), attempted: attempted, happened: happened,
            fearAfter: fearAfter.map(Int64.init), again: again)
    }
}

extension EarlierReading {
    init(_ reading: AfterwordGenerated.EarlierReading) {
        self.init(
            heads: Heads(hashes: reading.heads), writtenAt: Date(milliseconds: reading.atMs),
            device: DeviceId(reading.device), deviceName: reading.name, fields: reading.fields)
    }
}

extension EditorText {
    init(_ text: AfterwordGenerated.EditorText) {
        self.init(
            field: TextField(text.field), heads: Heads(hashes: text.heads), text: text.text, isDraft: text.isDraft)
    }
}

extension MergedText {
    init(_ merged: AfterwordGenerated.MergedText) {
        let text = EditorText(merged.text)
        self.init(text: text, cursor: text.text.place(ofCodePoint: merged.cursor), changed: merged.changed)
    }
}

extension String {
    /// The place of a code point, or the end where there is none.
    func place(ofCodePoint codePoint: UInt32) -> Index {
        unicodeScalars.index(startIndex, offsetBy: Int(codePoint), limitedBy: endIndex) ?? endIndex
    }
}

extension Date {
    init(milliseconds: Int64) { self.init(timeIntervalSince1970: Double(milliseconds) / 1000) }
}
