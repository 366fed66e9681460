/// The name of one thing of a journal. The name of an entry can't be taken for that of an attachment.
public struct Id<Of>: Hashable, Codable, Sendable, CustomStringConvertible {
    /// Opaque text. The beginning of an entry's name shows that entry too, where it is the only one that begins so.
    public let text: String

    /// What has this name.
    public init(_ text: String) { self.text = text }

    public var description: String { text }
}

/// The name of an entry.
public typealias EntryId = Id<Entry>
/// The name of a section of an entry.
public typealias SectionId = Id<Section>
/// The name of a line of an entry.
public typealias ItemId = Id<Item>
/// The name of a reflection.
public typealias ReflectionId = Id<Reflection>
/// The name of an act of closing.
public typealias ClosureId = Id<Closure>
/// The name of an attachment.
public typealias AttachmentId = Id<Attachment>
/// The name of a never-publish seal.
public typealias SealId = Id<Seal>
/// The name of a person: the same for ever, however they are called.
public typealias PersonId = Id<Person>
/// The name of a device.
public typealias DeviceId = Id<Device>
/// The name of a journal, the same on all of its devices.
public typealias JournalId = Id<Journal>

/// That an entry is never to be published.
public enum Seal {}

/// A place in a list: where the next page begins.
public struct Cursor: Hashable, Codable, Sendable {
    /// One opaque word, which may be kept and given back later.
    public let text: String

    /// The place of this word.
    public init(_ text: String) { self.text = text }
}

/// A state of an entry: what an edit names as its base, so that it never undoes what another device wrote meanwhile.
public struct Heads: Hashable, Codable, Sendable {
    /// Opaque words.
    public let hashes: [String]

    /// The state of these words, which were given by this library earlier.
    public init(hashes: [String]) { self.hashes = hashes }

    /// Whether this is no state at all: the entry was erased.
    public var isEmpty: Bool { hashes.isEmpty }
}
