internal import AfterwordGenerated

/// What the engine says of itself: words and codes of its own, never what was written.
public enum Log {
    /// From now on `sink` takes every line up to `most`, one after the other, on a thread of their own, in the place of who
    /// took them before. One for the whole process.
    public static func send(
        upTo most: LogLevel = .info, to sink: @escaping @Sendable (LogLine) -> Void
    ) async throws(AfterwordError) {
        try await working { try setLogSink(most: most.crossing, sink: ForeignLog(sink)) }
    }
}

/// How much a line of the log matters, the most important first.
public enum LogLevel: Hashable, Sendable, CaseIterable {
    /// Something is broken.
    case error
    /// Something did not work.
    case warn
    /// Something happened.
    case info
    /// For who looks for a fault.
    case debug
}

/// One line of the log.
public struct LogLine: Hashable, Sendable {
    /// How much it matters.
    public let level: LogLevel
    /// The part of the library that says it.
    public let target: String
    /// What it says.
    public let text: String
}
