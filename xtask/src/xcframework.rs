//! `cargo xtask xcframework`: the library for iPhones, their simulator and the Mac, and the Swift package that takes it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use crate::machine::{self, Machine, Missing, ThisMachine};
use crate::toolchain::{failed, files_below, put_in_place, quietly, remove};
use crate::workspace::{self, Result};
use crate::{bindings, shipped, size};

/// What Rust calls the devices, their simulators on both kinds of Mac, and the Mac.
const TARGETS: [&str; 4] = ["aarch64-apple-ios", "aarch64-apple-ios-sim", "x86_64-apple-ios", "aarch64-apple-darwin"];

/// The oldest systems it runs on, as `ios/AfterwordKit/Package.swift` has them. Everything compiled must be told, the C
/// of SQLCipher too, or the linker warns of each part that was made for a newer one.
const OLDEST: [(&str, &str); 2] = [("IPHONEOS_DEPLOYMENT_TARGET", "16.0"), ("MACOSX_DEPLOYMENT_TARGET", "13.0")];

const LIBRARY: &str = "libafterword_ffi.a";
/// The C module's name. Its headers lie in a folder of that name: Xcode throws the headers of all frameworks of an app
/// together, and a second `module.modulemap` beside ours would end its build.
const MODULE: &str = "afterwordFFI";

/// Makes `target/xcframework`, whole or not at all.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<()> {
    let why = size::reason("xcframework", args)?;
    if let Some(sentence) = look(&ThisMachine) {
        return Err(sentence);
    }
    let generated = bindings::target(root).join("mobile/swift");
    shipped::generate(root, "swift", &generated)?;
    let [device, one, other, mac] = TARGETS.map(|target| build(root, target));
    let [device, one, other, mac] = [device?, one?, other?, mac?];

    let partial = bindings::target(root).join("xcframework.partial");
    remove(&partial)?;
    let package = partial.join("AfterwordKit");
    let framework = package.join("generated").join(format!("{MODULE}.xcframework"));
    lay_out(root, &generated, &package)?;
    let headers = partial.join("headers");
    copy(&generated.join(MODULE), &headers.join(MODULE))?;
    let simulator = partial.join(LIBRARY);
    quietly(Command::new("lipo").arg("-create").args([&one, &other]).arg("-output").arg(&simulator))?;
    create(&[&device, &simulator, &mac], &headers, &framework)?;
    for left in [&headers, &simulator] {
        let removed = if left.is_dir() { fs::remove_dir_all(left) } else { fs::remove_file(left) };
        removed.map_err(|error| failed("remove", left, &error))?;
    }
    let archive = partial.join(format!("{MODULE}.xcframework.zip"));
    zip(&framework, &archive)?;
    let checksum = checksum(&package, &archive)?;
    let sizes = TARGETS.iter().zip([&device, &one, &other, &mac]);
    let sizes = sizes.map(|(target, library)| Ok((format!("{target} (static)"), size::length(library)?)));
    size::account(root, "xcframework", &sizes.collect::<Result<Vec<_>>>()?, why.as_deref())?;
    let done = bindings::target(root).join("xcframework");
    put_in_place(&partial, &done)?;
    println!("{}: a package for an app; the zip's checksum is {checksum}", done.join("AfterwordKit").display());
    Ok(())
}

/// The sentence that says what is missing.
fn look(machine: &dyn Machine) -> Option<String> {
    if machine.system() != "macos" {
        let what = ("Xcode, which only macOS has".to_owned(), "run this task on a Mac".to_owned());
        return machine::refusal("the XCFramework", &[what]);
    }
    let mut missing: Vec<Missing> = Vec::new();
    let sdk = |name: &str| machine.answer("xcrun", &["--sdk", name, "--show-sdk-path"]).is_some();
    if machine.answer("xcodebuild", &["-version"]).is_none() {
        let remedy = "install it from the App Store, then `sudo xcode-select --switch /Applications/Xcode.app`";
        missing.push(("Xcode".to_owned(), remedy.to_owned()));
    } else if !["iphoneos", "iphonesimulator", "macosx"].into_iter().all(sdk) {
        missing.push(("the iOS platform of Xcode".to_owned(), "`xcodebuild -downloadPlatform iOS`".to_owned()));
    }
    missing.extend(machine::targets(machine, &TARGETS));
    machine::refusal("the XCFramework", &missing)
}

/// Builds the static library for one target and looks it over.
fn build(root: &Path, target: &str) -> Result<PathBuf> {
    println!("building for {target}");
    quietly(shipped::cargo(root, &[], "staticlib").args(["--target", target]).envs(OLDEST))?;
    let library = shipped::place(root, Some(target), LIBRARY);
    shipped::check(root, &library)?;
    Ok(library)
}

/// The package as an app takes it: our manifest and sources, with what was generated for this library.
fn lay_out(root: &Path, generated: &Path, package: &Path) -> Result<()> {
    let ours = root.join("ios/AfterwordKit");
    for (from, to) in [
        (ours.join("Sources/AfterwordKit"), package.join("Sources/AfterwordKit")),
        (generated.join("AfterwordGenerated"), package.join("generated/AfterwordGenerated")),
    ] {
        copy(&from, &to)?;
    }
    let manifest = package.join("Package.swift");
    let text = packaged(&workspace::read(&ours.join("Package.swift"))?)?;
    fs::write(&manifest, text).map_err(|error| failed("write", &manifest, &error))
}

/// The manifest that takes the framework in place of this computer's library.
fn packaged(manifest: &str) -> Result<String> {
    let (ours, theirs) = ("let isPackaged = false\n", "let isPackaged = true\n");
    match manifest.matches(ours).count() {
        1 => Ok(manifest.replace(ours, theirs)),
        _ => Err("ios/AfterwordKit/Package.swift has no line that says it is not packaged".to_owned()),
    }
}

