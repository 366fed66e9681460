//! The Swift kit: its toolchain, and its tests on Linux against the host's library.
//!
//! A Swift 6 on the path is used where there is one. Elsewhere Debian's own is brought into a root of its own below
//! `.tools`, made by debootstrap from apt's mirror: its libraries are newer than those of most systems that this is built
//! on, and mixing the two would pull the system apart. Mounts are made in a namespace that ends with the command.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use crate::suite::Outcome;
use crate::toolchain::{Toolchain, announce, failed, quietly};
use crate::workspace::Result;
use crate::{bindings, process, tools};

/// Debian's Swift in a root of its own.
pub(crate) const TOOLCHAIN: Toolchain = Toolchain { name: "swift", key: KEY, make };

const KEY: &str = "1: Debian trixie, swiftlang 6.0";
const RELEASE: &str = "trixie";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// `ROOT PROJECT FOLDER USER COMMAND…` in a new mount namespace: the command, as that user, in that folder of the
/// project, which lies at the same path inside. swiftc finds its libraries through /proc.
const ENTER: &str = r#"
set -e
root=$1 project=$2 folder=$3 user=$4
shift 4
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
if [ "$project" != / ]; then
  mkdir -p "$root$project"
  mount --bind "$project" "$root$project"
fi
exec chroot --userspec="$user" "$root" /usr/bin/env -i \
  PATH=/usr/libexec/swift/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
  HOME="${AFTERWORD_HOME_INSIDE:-/tmp}" ${http_proxy:+http_proxy="$http_proxy"} \
  ${AFTERWORD_LIBRARY:+AFTERWORD_LIBRARY="$AFTERWORD_LIBRARY"} \
  /bin/sh -ec 'cd "$0"; exec "$@"' "$folder" "$@"
"#;

