//! The Kotlin kit: its toolchain, and its tests on the JVM against the host's library.
//!
//! npm carries a whole Kotlin compiler, Maven Central the few jars; both are asked through their own programs, so that
//! whatever mirror the machine is configured for is the one that is asked. What comes is compared with a pinned hash.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::suite::Outcome;
use crate::toolchain::{Toolchain, announce, check_sha256, digest, failed, quietly, remove, sources};
use crate::workspace::Result;
use crate::{bindings, process, tools};

/// Kotlin's compiler, JNA, coroutines and JUnit.
pub(crate) const TOOLCHAIN: Toolchain = Toolchain { name: "kotlin", key: KEY, make };

const KEY: &str = "1: kotlin 2.4.20, jna 5.19.1, coroutines 1.11.0, junit 6.1.3";

const COMPILER: (&str, &str) =
    ("kotlin-compiler@2.4.20", "c23dab400d7ce5ea8b6c909947c0ca5454189e4bb1108695b5f464500e5e950f");

/// From Maven Central: coordinates, SHA-256.
const JARS: [(&str, &str); 3] = [
    ("net.java.dev.jna:jna:5.19.1", "4fb141dd8ef6b0585ffceea4bc49602fbc6312fa977e2c488794ea3e6aafecae"),
    (
        "org.jetbrains.kotlinx:kotlinx-coroutines-core-jvm:1.11.0",
        "d1d75aa01dffbb4d1c520e67e4c4e7f5f6174718e7cb4632412503f2f0e604fa",
    ),
    (
        "org.junit.platform:junit-platform-console-standalone:6.1.3",
        "e62b96ac475dbcde8599ea905d088f65d90778f86e259b856a49fa5c4ea256ec",
    ),
];

/// The memory of the tests' JVM, all of it taken at the start: less than the file that one of them streams, so that a
/// copy of it would not fit, and what the process takes beyond is the library's.
const MEMORY: [&str; 3] = ["-Xms48m", "-Xmx48m", "-XX:+AlwaysPreTouch"];

/// No test waits for ever: it is given up, and the others go on.
const PATIENCE: [&str; 4] = [
    "--config",
    "junit.jupiter.execution.timeout.default=150s",
    "--config",
    "junit.jupiter.execution.timeout.thread.mode.default=SEPARATE_THREAD",
];

/// What copies an artifact by its coordinates.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy";

fn make(root: &Path, folder: &Path) -> Result<()> {
    println!(
        "Kotlin: the compiler from npm and three jars from Maven Central, 100 MB, into the project's .tools folder;"
    );
    println!("java, npm and mvn as Debian packages where they are missing");
    tools::ensure(root, &["java", "npm", "mvn", "sha256sum"])?;
    let (package, sha256) = COMPILER;
    let cache = folder.join("cache");
    announce(
        Command::new("npm")
            .args(["pack", package, "--silent", "--pack-destination"])
            .arg(folder)
            .arg("--cache")
            .arg(&cache)
            .current_dir(folder),
    )?;
    let archive = folder.join(package.replace('@', "-") + ".tgz");
    check_sha256(&archive, sha256)?;
    let compiler = folder.join("compiler");
    fs::create_dir_all(&compiler).map_err(|error| failed("make", &compiler, &error))?;
    quietly(Command::new("tar").arg("-xzf").arg(&archive).arg("--strip-components=1").arg("-C").arg(&compiler))?;
    fs::remove_file(&archive).map_err(|error| failed("remove", &archive, &error))?;
    for (artifact, sha256) in JARS {
        announce(
            Command::new("mvn")
                .args(["--quiet", "--batch-mode", COPY])
                .arg(format!("-Dartifact={artifact}"))
                .arg(joined("-DoutputDirectory=", &folder.join("jars")))
                .arg(joined("-Dmaven.repo.local=", &cache))
                .current_dir(folder),
        )?;
        check_sha256(&jar(folder, artifact), sha256)?;
    }
    fs::remove_dir_all(&cache).map_err(|error| failed("remove", &cache, &error))?;
    quietly(kotlinc(folder).arg("-version"))
}

