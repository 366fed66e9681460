import AfterwordKit
import Foundation

/// A sink that keeps what it takes.
final class Collected: ByteSink {
    private let taken = Noted(Data())

    var bytes: Data { taken.now }

    func take(_ bytes: Data) throws(StreamError) { taken.note { $0.append(bytes) } }
}

/// Bytes that look random, the same at every place each time, never all at once.
struct Noise: Sendable {
    /// Those from `from` on. Both are multiples of eight.
    static func bytes(from: Int, count: Int) -> Data {
        var words = [UInt64]()
        words.reserveCapacity(count / 8)
        for word in 0..<count / 8 {
            var mixed = UInt64(truncatingIfNeeded: from / 8 + word) &* 0x9E37_79B9_7F4A_7C15
            mixed ^= mixed >> 31
            words.append(mixed &* 0xBF58_476D_1CE4_E5B9)
        }
        return words.withUnsafeBytes { Data($0) }
    }
}

/// Gives noise, and counts what is asked for.
final class NoiseSource: ByteSource {
    let length: Int
    let given = Noted(0)
    let largest = Noted(0)
    let pieces: AsyncStream<Int>
    private let tell: AsyncStream<Int>.Continuation

    init(length: Int) {
        self.length = length
        (pieces, tell) = AsyncStream.makeStream(of: Int.self)
    }

    func read(most: Int) throws(StreamError) -> Data {
        let from = given.now
        let count = min(most, length - from) / 8 * 8
        given.note { $0 += count }
        largest.note { $0 = max($0, most) }
        tell.yield(count)
        return Noise.bytes(from: from, count: count)
    }
}

/// Takes noise, and notes whether it is the same.
final class NoiseSink: ByteSink {
    let taken = Noted(0)
    let largest = Noted(0)
    let same = Noted(true)
    let pieces: AsyncStream<Int>
    private let rest = Noted(Data())
    private let tell: AsyncStream<Int>.Continuation

    init() { (pieces, tell) = AsyncStream.makeStream(of: Int.self) }

    func take(_ bytes: Data) throws(StreamError) {
        largest.note { $0 = max($0, bytes.count) }
        let whole = rest.now + bytes
        let from = taken.now
        let count = whole.count / 8 * 8
        if whole.prefix(count) != Noise.bytes(from: from, count: count) { same.note { $0 = false } }
        taken.note { $0 += count }
        rest.note { $0 = Data(whole.dropFirst(count)) }
        tell.yield(bytes.count)
    }
}
