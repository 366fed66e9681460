//! What a packaging task needs of the machine it runs on, asked for before anything is built. Asked through a trait, so
//! that a test can pretend any machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A machine that can be asked what it has.
pub(crate) trait Machine {
    /// The operating system, as Rust names it.
    fn system(&self) -> &str;
    /// An environment variable; none where it is empty.
    fn variable(&self, name: &str) -> Option<OsString>;
    /// Whether there is such a file or folder.
    fn has(&self, path: &Path) -> bool;
    /// The names in a folder.
    fn names(&self, folder: &Path) -> Vec<String>;
    /// What a program prints; none where it can't be started or fails.
    fn answer(&self, program: &str, args: &[&str]) -> Option<String>;
}

/// The machine that we run on.
#[derive(Debug)]
pub(crate) struct ThisMachine;

impl Machine for ThisMachine {
    fn system(&self) -> &str {
        std::env::consts::OS
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    fn has(&self, path: &Path) -> bool {
        path.exists()
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    fn answer(&self, program: &str, args: &[&str]) -> Option<String> {
        let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Something that is not there, and what to do about it.
pub(crate) type Missing = (String, String);

/// The one sentence with which a task declines to begin; none where nothing is missing.
pub(crate) fn refusal(product: &str, missing: &[Missing]) -> Option<String> {
    let parts: Vec<String> = missing.iter().map(|(what, remedy)| format!("{what} ({remedy})")).collect();
    (!parts.is_empty()).then(|| format!("{product} was not begun, for want of {}", parts.join(", ")))
}

/// The targets that this Rust has no standard library for, as one thing that is missing.
pub(crate) fn targets(machine: &dyn Machine, wanted: &[&str]) -> Option<Missing> {
    let is_here = |target: &str| {
        let folder = machine.answer("rustc", &["--print", "target-libdir", "--target", target]);
        folder.is_some_and(|folder| machine.has(Path::new(folder.trim())))
    };
    let absent: Vec<&str> = wanted.iter().copied().filter(|target| !is_here(target)).collect();
    let names = absent.join(" ");
    (!absent.is_empty()).then(|| (format!("Rust for {names}"), format!("`rustup target add {names}`")))
}

/// Where the NDK is, looked for in the places where cargo-ndk looks; or what is missing.
pub(crate) fn ndk(machine: &dyn Machine) -> Result<PathBuf, Missing> {
    const OWN: [&str; 4] = ["ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "ANDROID_NDK_PATH", "NDK_HOME"];
    const SDK: [&str; 3] = ["ANDROID_HOME", "ANDROID_SDK_ROOT", "ANDROID_SDK_HOME"];
    let first = |names: &[&'static str]| names.iter().find_map(|name| Some((*name, machine.variable(name)?)));
    if let Some((name, folder)) = first(&OWN) {
        let folder = PathBuf::from(folder);
        let found = newest(machine, &folder).unwrap_or(folder);
        return if machine.has(&found.join(REVISION)) {
            Ok(found)
        } else {
            Err((format!("an NDK in {}, which {name} names", found.display()), INSTALL_NDK.to_owned()))
        };
    }
    let standard = machine.variable("HOME").map(|home| {
        Path::new(&home).join(if machine.system() == "macos" { "Library/Android/sdk" } else { "Android/Sdk" })
    });
    let sdk = first(&SDK).map(|(_, folder)| PathBuf::from(folder));
    let found = [sdk, standard].into_iter().flatten().find_map(|sdk| newest(machine, &sdk.join("ndk")));
    found.ok_or_else(|| ("the Android NDK".to_owned(), INSTALL_NDK.to_owned()))
}

const INSTALL_NDK: &str =
    "install r28 or newer with Android Studio or `sdkmanager`, and name its folder in ANDROID_NDK_HOME";

/// The file that makes a folder an NDK.
const REVISION: &str = "source.properties";

/// The newest NDK among the folders of one that are named by a version.
fn newest(machine: &dyn Machine, folder: &Path) -> Option<PathBuf> {
    let version = |name: &str| name.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>();
    let names = machine.names(folder);
    let versions = names.iter().filter_map(|name| Some((version(name)?, name)));
    let found = versions.filter(|(_, name)| machine.has(&folder.join(name).join(REVISION))).max()?;
    Some(folder.join(found.1))
}

/// A program of the NDK.
pub(crate) fn ndk_program(machine: &dyn Machine, ndk: &Path, name: &str) -> Result<PathBuf, Missing> {
    let hosts = ndk.join("toolchains/llvm/prebuilt");
    let found = machine.names(&hosts).into_iter().map(|host| hosts.join(host).join("bin").join(name));
    found
        .into_iter()
        .map(|path| path.with_extension(std::env::consts::EXE_EXTENSION))
        .find(|path| machine.has(path))
        .ok_or_else(|| (format!("{name} in the NDK {}", ndk.display()), INSTALL_NDK.to_owned()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A machine that has what it is given.
    #[derive(Debug, Default)]
    pub(crate) struct Pretended {
        pub(crate) system: &'static str,
        pub(crate) variables: Vec<(&'static str, &'static str)>,
        pub(crate) paths: Vec<&'static str>,
        /// A command line, or the beginning of one, and its answer.
        pub(crate) answers: Vec<(&'static str, &'static str)>,
    }

    impl Machine for Pretended {
        fn system(&self) -> &str {
            self.system
        }

        fn variable(&self, name: &str) -> Option<OsString> {
            self.variables.iter().find(|(found, _)| *found == name).map(|(_, value)| value.into())
        }

        fn has(&self, path: &Path) -> bool {
            self.paths.iter().any(|found| Path::new(found).starts_with(path))
        }

        fn names(&self, folder: &Path) -> Vec<String> {
            let below = self.paths.iter().filter_map(|path| Path::new(path).strip_prefix(folder).ok());
            below.filter_map(|path| Some(path.iter().next()?.to_str()?.to_owned())).collect()
        }

        fn answer(&self, program: &str, args: &[&str]) -> Option<String> {
            let line = format!("{program} {}", args.join(" "));
            self.answers.iter().find(|(begin, _)| line.starts_with(begin)).map(|(_, answer)| (*answer).to_owned())
        }
    }

    #[test]
    fn a_refusal_is_one_sentence_with_a_remedy_for_each() {
        assert_eq!(refusal("the thing", &[]), None);
        let missing = [("a hammer", "buy one"), ("nails", "`apt-get install nails`")];
        let missing = missing.map(|(what, remedy)| (what.to_owned(), remedy.to_owned()));
        assert_eq!(
            refusal("the thing", &missing).as_deref(),
            Some("the thing was not begun, for want of a hammer (buy one), nails (`apt-get install nails`)")
        );
    }

    #[test]
    fn only_targets_whose_library_is_there_count() {
        let machine = Pretended {
            paths: vec!["rust/a/lib"],
            answers: vec![
                ("rustc --print target-libdir --target a", "rust/a/lib\n"),
                ("rustc --print target-libdir --target b", "rust/b/lib\n"),
            ],
            ..Pretended::default()
        };
        let missing = targets(&machine, &["a", "b", "c"]).unwrap();
        assert_eq!(missing, ("Rust for b c".to_owned(), "`rustup target add b c`".to_owned()));
        assert_eq!(targets(&machine, &["a"]), None);
    }

    #[test]
    fn the_ndk_is_found_where_cargo_ndk_finds_it() {
        let installed = |variables| Pretended {
            system: "linux",
            variables,
            paths: vec![
                "sdk/ndk/27.0.1/source.properties",
                "sdk/ndk/9.9.9/source.properties",
                "sdk/ndk/30.0.0/half-removed",
                "sdk/ndk/next/source.properties",
                "mine/source.properties",
                "me/Android/Sdk/ndk/28.2.1/source.properties",
            ],
            ..Pretended::default()
        };
        for (variables, found) in [
            (vec![("NDK_HOME", "mine"), ("ANDROID_HOME", "sdk")], "mine"),
            (vec![("ANDROID_NDK_HOME", "sdk/ndk"), ("NDK_HOME", "mine")], "sdk/ndk/27.0.1"),
            (vec![("ANDROID_HOME", "sdk"), ("HOME", "me")], "sdk/ndk/27.0.1"),
            (vec![("HOME", "me")], "me/Android/Sdk/ndk/28.2.1"),
        ] {
            assert_eq!(ndk(&installed(variables)), Ok(PathBuf::from(found)));
        }
        let (what, remedy) = ndk(&installed(vec![("ANDROID_NDK_HOME", "gone"), ("HOME", "me")])).unwrap_err();
        assert_eq!(what, "an NDK in gone, which ANDROID_NDK_HOME names");
        assert!(remedy.contains("ANDROID_NDK_HOME") && ndk(&installed(vec![("HOME", "you")])).is_err());
    }
}
