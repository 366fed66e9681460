//! What the suites need from outside, whether it is here, and the command that brings it.

use std::path::Path;
use std::process::Command;

use crate::process;
use crate::workspace::Result;

/// A program that a suite needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    /// What is looked for, and what suites name.
    pub(crate) name: &'static str,
    /// How it is asked whether it is there.
    probe: (&'static str, &'static [&'static str]),
    /// What it is for.
    purpose: &'static str,
    source: Source,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Debian(&'static str),
    Rustup(&'static str),
}

/// Everything that some suite or benchmark needs. `build-essential` brings cc; the rest is for tests only.
const TOOLS: &[Tool] = &[
    Tool {
        name: "cc",
        probe: ("cc", &["--version"]),
        purpose: "compiles SQLCipher, AWS-LC and zstd",
        source: Source::Debian("build-essential"),
    },
    Tool {
        name: "rustfmt",
        probe: ("cargo", &["fmt", "--version"]),
        purpose: "the format check",
        source: Source::Rustup("rustfmt"),
    },
    Tool {
        name: "clippy",
        probe: ("cargo", &["clippy", "--version"]),
        purpose: "the lints",
        source: Source::Rustup("clippy"),
    },
    Tool {
        name: "strace",
        probe: ("strace", &["-V"]),
        purpose: "shows that bytes are durable before they are acknowledged",
        source: Source::Debian("strace"),
    },
    Tool {
        name: "ip",
        probe: ("ip", &["-V"]),
        purpose: "the veth pair that mDNS is tested over",
        source: Source::Debian("iproute2"),
    },
    Tool {
        name: "unshare",
        probe: ("unshare", &["--version"]),
        purpose: "the network namespace that mDNS is tested in",
        source: Source::Debian("util-linux"),
    },
    Tool {
        name: "script",
        probe: ("script", &["--version"]),
        purpose: "the terminal that editors and progress bars are tested on",
        source: Source::Debian("bsdutils"),
    },
    Tool {
        name: "rsync",
        probe: ("rsync", &["--version"]),
        purpose: "a peer that `cargo xtask bench --peers` measures",
        source: Source::Debian("rsync"),
    },
];

/// What setting up a toolchain asks for. `setup` alone does not install these: only `setup kotlin` and `setup swift` do.
const FOR_TOOLCHAINS: &[Tool] = &[
    Tool {
        name: "java",
        probe: ("java", &["-version"]),
        purpose: "runs the Kotlin compiler and the kit's tests",
        source: Source::Debian("default-jdk-headless"),
    },
    Tool {
        name: "npm",
        probe: ("npm", &["--version"]),
        purpose: "fetches the Kotlin compiler",
        source: Source::Debian("npm"),
    },
    Tool {
        name: "mvn",
        probe: ("mvn", &["--version"]),
        purpose: "fetches JNA, coroutines and JUnit",
        source: Source::Debian("maven"),
    },
    Tool {
        name: "debootstrap",
        probe: ("debootstrap", &["--version"]),
        purpose: "makes the root that Debian's Swift lives in",
        source: Source::Debian("debootstrap"),
    },
    Tool {
        name: "sha256sum",
        probe: ("sha256sum", &["--version"]),
        purpose: "compares what was fetched with what was pinned",
        source: Source::Debian("coreutils"),
    },
];

impl Tool {
    fn is_here(&self) -> bool {
        process::answers(self.probe.0, self.probe.1)
    }

    /// The command that brings the tool, as one would type it.
    fn command(&self) -> String {
        match self.source {
            Source::Debian(package) => format!("sudo apt-get install -y {package}"),
            Source::Rustup(component) => format!("rustup component add {component}"),
        }
    }
}

/// The tools that are not here.
pub(crate) fn missing() -> Vec<Tool> {
    TOOLS.iter().copied().filter(|tool| !tool.is_here()).collect()
}

/// Installs what is missing of the tools that setting up a toolchain asks for.
pub(crate) fn ensure(root: &Path, names: &[&str]) -> Result<()> {
    let known = TOOLS.iter().chain(FOR_TOOLCHAINS).copied();
    let missing: Vec<Tool> = known.filter(|tool| names.contains(&tool.name) && !tool.is_here()).collect();
    if missing.is_empty() { Ok(()) } else { install_missing(root, &missing) }
}

/// One line for each missing tool, with the command that installs it.
pub(crate) fn print_missing(missing: &[Tool]) {
    for tool in missing {
        println!("missing: {} ({}); install it with `{}`", tool.name, tool.purpose, tool.command());
    }
}

/// Installs what is missing, saying each command before it runs.
pub(crate) fn install_missing(root: &Path, missing: &[Tool]) -> Result<()> {
    if missing.is_empty() {
        println!("every tool is here");
        return Ok(());
    }
    print_missing(missing);
    let mut packages: Vec<&str> = Vec::new();
    let mut components: Vec<&str> = Vec::new();
    for tool in missing {
        match tool.source {
            Source::Debian(package) if !packages.contains(&package) => packages.push(package),
            Source::Rustup(component) => components.push(component),
            Source::Debian(_) => {}
        }
    }
    if !packages.is_empty() {
        announce_as_root(root, &["apt-get", "update", "-qq"])?;
        announce_as_root(
            root,
            &[&["apt-get", "install", "-y", "--no-install-recommends"], packages.as_slice()].concat(),
        )?;
    }
    if !components.is_empty() {
        announce(root, &[&["rustup", "component", "add"], components.as_slice()].concat())?;
    }
    let still: Vec<&str> = missing.iter().filter(|tool| !tool.is_here()).map(|tool| tool.name).collect();
    if still.is_empty() { Ok(()) } else { Err(format!("still missing after the installation: {}", still.join(", "))) }
}

/// The beginning of a command that needs root's rights: `sudo`, keeping the environment, where we don't have them.
pub(crate) fn as_root(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg("--preserve-env").arg(program);
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

fn announce_as_root(root: &Path, command: &[&str]) -> Result<()> {
    if is_root() { announce(root, command) } else { announce(root, &[&["sudo"], command].concat()) }
}

fn announce(root: &Path, command: &[&str]) -> Result<()> {
    let line = command.join(" ");
    println!("installing: {line}");
    let (program, args) = command.split_first().ok_or("nothing to run")?;
    let status = Command::new(program)
        .args(args)
        .current_dir(root)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .map_err(|error| format!("`{line}` did not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed")) }
}

/// Whether a suite may name this tool.
#[cfg(test)]
pub(crate) fn is_known(name: &str) -> bool {
    TOOLS.iter().any(|tool| tool.name == name)
}
