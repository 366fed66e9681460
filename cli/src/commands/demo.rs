//! `demo`: the whole story on two throw-away devices over real QUIC on loopback.
//!
//! Nothing in it is pretended: two homes with encrypted stores, a pairing window and a guest that dials it, a device that
//! serves and one that syncs. Only the passphrase is thrown away, and no keyring, no mDNS and no editor is touched.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use afterword_core::engine::{
    Edited, Engine, HostEvent, JoinOptions, Joined, ServeEvent, ServeOptions, SyncOptions, SyncReport,
};
use afterword_core::error::Error;
use afterword_core::id::EntryId;
use afterword_core::journal::edit::{Edit, TextField};
use afterword_core::journal::{Kind, NewEntry};
use afterword_core::time::random;
use afterword_core::vault::{Costs, Unlock};
use tokio::sync::watch;

use super::context::{Context, SystemEntropy, environment};
use super::network::sync_json;
use crate::human::{self, Style};
use crate::import::Source;
use crate::json::Demo;
use crate::output::{Failure, Outcome, io_error};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Title, kind, text: entries of the demo's own, for when no folder of writing is given.
const OWN: [(&str, Kind, &str); 4] = [
    (
        "The talk I lost the room in",
        Kind::Failure,
        "Twenty minutes in, I noticed that nobody was looking at the slides. I had prepared for questions that nobody \
         asked and skipped the one that everybody had.\n\nI said it would be finished by Friday. It was not.",
    ),
    (
        "Three rejections in one week",
        Kind::Loss,
        "The last one came while I was standing in the queue for coffee. I read it twice and ordered anyway.",
    ),
    ("Asked for help before it was too late", Kind::Win, "It took one message. I had put it off for nine days."),
    (
        "Speaking first in the Monday round",
        Kind::Experiment,
        "I fear that my voice will shake. It may. The experiment is to speak, not to sound good.",
    ),
];

/// The entry that both devices edit, and what each makes of it.
const TITLE: &str = "The migration that ate a Sunday";
const BEFORE: &str =
    "I ran the migration on the live table and it locked for forty minutes. I told nobody until the phone rang.";
const ON_PHONE: &str =
    "I ran the migration on the live table and it locked for forty minutes. I told nobody until the phone rang twice.";
const ON_LAPTOP: &str = "I ran the untested migration on the live table and it locked for forty minutes. I told nobody until the phone rang.";

/// `demo`.
pub(super) fn demo(context: &Context, corpus: Option<&Path>) -> Outcome {
    let folder = tempfile::Builder::new()
        .prefix("afterword-demo-")
        .tempdir()
        .map_err(|error| io_error("the demo found no place for its two journals", &error))?;
    let told = tell(context, folder.path(), corpus)?;
    drop(folder);
    if context.out.is_json() {
        return context.out.answer(&told, |_| String::new());
    }
    say(context, "Both journals are wiped. Begin your own with `afterword init`.")
}

/// One of the two devices.
struct Player {
    home: PathBuf,
    passphrase: String,
}

impl Player {
    fn new(folder: &Path, name: &str) -> Self {
        let secret: [u8; 16] = random(&mut SystemEntropy);
        Self { home: folder.join(name), passphrase: data_encoding::HEXLOWER.encode(&secret) }
    }

    fn unlock(&self) -> Unlock<'_> {
        // It guards made-up entries for a minute.
        Unlock::NewPassphrase { passphrase: &self.passphrase, costs: Costs::LEAST }
    }
}

fn tell(context: &Context, folder: &Path, corpus: Option<&Path>) -> Outcome<Demo> {
    let (laptop_home, phone_home) = (Player::new(folder, "laptop"), Player::new(folder, "phone"));

    chapter(context, "Two devices")?;
    let (laptop, phrase) = Engine::create(&laptop_home.home, laptop_home.unlock(), "laptop", environment())?;
    let words = phrase.words();
    let mut first = words.split(' ');
    say(
        context,
        &format!(
            "A journal on the laptop, encrypted. Its recovery phrase: {} {} … and 22 words more.",
            first.next().unwrap_or_default(),
            first.next().unwrap_or_default()
        ),
    )?;
    let (phone, joined) = pair(context, &laptop, &phone_home)?;
    say(context, &format!("The phone joined {} over QUIC, with keys of its own.", joined.host_name))?;

    chapter(context, "Writing, apart")?;
    let written = fill(context, &phone, corpus)?;
    say(context, &format!("{written} entries on the phone, each saved before the next was begun."))?;
    let shared = phone.create_entry(NewEntry {
        kind: Kind::Failure,
        title: TITLE.to_owned(),
        body: BEFORE.to_owned(),
        sections: Vec::new(),
        happened: None,
    })?;

    chapter(context, "Meeting")?;
    let met = meet(&laptop, &phone)?;
    say(context, human::peers(&sync_json(&met), Style::here()).trim_end())?;

    chapter(context, "The same entry, edited on both while apart")?;
    edit(&phone, shared.id, ON_PHONE)?;
    edit(&laptop, shared.id, ON_LAPTOP)?;
    say(context, &format!("phone:   {ON_PHONE}"))?;
    say(context, &format!("laptop:  {ON_LAPTOP}"))?;
    let merged = meet(&laptop, &phone)?;
    say(context, human::peers(&sync_json(&merged), Style::here()).trim_end())?;

    chapter(context, "Merged, on both")?;
    let (here, there) = (phone.show(shared.id)?, laptop.show(shared.id)?);
    if here.body != there.body || here.heads != there.heads {
        return Err(Error::internal("the two devices read the merged entry differently").into());
    }
    say(context, &format!("both:    {}", there.body))?;

    chapter(context, "Found again")?;
    let query = "untested \"phone rang\"";
    let begun = Instant::now();
    let found = laptop.search(query, 3)?;
    let took = begun.elapsed();
    say(context, &format!("search {query}: {} found in {:.1} ms", found.total, took.as_secs_f64() * 1e3))?;
    for hit in &found.hits {
        say(context, &format!("  {}  {}", hit.title, hit.excerpt))?;
    }
    let again = meet(&laptop, &phone)?;
    let peer = sync_json(&again);
    let after: u64 =
        peer.peers.iter().map(|p| p.wire.sent_bytes + p.wire.received_bytes - p.wire.handshake_bytes).sum();
    say(context, &format!("A last sync, with nothing new: {after} bytes after the handshake, one round trip."))?;
    phone.close()?;
    laptop.close()?;
    let report = sync_json(&merged);
    Ok(Demo { peers: report.peers, entry: there })
}

