internal import AfterwordGenerated
@preconcurrency import Dispatch
import Foundation

/// Calls into the engine block, for as long as the disk takes: on the threads that tasks share, a few of them would stop
/// every other task.
private let threads = DispatchQueue(label: "app.afterword.kit", qos: .userInitiated, attributes: .concurrent)

/// Does `call` on a thread that may block, and waits for it without blocking one.
func working<T: Sendable>(
    _ call: @escaping @Sendable () throws -> T
) async throws(AfterwordError) -> T {
    let outcome: Result<T, AfterwordError> = await withCheckedContinuation { continuation in
        threads.async { continuation.resume(returning: Result(catching: call).mapError(AfterwordError.init)) }
    }
    return try outcome.get()
}

/// The same for a call that waits for somebody: another device, or the app's own file. It has a thread to itself, since
/// a queue has only so many, and `stop` ends it when its task is cancelled.
func waiting<T: Sendable>(
    stoppedBy stop: (any Stop)? = nil, _ call: @escaping @Sendable () throws -> T
) async throws(AfterwordError) -> T {
    let outcome: Result<T, AfterwordError> = await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
            let thread = Thread {
                continuation.resume(returning: Result(catching: call).mapError(AfterwordError.init))
            }
            thread.name = "app.afterword.kit.waiting"
            thread.stackSize = 4 << 20
            thread.start()
        }
    } onCancel: {
        try? stop?.cancel()
    }
    return try outcome.get()
}

/// What ends a call that waits; it does not itself wait.
protocol Stop: Sendable {
    func cancel() throws
}

extension Pairing: Stop {}
extension Transfer: Stop {}

/// Does `call` some time soon, where nobody waits for it.
func later(_ call: @escaping @Sendable () -> Void) { threads.async(execute: call) }

/// What Foundation makes on the way is let go of at once: a thread of ours lives as long as a whole file takes.
func pooled<T>(_ call: () throws(StreamError) -> T) throws(StreamError) -> T {
    #if canImport(ObjectiveC)
        let outcome = autoreleasepool { Result { () throws(StreamError) in try call() } }
        return try outcome.get()
    #else
        return try call()
    #endif
}
