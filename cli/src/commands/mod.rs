//! What each command does: reads its flags, asks the engine, answers.

mod context;
mod demo;
mod entries;
mod journal;
mod network;

use crate::args::{Cli, Command, DevicesAction};
use crate::manual;
use crate::output::{Outcome, Output};

use self::context::Context;

/// Runs one command.
pub fn run(out: Output, cli: Cli) -> Outcome {
    match cli.command {
        Command::Completions { shell } => return out.raw(&manual::completions(shell)),
        Command::Man => return out.raw(&manual::man()?),
        _ => {}
    }
    let context = Context::new(out, &cli.global)?;
    match cli.command {
        Command::Init { name } => journal::init(&context, name.as_deref()),
        Command::Write(write) => entries::write(&context, &write),
        Command::Show { id } => entries::show(&context, &id),
        Command::Pair { code: None, listen, .. } => network::pair_host(&context, listen.as_deref()),
        Command::Pair { code: Some(code), peer, name, .. } => {
            network::pair_join(&context, &code, peer.as_deref(), name.as_deref())
        }
        Command::Demo { corpus } => demo::demo(&context, corpus.as_deref()),
        Command::Devices { action: None } => network::devices(&context),
        Command::Devices { action: Some(DevicesAction::Remove { id }) } => network::remove_device(&context, &id),
        Command::Serve { listen } => network::serve(&context, listen.as_deref()),
        Command::Sync { peer, timeout } => network::sync(&context, peer.as_deref(), timeout),
        _ => Err(crate::output::Failure::usage("not wired yet", "wait")),
    }
}
