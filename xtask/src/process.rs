//! Running a program: its lines shown as they come and kept, its whole process group ended when its time is over.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How a program ended and what it printed.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Whether it ended by itself with status 0.
    pub(crate) ok: bool,
    /// Whether it was ended because its time was over.
    pub(crate) timed_out: bool,
    /// Every line of its two outputs, in the order they came.
    pub(crate) lines: Vec<String>,
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Whether `program` can be started at all with `args`.
pub(crate) fn answers(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs `command` for at most `limit`. Shows what it prints where `show` says so.
pub(crate) fn run(mut command: Command, limit: Duration, show: bool) -> Result<Ran, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    own_group(&mut command);
    let mut child = command.spawn().map_err(|error| format!("cannot start {name}: {error}"))?;
    let (sender, receiver) = mpsc::channel();
    let readers: Vec<_> = [
        child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ]
    .into_iter()
    .flatten()
    .map(|pipe| {
        let sender = sender.clone();
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                if sender.send(text).is_err() {
                    break;
                }
            }
        })
    })
    .collect();
    drop(sender);

    let deadline = Instant::now() + limit;
    let (mut lines, mut timed_out) = (Vec::new(), false);
    loop {
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if show {
                    println!("    {line}");
                }
                lines.push(line);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                timed_out = true;
                end_group(child.id());
                break;
            }
        }
    }
    // The outputs are closed, but a program may close them and go on; it gets what is left of its time.
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if !timed_out && Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
            Ok(None) => {
                timed_out = true;
                end_group(child.id());
                break child.wait().ok();
            }
            Err(_) => break None,
        }
    };
    if !timed_out {
        readers.into_iter().for_each(|reader| drop(reader.join()));
    }
    Ok(Ran { ok: !timed_out && status.is_some_and(|status| status.success()), timed_out, lines })
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

/// Ends the group that [`own_group`] made, so that no `serve` outlives the suite that started it.
fn end_group(leader: u32) {
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{leader}")]).stderr(Stdio::null()).status();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn lines_and_status_come_back() {
        let ran = run(shell("echo one; echo two >&2; exit 3"), Duration::from_secs(20), false).unwrap();
        assert!(!ran.ok && !ran.timed_out);
        assert!(ran.lines.contains(&"one".to_owned()) && ran.lines.contains(&"two".to_owned()));
    }

    #[test]
    fn a_hanging_program_and_its_children_are_ended() {
        let started = Instant::now();
        let ran = run(shell("sleep 60 & sleep 60"), Duration::from_millis(300), false).unwrap();
        assert!(ran.timed_out && !ran.ok);
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
