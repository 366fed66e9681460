// swift-tools-version: 6.0
// The Swift kit. `cargo xtask swift` generates what stands in `generated`, builds this and runs its tests.

import PackageDescription

/// Where the host's library is; for a phone an XCFramework takes its place.
let library = Context.environment["AFTERWORD_LIBRARY"] ?? "../../target/release"

let package = Package(
    name: "AfterwordKit",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "AfterwordKit", targets: ["AfterwordKit"])],
    targets: [
        .systemLibrary(name: "afterwordFFI", path: "generated/afterwordFFI"),
        // Generated code does not know Swift 6; it is imported by one target, and never shown by it.
        .target(
            name: "AfterwordGenerated",
            dependencies: ["afterwordFFI"],
            path: "generated/AfterwordGenerated",
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: [
                .unsafeFlags(["-L\(library)", "-Xlinker", "-rpath", "-Xlinker", library]),
                .linkedLibrary("afterword_ffi"),
            ]
        ),
        .target(
            name: "AfterwordKit",
            dependencies: ["AfterwordGenerated"],
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
        // Measures what a call costs; no product, so no app gets it.
        .executableTarget(
            name: "Boundary",
            dependencies: ["AfterwordKit"],
            swiftSettings: [.swiftLanguageMode(.v5)]
        ),
        .testTarget(
            name: "AfterwordKitTests",
            dependencies: ["AfterwordKit", "AfterwordGenerated"],
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
    ]
)
