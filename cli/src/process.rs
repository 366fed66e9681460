//! What the program asks of the system for itself, before anything else, and for the programs that it starts.
//!
//! A journal's key and words stand in this process's memory. So no image of it is written when it crashes, and no other
//! program of the same person may look inside: on Linux its `/proc` files (memory, environment, open files) are root's.

use std::ffi::OsStr;
use std::process::Command;

use crate::key::VARIABLE;

/// Forbids images of this process's memory and a debugger's look into it. What a system refuses is gone on without:
/// nobody loses the way to their words because of a rule of the machine's.
pub fn harden() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // For whatever is started from here too: the editor holds the same words.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
    // The limit alone does not hold where images are piped to a program that collects them.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// A program to start. The one place that does: none of them inherits the passphrase.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_remove(VARIABLE);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_child_is_given_the_passphrase() {
        let command = command("editor");
        assert_eq!(command.get_envs().collect::<Vec<_>>(), [(OsStr::new("AFTERWORD_PASSPHRASE"), None)]);
    }
}
