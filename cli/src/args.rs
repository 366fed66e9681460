//! Every command and flag, each with the sentence that help, the man page and completions show.
//!
//! This file only says what can be asked for. Words with one spelling (kinds, days, states) are parsed here, so that a
//! wrong one is bad usage and never reaches the journal. Ids stay text: only the journal knows which prefixes are
//! unambiguous.

use std::fmt;
use std::path::PathBuf;

use afterword_core::journal::{ClosureKind, InnerState, ItemKind, ItemState, Kind, MarkGroup};
use afterword_core::time::Day;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

/// A private journal for what went wrong, and what came of it.
///
/// You write; your own devices have it when they next see each other; nobody else ever does.
#[derive(Parser)]
#[command(name = "afterword", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "An ID may be shortened to any beginning that only one entry has.\n\
    Exit codes: 0 done, 1 failed, 2 bad usage or a question that nobody was there to answer.")]
pub struct Cli {
    /// What goes for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What was typed may be words of an entry or the code of an open window: none of it stands in a log or a panic.
macro_rules! never_printed {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

never_printed!(Cli Command Write Edit ItemAction TextSource);

/// Flags that every command takes, before or after its name.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Folder of the journal [default: the platform's data folder]
    #[arg(long, global = true, value_name = "DIR", env = "AFTERWORD_HOME", hide_env_values = true)]
    pub home: Option<PathBuf>,
    /// Print one JSON value and nothing else
    #[arg(long, global = true)]
    pub json: bool,
    /// Answer every question with yes
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// Read the passphrase from the first line of this file; /dev/fd/N reads descriptor N
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Begin a new journal, with this device as its first; shows the recovery phrase once
    Init {
        /// What this device is called [default: the computer's name]
        #[arg(long)]
        name: Option<String>,
    },
    /// Write a new entry; it is saved at once
    #[command(group(ArgGroup::new("text").args(["body", "file", "stdin"])))]
    Write(Write),
    /// Open today's entry, or begin it
    Today,
    /// List entries, newest first
    List(List),
    /// Read an entry
    Show {
        /// The entry
        id: String,
    },
    /// Change an entry's title or text; opens the editor when neither is given
    #[command(group(ArgGroup::new("text").args(["body", "file", "stdin"])))]
    Edit(Edit),
    /// Add a dated reflection; what stands is never overwritten
    Reflect {
        /// The entry
        id: String,
        /// The reflection; `-` reads standard input, nothing opens the editor
        #[arg(allow_hyphen_values = true)]
        text: Option<String>,
    },
    /// Add, change or retire an item: a short line with a kind
    Item {
        /// The entry
        id: String,
        /// What to do
        #[command(subcommand)]
        action: ItemAction,
    },
    /// Mark an entry with a word, or take the word away
    Mark {
        /// The entry
        id: String,
        /// Group of marks: areas, nature, feelings, factors, measured_against, tags
        group: MarkGroup,
        /// Your word
        word: String,
        /// Take the word away
        #[arg(long)]
        remove: bool,
    },
    /// Close an entry; it can be reopened, and the closing stays in its story
    Close {
        /// The entry
        id: String,
        /// How: wrote, talked, repaired, let_go, none_needed, living_with_it
        #[arg(long, default_value = "wrote")]
        kind: ClosureKind,
        /// A note about it
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
    },
    /// Open a closed entry again
    Reopen {
        /// The entry
        id: String,
    },
    /// Put an entry in its box, out of sight
    Box {
        /// The entry
        id: String,
        /// Until this day [default: until you take it out]
        #[arg(long, value_name = "DAY")]
        until: Option<Day>,
    },
    /// Take an entry out of its box
    Unbox {
        /// The entry
        id: String,
    },
    /// Show an entry's earlier readings
    History {
        /// The entry
        id: String,
    },
    /// Write an earlier reading again, as a new edit
    Restore {
        /// The entry
        id: String,
        /// The reading's heads, or their beginnings, as `history` shows them
        #[arg(long, value_name = "HEADS")]
        at: String,
    },
    /// Put an entry away; `untrash` brings it back
    Trash {
        /// The entry
        id: String,
    },
    /// Bring an entry back
    Untrash {
        /// The entry
        id: String,
    },
    /// Destroy an entry on every device, for ever; asks first
    Erase {
        /// The entry
        id: String,
        /// At once, without waiting for anything that was published to be withdrawn
        #[arg(long)]
        now: bool,
    },
    /// Search what you wrote: words, "a phrase", prefix*
    Search {
        /// What to look for; after `--` it may begin with a dash
        #[arg(required = true)]
        query: Vec<String>,
        /// At most so many hits
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Put a file into an entry
    Attach {
        /// The entry
        id: String,
        /// The file, at most 16 GiB
        file: PathBuf,
        /// A caption
        #[arg(long)]
        caption: Option<String>,
        /// What the picture shows, for those who cannot see it
        #[arg(long)]
        alt: Option<String>,
        /// Whose it is
        #[arg(long)]
        credit: Option<String>,
    },
    /// Take a file out of an entry; its bytes end on every device
    Detach {
        /// The entry
        id: String,
        /// The attachment
        attachment: String,
    },
    /// Write an attachment's bytes to a file
    Extract {
        /// The entry
        id: String,
        /// The attachment
        attachment: String,
        /// Where to; nothing that exists is overwritten
        file: PathBuf,
    },
    /// Let another device join: shows a code and a QR. With a code, join the journal that shows it
    Pair {
        /// The other device's code, such as 7-crossover-clockwork
        #[arg(conflicts_with = "listen")]
        code: Option<String>,
        /// Where the other device is [default: found on the local network]
        #[arg(long, value_name = "ADDR", requires = "code")]
        peer: Option<String>,
        /// Address to wait at
        #[arg(long, value_name = "ADDR")]
        listen: Option<String>,
        /// What this device is called when it joins [default: the computer's name]
        #[arg(long, requires = "code")]
        name: Option<String>,
    },
    /// List the journal's devices
    Devices {
        /// What to do; nothing lists them
        #[command(subcommand)]
        action: Option<DevicesAction>,
    },
    /// Stay up: listen, find the other devices, keep syncing
    Serve {
        /// Address to listen at; port 0 picks a free one
        #[arg(long, value_name = "ADDR")]
        listen: Option<String>,
    },
    /// Sync once with every device that can be reached
    Sync {
        /// Only with the device at this address
        #[arg(long, value_name = "ADDR")]
        peer: Option<String>,
        /// Give up after so many seconds
        #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
        timeout: u64,
    },
    /// Say something of an entry that only the next version understands
    #[cfg(feature = "next-format")]
    #[command(hide = true)]
    NextSay {
        /// The entry
        id: String,
        /// What to say
        text: String,
    },
    /// Print all that was said so
    #[cfg(feature = "next-format")]
    #[command(hide = true)]
    NextHeard,
    /// Bring in a folder of Markdown, one text file, or an export of ours; twice adds nothing
    Import {
        /// The folder or file
        path: PathBuf,
    },
    /// Write the whole journal out
    Export {
        /// A new file (json) or a new or empty folder (markdown)
        path: PathBuf,
        /// How
        #[arg(long, value_enum, default_value_t = ExportFormat::Json)]
        format: ExportFormat,
    },
    /// Change the passphrase; where it is forgotten, set a new one with the 24 words
    Passphrase {
        /// Ask for the 24 words in place of the old passphrase
        #[arg(long)]
        forgotten: bool,
        /// Read the new passphrase from the first line of this file; /dev/fd/N reads descriptor N
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// The recovery phrase
    Recovery {
        /// What to do
        #[command(subcommand)]
        action: RecoveryAction,
    },
    /// Check the store, the chains, the heads and the keys
    Doctor {
        /// Make everything again that can be made from the logs
        #[arg(long)]
        rebuild: bool,
    },
    /// Show the whole story on two throw-away devices, then clean up
    Demo {
        /// Import real writing from this folder
        #[arg(long, value_name = "DIR")]
        corpus: Option<PathBuf>,
    },
    /// Print a shell's completion script
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
}

/// `write`.
#[derive(Args)]
pub struct Write {
    /// Its title
    #[arg(allow_hyphen_values = false)]
    pub title: Option<String>,
    /// `-` reads the text from standard input
    #[arg(value_name = "-", value_parser = ["-"], hide_possible_values = true)]
    pub stdin: Option<String>,
    /// What it is about: failure, loss, vent, experiment, win, note [default: the template's, else failure]
    #[arg(long)]
    pub kind: Option<Kind>,
    /// Begin with a template's prompts: post-mortem, vent, micro-failure, win, loss
    #[arg(long, value_name = "T")]
    pub template: Option<String>,
    /// When it happened: YYYY, YYYY-MM or YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    pub on: Option<Day>,
    /// Its text
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub body: Option<String>,
    /// Read its text from a file
    #[arg(long, value_name = "F")]
    pub file: Option<PathBuf>,
    /// Open the editor even so
    #[arg(long)]
    pub edit: bool,
}

/// Where an entry's text comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum TextSource {
    /// Given on the command line.
    Given(String),
    /// In a file.
    File(PathBuf),
    /// On standard input.
    Stdin,
}

impl Write {
    /// The title as meant: a lone `-` is standard input and no title.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref().filter(|title| *title != "-")
    }

    /// Where the text comes from, if one was named.
    pub fn source(&self) -> Option<TextSource> {
        let stdin = self.stdin.is_some() || self.title.as_deref() == Some("-");
        source(self.body.as_ref(), self.file.as_ref(), stdin)
    }

    /// Whether the editor is wanted: asked for, or there is nothing else to go by.
    pub fn wants_editor(&self) -> bool {
        self.edit || (self.title().is_none() && self.source().is_none())
    }
}

/// `edit`.
#[derive(Args)]
pub struct Edit {
    /// The entry
    pub id: String,
    /// `-` reads the text from standard input
    #[arg(value_name = "-", value_parser = ["-"], hide_possible_values = true)]
    pub stdin: Option<String>,
    /// A new title
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub title: Option<String>,
    /// A new text
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub body: Option<String>,
    /// Read the new text from a file
    #[arg(long, value_name = "F")]
    pub file: Option<PathBuf>,
    /// The heads at which you read the text that you changed: full hashes joined by commas
    #[arg(long, value_name = "HEADS")]
    pub base: Option<String>,
}

impl Edit {
    /// Where the text comes from, if one was named.
    pub fn source(&self) -> Option<TextSource> {
        source(self.body.as_ref(), self.file.as_ref(), self.stdin.is_some())
    }

