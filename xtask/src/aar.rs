//! `cargo xtask aar`: the Kotlin kit with its library for every Android processor, as one file that an app's build takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kotlin;
use crate::machine::{self, Machine, Missing, ThisMachine};
use crate::toolchain::{failed, files_below, fresh, put_in_place, quietly};
use crate::workspace::{self, Result};
use crate::{bindings, shipped, size};

/// What Android calls a processor, and what Rust does. No 32-bit x86: no phone was sold with one for years, emulators of
/// today's Android are x86_64, and it would be a fourth of the file.
const ABIS: [(&str, &str); 3] = [
    ("arm64-v8a", "aarch64-linux-android"),
    ("armeabi-v7a", "armv7-linux-androideabi"),
    ("x86_64", "x86_64-linux-android"),
];

/// `minSdkVersion`: the kit's times are `java.time`, which Android has from 8.0 on.
const MIN_SDK: u32 = 26;

const LIBRARY: &str = "libafterword_ffi.so";

/// The time that every file in the archives has, so that the same sources make the same bytes.
const DATE: &str = "1980-01-01T00:00:02Z";

/// The programs of the NDK that are called here; cargo-ndk knows the others.
#[derive(Debug, PartialEq, Eq)]
struct Programs {
    strip: PathBuf,
}

/// Makes `target/aar`, whole or not at all.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<()> {
    let why = size::reason("aar", args)?;
    let programs = look(&ThisMachine, kotlin::TOOLCHAIN.is_ready(root))?;
    let work = bindings::target(root).join("mobile/kotlin");
    let generated = work.join("generated");
    shipped::generate(root, "kotlin", &generated)?;
    let classes = kotlin::classes(root, &generated, work)?;
    let libraries = ABIS.map(|(abi, target)| Ok((abi, target, build(root, abi, target)?)));
    let libraries = libraries.into_iter().collect::<Result<Vec<_>>>()?;

    let partial = fresh(&bindings::target(root).join("aar.partial"))?;
    let content = fresh(&partial.join("content"))?;
    let sizes = place_libraries(&programs, &libraries, &content)?;
    fill(root, &classes, &content)?;
    let archive = partial.join("afterword-kit.aar");
    jar(&archive, &[&content])?;
    fs::remove_dir_all(&content).map_err(|error| failed("remove", &content, &error))?;
    let pom = partial.join("afterword-kit.pom");
    fs::write(&pom, self::pom()).map_err(|error| failed("write", &pom, &error))?;
    size::account(root, "aar", &sizes, why.as_deref())?;
    let done = bindings::target(root).join("aar");
    put_in_place(&partial, &done)?;
    let bytes = size::length(&done.join("afterword-kit.aar"))?;
    println!("{}: {bytes} B; what an app adds is in afterword-kit.pom", done.join("afterword-kit.aar").display());
    Ok(())
}

/// Finds what is needed, or says in one sentence all that is missing.
fn look(machine: &dyn Machine, has_kotlin: bool) -> Result<Programs> {
    let mut missing: Vec<Missing> = Vec::new();
    let mut need = |is_here: bool, what: &str, remedy: &str| {
        if !is_here {
            missing.push((what.to_owned(), remedy.to_owned()));
        }
    };
    need(machine.answer("cargo", &["ndk", "--version"]).is_some(), "cargo-ndk", "`cargo install cargo-ndk --locked`");
    need(has_kotlin, "the Kotlin compiler", "`cargo xtask setup kotlin`");
    let jar = machine.answer("jar", &["--version"]).is_some();
    need(jar, "the JDK's `jar`", "`sudo apt-get install -y default-jdk-headless`");
    missing.extend(machine::targets(machine, &ABIS.map(|(_, target)| target)));
    let strip = machine::ndk(machine).and_then(|ndk| machine::ndk_program(machine, &ndk, "llvm-strip"));
    match strip {
        Ok(strip) if missing.is_empty() => return Ok(Programs { strip }),
        Ok(_) => {}
        Err(lacking) => missing.push(lacking),
    }
    Err(machine::refusal("the AAR", &missing).unwrap_or_default())
}

