import Foundation
import Testing

/// The rules that the tests and the library themselves keep.
@Suite struct ConformanceTests {
    private let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

    private func texts(in folder: URL) throws -> [String: String] {
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        let swift = files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
        return try Dictionary(
            uniqueKeysWithValues: swift.map { ($0.lastPathComponent, try String(contentsOf: $0, encoding: .utf8)) })
    }

    /// `s03EditAtAnOldBase` of `03 edit_at_an_old_base: …`.
    private func name(of line: Substring) -> String? {
        guard let match = line.wholeMatch(of: /(\d\d) (\w+): .+/) else { return nil }
        let words = match.2.split(separator: "_")
        return "s\(match.1)" + words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    @Test("every scenario of the list has a test of its name, and no other test has such a name")
    func everyScenario() throws {
        let list = tests.appendingPathComponent("../../../../tests/conformance/scenarios.md")
        let lines = try String(contentsOf: list.standardizedFileURL, encoding: .utf8).split(separator: "\n")
        let wanted = lines.compactMap(name)
        #expect(wanted.count == lines.filter { $0.prefix(2).allSatisfy(\.isNumber) }.count && wanted.count >= 24)
        let found = try texts(in: tests).values.flatMap { text in
            text.matches(of: /@Test func (s\d\d\w*)\(\) async throws/).map { String($0.1) }
        }
        #expect(found.sorted() == wanted.sorted())
    }

    @Test("what is generated never shows: no file imports it but for itself")
    func generatedNeverShows() throws {
        let library = tests.appendingPathComponent("../../Sources/AfterwordKit").standardizedFileURL
        let files = try texts(in: library)
        #expect(files.count > 15)
        // With an `internal import`, the compiler refuses a generated type in a public signature.
        for (file, text) in files {
            for line in text.split(separator: "\n") where line.contains("import") && line.contains("AfterwordGenerated")
            {
                #expect(line == "internal import AfterwordGenerated", "\(file)")
            }
            #expect(!text.contains("@_exported") && !text.contains("@usableFromInline"), "\(file)")
        }
    }

    @Test("everything public says what it is")
    func everythingPublicIsDocumented() throws {
        let library = tests.appendingPathComponent("../../Sources/AfterwordKit").standardizedFileURL
        let conformances = ["description", "errorDescription", "failureReason", "recoverySuggestion"]
        for (file, text) in try texts(in: library) {
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.trimmingPrefix(/\s+/) }
            for (above, line) in zip([""] + lines, lines) where line.hasPrefix("public ") || line.hasPrefix("case ") {
                if conformances.contains(where: { line.hasPrefix("public var \($0):") }) { continue }
                // A branch of a `switch`, or a case.
                if line.hasPrefix("case .") { continue }
                #expect(above.hasPrefix("///") || above.hasPrefix("@discardableResult"), "\(file): \(line)")
            }
        }
    }
}
