//! Two network namespaces joined by a veth pair, without privileges: the only place on one machine where multicast, and so
//! mDNS, is real. Loopback has none.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// One end of the cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// 10.77.0.1
    Left,
    /// 10.77.0.2
    Right,
}

impl Side {
    /// The side's address on the cable.
    pub fn address(self) -> &'static str {
        match self {
            Self::Left => "10.77.0.1",
            Self::Right => "10.77.0.2",
        }
    }

    fn device(self) -> &'static str {
        match self {
            Self::Left => "aw0",
            Self::Right => "aw1",
        }
    }
}

/// Two namespaces and the cable between them; gone when dropped.
#[derive(Debug)]
pub struct Cable {
    left: Child,
    right: Child,
}

impl Cable {
    /// Lays the cable, or says why that is not possible here: a kernel that forbids user namespaces, no `ip`, no `unshare`.
    pub fn lay() -> Result<Self, String> {
        let left = hold(Command::new("unshare").args(["--user", "--map-root-user", "--net"]))?;
        let right = match hold(Command::new("nsenter").args(enter(left.id())).args(["unshare", "--net"])) {
            Ok(right) => right,
            Err(reason) => {
                end(left);
                return Err(reason);
            }
        };
        let cable = Self { left, right };
        cable.inside(Side::Left, &["ip", "link", "add", "aw0", "type", "veth", "peer", "name", "aw1"])?;
        cable.inside(Side::Left, &["ip", "link", "set", "aw1", "netns", &cable.right.id().to_string()])?;
        for side in [Side::Left, Side::Right] {
            let (address, device) = (format!("{}/24", side.address()), side.device());
            cable.inside(side, &["ip", "link", "set", "lo", "up"])?;
            cable.inside(side, &["ip", "address", "add", &address, "dev", device])?;
            cable.inside(side, &["ip", "link", "set", device, "up"])?;
            cable.inside(side, &["ip", "route", "add", "224.0.0.0/4", "dev", device])?;
        }
        Ok(cable)
    }

    /// The words to put before a command so that it runs on `side`; for [`crate::Home::set_through`].
    pub fn through(&self, side: Side) -> Vec<OsString> {
        let id = match side {
            Side::Left => self.left.id(),
            Side::Right => self.right.id(),
        };
        std::iter::once("nsenter".into()).chain(enter(id).map(OsString::from)).collect()
    }

    /// Pulls the cable, or plugs it in again.
    pub fn plug(&self, plugged: bool) -> Result<(), String> {
        let state = if plugged { "up" } else { "down" };
        self.inside(Side::Left, &["ip", "link", "set", "aw0", state])?;
        if plugged {
            // A link that goes down loses its routes.
            self.inside(Side::Left, &["ip", "route", "replace", "224.0.0.0/4", "dev", "aw0"])?;
        }
        Ok(())
    }

    /// Lets at most this many bits a second leave `side`, queued for at most 400 ms: the kernel's token bucket.
    pub fn shape(&self, side: Side, bits: u64) -> Result<(), String> {
        let rate = format!("{bits}bit");
        let bucket = ["rate", &rate, "burst", "16kb", "latency", "400ms"];
        let device = ["tc", "qdisc", "replace", "dev", side.device(), "root", "tbf"];
        self.inside(side, &[&device[..], &bucket[..]].concat())
    }

    fn inside(&self, side: Side, words: &[&str]) -> Result<(), String> {
        let through = self.through(side);
        let output = Command::new(&through[0]).args(&through[1..]).args(words).output();
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                Err(format!("`{}` failed: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
            }
            Err(error) => Err(format!("nsenter cannot be started: {error}")),
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for holder in [&mut self.left, &mut self.right] {
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}

fn enter(id: u32) -> [String; 6] {
    ["--preserve-credentials", "--user", "--net", "--target", &id.to_string(), "--"].map(str::to_owned)
}

/// Starts a process that does nothing but keep the namespace that `command` makes. It waits for its input to close, so it
/// ends with the test even where the test is killed.
fn hold(command: &mut Command) -> Result<Child, String> {
    let spawned = command.args(["sh", "-c", "echo here; read end"]);
    let spawned = spawned.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| format!("unshare or nsenter cannot be started: {error}"))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        let _ = BufReader::new(stdout).read_line(&mut line);
    }
    if line == "here\n" {
        return Ok(child);
    }
    let mut reason = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = std::io::Read::read_to_string(&mut stderr, &mut reason);
    }
    end(child);
    Err(format!("network namespaces can't be made here: {}", reason.trim()))
}

fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_sides_have_different_networks_or_a_reason_is_given() {
        match Cable::lay() {
            Err(reason) => assert!(!reason.is_empty()),
            Ok(cable) => {
                let addresses = |side| {
                    let through = cable.through(side);
                    let output =
                        Command::new(&through[0]).args(&through[1..]).args(["ip", "-4", "address"]).output().unwrap();
                    String::from_utf8_lossy(&output.stdout).into_owned()
                };
                for (side, other) in [(Side::Left, Side::Right), (Side::Right, Side::Left)] {
                    assert!(addresses(side).contains(side.address()));
                    assert!(!addresses(side).contains(other.address()));
                }
                cable.plug(false).unwrap();
                cable.plug(true).unwrap();
            }
        }
    }
}
