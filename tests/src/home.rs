//! A device as its user sees it: a home folder, and the shipped program run on it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::program;
use crate::running::Running;

/// No single command of a test takes longer than this unless the test says so.
const LIMIT: Duration = Duration::from_secs(60);

/// What a program left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl Output {
    /// The output itself, where the exit code is `code` and nothing panicked.
    ///
    /// # Panics
    /// Otherwise.
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\nstdout: {}\nstderr: {}", self.command, self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked at"), "{} panicked: {}", self.command, self.stderr);
        self
    }

    /// The one JSON value on standard output.
    ///
    /// # Panics
    /// Where there is anything else, or anything more.
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("{} did not print one JSON value ({error}): {}", self.command, self.stdout),
        }
    }

    /// Standard output as one JSON value for each line.
    ///
    /// # Panics
    /// Where a line is something else.
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &str| match serde_json::from_str(line) {
            Ok(value) => value,
            Err(error) => panic!("{} printed a line that is no JSON ({error}): {line}", self.command),
        };
        self.stdout.lines().filter(|line| !line.trim().is_empty()).map(parse).collect()
    }
}

/// What `--json` says when something failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The word for programs.
    pub code: String,
    /// What was tried and why it failed.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// A temporary home folder and how the program is run on it. Gone when dropped.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    passphrase: Option<String>,
    environment: Vec<(OsString, OsString)>,
    through: Vec<OsString>,
    program: PathBuf,
    limit: Duration,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// A device on which nothing was ever run.
    ///
    /// # Panics
    /// Where no temporary folder can be made.
    pub fn new() -> Self {
        let folder =
            tempfile::Builder::new().prefix("afterword-test-").tempdir().expect("a temporary folder can be made");
        Self {
            folder,
            passphrase: Some("correct horse battery staple".to_owned()),
            environment: Vec::new(),
            through: Vec::new(),
            program: program::path().to_path_buf(),
            limit: LIMIT,
        }
    }

    /// A device with a journal of its own, and what `init` printed.
    ///
    /// # Panics
    /// Where `init` fails.
    pub fn init(name: &str) -> (Self, Value) {
        let home = Self::new();
        let printed = home.json(&["init", "--name", name]);
        (home, printed)
    }

    /// A device that joined `host`'s journal over loopback; both have finished their first sync.
    ///
    /// # Panics
    /// Where pairing fails.
    pub fn join(host: &Self) -> Self {
        let newcomer = Self::new();
        newcomer.pair_with(host);
        newcomer
    }

    /// Joins `host`'s journal, answering yes to what is asked; returns the line that the newcomer printed last.
    ///
    /// # Panics
    /// Where pairing fails.
    pub fn pair_with(&self, host: &Self) -> Value {
        let mut pairing = host.start(&["pair", "--listen", "127.0.0.1:0"]);
        let event = pairing.event("code", LIMIT);
        let (code, address) = (text(&event, "code"), text(&event, "address"));
        let printed = self.run_json(&["--yes", "pair", &code, "--peer", &address]).expect_code(0).json_lines();
        pairing.wait(LIMIT).expect_code(0);
        printed.last().cloned().unwrap_or_default()
    }

    /// The folder given as `--home`.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A folder beside the home for files that a test makes.
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// The same home opened with another passphrase, or with none said.
    pub fn set_passphrase(&mut self, passphrase: Option<&str>) -> &mut Self {
        self.passphrase = passphrase.map(str::to_owned);
        self
    }

    /// A variable for every command run from now on.
    pub fn set_env(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Runs another program than the one that ships from now on.
    pub fn set_program(&mut self, program: &Path) -> &mut Self {
        self.program = program.to_path_buf();
        self
    }

    /// Runs every command from now on through `prefix`: `nsenter …`, `strace …`.
    pub fn set_through(&mut self, prefix: Vec<OsString>) -> &mut Self {
        self.through = prefix;
        self
    }

    /// How long a command may take from now on.
    pub fn set_limit(&mut self, limit: Duration) -> &mut Self {
        self.limit = limit;
        self
    }

    /// The program on this home with `arguments`, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = self.program.as_os_str().to_owned();
        let mut words = self.through.iter().cloned().chain([program]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).arg("--home").arg(self.path()).args(arguments);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AFTERWORD_")) {
            command.env_remove(name);
        }
        // Nothing of the machine's own user: no keyring, no editor, no folders.
        for name in ["DBUS_SESSION_BUS_ADDRESS", "EDITOR", "VISUAL"] {
            command.env_remove(name);
        }
        command.env("HOME", self.folder.path()).env("XDG_RUNTIME_DIR", self.folder.path());
        command.env("XDG_DATA_HOME", self.folder.path()).env("XDG_CONFIG_HOME", self.folder.path());
        // Hundreds of journals that keep no secret: no test waits for what makes guessing dear, but the one that looks at it.
        command.env("AFTERWORD_PASSPHRASE_COST", "least");
        if let Some(passphrase) = &self.passphrase {
            command.env("AFTERWORD_PASSPHRASE", passphrase);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder.path());
        command
    }

    /// Runs `arguments` to the end, whatever it is.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, b"")
    }

    /// Runs `arguments` with `stdin` on its standard input.
    pub fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Output {
        Running::start(self.command(arguments), stdin).wait(self.limit)
    }

    /// Runs `--json arguments` to the end, whatever it is.
    pub fn run_json(&self, arguments: &[&str]) -> Output {
        self.run(&[&["--json"], arguments].concat())
    }

    /// What `arguments` prints for a person.
    ///
    /// # Panics
    /// Where it fails.
    pub fn ok(&self, arguments: &[&str]) -> String {
        self.run(arguments).expect_code(0).stdout
    }

    /// What `--json arguments` prints.
    ///
    /// # Panics
    /// Where it fails or prints anything but one JSON value.
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.run_json(arguments).expect_code(0).json()
    }

    /// How `--json arguments` fails.
    ///
    /// # Panics
    /// Where it does not fail with exit 1 and the error shape.
    pub fn fails(&self, arguments: &[&str]) -> Failure {
        failure(&self.run_json(arguments).expect_code(1))
    }

    /// How `--json arguments` is refused as bad usage.
    ///
    /// # Panics
    /// Where it does not end with exit 2 and the error shape.
    pub fn refuses(&self, arguments: &[&str]) -> Failure {
        failure(&self.run_json(arguments).expect_code(2))
    }

    /// Starts `--json arguments` and lets it run beside the test.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.command(&[&["--json"], arguments].concat()), b"")
    }

    /// Starts `serve` on a free loopback port; returns it with the address for `sync --peer`.
    ///
    /// # Panics
    /// Where it does not listen.
    pub fn serve(&self) -> (Running, String) {
        let mut serving = self.start(&["serve", "--listen", "127.0.0.1:0"]);
        let address = text(&serving.event("listening", LIMIT), "address");
        (serving, address)
    }

    /// Writes an entry; returns its id.
    ///
    /// # Panics
    /// Where that fails.
    pub fn write(&self, title: &str, body: &str) -> String {
        text(&self.json(&["write", title, "--body", body]), "id")
    }

    /// The entry, as `show --json` prints it.
    ///
    /// # Panics
    /// Where that fails.
    pub fn show(&self, id: &str) -> Value {
        self.json(&["show", id])["entry"].clone()
    }

    /// The digest and vector of this device, equal on devices that hold the same.
    ///
    /// # Panics
    /// Where `doctor` finds trouble.
    pub fn holds(&self) -> (Value, Value) {
        let report = self.json(&["doctor"]);
        (report["digest"].clone(), report["vector"].clone())
    }

    /// A copy of the home as it stands, on what looks like the same device: the way a backup or a disk image is restored.
    ///
    /// # Panics
    /// Where a file cannot be copied.
    pub fn copy(&self) -> Self {
        let copy = Self {
            folder: tempfile::Builder::new()
                .prefix("afterword-test-")
                .tempdir()
                .expect("a temporary folder can be made"),
            passphrase: self.passphrase.clone(),
            environment: self.environment.clone(),
            through: self.through.clone(),
            program: self.program.clone(),
            limit: self.limit,
        };
        copy_folder(&self.path(), &copy.path());
        copy
    }

    /// Puts the home back to what `earlier` holds: the device rolled back, in the same place.
    ///
    /// # Panics
    /// Where a file cannot be copied.
    pub fn roll_back_to(&self, earlier: &Self) {
        std::fs::remove_dir_all(self.path()).expect("the home can be removed");
        copy_folder(&earlier.path(), &self.path());
    }

    /// Every file of the home, with its bytes: for sweeps that look for what must not be there.
    ///
    /// # Panics
    /// Where a file cannot be read.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        for path in walk(&self.path()) {
            // A write-ahead log may be removed between listing and reading.
            if let Ok(bytes) = std::fs::read(&path) {
                files.push((path, bytes));
            }
        }
        files
    }
}