/// A pairing window on the laptop, and the phone that types its code.
fn pair(context: &Context, laptop: &Engine, phone: &Player) -> Outcome<(Engine, Joined)> {
    let (codes, code) = mpsc::channel();
    let (_stop, stopped) = watch::channel(false);
    let joined = std::thread::scope(|scope| {
        let host = scope.spawn(|| {
            laptop.pair_host(LOOPBACK, false, stopped, |event| {
                if let HostEvent::Code(code) = event {
                    // The guest may have what it needs already.
                    let _ = codes.send(code);
                }
            })
        });
        let shown = code
            .recv_timeout(Duration::from_secs(10))
            .map_err(|_| Error::internal("the pairing window showed no code"))?;
        say(context, &format!("The laptop shows a code: {}", shown.code))?;
        let options =
            JoinOptions { name: "phone".to_owned(), peer: Some(shown.address), discover: Duration::ZERO, stop: None };
        let guest = Engine::join(&phone.home, &shown.code, &options, phone.unlock(), environment(), None, |_| {});
        host.join().map_err(|_| Error::internal("the pairing window broke"))??;
        Ok::<_, Failure>(guest?)
    })?;
    Ok(joined)
}

/// Entries for the phone: from the folder, else the demo's own. Answers how many.
fn fill(context: &Context, phone: &Engine, corpus: Option<&Path>) -> Outcome<u64> {
    if let Some(folder) = corpus {
        let report = super::transfer::take_in(context, phone, Source::open(folder)?, folder)?;
        for problem in &report.problems {
            say(context, &format!("  {}: {}", problem.path, problem.reason))?;
        }
        return Ok(report.created);
    }
    for (title, kind, body) in OWN {
        phone.create_entry(NewEntry {
            kind,
            title: title.to_owned(),
            body: body.to_owned(),
            sections: Vec::new(),
            happened: None,
        })?;
    }
    Ok(OWN.len() as u64)
}

/// The laptop serves, the phone syncs with it once.
fn meet(laptop: &Engine, phone: &Engine) -> Outcome<SyncReport> {
    let (stop, stopped) = watch::channel(false);
    let (listening, address) = mpsc::channel();
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| {
            let options = ServeOptions { listen: LOOPBACK, discover: false };
            laptop.serve(&options, stopped, |event| {
                if let ServeEvent::Listening(address) = event {
                    let _ = listening.send(address);
                }
            })
        });
        let report = address
            .recv_timeout(Duration::from_secs(10))
            .map_err(|_| Error::internal("the laptop does not listen"))
            .and_then(|address| {
                let options = SyncOptions { peer: Some(address), discover: None, ..SyncOptions::default() };
                phone.sync(&options, |_, _| {})
            });
        // Whatever came of the sync, the laptop stops serving.
        let _ = stop.send(true);
        serving.join().map_err(|_| Error::internal("serving broke"))??;
        let report = report?;
        match report.peers.first().and_then(|peer| peer.error.clone()) {
            Some(error) => Err(error.into()),
            None => Ok(report),
        }
    })
}

fn edit(engine: &Engine, id: EntryId, text: &str) -> Outcome<Edited> {
    let base = engine.show(id)?.heads;
    Ok(engine.edit(id, &[Edit::SetText { field: TextField::Body, base, text: text.to_owned() }])?)
}

fn chapter(context: &Context, title: &str) -> Outcome {
    say(context, &format!("\n{}", Style::here().heading(title)))
}

fn say(context: &Context, text: &str) -> Outcome {
    if context.out.is_json() {
        return Ok(());
    }
    context.out.raw(format!("{text}\n").as_bytes())
}
