//! A program that runs beside the test: its JSON lines as they come, its end on demand, nothing left behind.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::Output;

/// A started program. Dropping it kills it and everything it started.
#[derive(Debug)]
pub struct Running {
    child: Child,
    command: String,
    lines: Receiver<String>,
    /// Lines that came while another event was waited for.
    waiting: VecDeque<String>,
    stdout: String,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts `command` in a process group of its own, with `stdin` on its standard input.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start(mut command: Command, stdin: &[u8]) -> Self {
        let described = describe(&command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot start {described}: {error}"),
        };
        if let Some(mut pipe) = child.stdin.take() {
            let input = stdin.to_vec();
            // A program may end without reading; that is no concern of the test's.
            std::thread::spawn(move || drop(std::io::Write::write_all(&mut pipe, &input)));
        }
        let (sender, lines) = mpsc::channel();
        let stdout = child.stdout.take().expect("standard output was asked for");
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
                line.clear();
            }
        });
        let mut stderr = child.stderr.take().expect("standard error was asked for");
        let stderr = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self { child, command: described, lines, waiting: VecDeque::new(), stdout: String::new(), stderr: Some(stderr) }
    }

    /// The next line of standard output, without its line end; none when the program closed it.
    ///
    /// # Panics
    /// Where nothing comes within `limit`.
    pub fn line(&mut self, limit: Duration) -> Option<String> {
        let line = self.waiting.pop_front().or_else(|| self.receive(Instant::now() + limit));
        line.map(|line| line.trim_end().to_owned())
    }

    /// The next JSON line that is event `name`; others before it stay for later calls.
    ///
    /// # Panics
    /// Where it does not come within `limit`, the program ends, or it reports an error meanwhile.
    pub fn event(&mut self, name: &str, limit: Duration) -> Value {
        self.event_where(name, limit, |_| true)
    }

    /// The next event `name` that `fits`.
    ///
    /// # Panics
    /// As [`Running::event`].
    pub fn event_where(&mut self, name: &str, limit: Duration, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + limit;
        let matches = |line: &str| {
            let value: Value = serde_json::from_str(line).ok()?;
            (value.get("event").and_then(Value::as_str) == Some(name) && fits(&value)).then_some(value)
        };
        if let Some(at) = self.waiting.iter().position(|line| matches(line).is_some()) {
            return self.waiting.remove(at).and_then(|line| matches(&line)).expect("it was just found");
        }
        loop {
            let Some(line) = self.receive(deadline) else {
                let said = self.stop_and_read();
                panic!("{} ended before its event `{name}`\n{said}", self.command);
            };
            if let Some(value) = matches(&line) {
                return value;
            }
            assert!(!line.starts_with("{\"error\""), "{} reported while `{name}` was awaited: {line}", self.command);
            self.waiting.push_back(line);
        }
    }

    /// Whether no event `name` comes for as long as `quiet`.
    pub fn is_silent_about(&mut self, name: &str, quiet: Duration) -> bool {
        let deadline = Instant::now() + quiet;
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.stdout.push_str(&line);
            self.waiting.push_back(line);
        }
        let is_it = |line: &String| {
            serde_json::from_str::<Value>(line)
                .is_ok_and(|value| value.get("event").and_then(Value::as_str) == Some(name))
        };
        !self.waiting.iter().any(is_it)
    }

    fn receive(&mut self, deadline: Instant) -> Option<String> {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                self.stdout.push_str(&line);
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                let said = self.stop_and_read();
                panic!("{} said nothing more in time\n{said}", self.command);
            }
        }
    }

    /// The process id: of the program itself, or of what it was started through.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_up(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The most memory it has held so far, in bytes, as the kernel counts it (`VmHWM`); none where it ended or the system
    /// does not say.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes << 10)
    }

    /// Waits for its end, looking at its memory every millisecond; what it printed, how long it took, its peak.
    ///
    /// # Panics
    /// Where it does not end within `limit`.
    pub fn measure(mut self, limit: Duration) -> (Output, Duration, Option<u64>) {
        let started = Instant::now();
        let mut peak = None;
        while self.is_up() && started.elapsed() < limit {
            // A peak only grows, so the last look before the end is the one that counts.
            peak = self.peak_memory().or(peak);
            std::thread::sleep(Duration::from_millis(1));
        }
        let took = started.elapsed();
        (self.finish(limit.saturating_sub(took) + Duration::from_secs(1)), took, peak)
    }

    /// kill -9, for the program and all it started; returns when it is gone, with what it had said by then.
    ///
    /// # Panics
    /// Where the kernel takes longer than ten seconds over it.
    pub fn kill9(mut self) -> Output {
        self.end("KILL");
        self.finish(Duration::from_secs(10))
    }

    /// Control-C; then waits for its end.
    ///
    /// # Panics
    /// Where it does not end within `limit`.
    pub fn interrupt(mut self, limit: Duration) -> Output {
        self.end("INT");
        self.finish(limit)
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// Where it does not end within `limit`.
    pub fn wait(mut self, limit: Duration) -> Output {
        self.finish(limit)
    }

    fn finish(&mut self, limit: Duration) -> Output {
        let deadline = Instant::now() + limit;
        while self.receive(deadline).is_some() {}
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
                _ => {
                    let said = self.stop_and_read();
                    panic!("{} did not end in time\n{said}", self.command);
                }
            }
        };
        self.output(status)
    }

    fn output(&mut self, status: ExitStatus) -> Output {
        let stderr = self.stderr.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        Output { command: self.command.clone(), code: status.code(), stdout: std::mem::take(&mut self.stdout), stderr }
    }

    fn stop_and_read(&mut self) -> String {
        self.end("KILL");
        let _ = self.child.wait();
        let stderr = self.stderr.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        format!("stdout: {}\nstderr: {stderr}", self.stdout)
    }

    /// The shell's own `kill`: the only one that is there on every Unix.
    fn end(&mut self, signal: &str) {
        if self.is_up() {
            let script = format!("kill -{signal} -{}", self.child.id());
            let _ = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end("KILL");
        let _ = self.child.wait();
    }
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    format!("`{line}`")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Running {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Running::start(command, b"typed\n")
    }

    #[test]
    fn events_are_found_in_any_order_and_the_end_is_reported() {
        let script = r#"read x; echo '{"event":"code","code":"7"}'; echo '{"event":"joined"}'; echo "$x" >&2; exit 1"#;
        let mut running = shell(script);
        assert_eq!(running.event("joined", SOON)["event"], "joined");
        assert_eq!(running.event("code", SOON)["code"], "7");
        let output = running.wait(SOON);
        assert_eq!((output.code, output.stderr.as_str()), (Some(1), "typed\n"));
        assert_eq!(output.stdout.lines().count(), 2);
    }

    #[test]
    fn killing_ends_the_whole_group() {
        let mut running = shell("sleep 60 & echo $!; wait");
        let grandchild = running.line(SOON).unwrap();
        assert!(running.is_up());
        running.kill9();
        let gone = || {
            !Command::new("sh")
                .args(["-c", &format!("kill -0 {grandchild}")])
                .stderr(Stdio::null())
                .status()
                .unwrap()
                .success()
        };
        let deadline = Instant::now() + SOON;
        while !gone() && Instant::now() < deadline {
            // A killed orphan is gone only when whoever adopted it has noticed; its state says zombie until then.
            let state = std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
            if state.contains(") Z ") {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(Instant::now() < deadline);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_and_time_are_measured() {
        // dash holds the variable: 20 MB of text in one process.
        let script = r#"x=$(head -c 20000000 /dev/zero | tr '\0' x); sleep 0.2; echo ${#x}"#;
        let (output, took, peak) = shell(script).measure(SOON);
        assert_eq!(output.stdout.trim(), "20000000");
        assert!(took >= Duration::from_millis(200));
        assert!(peak.unwrap() > 20_000_000, "{peak:?}");
    }

    #[test]
    fn silence_and_noise_are_told_apart() {
        let mut running = shell(r#"echo '{"event":"alarm"}'; sleep 60"#);
        assert!(running.is_silent_about("synced", Duration::from_millis(200)));
        assert!(!running.is_silent_about("alarm", Duration::from_millis(10)));
    }

    #[test]
    #[should_panic(expected = "said nothing more in time")]
    fn waiting_has_an_end() {
        shell("sleep 60").event("never", Duration::from_millis(100));
    }
}
