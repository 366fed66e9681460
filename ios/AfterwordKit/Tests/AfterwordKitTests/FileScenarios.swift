import AfterwordKit
import Foundation
import Testing

extension Scenarios {
    @Suite struct Files {
        private let place = Place()

        @Test func s08Stream() async throws {
            let length = 50 << 20
            try await place.created { journal in
                let id = try await journal.createEntry(NewEntry(.note, title: "a film")).id
                let (source, sink) = (NoiseSource(length: length), NoiseSink())
                let (before, most, told) = (residentNow(), Noted(0), Noted(0))
                let progress: @Sendable (Int) -> Void = { moved in
                    told.note { $0 = max($0, moved) }
                    most.note { $0 = max($0, residentNow()) }
                }
                let file = NewFile(mime: "video/mp4", caption: "the fall")
                let attached = try await journal.attach(file, from: source, to: id, progress: progress)
                #expect(source.given.now == length && told.now == length)
                let shown = try #require(try await journal.show(id).attachments.first)
                #expect(shown.id == attached.attachment && shown.bytes == length && shown.isHere)
                #expect(shown.mime == "video/mp4" && shown.caption == "the fall")
                told.note { $0 = 0 }
                let taken = try await journal.extract(attached.attachment, of: id, into: sink, progress: progress)
                #expect(taken == length && sink.taken.now == length && sink.same.now && told.now == length)
                // No piece is large, and the process never held half of it.
                #expect(source.largest.now <= 1 << 20 && sink.largest.now <= 1 << 20)
                #expect(most.now - before < length / 2, "\((most.now - before) >> 20) MB")
            }
        }

        /// Bytes of this process in memory, where that can be read.
        private func residentNow() -> Int {
            let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
            return (pages.flatMap { Int($0[1]) } ?? 0) * 4096
        }

        @Test func s09CancelATransfer() async throws {
            let cancelled = AfterwordError.cancelled(why("the transfer was cancelled", "nothing was changed"))
            try await place.created { journal in
                let written = try await journal.createEntry(NewEntry(.note, title: "a film"))
                let endless = NoiseSource(length: .max)
                let attaching = Task {
                    try await journal.attach(NewFile(mime: "video/mp4"), from: endless, to: written.id)
                }
                for await _ in endless.pieces where endless.given.now > 4 << 20 { break }
                attaching.cancel()
                await expect(cancelled) { _ = try await attaching.value }
                #expect(try await journal.show(written.id).attachments.isEmpty)
                #expect(try await journal.show(written.id).heads == written.heads)

                let source = NoiseSource(length: 8 << 20)
                let attached = try await journal.attach(NewFile(mime: "video/mp4"), from: source, to: written.id)
                let gate = GateSink()
                let extracting = Task { try await journal.extract(attached.attachment, of: written.id, into: gate) }
                for await _ in gate.begun { break }
                extracting.cancel()
                gate.open()
                await expect(cancelled) { _ = try await extracting.value }
                #expect(try await journal.show(written.id).heads == attached.entry.heads)
                // One that was cancelled before it began does not begin.
                let early = NoiseSource(length: 8 << 20)
                let never = Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return try await journal.attach(NewFile(mime: "video/mp4"), from: early, to: written.id)
                }
                await expect(cancelled) { _ = try await never.value }
                #expect(early.given.now == 0)
                #expect(try await journal.doctor().ok)
            }
        }
    }
}

/// Takes a first piece, and waits in it until it may go on.
private final class GateSink: ByteSink {
    let begun: AsyncStream<Void>
    private let tell: AsyncStream<Void>.Continuation
    private let gate = DispatchSemaphore(value: 0)
    private let first = Noted(true)

    init() { (begun, tell) = AsyncStream.makeStream(of: Void.self) }

    func open() { gate.signal() }

    func take(_ bytes: Data) throws(StreamError) {
        let isFirst = first.note { first in
            defer { first = false }
            return first
        }
        guard isFirst else { return }
        tell.yield()
        gate.wait()
    }
}
