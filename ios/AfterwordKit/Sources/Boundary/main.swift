import AfterwordKit
import Foundation

// What a call across the boundary costs, through the kit as an app calls it: `cargo xtask bench --boundary`.

let entries = 1_000
let warm = 200
let count = 200

/// A vault in a folder, a file for each secret.
struct Files: KeyVault {
    let folder: URL

    func store(name: String, secret: Data) throws(KeyVaultError) {
        do {
            try secret.write(to: folder.appendingPathComponent(name))
        } catch {
            throw .failed(reason: "\(error)")
        }
    }

    func load(name: String) throws(KeyVaultError) -> Data? {
        try? Data(contentsOf: folder.appendingPathComponent(name))
    }

    func delete(name: String) throws(KeyVaultError) {
        try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
    }
}

/// Times `call` and prints its line.
func measure(_ what: String, _ call: (Int) async throws -> Void) async throws {
    var samples: [Double] = []
    for at in 0..<warm + count {
        let begun = ContinuousClock.now
        try await call(at)
        let took = (ContinuousClock.now - begun).components
        if at >= warm { samples.append(Double(took.seconds) * 1e6 + Double(took.attoseconds) / 1e12) }
    }
    samples.sort()
    let figures = [samples[count / 2], samples[0], samples[count - 1]].map { String(format: "%.1f", $0) }
    print((["swift", what] + figures + ["\(count)"]).joined(separator: "\t"))
}

let folder = URL(fileURLWithPath: CommandLine.arguments[1])
let vault = Files(folder: folder.appendingPathComponent("vault"))
let journal = try await Journal.open(in: folder.appendingPathComponent("swift"), vault: vault)
try await measure("list") { _ in
    let rows = try await journal.list(limit: entries).rows
    precondition(rows.count == entries)
}
let id = try await journal.list(limit: 1).rows[0].id
var base = try await journal.show(id).heads
try await measure("edit") { at in
    base = try await journal.edit(id, .setText(.title, base: base, to: "title \(at)")).heads
}
try await measure("event") { _ in
    for await _ in try await journal.events() { break }
}
try await journal.shutdown()
