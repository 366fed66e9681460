//! The machine a figure is of: cores, memory, kernel, disk; and memory that a process takes.

use std::fs::File;
use std::path::Path;

use rustix::fs::{Advice, fadvise};
use serde::{Deserialize, Serialize};

/// What a figure depends on beside the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Cores that the program may use.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Operating system and kernel.
    pub kernel: String,
    /// Device and file system below the folder that was written to.
    pub disk: String,
    /// The compiler.
    pub rustc: String,
    /// Differs after each start: two programs that ran since one start ran on one machine.
    pub boot: String,
}

impl Machine {
    /// This one; `folder` is where the program writes.
    pub fn here(folder: &Path) -> Self {
        let line = |path: &str, key: &str| -> String {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let found = text.lines().find_map(|line| line.strip_prefix(key)?.split_once(':').map(|(_, value)| value));
            found.unwrap_or("unknown").trim().to_owned()
        };
        let word = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let memory = line("/proc/meminfo", "MemTotal");
        let kib: u64 = memory.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or_default();
        Self {
            processor: line("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: kib / 1024,
            kernel: format!("{} {}", std::env::consts::OS, word("/proc/sys/kernel/osrelease")).trim().to_owned(),
            disk: disk(folder),
            rustc: std::env::var("AFTERWORD_BENCH_RUSTC").unwrap_or_default(),
            boot: word("/proc/sys/kernel/random/boot_id"),
        }
    }
}

/// The mount with the longest path above `folder`.
fn disk(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let above = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, place, kind) = (words.next()?, words.next()?, words.next()?);
        folder.starts_with(place).then(|| (place.len(), format!("{kind} on {}", device.trim_start_matches("/dev/"))))
    });
    above.max_by_key(|(length, _)| *length).map_or_else(|| "unknown".to_owned(), |(_, disk)| disk)
}

/// Drops a file's pages from the system's cache, so that the next reader waits for the disk. Best effort.
pub fn evict(path: &Path) {
    if let Ok(file) = File::open(path) {
        let _ = file.sync_all();
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
    }
}

/// [`evict`]s every file in and below `folder`.
pub fn evict_all(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { evict_all(&path) } else { evict(&path) }
    }
}

/// Bytes of every file in and below `folder`.
pub fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => size_of(&entry.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Memory that this process has resident, in MiB.
pub fn resident() -> f64 {
    status("VmRSS")
}

/// The most it ever had, since [`forget_peak`].
pub fn peak() -> f64 {
    status("VmHWM")
}

/// Lets [`peak`] begin anew. Answers whether the system did.
pub fn forget_peak() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

fn status(key: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}