/// One framework of the libraries, each with the same headers.
fn create(libraries: &[&Path], headers: &Path, framework: &Path) -> Result<()> {
    let mut command = Command::new("xcodebuild");
    command.arg("-create-xcframework");
    for library in libraries {
        command.arg("-library").arg(library).arg("-headers").arg(headers);
    }
    quietly(command.arg("-output").arg(framework))
}

/// Packs a folder under its own name: files only, sorted, all of one time, so that the same content has one checksum.
fn zip(folder: &Path, archive: &Path) -> Result<()> {
    let above = folder.parent().ok_or("the framework's folder has no parent")?;
    let mut names = String::new();
    for path in files_below(folder)? {
        let file = File::options().write(true).open(&path).map_err(|error| failed("open", &path, &error))?;
        let time = UNIX_EPOCH + Duration::from_secs(315_619_200);
        file.set_modified(time).map_err(|error| failed("set the time of", &path, &error))?;
        let name = path.strip_prefix(above).map_err(|error| error.to_string())?;
        names.push_str(&name.to_string_lossy());
        names.push('\n');
    }
    let mut command = Command::new("zip");
    command.args(["-q", "-X", "-D", "-@"]).arg(archive).current_dir(above).stdin(Stdio::piped()).env("TZ", "UTC");
    let mut child = command.spawn().map_err(|error| format!("cannot start zip: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(names.as_bytes()).map_err(|error| format!("cannot tell zip what to pack: {error}"))?;
    }
    let status = child.wait().map_err(|error| format!("zip did not end: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("zip failed ({status})")) }
}

/// What `binaryTarget(url:checksum:)` asks for, also kept beside the archive.
fn checksum(package: &Path, archive: &Path) -> Result<String> {
    let mut command = Command::new("swift");
    let output = command.args(["package", "compute-checksum"]).arg(archive).current_dir(package).output();
    let output = output.map_err(|error| format!("cannot start swift: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || text.is_empty() {
        return Err(format!("swift package compute-checksum failed ({})", output.status));
    }
    let beside = archive.with_extension("zip.checksum");
    fs::write(&beside, format!("{text}\n")).map_err(|error| failed("write", &beside, &error))?;
    Ok(text)
}

/// Copies a file, or every file below a folder.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in files_below(from)? {
        let name = file.strip_prefix(from).map_err(|error| error.to_string())?;
        let place = if name.as_os_str().is_empty() { to.to_owned() } else { to.join(name) };
        let folder = place.parent().ok_or("a file has a folder")?;
        fs::create_dir_all(folder).map_err(|error| failed("make", folder, &error))?;
        fs::copy(&file, &place).map_err(|error| failed("copy", &file, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::Pretended;

    fn mac() -> Pretended {
        Pretended {
            system: "macos",
            variables: Vec::new(),
            paths: vec!["rust/lib"],
            answers: vec![
                ("xcodebuild -version", "Xcode 26.0\n"),
                ("xcrun --sdk", "sdk\n"),
                ("rustc --print target-libdir", "rust/lib\n"),
            ],
        }
    }

    #[test]
    fn only_a_mac_makes_it() {
        assert_eq!(look(&mac()), None);
        let linux = Pretended { system: "linux", ..mac() };
        let sentence =
            "the XCFramework was not begun, for want of Xcode, which only macOS has (run this task on a Mac)";
        assert_eq!(look(&linux).as_deref(), Some(sentence));
    }

    #[test]
    fn each_thing_that_is_missing_is_said_with_what_to_do() {
        let without = |index: usize| {
            let mut machine = mac();
            machine.answers.remove(index);
            look(&machine).unwrap()
        };
        assert!(without(0).contains("Xcode (install it from the App Store"));
        assert!(without(1).contains("the iOS platform of Xcode (`xcodebuild -downloadPlatform iOS`)"));
        let targets = TARGETS.join(" ");
        assert!(without(2).ends_with(&format!("Rust for {targets} (`rustup target add {targets}`)")));
        let bare = look(&Pretended { system: "macos", ..Pretended::default() }).unwrap();
        assert!(bare.contains("App Store") && bare.contains("rustup") && !bare.contains('\n'));
    }

    #[test]
    fn the_package_names_the_same_systems_and_the_same_framework() {
        let manifest = workspace::read(&workspace::root().unwrap().join("ios/AfterwordKit/Package.swift")).unwrap();
        let platforms = OLDEST.map(|(_, version)| version.trim_end_matches(".0"));
        assert!(manifest.contains(&format!(".iOS(.v{}), .macOS(.v{})", platforms[0], platforms[1])));
        assert!(manifest.contains(&format!("generated/{MODULE}.xcframework")));
        assert!(packaged(&manifest).unwrap().contains("isPackaged = true") && packaged("").is_err());
    }

    #[test]
    fn an_app_gets_our_sources_and_what_was_generated_and_no_tests() {
        let above = std::env::temp_dir().join(format!("afterword-package-{}", std::process::id()));
        let (generated, package) = (above.join("generated"), above.join("package"));
        fs::create_dir_all(generated.join("AfterwordGenerated")).unwrap();
        fs::write(generated.join("AfterwordGenerated/AfterwordGenerated.swift"), "").unwrap();
        lay_out(&workspace::root().unwrap(), &generated, &package).unwrap();
        assert!(workspace::read(&package.join("Package.swift")).unwrap().contains("isPackaged = true"));
        assert!(package.join("generated/AfterwordGenerated/AfterwordGenerated.swift").is_file());
        assert!(package.join("Sources/AfterwordKit/Journal.swift").is_file() && !package.join("Tests").exists());
        fs::remove_dir_all(above).unwrap();
    }
}