fn joined(lead: &str, path: &Path) -> OsString {
    let mut word = OsString::from(lead);
    word.push(path);
    word
}

fn jar(folder: &Path, artifact: &str) -> PathBuf {
    let name: Vec<&str> = artifact.split(':').skip(1).collect();
    folder.join("jars").join(name.join("-") + ".jar")
}

/// The compiler, without the shell script that npm may have unpacked without its mode.
fn kotlinc(folder: &Path) -> Command {
    let lib = folder.join("compiler/lib");
    let mut command = Command::new("java");
    command
        .args(["-Xmx1g", "-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=128m", "-cp"])
        .arg(lib.join("kotlin-preloader.jar"));
    command.args(["org.jetbrains.kotlin.preloading.Preloader", "-cp"]).arg(lib.join("kotlin-compiler.jar"));
    command.arg("org.jetbrains.kotlin.cli.jvm.K2JVMCompiler").arg("-kotlin-home").arg(folder.join("compiler"));
    command
}

/// `cargo xtask kotlin`.
pub(crate) fn run(root: &Path) -> Result<()> {
    attempt(root, false)?.told("kotlin")
}

/// The suite.
pub(crate) fn attempt(root: &Path, strict: bool) -> Result<Outcome> {
    if let Some(outcome) = TOOLCHAIN.for_suite(root, strict) {
        return Ok(outcome);
    }
    let library = bindings::library(root)?;
    let build = Build::into(root, bindings::target(root).join("kotlin"));
    let [ffi, kit] = build.of_tests(&library)?;
    let friends = joined("-Xfriend-paths=", &kit);
    let tests =
        build.compile("tests", &build.kit.join("src/test"), &[&kit, &ffi], &["-Werror", &friends.to_string_lossy()])?;
    build.test(&[&tests, &kit, &ffi], library.parent().unwrap_or(root))
}

/// The program that measures what a call through the kit costs, on the journal in `folder`; none without the toolchain.
pub(crate) fn bench(root: &Path, folder: &Path) -> Result<Option<process::Ran>> {
    if !TOOLCHAIN.is_ready(root) {
        return Ok(None);
    }
    let (library, build) = (bindings::library(root)?, Build::into(root, bindings::target(root).join("kotlin")));
    let [ffi, kit] = build.of_tests(&library)?;
    let bench = build.compile("bench", &build.kit.join("src/bench"), &[&kit, &ffi], &["-Werror"])?;
    let mut command = Command::new("java");
    command.arg(joined("-Djna.library.path=", library.parent().unwrap_or(root)));
    command.arg("-cp").arg(build.class_path(&[&bench, &kit, &ffi])).arg("app.afterword.bench.BoundaryKt").arg(folder);
    process::run(command, Duration::from_secs(300), false).map(Some)
}

/// Compiles what an app gets, the generated code and the kit, into two folders of classes below `out`.
pub(crate) fn classes(root: &Path, generated: &Path, out: PathBuf) -> Result<[PathBuf; 2]> {
    Build::into(root, out).product(generated)
}

/// What an app must bring for the kit to run, by its Maven coordinates.
pub(crate) fn needed_by_apps() -> Vec<String> {
    let jars = JARS.iter().map(|(artifact, _)| *artifact).filter(|artifact| !artifact.starts_with("org.junit."));
    let version = COMPILER.0.rsplit('@').next().unwrap_or_default();
    jars.map(str::to_owned).chain([format!("org.jetbrains.kotlin:kotlin-stdlib:{version}")]).collect()
}

/// Where the kit is built from and to.
struct Build {
    root: PathBuf,
    tools: PathBuf,
    kit: PathBuf,
    out: PathBuf,
}

impl Build {
    fn into(root: &Path, out: PathBuf) -> Self {
        Self { root: root.to_owned(), tools: TOOLCHAIN.folder(root), kit: root.join("android/kit"), out }
    }