/// Builds the library for one processor and looks it over.
fn build(root: &Path, abi: &str, target: &str) -> Result<PathBuf> {
    println!("building for {abi}");
    let platform = MIN_SDK.to_string();
    let mut command = shipped::cargo(root, &["ndk", "--target", abi, "--platform", &platform], "cdylib");
    quietly(command.arg("--").args(shipped::LARGE_PAGES))?;
    let library = shipped::place(root, Some(target), LIBRARY);
    shipped::check(root, &library)?;
    Ok(library)
}

/// Puts each library, stripped, where Android's build tools look for it; their sizes by target.
fn place_libraries(
    programs: &Programs,
    libraries: &[(&str, &str, PathBuf)],
    content: &Path,
) -> Result<Vec<(String, u64)>> {
    let mut sizes = Vec::new();
    for (abi, target, library) in libraries {
        let folder = fresh(&content.join("jni").join(abi))?;
        let stripped = folder.join(LIBRARY);
        shipped::strip(programs.strip.as_os_str(), library, &stripped)?;
        shipped::check_pages(&stripped)?;
        sizes.push(((*target).to_owned(), size::length(&stripped)?));
    }
    Ok(sizes)
}

/// Everything of the archive but the libraries.
fn fill(root: &Path, classes: &[PathBuf; 2], content: &Path) -> Result<()> {
    let rules = workspace::read(&root.join("android/kit/consumer-rules.pro"))?;
    for (name, text) in [("AndroidManifest.xml", manifest().as_str()), ("proguard.txt", &rules), ("R.txt", "")] {
        let path = content.join(name);
        fs::write(&path, text).map_err(|error| failed("write", &path, &error))?;
    }
    let [ffi, kit] = classes;
    jar(&content.join("classes.jar"), &[ffi, kit])
}

fn manifest() -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="app.afterword.kit">
    <uses-sdk android:minSdkVersion="{MIN_SDK}" />
    <!-- Devices sync with each other directly. -->
    <uses-permission android:name="android.permission.INTERNET" />
</manifest>
"#
    )
}

/// What an app must add, in the form that Maven and Gradle read. On Android JNA is an AAR: its jar has the libraries of
/// computers.
fn pom() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let dependencies: String = kotlin::needed_by_apps().iter().map(|artifact| dependency(artifact)).collect();
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>app.afterword</groupId>
  <artifactId>afterword-kit</artifactId>
  <version>{version}</version>
  <packaging>aar</packaging>
  <dependencies>
{dependencies}  </dependencies>
</project>
"#
    )
}

fn dependency(artifact: &str) -> String {
    let mut words = artifact.split(':');
    let [group, name, version] = std::array::from_fn(|_| words.next().unwrap_or_default());
    let kind = if name == "jna" { "      <type>aar</type>\n" } else { "" };
    format!(
        "    <dependency>\n      <groupId>{group}</groupId>\n      <artifactId>{name}</artifactId>\n      \
         <version>{version}</version>\n{kind}      <scope>compile</scope>\n    </dependency>\n"
    )
}

/// Packs what is below the folders: files only, sorted, all of one time.
fn jar(archive: &Path, folders: &[&Path]) -> Result<()> {
    let list = archive.with_extension("list");
    fs::write(&list, listing(folders)?).map_err(|error| failed("write", &list, &error))?;
    let mut words = std::ffi::OsString::from("@");
    words.push(&list);
    quietly(Command::new("jar").args(["--create", "--no-manifest", "--date", DATE, "--file"]).arg(archive).arg(words))?;
    fs::remove_file(&list).map_err(|error| failed("remove", &list, &error))
}

