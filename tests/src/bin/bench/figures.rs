//! What is measured beside everything else, and the table.

use std::fs::File;
use std::io::Write;
use std::net::UdpSocket;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The middle of `runs` timings, in milliseconds.
pub(crate) fn median(mut timings: Vec<f64>) -> f64 {
    timings.sort_by(f64::total_cmp);
    timings.get(timings.len() / 2).copied().unwrap_or_default()
}

/// Milliseconds of one call.
pub(crate) fn timed<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let started = Instant::now();
    let out = work();
    (out, started.elapsed().as_secs_f64() * 1000.0)
}

/// What the machine itself takes, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// 512 bytes appended to a file, and fdatasync.
    pub(crate) append: f64,
    /// 64 bytes to another thread over loopback UDP, and back.
    pub(crate) datagram: f64,
}

impl Parts {
    /// Measures them.
    pub(crate) fn measure() -> Self {
        Self { append: append(), datagram: datagram() }
    }

    /// `bytes` written in slices of a MiB, each flushed: the least that storing them durably takes.
    pub(crate) fn written(bytes: u64) -> f64 {
        let mut file = tempfile::tempfile().expect("a temporary file can be made");
        let slice = vec![0x5a; 1 << 20];
        let (_, took) = timed(|| {
            let mut left = bytes as usize;
            while left > 0 {
                let now = left.min(slice.len());
                file.write_all(&slice[..now]).and_then(|()| file.sync_data()).expect("a temporary file can be written");
                left -= now;
            }
        });
        took
    }
}

fn append() -> f64 {
    let mut file: File = tempfile::tempfile().expect("a temporary file can be made");
    let line = [0x5a; 512];
    let once = || timed(|| file.write_all(&line).and_then(|()| file.sync_data())).1;
    median(std::iter::repeat_with(once).take(300).collect())
}

fn datagram() -> f64 {
    let socket = || UdpSocket::bind("127.0.0.1:0").expect("a loopback socket can be bound");
    let (here, there) = (socket(), socket());
    let address = there.local_addr().expect("a bound socket has an address");
    here.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout can be set");
    let echo = std::thread::spawn(move || {
        let mut bytes = [0; 64];
        while let Ok((length, from)) = there.recv_from(&mut bytes) {
            if length == 0 || there.send_to(&bytes[..length], from).is_err() {
                break;
            }
        }
    });
    let once = || {
        let mut bytes = [1; 64];
        timed(|| here.send_to(&bytes, address).and_then(|_| here.recv_from(&mut bytes))).1
    };
    let took = median(std::iter::repeat_with(once).take(500).collect());
    let _ = here.send_to(&[], address);
    let _ = echo.join();
    took
}

/// Rows as they come, and whether every promise was kept.
#[derive(Debug)]
pub(crate) struct Table {
    broken: Vec<String>,
}

impl Table {
    /// Prints the heading.
    pub(crate) fn begin() -> Self {
        println!("| what | entries | measured | part, measured in this run | ratio | promise |");
        println!("|---|---|---|---|---|---|");
        Self { broken: Vec::new() }
    }

    /// The parts, as rows.
    pub(crate) fn parts(&mut self, parts: &Parts) {
        self.plain("append 512 B, fdatasync", 0, &ms(parts.append));
        self.plain("64 B over loopback UDP and back", 0, &ms(parts.datagram));
    }

    /// A figure by itself.
    pub(crate) fn plain(&mut self, what: &str, entries: usize, figure: &str) {
        println!("| {what} | {} | {figure} | | | |", count(entries));
    }

    /// Milliseconds beside a part's.
    pub(crate) fn ratio(&mut self, what: &str, entries: usize, took: f64, part: &str, part_ms: f64) {
        let ratio = took / part_ms.max(1e-6);
        println!("| {what} | {} | {} | {part}: {} | {ratio:.1} | |", count(entries), ms(took), ms(part_ms));
    }

    /// A figure that must not be above `most`.
    pub(crate) fn promise(&mut self, what: &str, entries: usize, figure: u64, unit: &str, most: u64) {
        let kept = figure <= most;
        let word = if kept { "kept" } else { "**broken**" };
        println!("| {what} | {} | {figure} {unit} | | | at most {most} {unit}: {word} |", count(entries));
        if !kept {
            self.broken.push(format!("{what}: {figure} {unit}, at most {most} promised"));
        }
    }

    /// Two figures that must be one, but for the `slack` that QUIC's own acknowledgements come to.
    pub(crate) fn same(&mut self, what: &str, figures: [u64; 2], slack: u64) {
        let [few, many] = figures;
        let kept = few.abs_diff(many) <= slack;
        let word = if kept { "kept" } else { "**broken**" };
        println!("| {what} | | {few} and {many} | | | the same within {slack}: {word} |");
        if !kept {
            self.broken.push(format!("{what}: {few} and {many}"));
        }
    }

    /// Something that could not be measured at all.
    pub(crate) fn broken(&mut self, what: &str, entries: usize, why: &str) {
        println!("| {what} | {} | not measured | | | **broken** |", count(entries));
        self.broken.push(format!("{what}: {why}"));
    }

    /// Says what was broken, if anything.
    pub(crate) fn end(self) -> ExitCode {
        for broken in &self.broken {
            eprintln!("broken: {broken}");
        }
        if self.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Milliseconds for a reader.
pub(crate) fn ms(took: f64) -> String {
    if took == 0.0 {
        // What the engine reports is in whole milliseconds.
        "under 1 ms".to_owned()
    } else if took >= 100.0 {
        format!("{took:.0} ms")
    } else if took >= 1.0 {
        format!("{took:.1} ms")
    } else {
        format!("{took:.3} ms")
    }
}

fn count(entries: usize) -> String {
    if entries == 0 { String::new() } else { entries.to_string() }
}
