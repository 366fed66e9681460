//! What an app is given: an AAR for Android, an XCFramework for Apple's systems.
//!
//! Each needs what only its platform's makers give out. What is missing is said before anything is built, in one sentence.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::elf::Elf;
use crate::size::{self, PROFILE};
use crate::toolchain::{announce, failed, quietly};
use crate::workspace::Result;
use crate::{bindings, kotlin, process};

/// Android's processors. 32-bit x86 is left out: no phone that is sold has it, and emulators run 64 bits.
const ABIS: [(&str, &str); 3] = [
    ("arm64-v8a", "aarch64-linux-android"),
    ("armeabi-v7a", "armv7-linux-androideabi"),
    ("x86_64", "x86_64-linux-android"),
];
/// Android 8: what the Keystore's keys and `java.time` need.
const MIN_SDK: &str = "26";
/// Libraries for Apple's systems: what is built, and under which name it goes into the XCFramework. Two of one name are
/// one file.
const APPLE: [(&str, &str); 4] = [
    ("aarch64-apple-ios", "ios"),
    ("aarch64-apple-ios-sim", "ios-simulator"),
    ("x86_64-apple-ios", "ios-simulator"),
    ("aarch64-apple-darwin", "macos"),
];
const IOS: &str = "16.0";
const MACOS: &str = "13.0";
const MANIFEST: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="app.afterword.kit">
    <uses-permission android:name="android.permission.INTERNET" />
    <uses-permission android:name="android.permission.ACCESS_NETWORK_STATE" />
</manifest>
"#;
/// What an app that takes the AAR adds itself.
const NEEDS: &str = "\
net.java.dev.jna:jna:5.19.1@aar
org.jetbrains.kotlinx:kotlinx-coroutines-android:1.11.0
";

/// What a machine has, as far as packaging asks for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Machine {
    is_macos: bool,
    has_cargo_ndk: bool,
    ndk: Option<PathBuf>,
    has_xcode: bool,
    targets: Vec<String>,
}

impl Machine {
    fn this() -> Self {
        let given = ["ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "NDK_HOME"];
        let ndk = given.iter().find_map(std::env::var_os).map(PathBuf::from).filter(|folder| folder.is_dir());
        let listed = Command::new("rustup").args(["target", "list", "--installed"]).output();
        let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        Self {
            is_macos: cfg!(target_os = "macos"),
            has_cargo_ndk: process::answers("cargo", &["ndk", "--version"]),
            ndk,
            has_xcode: process::answers("xcodebuild", &["-version"]),
            targets: listed.lines().map(str::to_owned).collect(),
        }
    }

    /// The Rust targets of these that are not installed, as one sentence.
    fn has_targets(&self, what: &str, wanted: &[&str]) -> Result<()> {
        let missing: Vec<&str> =
            wanted.iter().filter(|target| !self.targets.iter().any(|has| has == *target)).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!("cannot make {what}: Rust has no library for it; run `rustup target add {}`", missing.join(" ")))
    }

    /// Whether an AAR can be made, or why not.
    pub(crate) fn can_make_aar(&self) -> Result<PathBuf> {
        let Some(ndk) = &self.ndk else {
            return Err(
                "cannot make the AAR: there is no Android NDK; install r28 or newer and say where in ANDROID_NDK_HOME"
                    .to_owned(),
            );
        };
        if !self.has_cargo_ndk {
            return Err("cannot make the AAR: there is no cargo-ndk; run `cargo install cargo-ndk`".to_owned());
        }
        self.has_targets("the AAR", &ABIS.map(|(_, target)| target))?;
        Ok(ndk.clone())
    }

    /// Whether an XCFramework can be made, or why not.
    pub(crate) fn can_make_xcframework(&self) -> Result<()> {
        if !self.is_macos || !self.has_xcode {
            return Err("cannot make the XCFramework: there is no Xcode; run this on a Mac that has it".to_owned());
        }
        self.has_targets("the XCFramework", &APPLE.map(|(target, _)| target))
    }
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A folder with nothing in it.
fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| failed("remove", folder, &error))?;
    }
    fs::create_dir_all(folder).map_err(|error| failed("make", folder, &error))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| failed("write", path, &error))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).map_err(|error| failed("copy", from, &error))
}

/// The linker's flags for pages of 16 KiB, behind those that the caller's environment gives: flags in the environment
/// would otherwise take the place of all that a configuration file says.
fn rustflags(given: Option<OsString>) -> OsString {
    let mut flags = given.unwrap_or_default();
    if !flags.is_empty() {
        flags.push("\u{1f}");
    }
    flags.push("-Clink-arg=-Wl,-z,max-page-size=16384\u{1f}-Clink-arg=-Wl,-z,common-page-size=16384");
    flags
}

