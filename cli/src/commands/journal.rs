//! Commands about the journal as a whole: `init`.

use afterword_core::engine::Engine;

use super::context::{Context, environment, unlocking};
use crate::human::{self, Style};
use crate::json::{DeviceName, Init, VaultKind};
use crate::key::Key;
use crate::output::Outcome;

/// `init`.
pub(super) fn init(context: &Context, name: Option<&str>) -> Outcome {
    let name = name.map_or_else(Context::device_name, str::to_owned);
    let key = context.new_key()?;
    let (engine, phrase) = unlocking(&key, |unlock| Engine::create(&context.home, unlock, &name, environment()))?;
    let init = Init {
        journal: engine.journal().to_string(),
        device: DeviceName { id: engine.device().to_string(), name },
        home: context.home.display().to_string(),
        vault: match key {
            Key::Passphrase(_) => VaultKind::Passphrase,
            Key::Keyring => VaultKind::Keyring,
        },
        recovery_phrase: phrase.words().to_string(),
    };
    context.out.answer(&init, |init| human::init(init, Style::here()))
}
