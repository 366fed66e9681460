//! What each command does: reads its flags, asks the engine, answers.

mod context;
mod demo;
mod entries;
mod files;
mod find;
mod journal;
mod network;
#[cfg(feature = "next-format")]
mod next;
mod parts;
mod text;
mod transfer;

use crate::args::{Cli, Command, DevicesAction, RecoveryAction};
use crate::manual;
use crate::output::{Outcome, Output};

use self::context::Context;

/// Runs one command.
pub fn run(out: Output, cli: Cli) -> Outcome {
    // Completions and the man page are made where there is no home folder too.
    let context = || Context::new(out, &cli.global);
    match cli.command {
        Command::Completions { shell } => out.raw(&manual::completions(shell)),
        Command::Man => out.raw(&manual::man()?),
        Command::Init { name } => journal::init(&context()?, name.as_deref()),
        Command::Write(write) => entries::write(&context()?, &write),
        Command::Today => entries::today(&context()?),
        Command::List(list) => find::list(&context()?, &list),
        Command::Show { id } => entries::show(&context()?, &id),
        Command::Edit(edit) => entries::edit(&context()?, &edit),
        Command::Reflect { id, text } => parts::reflect(&context()?, &id, text.as_deref()),
        Command::Item { id, action } => parts::item(&context()?, &id, &action),
        Command::Mark { id, group, word, remove } => parts::mark(&context()?, &id, group, &word, remove),
        Command::Close { id, kind, note } => parts::close(&context()?, &id, kind, &note),
        Command::Reopen { id } => parts::reopen(&context()?, &id),
        Command::Box { id, until } => parts::put_in_box(&context()?, &id, until),
        Command::Unbox { id } => parts::unbox(&context()?, &id),
        Command::History { id } => find::history(&context()?, &id),
        Command::Restore { id, at } => find::restore(&context()?, &id, &at),
        Command::Trash { id } => parts::trash(&context()?, &id, true),
        Command::Untrash { id } => parts::trash(&context()?, &id, false),
        // Nothing is published yet, so there is nothing to withdraw first: `--now` changes nothing.
        Command::Erase { id, now: _ } => parts::erase(&context()?, &id),
        Command::Search { query, limit } => find::search(&context()?, &query, limit),
        Command::Attach { id, file, caption, alt, credit } => {
            files::attach(&context()?, &id, &file, files::About { caption, alt, credit })
        }
        Command::Detach { id, attachment } => files::detach(&context()?, &id, &attachment),
        Command::Extract { id, attachment, file } => files::extract(&context()?, &id, &attachment, &file),
        Command::Import { path } => transfer::import(&context()?, &path),
        Command::Export { path, format } => transfer::export(&context()?, &path, format),
        Command::Passphrase { forgotten: false, new_passphrase_file } => {
            journal::passphrase(&context()?, new_passphrase_file.as_deref())
        }
        Command::Passphrase { forgotten: true, new_passphrase_file } => {
            journal::forgotten(&context()?, new_passphrase_file.as_deref())
        }
        Command::Recovery { action: RecoveryAction::Check } => journal::check_recovery(&context()?),
        Command::Doctor { rebuild } => journal::doctor(&context()?, rebuild),
        Command::Pair { code: None, listen, .. } => network::pair_host(&context()?, listen.as_deref()),
        Command::Pair { code: Some(code), peer, name, .. } => {
            network::pair_join(&context()?, &code, peer.as_deref(), name.as_deref())
        }
        Command::Demo { corpus } => demo::demo(&context()?, corpus.as_deref()),
        Command::Devices { action: None } => network::devices(&context()?),
        Command::Devices { action: Some(DevicesAction::Remove { id }) } => network::remove_device(&context()?, &id),
        Command::Serve { listen } => network::serve(&context()?, listen.as_deref()),
        Command::Sync { peer, timeout } => network::sync(&context()?, peer.as_deref(), timeout),
        #[cfg(feature = "next-format")]
        Command::NextSay { id, text } => next::say(&context()?, &id, &text),
        #[cfg(feature = "next-format")]
        Command::NextHeard => next::heard(&context()?),
    }
}
