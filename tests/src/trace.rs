//! What a program asked of the kernel, in order: when a file was made durable and when datagrams left. kill -9 shows what
//! the page cache kept; only this shows what a power cut would have.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The calls that matter.
const CALLS: &str = "trace=fsync,fdatasync,sendto,sendmsg,sendmmsg";

/// A system call that came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Its thread.
    pub thread: u32,
    /// What it was.
    pub kind: Kind,
    /// What the descriptor stands for, as strace shows it: a path, or `UDP:[…]`.
    pub target: String,
    /// Seconds since 1970 when it was made.
    pub began: f64,
    /// Seconds since 1970 when it returned.
    pub ended: f64,
    /// What it returned.
    pub result: i64,
}

/// The two kinds of call that are ordered against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// fsync or fdatasync.
    Sync,
    /// sendto, sendmsg or sendmmsg.
    Send,
}

/// Whether strace is here and may trace, else why not.
pub fn possible() -> Result<(), String> {
    match Command::new("strace").args(["-e", CALLS, "-o", "/dev/null", "true"]).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("strace may not trace here: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("strace cannot be started: {error}")),
    }
}

/// A trace that is written while a program runs.
#[derive(Debug, Clone)]
pub struct Trace {
    file: PathBuf,
}

impl Trace {
    /// A trace into `file`.
    pub fn into_file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }

    /// The words to put before a command so that it is traced; for [`crate::Home::set_through`].
    pub fn through(&self) -> Vec<OsString> {
        let words = ["strace", "-f", "-ttt", "-T", "-yy", "-s", "0", "-e", CALLS, "-o"].map(OsString::from);
        // What a descriptor stands for is only the administrator's to see.
        crate::program::watched().into_iter().chain(words).chain([self.file.clone().into(), "--".into()]).collect()
    }

    /// As [`Trace::through`], and every fsync and fdatasync takes `longer`: what waits for a disk shows in its own time.
    pub fn through_a_slow_disk(&self, longer: std::time::Duration) -> Vec<OsString> {
        let mut words = self.through();
        let slow = format!("inject=fsync,fdatasync:delay_enter={}", longer.as_micros());
        // Before the `--` that ends strace's own words.
        let end = words.len() - 1;
        words.splice(end..end, ["-e".into(), slow.into()]);
        words
    }

    /// Every call so far that came back, ordered by its return.
    ///
    /// # Panics
    /// Where there is no trace.
    pub fn calls(&self) -> Vec<Call> {
        let text = std::fs::read_to_string(&self.file).expect("the trace can be read once the program has ended");
        parse(&text)
    }
}

/// The calls by which files are made, changed, renamed and removed, those that this processor has.
const FILE_CALLS: [&str; 14] = [
    "openat",
    "write",
    "pwrite64",
    "ftruncate",
    "fsync",
    "fdatasync",
    "mkdir",
    "mkdirat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
];

fn file_calls() -> String {
    FILE_CALLS.map(|name| format!("?{name}")).join(",")
}

/// The words to put before a command so that what it asks of the file system is written into `file`; see [`moments`].
pub fn through_a_count(file: &Path) -> Vec<OsString> {
    let words = ["strace", "-f", "-qq", "-e", &format!("trace={}", file_calls()), "-o"].map(OsString::from);
    words.into_iter().chain([file.into(), "--".into()]).collect()
}

/// A moment in a program's life: before the so-many-th call of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The call.
    pub call: String,
    /// Which of them, from 1.
    pub number: usize,
}

impl Moment {
    /// The words to put before a command so that it is killed at this moment, as kill -9 does.
    pub fn kill(&self) -> Vec<OsString> {
        let inject = format!("inject={}:signal=SIGKILL:when={}", self.call, self.number);
        let trace = format!("trace={}", self.call);
        ["strace", "-f", "-qq", "-e", &trace, "-e", &inject, "-o", "/dev/null", "--"].map(OsString::from).into()
    }
}

/// Every moment of the first thread's life that the trace in `file` shows, from where a call named something below `folder`.
///
/// # Panics
/// Where there is no trace.
pub fn moments(file: &Path, folder: &Path) -> Vec<Moment> {
    moments_in(&std::fs::read_to_string(file).expect("the trace can be read once the program has ended"), folder)
}

fn moments_in(text: &str, folder: &Path) -> Vec<Moment> {
    let (mut counts, mut found, mut begun) = (HashMap::new(), Vec::new(), false);
    let first = text.split_whitespace().next().unwrap_or_default();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        if thread != first || !FILE_CALLS.contains(&call) {
            continue;
        }
        let number = counts.entry(call.to_owned()).and_modify(|count| *count += 1).or_insert(1usize);
        begun |= rest.contains(&*folder.to_string_lossy());
        if begun {
            found.push(Moment { call: call.to_owned(), number: *number });
        }
    }
    found
}

