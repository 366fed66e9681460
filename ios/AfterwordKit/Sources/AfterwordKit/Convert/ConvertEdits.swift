internal import AfterwordGenerated

// What is done to an entry, as it crosses.

extension TextField {
    init(_ field: AfterwordGenerated.TextField) {
        self =
            switch field {
            case .title: .title
            case .body: .body
            case .section(let id): .section(SectionId(id))
            case .item(let id): .item(ItemId(id))
            case .reflection(let id): .reflection(ReflectionId(id))
            }
    }

    var crossing: AfterwordGenerated.TextField {
        switch self {
        case .title: .title
        case .body: .body
        case .section(let id): .section(id: id.text)
        case .item(let id): .item(id: id.text)
        case .reflection(let id): .reflection(id: id.text)
        }
    }
}

extension Edit {
    var crossing: AfterwordGenerated.Edit {
        switch self {
        case .setText(let field, let base, let text):
            .setText(field: field.crossing, base: base.hashes, text: text)
        case .addSection(let section): .addSection(prompt: section.prompt, text: section.text)
        case .retireSection(let id): .retireSection(id: id.text)
        case .addItem(let kind, let text): .addItem(kind: kind.crossing, text: text)
        case .setItemState(let id, let state): .setItemState(id: id.text, state: state?.crossing)
        case .setItemDay(let id, let day): .setItemDay(id: id.text, day: day)
        case .retireItem(let id): .retireItem(id: id.text)
        case .addReflection(let day, let text): .addReflection(day: day, text: text)
        case .mark(let group, let word): .mark(group: group.crossing, word: word)
        case .unmark(let group, let word): .unmark(group: group.crossing, word: word)
        case .setHappened(let day): .setHappened(day: day)
        case .setKind(let kind): .setKind(kind: kind.crossing)
        case .link(let entry, let kind): .link(entry: entry.text, kind: kind.crossing)
        case .unlink(let entry): .unlink(entry: entry.text)
        case .close(let kind, let day, let note): .close(day: day, kind: kind.crossing, note: note)
        case .reopen(let closure, let day): .reopen(closure: closure.text, day: day)
        case .box(.byHand): .box(until: nil)
        case .box(.until(let day)): .box(until: day)
        case .unbox: .unbox
        case .setMuted(let muted): .setMuted(muted: muted)
        case .setTrashed(let trashed): .setTrashed(trashed: trashed)
        case .setNextMove(let next): .setNextMove(next: next?.crossing)
        case .setExperiment(let answers): .setExperiment(answers: answers.crossing)
        case .describe(let attachment, let field, let text):
            .describe(attachment: attachment.text, field: field.crossing, text: text)
        case .setPerson(let person, let role, let contact):
            .setPerson(token: person.text, role: role, contact: contact)
        case .seal: .seal
        case .unseal(let seals): .unseal(seals: seals.map(\.text))
        }
    }
}

extension AttachmentField {
    var crossing: AfterwordGenerated.AttachmentField {
        switch self {
        case .caption: .caption
        case .alt: .alt
        case .credit: .credit
        }
    }
}