/// A file of arguments for `jar`: each file with the folder that it is named from.
fn listing(folders: &[&Path]) -> Result<String> {
    let mut lines = Vec::new();
    for folder in folders {
        for file in files_below(folder)? {
            let name = file.strip_prefix(folder).map_err(|error| error.to_string())?;
            // Slashes, so that the order and the names are those of every system.
            lines.push((name.to_string_lossy().replace('\\', "/"), folder.to_string_lossy().replace('\\', "/")));
        }
    }
    lines.sort();
    Ok(lines.iter().map(|(name, folder)| format!("-C \"{folder}\" \"{name}\"\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::Pretended;

    fn whole() -> Pretended {
        Pretended {
            system: "linux",
            variables: vec![("ANDROID_NDK_HOME", "ndk")],
            paths: vec![
                "ndk/source.properties",
                "ndk/toolchains/llvm/prebuilt/linux-x86_64/bin/llvm-strip",
                "rust/lib",
            ],
            answers: vec![
                ("cargo ndk --version", "cargo-ndk 4.1.2\n"),
                ("jar --version", "jar 17\n"),
                ("rustc --print target-libdir --target", "rust/lib\n"),
            ],
        }
    }

    #[test]
    fn a_machine_that_has_everything_is_not_refused() {
        let strip = PathBuf::from("ndk/toolchains/llvm/prebuilt/linux-x86_64/bin/llvm-strip");
        assert_eq!(look(&whole(), true), Ok(Programs { strip }));
    }

    #[test]
    fn each_thing_that_is_missing_is_said_with_what_to_do() {
        let without = |change: fn(&mut Pretended)| {
            let mut machine = whole();
            change(&mut machine);
            look(&machine, true).unwrap_err()
        };
        let begin = "the AAR was not begun, for want of";
        assert_eq!(
            without(|machine| machine.answers.retain(|(line, _)| !line.starts_with("cargo"))),
            format!("{begin} cargo-ndk (`cargo install cargo-ndk --locked`)")
        );
        assert_eq!(
            without(|machine| machine.variables.clear()),
            format!(
                "{begin} the Android NDK (install r28 or newer with Android Studio or `sdkmanager`, and name its folder \
                 in ANDROID_NDK_HOME)"
            )
        );
        assert!(
            without(|machine| machine.paths.retain(|path| !path.ends_with("strip")))
                .contains("llvm-strip in the NDK ndk (")
        );
        let targets = "aarch64-linux-android armv7-linux-androideabi x86_64-linux-android";
        assert_eq!(
            without(|machine| machine.answers.truncate(2)),
            format!("{begin} Rust for {targets} (`rustup target add {targets}`)")
        );
        assert_eq!(look(&whole(), false), Err(format!("{begin} the Kotlin compiler (`cargo xtask setup kotlin`)")));
    }

    #[test]
    fn a_machine_that_has_nothing_is_refused_in_one_sentence() {
        let sentence = look(&Pretended::default(), false).unwrap_err();
        for what in ["cargo-ndk", "setup kotlin", "`jar`", "rustup target add", "ANDROID_NDK_HOME"] {
            assert!(sentence.contains(what), "{what}: {sentence}");
        }
        assert!(!sentence.contains('\n'));
    }

    #[test]
    fn an_app_is_told_what_to_add() {
        let pom = pom();
        let jna = pom.split("<dependency>").find(|block| block.contains(">jna<")).unwrap();
        assert!(jna.contains("<type>aar</type>") && jna.contains("<groupId>net.java.dev.jna</groupId>"));
        assert!(pom.contains(">kotlinx-coroutines-core-jvm<") && pom.contains(">kotlin-stdlib<"));
        assert!(!pom.contains("junit"), "only what an app needs");
        assert!(manifest().contains("android:minSdkVersion=\"26\""));
    }

    #[test]
    fn archives_list_files_in_one_order() {
        let root = fresh(&std::env::temp_dir().join(format!("afterword-aar-{}", std::process::id()))).unwrap();
        let (one, two) = (fresh(&root.join("one/b")).unwrap(), fresh(&root.join("two")).unwrap());
        for path in [one.join("z"), two.join("a"), two.join("b.c")] {
            fs::write(path, "").unwrap();
        }
        let lines = listing(&[one.parent().unwrap(), &two]).unwrap();
        let names: Vec<&str> = lines.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        assert_eq!(names, ["\"a\"", "\"b.c\"", "\"b/z\""]);
        fs::remove_dir_all(root).unwrap();
    }
}