/// The syncs of files below `folder`, out of `calls`.
pub fn syncs_below<'a>(calls: &'a [Call], folder: &'a Path) -> impl Iterator<Item = &'a Call> {
    calls.iter().filter(move |call| call.kind == Kind::Sync && Path::new(&call.target).starts_with(folder))
}

/// The sends on UDP sockets, out of `calls`.
pub fn datagrams(calls: &[Call]) -> impl Iterator<Item = &Call> {
    calls.iter().filter(|call| call.kind == Kind::Send && call.target.starts_with("UDP"))
}

fn parse(text: &str) -> Vec<Call> {
    // A call that another thread's line interrupts is shown in two: `… <unfinished ...>`, `<... x resumed> …`.
    let mut open: HashMap<u32, (f64, String)> = HashMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((at, rest)) = rest.trim_start().split_once(' ') else { continue };
        let (Ok(thread), Ok(at)) = (thread.parse::<u32>(), at.parse::<f64>()) else { continue };
        if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            open.insert(thread, (at, begun.to_owned()));
        } else if rest.starts_with("<... ") {
            if let (Some((began, begun)), Some((_, tail))) = (open.remove(&thread), rest.split_once(" resumed>"))
                && let Some(mut call) = whole(thread, began, &format!("{begun}{tail}"))
            {
                // The resumed line's own time is when it returned.
                call.ended = at;
                calls.push(call);
            }
        } else {
            calls.extend(whole(thread, at, rest));
        }
    }
    calls.sort_by(|a, b| a.ended.total_cmp(&b.ended));
    calls
}

fn whole(thread: u32, began: f64, text: &str) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let kind = match name {
        "fsync" | "fdatasync" => Kind::Sync,
        "sendto" | "sendmsg" | "sendmmsg" => Kind::Send,
        _ => return None,
    };
    let (head, tail) = rest.rsplit_once(" = ")?;
    // `5</path/journal.db-wal>, …` or `12<UDP:[127.0.0.1:40000]>, …`: an arrow inside an address is written `->`.
    let (_, target) = head.split_once('<')?;
    let end = target.char_indices().find(|(at, c)| *c == '>' && !target[..*at].ends_with('-'))?.0;
    let (result, rest) = tail.split_once(' ')?;
    let took: f64 = rest.rsplit_once('<')?.1.strip_suffix('>')?.parse().ok()?;
    Some(Call {
        thread,
        kind,
        target: target[..end].to_owned(),
        began,
        ended: began + took,
        result: result.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupted_calls_are_put_together_and_ordered_by_their_return() {
        let text = "\
10 100.000000 fdatasync(5</d/journal.db-wal> <unfinished ...>
11 100.001000 sendmsg(7<UDP:[127.0.0.1:1->127.0.0.1:2]>, {msg_name=NULL}, 0) = 40 <0.000020>
10 100.005000 <... fdatasync resumed>) = 0 <0.005000>
12 100.006000 sendto(8<UNIX-STREAM:[1->2]>, \"\"..., 3, 0, NULL, 0) = 3 <0.000010>
13 100.007000 fsync(9</other/file>) = -1 EIO (Input/output error) <0.000001>
14 100.008000 +++ exited with 0 +++
";
        let calls = parse(text);
        assert_eq!(calls.len(), 4);
        assert_eq!(calls[0].kind, Kind::Send);
        assert_eq!(datagrams(&calls).map(|call| call.result).collect::<Vec<_>>(), [40]);
        let synced: Vec<_> = syncs_below(&calls, Path::new("/d")).collect();
        assert_eq!((synced.len(), synced[0].ended), (1, 100.005));
        assert_eq!(calls[3].result, -1);
    }

    #[test]
    fn moments_are_counted_by_call_from_where_the_folder_is_touched() {
        let text = "\
10 openat(AT_FDCWD, \"/lib/x\", O_RDONLY) = 3
10 openat(AT_FDCWD, \"/d/journal/lock\", O_RDWR) = 3
11 openat(AT_FDCWD, \"/d/journal/else\", O_RDWR) = 4
10 fsync(3) = 0
10 <... fsync resumed>) = 0
10 mkdir(\"/d/journal/new\", 0700) = 0
10 +++ exited with 0 +++
";
        let found = moments_in(text, Path::new("/d/journal"));
        let moment = |call: &str, number| Moment { call: call.to_owned(), number };
        assert_eq!(found, [moment("openat", 2), moment("fsync", 1), moment("mkdir", 1)]);
    }

    #[test]
    fn a_real_program_is_traced_or_a_reason_is_given() {
        if let Err(reason) = possible() {
            assert!(!reason.is_empty());
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let trace = Trace::into_file(folder.path().join("trace"));
        let through = trace.through();
        let file = folder.path().join("durable");
        std::fs::write(&file, "x").unwrap();
        let status = Command::new(&through[0]).args(&through[1..]).arg("sync").arg("-d").arg(&file).status().unwrap();
        assert!(status.success());
        assert_eq!(syncs_below(&trace.calls(), folder.path()).count(), 1);
    }
}