/// The text under `key`.
///
/// # Panics
/// Where there is none.
pub fn text(value: &Value, key: &str) -> String {
    match value.get(key).and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => panic!("`{key}` is not a text in {value}"),
    }
}

fn failure(output: &Output) -> Failure {
    let value = output.json();
    let error = &value["error"];
    let failure = Failure { code: text(error, "code"), message: text(error, "message"), hint: text(error, "hint") };
    assert!(!failure.message.is_empty(), "{} failed without a word", output.command);
    failure
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the copy's folder can be made");
    for path in walk(from) {
        let target = to.join(path.strip_prefix(from).expect("it was found under it"));
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).expect("a folder of the copy can be made");
        }
        // Sockets and lock files that a running process owns are not part of a backup.
        if path.is_file() {
            std::fs::copy(&path, &target).expect("a file of the home can be copied");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(code: i32, stdout: &str, stderr: &str) -> Output {
        Output { command: "`x`".to_owned(), code: Some(code), stdout: stdout.to_owned(), stderr: stderr.to_owned() }
    }

    #[test]
    fn failures_are_read_from_their_shape() {
        let output = output(1, r#"{"error":{"code":"not_found","message":"no entry","hint":"list"}}"#, "");
        assert_eq!(failure(&output).code, "not_found");
    }

    #[test]
    #[should_panic(expected = "did not print one JSON value")]
    fn two_values_are_not_one() {
        output(0, "{}\n{}\n", "").json();
    }

    #[test]
    #[should_panic(expected = "panicked")]
    fn a_panic_is_never_an_expected_failure() {
        output(1, "{}", "thread 'main' panicked at src/main.rs").expect_code(1);
    }

    #[test]
    fn a_copy_is_whole_and_rolling_back_leaves_nothing_newer() {
        let home = Home::new();
        std::fs::create_dir_all(home.path().join("blobs")).unwrap();
        std::fs::write(home.path().join("blobs/a"), "1").unwrap();
        let earlier = home.copy();
        std::fs::write(home.path().join("blobs/b"), "2").unwrap();
        home.roll_back_to(&earlier);
        let names: Vec<_> =
            home.files().into_iter().map(|(path, bytes)| (path.file_name().unwrap().to_owned(), bytes)).collect();
        assert_eq!(names, [("a".into(), b"1".to_vec())]);
    }
}
