//! Commands about the journal as a whole: `init`, `passphrase`, `recovery check`, `doctor`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::Path;

use afterword_core::engine::{self, Engine, Health, put_aside};
use afterword_core::error::{Code, Error};
use afterword_core::time::Clock;
use afterword_core::vault::UnlockKind;
use zeroize::Zeroizing;

use super::context::{Context, SystemClock, SystemEntropy, environment, keyring_keeps, locking, unlocking};
use crate::human::{self, Style};
use crate::json::{Check, DeviceName, Doctor, Done, Init, Position, VaultKind};
use crate::key::{self, Key};
use crate::output::{Failure, Outcome};
use crate::progress::Progress;
use crate::words::{self, Given};
use crate::{advice, ask};

/// `init`. The journal takes its place once its 24 words were printed: cut off before that there is none, and `init`
/// begins again.
pub(super) fn init(context: &Context, name: Option<&str>) -> Outcome {
    engine::check_vacant(&context.home)?;
    let name = name.map_or_else(Context::device_name, str::to_owned);
    context.take_folder()?;
    let key = context.new_key()?;
    let cut_off = engine::is_unfinished(&context.home);
    let begun = locking(&key, |unlock| Engine::begin(&context.home, unlock, &name, environment()))??;
    if cut_off {
        context.out.note(&ask::wrapped(
            "An earlier start in this folder was cut off. It begins anew: words that were shown before open nothing.",
        ));
    }
    let init = Init {
        journal: begun.journal().to_string(),
        device: DeviceName { id: begun.device().to_string(), name },
        home: context.home.display().to_string(),
        vault: match key {
            Key::Passphrase(_) => VaultKind::Passphrase,
            Key::Keyring => VaultKind::Keyring,
        },
        recovery_phrase: begun.phrase().words().to_string(),
    };
    context.out.deliver(&init, |init| human::init(init, Style::here())).map_err(|error| {
        Error::new(
            Code::Cancelled,
            format!("the recovery phrase could not be printed ({}), so no journal was made", error.kind()),
            "run `afterword init` again where its answer can be read",
        )
    })?;
    let phrase = begun.phrase().clone();
    begun.finish()?.close()?;
    if !context.out.is_json() {
        if !context.yes {
            words::after_init(&phrase, &mut SystemEntropy);
        }
        context.out.note(&ask::wrapped(
            "The journal is ready: `afterword write` begins, `afterword recovery check` tries the 24 words.",
        ));
    }
    Ok(())
}

/// What to do where nobody can be asked for a new passphrase.
const NEW: &str = "give it with --new-passphrase-file FILE, or as a line of standard input";

/// `passphrase`: a new one from a file, a question, or the first line of standard input.
pub(super) fn passphrase(context: &Context, file: Option<&Path>) -> Outcome {
    let engine = context.open()?;
    let new = new_passphrase(context, file)?;
    let key = Key::Passphrase(new);
    locking(&key, |unlock| engine.change_unlock(unlock))??;
    context.out.answer(&Done::to(engine.journal()), |_| "The passphrase is changed.\n".to_owned())
}

fn new_passphrase(context: &Context, file: Option<&Path>) -> Outcome<Zeroizing<String>> {
    if let Some(file) = file {
        return key::read_file(file);
    }
    if !io::stdin().is_terminal() {
        return ask::first_line(&mut io::stdin().lock())?.ok_or_else(|| Failure::nobody("the new passphrase", NEW));
    }
    key::new_passphrase("The journal opens with this from now on. What you type does not show.", NEW, context.yes)
}