    /// Whether the editor is wanted: no title and no text were given.
    pub fn wants_editor(&self) -> bool {
        self.title.is_none() && self.source().is_none()
    }
}

fn source(body: Option<&String>, file: Option<&PathBuf>, stdin: bool) -> Option<TextSource> {
    match (body, file) {
        (Some(body), _) => Some(TextSource::Given(body.clone())),
        // `--file -` is what other programs taught people to write.
        (_, Some(file)) if file.as_os_str() == "-" => Some(TextSource::Stdin),
        (_, Some(file)) => Some(TextSource::File(file.clone())),
        _ if stdin => Some(TextSource::Stdin),
        _ => None,
    }
}

/// `list`.
#[derive(Debug, Args)]
pub struct List {
    /// From this day on
    #[arg(long, value_name = "DAY")]
    pub from: Option<Day>,
    /// Up to and with this day
    #[arg(long, value_name = "DAY")]
    pub to: Option<Day>,
    /// Only of this kind: failure, loss, vent, experiment, win, note
    #[arg(long)]
    pub kind: Option<Kind>,
    /// Only those that are: boxed, raw, reflected, living_with_it, closed, reopened
    #[arg(long)]
    pub state: Option<InnerState>,
    /// Those put away, instead of the others
    #[arg(long)]
    pub trash: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
    /// Go on where an earlier list ended: its `next`
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
}

/// What `item` does.
#[derive(Subcommand)]
pub enum ItemAction {
    /// Add an item
    Add {
        /// mine, not_mine, lesson, carry_forward, action, repair, aftermath, evidence, open_question, want
        kind: ItemKind,
        /// The line
        #[arg(allow_hyphen_values = true)]
        text: String,
    },
    /// Change an item's text, state or day
    #[command(group(ArgGroup::new("change").args(["text", "state", "day"]).required(true).multiple(true)))]
    Set {
        /// The item
        item: String,
        /// A new text
        #[arg(long, value_name = "T", allow_hyphen_values = true)]
        text: Option<String>,
        /// open, done or dropped
        #[arg(long)]
        state: Option<ItemState>,
        /// A day that belongs to it
        #[arg(long, value_name = "DAY")]
        day: Option<Day>,
    },
    /// Take an item off the list
    Retire {
        /// The item
        item: String,
    },
}

/// What `devices` does.
#[derive(Debug, Subcommand)]
pub enum DevicesAction {
    /// Remove a device from the journal, for ever, and then tell the others; it is never met again
    Remove {
        /// The device
        id: String,
    },
}

/// What `recovery` does.
#[derive(Debug, Subcommand)]
pub enum RecoveryAction {
    /// Try the recovery phrase against this journal; nothing changes
    Check,
}

/// What `export` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One lossless JSON file, which `import` reads
    Json,
    /// A folder of Markdown files with their attachments
    Markdown,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        let words = line.split_whitespace().map(|word| word.replace('_', " ").replace('~', "_"));
        Cli::try_parse_from(std::iter::once("afterword".to_owned()).chain(words))
    }

    #[test]
    fn nothing_that_was_typed_is_printed() {
        for line in [
            "pair 7-crossover-clockwork --name x",
            "write crossover --body clockwork",
            "edit ab --title crossover --body clockwork",
            "item ab add want crossover",
            "reflect ab crossover",
        ] {
            let cli = parse(line).unwrap();
            let printed = format!("{cli:?} {:?}", cli.command);
            assert!(!printed.contains("cross") && !printed.contains("clock"), "{printed}");
        }
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_flag_has_a_sentence() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} says nothing", command.get_name());
            for arg in command.get_arguments().filter(|arg| arg.get_id() != "help" && arg.get_id() != "version") {
                assert!(arg.get_help().is_some(), "{} {} says nothing", command.get_name(), arg.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn every_line_of_the_contract_parses() {
        for line in [
            "--home dir --json --yes init --name laptop",
            "write",
            "write A_title --kind loss --template loss --on 2024-05 --body text",
            "write A_title --file f --edit",
            "write A_title -",
            "write -",
            "write --body -starts_with_a_dash",
            "today --json",
            "list --from 2024 --to 2024-05-17 --kind win --state living~with~it --trash --limit 3 --after cursor",
            "show ab12",
            "edit ab --title T --body x --base 00,11",
            "edit ab -",
            "reflect ab",
            "reflect ab text",
            "item ab add open~question why",
            "item ab set cd --text t --state done --day 2024",
            "item ab retire cd",
            "mark ab measured~against word --remove",
            "close ab --kind let~go --note n",
            "reopen ab",
            "box ab --until 2030-01",
            "unbox ab",
            "history ab",
            "restore ab --at 00,11",
            "trash ab",
            "untrash ab",
            "erase ab --now --yes",
            "search words_more --limit 5",
            "attach ab f.png --caption c --alt a --credit me",
            "detach ab cd",
            "extract ab cd out.png",
            "pair",
            "pair --listen 127.0.0.1:0",
            "pair 7-crossover-clockwork --peer 127.0.0.1:1",
            "devices",
            "devices remove ab",
            "serve --listen 127.0.0.1:0",
            "sync --peer 127.0.0.1:1 --timeout 5",
            "import folder",
            "export out --format markdown",
            "passphrase",
            "passphrase --forgotten --new-passphrase-file f",
            "recovery check",
            "doctor --rebuild --json",
            "demo --corpus dir",
            "completions bash",
            "man",
            "doctor --passphrase-file f --home dir",
        ] {
            if let Err(error) = parse(line) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn bad_usage_is_refused() {
        for line in [
            "",
            "wrote",
            "write T --kind sad",
            "write T --on 2024-13",
            "write T --body x --file y",
            "edit ab --body x -",
            "list --state happy",
            "item ab set cd",
            "pair --peer 127.0.0.1:1",
            "pair 7-a-b --listen 127.0.0.1:0",
            "mark ab moods word",
            "export out --format pdf",
            "sync --timeout 0",
        ] {
            assert_eq!(parse(line).err().map(|error| error.exit_code()), Some(2), "{line}");
        }
    }

    /// Values that may begin with a dash swallowed the flags behind them.
    #[test]
    fn flags_after_words_are_flags() {
        for line in
            ["search two words --json", "reflect ab --json", "item ab add lesson text --json", "reflect ab t --json"]
        {
            assert!(parse(line).unwrap().global.json, "{line}");
        }
        let Command::Search { query, .. } = parse("search -- -dash").unwrap().command else { panic!() };
        assert_eq!(query, ["-dash"]);
        let Command::Reflect { text, .. } = parse("reflect ab -").unwrap().command else { panic!() };
        assert_eq!(text.as_deref(), Some("-"));
    }

    #[test]
    fn a_lone_dash_is_standard_input_and_no_title() {
        let write = |line: &str| match parse(line).unwrap().command {
            Command::Write(write) => (write.title().map(str::to_owned), write.source(), write.wants_editor()),
            other => panic!("{other:?}"),
        };
        assert_eq!(write("write -"), (None, Some(TextSource::Stdin), false));
        assert_eq!(write("write T -"), (Some("T".into()), Some(TextSource::Stdin), false));
        assert_eq!(write("write T"), (Some("T".into()), None, false));
        assert_eq!(write("write T --edit"), (Some("T".into()), None, true));
        assert_eq!(write("write --file -"), (None, Some(TextSource::Stdin), false));
        assert_eq!(write("write"), (None, None, true));
    }
}