/// What no compilation and no test asks for.
const LEFT_OUT: &str = "\
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/libexec/swift/lib/swift/embedded/*
path-exclude=/usr/libexec/swift/lib/swift_static/*
path-exclude=/usr/libexec/swift/lib/liblldb*
path-exclude=/usr/libexec/swift/bin/lldb*
path-exclude=/usr/libexec/swift/bin/repl_swift
path-exclude=/usr/libexec/swift/bin/clangd
";

const SMOKE: &str = "\
import Foundation
@main struct Smoke {
    static func main() async {
        for await word in AsyncStream(String.self, { $0.yield(\"works\"); $0.finish() }) { print(word, Data([1]).count) }
    }
}
";

fn make(root: &Path, folder: &Path) -> Result<()> {
    println!("Swift: Debian {RELEASE}'s swiftlang in a root of its own, 1.6 GB, into the project's .tools folder;");
    println!("debootstrap as a Debian package where it is missing. Making and entering the root needs root's rights");
    if !cfg!(target_os = "linux") || !process::answers("apt-get", &["--version"]) {
        return Err("only Debian's Swift can be set up; where there is no apt, put a Swift 6 on the path".to_owned());
    }
    tools::ensure(root, &["unshare", "debootstrap"])?;
    let mirror = mirror()?;
    // Inside, nothing yet vouches for a mirror that is spoken to in TLS.
    let include = if mirror.starts_with("https:") { "--include=ca-certificates" } else { "--include=apt" };
    announce(
        tools::as_root("unshare")
            .args(["--mount", "--propagation", "private", "debootstrap", "--variant=minbase", include])
            .arg(format!("--keyring={KEYRING}"))
            .args([RELEASE.as_ref(), folder.as_os_str(), OsStr::new(&mirror)])
            .stdout(Stdio::null()),
    )?;
    write_as_root(&folder.join("etc/dpkg/dpkg.cfg.d/afterword"), LEFT_OUT)?;
    println!("$ apt-get install swiftlang libc6-dev (inside)");
    let script = "apt-get -qq update; apt-get -qq -y --no-install-recommends install swiftlang libc6-dev; \
                  apt-get clean; rm -rf /var/lib/apt/lists/*; chmod 1777 /tmp";
    quietly(inside(folder, Path::new("/"), Path::new("/"), "0:0").args(["sh", "-ec", script]).stdout(Stdio::null()))?;
    write_as_root(&folder.join("tmp/smoke.swift"), SMOKE)?;
    let script = "swiftc --version; swiftc -swift-version 6 -parse-as-library smoke.swift -o smoke; ./smoke; rm smoke*";
    quietly(inside(folder, Path::new("/"), Path::new("/tmp"), "0:0").args(["sh", "-ec", script]))?;
    // The stamp is written by whoever asked for this.
    quietly(tools::as_root("chown").arg(user()).arg(folder))
}

/// The Debian mirror that apt is configured for.
fn mirror() -> Result<String> {
    let output = Command::new("apt-get")
        .args(["indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"])
        .output()
        .map_err(|error| format!("cannot start apt-get: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let found = text.lines().find_map(|line| line.strip_prefix("Debian|Debian|"));
    found.map(str::to_owned).ok_or_else(|| {
        "apt knows no mirror of Debian (try `apt-get update`); elsewhere than on Debian put a Swift 6 on the path"
            .to_owned()
    })
}

fn write_as_root(path: &Path, text: &str) -> Result<()> {
    let from = env::temp_dir().join(format!("afterword-setup-{}", std::process::id()));
    fs::write(&from, text).map_err(|error| failed("write", &from, &error))?;
    let copied = quietly(tools::as_root("cp").arg(&from).arg(path));
    let _ = fs::remove_file(&from);
    copied
}

/// Who runs this, as `chroot` and `chown` understand it.
fn user() -> String {
    let number = |flag| Command::new("id").arg(flag).output().ok().map(|output| output.stdout);
    let text = |flag| number(flag).map(|out| String::from_utf8_lossy(&out).trim().to_owned()).unwrap_or_default();
    format!("{}:{}", text("-u"), text("-g"))
}

/// The beginning of a command that runs inside the root.
fn inside(root: &Path, project: &Path, folder: &Path, user: &str) -> Command {
    let mut command = tools::as_root("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-ec", ENTER, "enter"]);
    command.args([root, project, folder]).arg(user);
    command
}

/// Whether a Swift of our language mode is on the path.
fn is_on_path() -> bool {
    Command::new("swift")
        .arg("--version")
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("Swift version 6"))
}

/// `cargo xtask setup swift`.
pub(crate) fn set_up(root: &Path) -> Result<()> {
    if is_on_path() {
        println!("the Swift on the path is used; nothing is set up");
        return Ok(());
    }
    TOOLCHAIN.set_up(root)
}

/// `cargo xtask swift`.
pub(crate) fn run(root: &Path) -> Result<()> {
    attempt(root, false)?.told("swift")
}

/// The suite.
pub(crate) fn attempt(root: &Path, strict: bool) -> Result<Outcome> {
    let own = is_on_path();
    if !own && let Some(outcome) = TOOLCHAIN.for_suite(root, strict) {
        return Ok(outcome);
    }
    let library = bindings::library(root)?;
    let package = root.join("ios/AfterwordKit");
    bindings::generate(root, &library, "swift", &package.join("generated"))?;
    let scratch = bindings::target(root).join("swift");
    let swift = |args: &[&str]| {
        let mut command = command(root, &package, &scratch.join("home"), own)?;
        command.args(args).env("AFTERWORD_LIBRARY", library.parent().unwrap_or(root));
        process::run(command, Duration::from_secs(900), true)
    };
    if !swift(&["format", "lint", "--strict", "--recursive", "Package.swift", "Sources", "Tests"])?.ok {
        return Ok(Outcome::Failed("swift format has something to change".to_owned()));
    }
    let scratch = scratch.to_string_lossy();
    let words = ["test", "--disable-xctest", "--enable-swift-testing", "--scratch-path", &*scratch];
    let ran = swift(&[&words[..], &["-Xswiftc", "-warnings-as-errors"]].concat())?;
    Ok(Outcome::of_kit(&ran, successes(&ran.lines)))
}

/// The program that measures what a call through the kit costs, on the journal in `folder`; none without the toolchain.
pub(crate) fn bench(root: &Path, folder: &Path) -> Result<Option<process::Ran>> {
    let own = is_on_path();
    if !own && !TOOLCHAIN.is_ready(root) {
        return Ok(None);
    }
    let (library, package) = (bindings::library(root)?, root.join("ios/AfterwordKit"));
    bindings::generate(root, &library, "swift", &package.join("generated"))?;
    let scratch = bindings::target(root).join("swift");
    let mut command = command(root, &package, &scratch.join("home"), own)?;
    command.args(["run", "--configuration", "release", "--scratch-path"]).arg(&scratch).arg("Boundary").arg(folder);
    command.env("AFTERWORD_LIBRARY", library.parent().unwrap_or(root));
    process::run(command, Duration::from_secs(900), false).map(Some)
}

/// `swift`, in the package's folder: the one on the path, or ours with a home of its own.
fn command(root: &Path, package: &Path, home: &Path, own: bool) -> Result<Command> {
    if own {
        let mut command = Command::new("swift");
        command.current_dir(package);
        return Ok(command);
    }
    fs::create_dir_all(home).map_err(|error| failed("make", home, &error))?;
    let mut command = inside(&TOOLCHAIN.folder(root), root, package, &user());
    command.arg("swift").env("AFTERWORD_HOME_INSIDE", home);
    Ok(command)
}

/// How many tests passed, by Swift Testing's own account: `Test run with 9 tests passed after 0.4 seconds.`
fn successes(lines: &[String]) -> Option<usize> {
    lines.iter().find_map(|line| line.split_once("Test run with ")?.1.split_once(" test")?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swifts_count_is_read_and_no_test_is_no_pass() {
        let ran = |line: &str| process::Ran { ok: true, timed_out: false, lines: vec![line.to_owned()] };
        let nine = ran("◇ Test run with 9 tests passed after 0.411 seconds.");
        let outcome = |ran: process::Ran| Outcome::of_kit(&ran, successes(&ran.lines));
        assert_eq!(outcome(nine), Outcome::Passed(Some(9)));
        assert_eq!(outcome(ran("Build complete!")), Outcome::Failed("no test ran".to_owned()));
    }
}