/// `passphrase --forgotten`: the 24 words open the journal, and what opens it every day is set anew: the keyring where it
/// was the keyring and one answers, else a passphrase.
pub(super) fn forgotten(context: &Context, file: Option<&Path>) -> Outcome {
    let kind = engine::unlock_kind(&context.home)?;
    let Given { phrase, next_line } = words::ask()?;
    let engine = Engine::open_with_phrase(&context.home, &phrase, environment())?;
    let key = match (file, next_line) {
        (Some(file), _) => Key::Passphrase(key::read_file(file)?),
        (None, Some(line)) => Key::Passphrase(line),
        (None, None) if kind == UnlockKind::Platform && keyring_keeps() => Key::Keyring,
        (None, None) => Key::Passphrase(key::new_passphrase(
            "These are the right words. The journal opens with a new passphrase from now on. What you type does not show.",
            NEW,
            context.yes,
        )?),
    };
    locking(&key, |unlock| engine.change_unlock(unlock))??;
    context.out.answer(&Done::to(engine.journal()), |_| {
        match key {
            Key::Passphrase(_) => "The journal opens with the new passphrase now.\n",
            Key::Keyring => "The journal opens with this account's keyring again.\n",
        }
        .to_owned()
    })
}

/// `recovery check`. Nothing but the phrase is needed.
pub(super) fn check_recovery(context: &Context) -> Outcome {
    // Whether there is a journal is said before anybody types 24 words.
    engine::unlock_kind(&context.home)?;
    let journal = engine::check_phrase(&context.home, &words::ask()?.phrase)?;
    context.out.answer(&Done::to(journal), |_| "These are the right words: they open this journal.\n".to_owned())
}

/// `doctor`.
pub(super) fn doctor(context: &Context, rebuild: bool) -> Outcome {
    let key = context.key()?;
    let engine = match context.open_with(&key) {
        Err(Failure::Failed(error)) if rebuild && error.code == Code::Corrupt => return damaged(context, &error),
        opened => opened?,
    };
    if rebuild {
        let mut progress = Progress::new("rebuilding", context.out.is_json());
        let mended = engine.rebuild(|done, left| progress.at(done, Some(done + left)))?;
        progress.finish();
        if mended.documents > 0 {
            context.out.note(&format!("{} entries were not as the logs have them, and are now.", mended.documents));
        }
        for (log, seq) in &mended.cut {
            context.out.note(&format!(
                "Log {log} was damaged after operation {seq}; the next sync fetches the rest of it again."
            ));
        }
        if mended.logged_again > 0 {
            let count = mended.logged_again;
            context
                .out
                .note(&format!("{count} changes behind the damage could be read, and are kept in this device's log."));
        }
    }
    let value = doctor_json(unlocking(&key, |unlock| engine.doctor(unlock))?);
    context.out.answer(&value, |value| human::doctor(value, Style::here()))?;
    if value.ok { Ok(()) } else { Err(Failure::Trouble) }
}

/// A database that does not open can't be made again from its own logs: it is put aside, and the journal joined anew.
fn damaged(context: &Context, error: &Error) -> Outcome {
    let question = "This journal's database does not open. Put it aside, all of it, so that you can join your journal \
                    again from another device?";
    ask::confirm(question, context.yes)?;
    let aside = put_aside(&context.home, SystemClock.now())?;
    let detail = format!(
        "{}; put aside as {}; on a device that has your journal run `afterword pair`, and here `afterword pair CODE`",
        error.message,
        aside.display()
    );
    let value = Doctor {
        ok: false,
        checks: vec![Check { name: "database".to_owned(), ok: false, detail }],
        entries: 0,
        operations: 0,
        digest: data_encoding::HEXLOWER.encode(&[0; 32]),
        vector: BTreeMap::new(),
        wanted_blobs: 0,
    };
    context.out.answer(&value, |value| human::doctor(value, Style::here()))?;
    Err(Failure::Trouble)
}

fn doctor_json(health: Health) -> Doctor {
    Doctor {
        ok: health.checks.iter().all(|check| check.ok),
        checks: health
            .checks
            .into_iter()
            .map(|check| {
                let advice = check.advice.map(|advice| format!("; {}", advice::words(&advice))).unwrap_or_default();
                Check { name: check.name, ok: check.ok, detail: check.detail + &advice }
            })
            .collect(),
        entries: health.entries,
        operations: health.operations,
        digest: data_encoding::HEXLOWER.encode(&health.digest),
        vector: health
            .vector
            .iter()
            .map(|(log, at)| (log.to_string(), Position { seq: at.seq, chain: at.chain.to_string() }))
            .collect(),
        wanted_blobs: health.wanted_blobs,
    }
}
