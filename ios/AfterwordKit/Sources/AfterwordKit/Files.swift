import Foundation

/// What is read, one piece after the other: a file, a picture of the camera's.
///
/// Called on one thread of this library's own, never twice at a time; it may block.
public protocol ByteSource: Sendable {
    /// At most `most` bytes more; empty at the end.
    func read(most: Int) throws(StreamError) -> Data
}

/// What is written, one piece after the other.
///
/// Called on one thread of this library's own, never twice at a time; it may block.
public protocol ByteSink: Sendable {
    /// Takes the next bytes, all of them.
    func take(_ bytes: Data) throws(StreamError)
}

/// Why a ``ByteSource`` or ``ByteSink`` did not do what it was asked.
public struct StreamError: Error, Hashable, Sendable {
    /// The platform's words. They are shown to the person, so never the name of a file or what is in it.
    public let reason: String

    /// It failed for this reason.
    public init(reason: String) { self.reason = reason }
}

extension FileHandle: ByteSource {
    /// The next bytes of this file.
    public func read(most: Int) throws(StreamError) -> Data {
        try pooled { () throws(StreamError) in
            do {
                return try read(upToCount: most) ?? Data()
            } catch {
                throw StreamError(reason: "the file can't be read\(number(of: error))")
            }
        }
    }
}

extension FileHandle: ByteSink {
    /// Writes at the end of what was written.
    public func take(_ bytes: Data) throws(StreamError) {
        try pooled { () throws(StreamError) in
            do {
                try write(contentsOf: bytes)
            } catch {
                throw StreamError(reason: "the file can't be written\(number(of: error))")
            }
        }
    }
}

/// What the platform says, without the path that its own words have in them.
private func number(of error: any Error) -> String {
    let error = error as NSError
    return " (\(error.domain) \(error.code))"
}

/// What is said of a file when it is attached.
public struct NewFile: Hashable, Sendable {
    /// Media type.
    public var mime: String
    /// The writer's caption.
    public var caption: String?
    /// What the picture shows.
    public var alt: String?
    /// Whose it is.
    public var credit: String?

    /// A file to be attached.
    public init(mime: String, caption: String? = nil, alt: String? = nil, credit: String? = nil) {
        self.mime = mime
        self.caption = caption
        self.alt = alt
        self.credit = credit
    }
}

/// What attaching answers.
public struct Attached: Hashable, Sendable {
    /// The attachment.
    public let attachment: AttachmentId
    /// Its entry now.
    public let entry: Edited
}

/// A file that is captured: small, since it is kept in memory.
public struct CapturedFile: Hashable, Sendable {
    /// Media type.
    public var mime: String
    /// Its bytes.
    public var bytes: Data

    /// A file to be captured.
    public init(mime: String, bytes: Data) {
        self.mime = mime
        self.bytes = bytes
    }
}
