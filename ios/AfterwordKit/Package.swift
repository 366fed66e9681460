// swift-tools-version: 6.0
// The Swift kit. `cargo xtask swift` generates what stands in `generated`, builds this and runs its tests.
// `cargo xtask xcframework` lays it out once more with a framework in `generated`: that is what an app takes.

import PackageDescription

/// Where the host's library is; for a phone an XCFramework takes its place.
let library = Context.environment["AFTERWORD_LIBRARY"] ?? "../../target/release"
let framework = "generated/afterwordFFI.xcframework"
/// Whether this is the package that an app takes: the task writes `true` here. What a manifest finds out while it is read,
/// SwiftPM remembers from another time.
let isPackaged = false

/// The C functions of the library, and how it is linked.
let calls: Target
let linked: [LinkerSetting]
if isPackaged {
    calls = .binaryTarget(name: "afterwordFFI", path: framework)
    // What the library itself calls: it looks which networks there are.
    linked = [.linkedFramework("CoreFoundation"), .linkedFramework("SystemConfiguration")]
} else {
    calls = .systemLibrary(name: "afterwordFFI", path: "generated/afterwordFFI")
    linked = [
        .unsafeFlags(["-L\(library)", "-Xlinker", "-rpath", "-Xlinker", library]),
        .linkedLibrary("afterword_ffi"),
    ]
}

/// What no app gets.
let ours: [Target] = [
    // Measures what a call costs.
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

let package = Package(
    name: "AfterwordKit",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "AfterwordKit", targets: ["AfterwordKit"])],
    targets: [
        calls,
        // Generated code does not know Swift 6; it is imported by one target, and never shown by it.
        .target(
            name: "AfterwordGenerated",
            dependencies: ["afterwordFFI"],
            path: "generated/AfterwordGenerated",
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: linked
        ),
        .target(
            name: "AfterwordKit",
            dependencies: ["AfterwordGenerated"],
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
    ] + (isPackaged ? [] : ours)
)
