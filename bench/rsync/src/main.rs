//! rsync of a folder of text files to its own daemon over loopback: the peer that knows nothing of edits that meet.
//!
//! As its manual has it: `rsync -a` to a daemon module, once plainly and once with `--fsync` (which is what "durable"
//! takes), the daemon without chroot because nobody else is there. No compression, no encryption: its quickest set-up.
//! One Markdown file an entry, a hundred files a folder.

#![allow(clippy::expect_used, reason = "a benchmark that can't go on says why and stops")]

use std::error::Error;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bench_common::corpus::EDIT;
use bench_common::{Arguments, Corpus, Run, timed};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// Files that change before the last sync.
const CHANGED: usize = 100;

fn main() -> Result<()> {
    let arguments = Arguments::read(&[])?;
    let run = Run::begin("rsync", &[], &arguments);
    let Ok(said) = Command::new("rsync").arg("--version").output() else {
        run.missing("first_sync", "rsync is not installed (Debian: apt-get install rsync)");
        run.done();
        return Ok(());
    };
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    run.version("rsync", said.split_whitespace().nth(2).unwrap_or("unknown"));

    run.step("writing the files");
    let folder = tempfile::tempdir_in(&arguments.folder)?;
    let (from, to) = (folder.path().join("a"), folder.path().join("b"));
    let corpus = Corpus::default();
    for number in 0..arguments.entries {
        let path = place(&from, number);
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
        fs::write(path, corpus.entry(number).file())?;
    }
    fs::create_dir_all(&to)?;
    let daemon = Daemon::start(folder.path(), &to)?;

    let empty = || fs::remove_dir_all(&to).and_then(|()| fs::create_dir_all(&to));
    for round in 1..=arguments.runs {
        run.step(&format!("round {round}"));
        empty()?;
        daemon.push(&run, "first_sync_fsync", "first_sync_fsync_bytes", &from, &["--fsync"])?;
        empty()?;
        daemon.push(&run, "first_sync", "first_sync_bytes", &from, &[])?;
        daemon.push(&run, "resync_nothing", "resync_nothing_bytes", &from, &[])?;
        // By default rsync goes by size and second of change: an edit of another length is seen at once.
        let changed = CHANGED.min(arguments.entries);
        for number in (0..arguments.entries).step_by(arguments.entries / changed).take(changed) {
            let mut text = fs::read_to_string(place(&from, number))?;
            let at = text.char_indices().nth(900).map_or(text.len(), |(at, _)| at);
            text.insert_str(at, EDIT);
            fs::write(place(&from, number), text)?;
        }
        daemon.push(&run, "resync_changed", "resync_changed_bytes", &from, &[])?;
    }
    run.done();
    Ok(())
}

fn place(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("{:04}", number / 100)).join(format!("{number:06}.md"))
}

struct Daemon {
    process: Child,
    port: u16,
}

impl Daemon {
    fn start(folder: &Path, to: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let configuration = folder.join("rsyncd.conf");
        // Started by root, a daemon would write as nobody.
        let user = if fs::metadata(folder)?.uid() == 0 { "uid = 0\ngid = 0\n" } else { "" };
        let module = format!("[b]\npath = {}\nread only = no\n", to.display());
        fs::write(&configuration, format!("address = 127.0.0.1\nport = {port}\nuse chroot = no\n{user}{module}"))?;
        let mut command = Command::new("rsync");
        command.args(["--daemon", "--no-detach", "--config"]).arg(&configuration);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let daemon = Self { process, port };
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > until {
                return Err("the rsync daemon does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(daemon)
    }

    /// One transfer, its time, and the bytes both sides wrote to the connection.
    fn push(&self, run: &Run, name: &str, bytes: &str, from: &Path, more: &[&str]) -> Result<()> {
        let mut command = Command::new("rsync");
        command.args(["-a", "--stats"]).args(more).arg(format!("{}/", from.display()));
        command.arg(format!("rsync://127.0.0.1:{}/b/", self.port));
        let (output, took) = timed(|| command.output());
        let output = output?;
        if !output.status.success() {
            run.missing(name, String::from_utf8_lossy(&output.stderr).trim());
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let total = said
            .lines()
            .filter(|line| line.starts_with("Total bytes "))
            .filter_map(|line| line.rsplit(' ').next()?.replace([',', '.'], "").parse::<f64>().ok());
        run.add(bytes, "B", total.sum());
        run.add(name, "ms", took);
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
