//! What to do about an error, as a value: core speaks to nobody in particular, and each surface has words of its own.
//!
//! [`Display`](fmt::Display) says it to somebody who has an app in their hand and no command line. The laptop program names
//! its commands instead.

use std::borrow::Cow;
use std::fmt;

/// What to do. Most is the same sentence for everybody; the rest names something that each surface calls otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// This sentence, which names no command and no flag.
    Plain(Cow<'static, str>),
    /// Look at the health of the journal on this device.
    CheckHealth,
    /// The same on both devices of a session.
    CheckBoth,
    /// Report the sentence: it is a defect of the program.
    Report,
    /// Make everything again from the logs.
    Rebuild,
    /// Once more.
    RebuildAgain,
    /// Read an entry on a device with more memory, or try again here.
    ReadElsewhere,
    /// The other device must have its journal open on this network, or its address be named.
    OpenThere,
    /// The other device must be reached where it was looked for.
    CheckThere,
    /// Name the other device's address.
    NameAddress,
    /// Listen somewhere else.
    ListenElsewhere,
    /// Begin to serve again once the network has changed.
    ServeAgain,
    /// Sync again, and give it longer.
    SyncLonger,
    /// Look at the list of devices.
    SeeDevices,
    /// See what an entry has.
    SeeEntry,
    /// See what a value may be.
    SeeValues,
    /// Find the entry in a list or by a search.
    FindEntry,
    /// Open another pairing window when the other device is at hand.
    PairAgain,
    /// Look whether the code is still shown.
    CheckCode,
    /// Show a new code, and take its picture.
    ShowNewCode,
    /// Join the journal again from another device.
    JoinAgain,
    /// Begin a journal again that was cut off while it was made.
    BeginAgain,
    /// Make a journal, or name its folder.
    MakeJournal,
    /// Look at the folder's name.
    CheckFolder,
    /// Open the journal with its 24 words, as the everyday key is gone.
    OpenWithPhrase,
    /// Try again, or set a new passphrase with the 24 words.
    TryPassphrase,
    /// Set the passphrase anew, so that a guess at it costs more.
    SetPassphrase,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(sentence) => sentence,
            Self::CheckHealth => {
                "nothing was changed; look at the journal's health, your other devices hold their copies"
            }
            Self::CheckBoth => "nothing of it was taken; look at the journal's health on both devices",
            Self::Report => "nothing that was saved is lost; start the app anew, and report this sentence",
            Self::Rebuild => "have the journal made again from its logs, which still hold every word",
            Self::RebuildAgain => "have the journal made again from its logs once more",
            Self::ReadElsewhere => {
                "everything else goes on, and nothing of it is lost; read it on a device with more memory"
            }
            Self::OpenThere | Self::CheckThere => {
                "check that the other device is on, has its journal open, and is on this network"
            }
            Self::NameAddress => "give the other device's address",
            Self::ListenElsewhere => "check that this device is on a network, and try again",
            Self::ServeAgain => "syncing goes on; open the journal anew after changing networks",
            Self::SyncLonger => "nothing is lost; sync again, for longer if there is much to move",
            Self::SeeDevices => "look again at the devices of this journal, and choose from them",
            Self::SeeEntry => "look again at what the entry has, and choose from that",
            Self::SeeValues => "change it and try again",
            Self::FindEntry => "look again at what is there, and choose from that",
            Self::PairAgain => "nothing is lost; begin again when the other device is at hand",
            Self::CheckCode => "check that the other device still shows the code and is on this network",
            Self::ShowNewCode => "show a new code on the other device, and scan its picture",
            Self::JoinAgain => "nothing was changed; pair this device anew with another one",
            Self::BeginAgain => "begin again; nothing was written into it",
            Self::MakeJournal => "make a journal, or pair with a device that has one",
            Self::CheckFolder => "check the name of the folder",
            Self::OpenWithPhrase => "open the journal with its 24 words, or pair this device anew with another one",
            Self::TryPassphrase => "look again at what was typed, or open the journal with its 24 words",
            Self::SetPassphrase => "set the passphrase anew",
        })
    }
}

impl From<&'static str> for Advice {
    fn from(sentence: &'static str) -> Self {
        Self::Plain(Cow::Borrowed(sentence))
    }
}

impl From<String> for Advice {
    fn from(sentence: String) -> Self {
        Self::Plain(Cow::Owned(sentence))
    }
}