    /// The classes of the generated code, and those of the kit, for the library of the tests.
    fn of_tests(&self, library: &Path) -> Result<[PathBuf; 2]> {
        let generated = self.kit.join("generated");
        bindings::generate(&self.root, library, "kotlin", &generated)?;
        self.product(&generated)
    }

    /// The classes of the generated code, and those of the kit.
    fn product(&self, generated: &Path) -> Result<[PathBuf; 2]> {
        // Generated code warns about itself; ours may not, and says what is public.
        let ffi = self.compile("ffi", generated, &[], &["-nowarn"])?;
        let flags = ["-Werror", "-Xexplicit-api=strict"];
        let kit = self.compile("kit", &self.kit.join("src/main"), &[&ffi], &flags)?;
        Ok([ffi, kit])
    }

    /// Compiles what is below `folder`, unless that was done with the same.
    fn compile(&self, name: &str, folder: &Path, classes: &[&Path], flags: &[&str]) -> Result<PathBuf> {
        let (out, stamp) = (self.out.join(name), self.out.join(format!("{name}.made-of")));
        let files = sources(folder, "kt")?;
        let inputs: Vec<&Path> = files.iter().map(PathBuf::as_path).chain(classes.iter().copied()).collect();
        let made_of = digest(&[KEY, &flags.join(" ")], &inputs)?;
        if out.is_dir() && fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == made_of) {
            return Ok(out);
        }
        remove(&out)?;
        println!("compiling {name}: {} file(s)", files.len());
        let mut command = kotlinc(&self.tools);
        command.args(["-no-stdlib", "-no-reflect", "-jvm-target", "17", "-module-name", &format!("afterword-{name}")]);
        command.args(flags).arg("-cp").arg(self.class_path(classes)).arg("-d").arg(&out).args(&files);
        quietly(&mut command)?;
        fs::write(&stamp, made_of).map_err(|error| failed("write", &stamp, &error))?;
        Ok(out)
    }

    fn class_path(&self, classes: &[&Path]) -> OsString {
        let lib = self.tools.join("compiler/lib");
        let jars = JARS.iter().map(|(artifact, _)| jar(&self.tools, artifact));
        let own = classes.iter().map(|path| path.to_path_buf());
        let kotlin = ["kotlin-stdlib.jar", "kotlin-reflect.jar"].map(|name| lib.join(name));
        let all: Vec<OsString> = own.chain(kotlin).chain(jars).map(PathBuf::into_os_string).collect();
        all.join(OsStr::new(if cfg!(windows) { ";" } else { ":" }))
    }

    fn test(&self, classes: &[&Path], libraries: &Path) -> Result<Outcome> {
        let mut command = Command::new("java");
        command.args(MEMORY).arg(joined("-Djna.library.path=", libraries)).arg("-Dfile.encoding=UTF-8");
        command.arg(joined("-Dafterword.root=", &self.root));
        command.arg(joined("-Dafterword.program=", &bindings::program(libraries)));
        command.arg("-cp").arg(self.class_path(classes));
        command.args(["org.junit.platform.console.ConsoleLauncher", "execute", "--disable-banner"]);
        command.args(["--disable-ansi-colors", "--details=tree", "--fail-if-no-tests"]);
        command.args(PATIENCE).arg("--scan-class-path").arg(classes.first().copied().unwrap_or(libraries));
        let ran = process::run(command, Duration::from_secs(600), true)?;
        Ok(Outcome::of_kit(&ran, successes(&ran.lines)))
    }
}

/// How many tests succeeded, by JUnit's own account.
fn successes(lines: &[String]) -> Option<usize> {
    lines
        .iter()
        .find_map(|line| line.trim_matches(['[', ']', ' ']).strip_suffix("tests successful")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jars_are_named_as_maven_names_them() {
        assert_eq!(jar(Path::new("t"), "net.java.dev.jna:jna:5.19.1"), Path::new("t/jars/jna-5.19.1.jar"));
    }

    #[test]
    fn junits_count_is_read() {
        let lines = ["[        12 tests found           ]", "[        11 tests successful      ]"].map(str::to_owned);
        assert_eq!(successes(&lines), Some(11));
    }
}
