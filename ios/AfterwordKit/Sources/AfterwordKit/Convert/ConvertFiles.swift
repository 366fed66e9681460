internal import AfterwordGenerated
import Foundation

// Files on their way, as they cross.

extension NewFile {
    var crossing: AfterwordGenerated.NewFile { .init(mime: mime, caption: caption, alt: alt, credit: credit) }
}

extension CapturedFile {
    var crossing: AfterwordGenerated.CapturedFile { .init(mime: mime, bytes: bytes) }
}

extension Attached {
    init(_ attached: AfterwordGenerated.Attached) {
        self.init(attachment: AttachmentId(attached.attachment), entry: Edited(attached.entry))
    }
}

/// The app's source, as the engine calls it.
final class ForeignSource: AfterwordGenerated.ByteSource {
    private let source: any ByteSource
    private let transfer: Transfer
    private let progress: (@Sendable (Int) -> Void)?

    init(_ source: any ByteSource, of transfer: Transfer, _ progress: (@Sendable (Int) -> Void)?) {
        self.source = source
        self.transfer = transfer
        self.progress = progress
    }

    func read(most: UInt32) throws -> Data {
        progress?(Int(try transfer.moved()))
        return try crossing { () throws(StreamError) in try source.read(most: Int(most)) }
    }
}

/// The app's sink, as the engine calls it.
final class ForeignSink: AfterwordGenerated.ByteSink {
    private let sink: any ByteSink
    private let transfer: Transfer
    private let progress: (@Sendable (Int) -> Void)?

    init(_ sink: any ByteSink, of transfer: Transfer, _ progress: (@Sendable (Int) -> Void)?) {
        self.sink = sink
        self.transfer = transfer
        self.progress = progress
    }

    func write(bytes: Data) throws {
        try crossing { () throws(StreamError) in try sink.take(bytes) }
        progress?(Int(try transfer.moved()) + bytes.count)
    }
}

private func crossing<T>(_ call: () throws(StreamError) -> T) throws -> T {
    do {
        return try call()
    } catch {
        throw AfterwordGenerated.StreamError.Failed(reason: error.reason)
    }
}