/// `cargo xtask aar`.
pub(crate) fn aar(root: &Path) -> Result<()> {
    let ndk = Machine::this().can_make_aar()?;
    let out = bindings::target(root).join("aar");
    let parts = out.join("parts");
    fresh(&parts)?;
    // Bindings are read off the host's library: a stripped one no longer says what it exports.
    let classes = kotlin::classes(root)?;
    let jni = parts.join("jni");
    let mut build = cargo();
    build.arg("ndk");
    for (abi, _) in ABIS {
        build.args(["--target", abi]);
    }
    build.args(["--platform", MIN_SDK, "--output-dir"]).arg(&jni);
    build.args(["build", "--locked", "--package", "afterword-ffi", "--profile", PROFILE]);
    build.env("CARGO_ENCODED_RUSTFLAGS", rustflags(std::env::var_os("CARGO_ENCODED_RUSTFLAGS")));
    announce(build.current_dir(root).env("ANDROID_NDK_HOME", &ndk))?;
    for (abi, target) in ABIS {
        let library = jni.join(abi).join("libafterword_ffi.so");
        let bytes = fs::read(&library).map_err(|error| failed("read", &library, &error))?;
        let found = Elf::read(&bytes)?.misaligned();
        if !found.is_empty() {
            return Err(format!("the library for {abi} can't be loaded with pages of 16 KiB: {}", found.join(", ")));
        }
        size::report(root, target, &bytes)?;
    }
    write(&parts.join("AndroidManifest.xml"), MANIFEST)?;
    write(&parts.join("R.txt"), "")?;
    copy(&root.join("android/kit/consumer-rules.pro"), &parts.join("proguard.txt"))?;
    jar(&parts.join("classes.jar"), &classes)?;
    let whole = out.join("afterword-kit.aar");
    jar(&whole, &[parts])?;
    write(&out.join("needs.txt"), NEEDS)?;
    println!("{}\nan app that takes it adds:\n{NEEDS}", whole.display());
    Ok(())
}

/// A zip of everything in these folders, the same for the same files.
fn jar(file: &Path, folders: &[PathBuf]) -> Result<()> {
    let mut command = Command::new("jar");
    command.args(["--create", "--no-manifest", "--date", "2026-01-01T00:00:00Z", "--file"]).arg(file);
    for folder in folders {
        command.arg("-C").arg(folder).arg(".");
    }
    quietly(&mut command)
}

/// `cargo xtask xcframework`.
pub(crate) fn xcframework(root: &Path) -> Result<()> {
    Machine::this().can_make_xcframework()?;
    let out = bindings::target(root).join("xcframework");
    fresh(&out)?;
    let library = bindings::library(root)?;
    let package = root.join("ios/AfterwordKit");
    bindings::generate(root, &library, "swift", &package.join("generated"))?;
    for (target, _) in APPLE {
        let words =
            ["rustc", "--locked", "--package", "afterword-ffi", "--profile", PROFILE, "--crate-type", "staticlib"];
        let mut build = cargo();
        build.args(words).args(["--target", target]).current_dir(root);
        // One older than a part of it was built for is a warning for each object, or a crash on an older phone.
        announce(build.env("IPHONEOS_DEPLOYMENT_TARGET", IOS).env("MACOSX_DEPLOYMENT_TARGET", MACOS))?;
    }
    let headers = package.join("generated/afterwordFFI");
    let framework = out.join("afterwordFFI.xcframework");
    let mut create = Command::new("xcodebuild");
    create.arg("-create-xcframework");
    for name in ["ios", "ios-simulator", "macos"] {
        let made = APPLE.iter().filter(|(_, other)| *other == name);
        let built =
            made.map(|(target, _)| bindings::target(root).join(target).join(PROFILE).join("libafterword_ffi.a"));
        let folder = out.join(name);
        fresh(&folder)?;
        let library = folder.join("libafterword_ffi.a");
        quietly(Command::new("lipo").arg("-create").args(built).arg("-output").arg(&library))?;
        create.arg("-library").arg(&library).arg("-headers").arg(&headers);
    }
    announce(create.arg("-output").arg(&framework))?;
    let whole = out.join("afterwordFFI.xcframework.zip");
    let packed = ["ditto", "-c", "-k", "--keepParent"].map(OsStr::new);
    quietly(Command::new(packed[0]).args(&packed[1..]).arg(&framework).arg(&whole))?;
    println!("{}; its checksum for a binary target:", whole.display());
    quietly(Command::new("swift").args(["package", "compute-checksum"]).arg(&whole).current_dir(&package))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_one_sentence_that_says_what_to_do() {
        let bare = Machine::default();
        let ndk = Some(PathBuf::from("/ndk"));
        let with_ndk = Machine { ndk: ndk.clone(), ..bare.clone() };
        let with_both = Machine { has_cargo_ndk: true, ..with_ndk.clone() };
        let all = ABIS.map(|(_, target)| target.to_owned()).to_vec();
        let whole = Machine { targets: all, ..with_both.clone() };
        let said =
            [bare.can_make_aar(), with_ndk.can_make_aar(), with_both.can_make_aar()].map(|said| said.unwrap_err());
        for (said, part) in
            said.iter().zip(["ANDROID_NDK_HOME", "cargo install cargo-ndk", "rustup target add aarch64"])
        {
            assert!(said.starts_with("cannot make the AAR") && said.contains(part) && !said.contains('\n'), "{said}");
        }
        assert_eq!(whole.can_make_aar().ok(), ndk);
        let mac = Machine { is_macos: true, has_xcode: true, ..bare.clone() };
        assert!(bare.can_make_xcframework().unwrap_err().contains("there is no Xcode"));
        assert!(mac.can_make_xcframework().unwrap_err().contains("rustup target add aarch64-apple-ios "));
        let targets = APPLE.map(|(target, _)| target.to_owned()).to_vec();
        assert!(Machine { targets, ..mac }.can_make_xcframework().is_ok());
    }

    #[test]
    fn flags_of_the_environment_stay_beside_those_for_pages() {
        assert!(rustflags(None).to_string_lossy().starts_with("-Clink-arg=-Wl,-z,max-page-size=16384"));
        assert!(rustflags(Some("-Cdebuginfo=0".into())).to_string_lossy().starts_with("-Cdebuginfo=0\u{1f}-Clink"));
    }
}
