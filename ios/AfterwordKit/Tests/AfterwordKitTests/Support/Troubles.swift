import Foundation

import enum AfterwordGenerated.Event
import protocol AfterwordGenerated.EventListener
import enum AfterwordGenerated.ListenerError
import class AfterwordGenerated.Subscription
import class AfterwordGenerated.Trouble

@testable import AfterwordKit

// What only the library's test build does, and what the kit does not let happen.

extension Journal {
    /// A bug inside.
    func panic() async throws {
        try await working { [engine] in try Trouble.of(engine: engine).panic() }
    }

    /// The disk is full, or has room again.
    func fillDisk(_ full: Bool) async throws {
        try await working { [engine] in try Trouble.of(engine: engine).fillDisk(full: full) }
    }

    /// `told` hears every event and throws. The kit's own listener never does.
    func listenAndThrow(_ told: @escaping @Sendable (JournalEvent) -> any Error) async throws -> AnyObject & Sendable {
        try await working { [engine] in try engine.subscribe(listener: Throws(told)) }
    }
}

private final class Throws: EventListener {
    private let told: @Sendable (JournalEvent) -> any Error

    init(_ told: @escaping @Sendable (JournalEvent) -> any Error) { self.told = told }

    func onEvent(event: Event) throws { throw told(JournalEvent(event)) }
}

/// The declared error of a listener.
let declaredListenerError: any Error = ListenerError.Failed
