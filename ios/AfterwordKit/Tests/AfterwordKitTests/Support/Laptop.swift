import Foundation
import Testing

/// A laptop: a folder of its own, and the program that is shipped.
final class Laptop: @unchecked Sendable {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("afterword-laptop-\(UUID())")
    private let program: URL
    private let running = Noted<[Process]>([])

    init() throws {
        let folders = ProcessInfo.processInfo.environment["AFTERWORD_LIBRARY"]
        program = URL(fileURLWithPath: try #require(folders)).appendingPathComponent("afterword")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit {
        // A program that Foundation starts on Linux has most signals blocked, so it is not asked to end.
        for process in running.now where process.isRunning { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(at: folder)
    }

    private func start(_ arguments: [String]) throws -> (Process, FileHandle) {
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = program
        process.arguments = ["--home", folder.appendingPathComponent("journal").path, "--json", "--yes"] + arguments
        process.environment = [
            "AFTERWORD_PASSPHRASE": "correct horse battery staple", "AFTERWORD_PASSPHRASE_COST": "least",
            "HOME": folder.path,
        ]
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        running.note { $0.append(process) }
        return (process, pipe.fileHandleForReading)
    }

    /// What the program prints, which ends well: one JSON object, the last line of several.
    func run(_ arguments: String...) async throws -> [String: Any] {
        let (process, output) = try start(arguments)
        let printed = await blocking { output.readDataToEndOfFile() }
        await blocking { process.waitUntilExit() }
        let text = String(decoding: printed, as: UTF8.self)
        try #require(process.terminationStatus == 0, "\(arguments): \(text)")
        return try Self.object(text.split(separator: "\n").last.map { Data($0.utf8) } ?? Data())
    }

    /// Starts what stays: the program, and the first line that it prints.
    func staying(_ arguments: String...) async throws -> (Process, [String: Any]) {
        let (process, output) = try start(arguments)
        let line = await blocking {
            var line = Data()
            while let byte = try? output.read(upToCount: 1), let first = byte.first, first != UInt8(ascii: "\n") {
                line.append(first)
            }
            return line
        }
        return (process, try Self.object(line))
    }

    private static func object(_ json: Data) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    }
}

/// Does `call` on a thread that may block.
func blocking<T: Sendable>(_ call: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
        Thread { continuation.resume(returning: call()) }.start()
    }
}

/// The text under a key.
func text(_ object: [String: Any], _ key: String) throws -> String { try #require(object[key] as? String) }
