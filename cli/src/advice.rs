//! What to do about an error, in the words of the laptop program: its commands and flags.

use afterword_core::error::Advice;

/// Returns the sentence for somebody at a command line.
pub fn words(advice: &Advice) -> &str {
    match advice {
        Advice::Plain(sentence) => sentence,
        Advice::CheckHealth => {
            "nothing was changed; run `afterword doctor`, your other devices still hold their copies"
        }
        Advice::CheckBoth => "nothing of it was taken; run `afterword doctor` on both devices",
        Advice::Report => "nothing that was saved is lost; run `afterword doctor`, and report this sentence",
        Advice::Rebuild => "run `afterword doctor --rebuild`; the log still holds every word",
        Advice::RebuildAgain => "run `afterword doctor --rebuild` once more",
        Advice::ReadElsewhere => {
            "everything else goes on, and nothing of it is lost; read it on a device with more memory, or try again here \
             with `afterword doctor --rebuild`"
        }
        Advice::OpenThere => "run `afterword serve` there, on the same network, or name its address with --peer",
        Advice::CheckThere => "check that `afterword serve` runs there and that both are on one network",
        Advice::NameAddress => "name the other device's address with --peer",
        Advice::ListenElsewhere => {
            "choose another address or port with --listen, or check that this machine is on a network"
        }
        Advice::ServeAgain => "syncing goes on; restart `afterword serve` after changing networks",
        Advice::SyncLonger => "nothing is lost; sync again, with a longer --timeout if there is much to move",
        Advice::SeeDevices => "see `afterword devices`",
        Advice::SeeEntry => "look at what it has with `afterword show`",
        Advice::SeeValues => "see `afterword help` for what it may be",
        Advice::FindEntry => "look it up with `afterword list` or `afterword search`",
        Advice::PairAgain => "run `afterword pair` again when the other device is at hand",
        Advice::CheckCode => "check that the other device still shows the code, or name its address with --peer",
        Advice::ShowNewCode => {
            "show a new code on the other device, and scan its picture or name its address with --peer"
        }
        Advice::JoinAgain => {
            "join the journal again: on another device run `afterword pair`, and here `afterword pair CODE`"
        }
        Advice::BeginAgain => "begin again with `afterword init` or `afterword pair CODE`; nothing was written into it",
        Advice::MakeJournal => "make one with `afterword init`, or name its folder with --home",
        Advice::CheckFolder => "check the name and the folder given with --home",
        Advice::OpenWithPhrase => {
            "`afterword passphrase --forgotten` opens it with its 24 words; where the vault file is missing, put it back \
             from a copy of this folder, or join anew from another device with `afterword pair`"
        }
        Advice::TryPassphrase => {
            "try again; if it is forgotten, `afterword passphrase --forgotten` sets a new one with the 24 words"
        }
        Advice::SetPassphrase => "set the passphrase anew with `afterword passphrase`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_names_its_commands_and_core_names_none() {
        assert!(words(&Advice::Rebuild).contains("`afterword doctor --rebuild`"));
        assert!(!Advice::Rebuild.to_string().contains('`'));
        assert_eq!(words(&Advice::from("give it as 2026-11-23")), "give it as 2026-11-23");
    }
}
