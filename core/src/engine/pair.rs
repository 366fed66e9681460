//! Adding a device: the host's side of a pairing window, and the newcomer's.
//!
//! On the paired channel, postcard, in turn: host `Offer`, guest [`Newcomer`], host `Welcome` and what of it is further, then both sync as members
//! over a connection of their own, and the guest says `Done`. Nothing of the journal but its id is said before the guest has
//! consented to be added to exactly this journal. Every wait ends by itself, and when `stop` turns true.

mod welcome;
mod windows;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::adopt::adopt;
use super::home::{self, Device, Environment, create_store};
use super::session_driver::{self, SessionEvent, SessionReport};
use super::{Engine, network, runtime};
use crate::crypto::Secret;
use crate::error::{Advice, Code, Error, Result};
use crate::files::Home;
use crate::id::{DeviceId, JournalId};
use crate::log::codec;
use crate::membership::{Newcomer, Signer, Statement, Statements};
use crate::replication::rules;
use crate::replication::{Setting, StorageExt};
use crate::sync::Mode;
use crate::transport::{
    Endpoint, Invitation, PairedChannel, PairingEvent, PairingHost, PairingOptions, Service, ShownCode,
};
use crate::vault::{Founding, SystemFiles, Unlock};

const MAX_OFFER: usize = 1 << 10;
const MAX_NEWCOMER: usize = 1 << 10;
/// How long the host waits for a guest that is not connected, before it leaves it to sync later.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(45);
/// How long it waits for one that is connected and moves nothing.
const MAX_QUIET: Duration = Duration::from_secs(120);

#[derive(Serialize, Deserialize)]
struct Offer {
    journal: JournalId,
}

/// What happens at the host's window.
#[derive(Debug)]
pub enum HostEvent {
    /// Show this code.
    Code(ShownCode),
    /// Someone used wrong words; so many more codes will be shown.
    WrongGuess {
        /// How many.
        left: u8,
    },
    /// A device was added, and is syncing.
    Added {
        /// The newcomer.
        device: DeviceId,
        /// Its name.
        name: String,
    },
    /// Progress of the first sync.
    Progress(SessionEvent),
}

/// Who joined whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The newcomer.
    pub device: DeviceId,
    /// Its name.
    pub device_name: String,
    /// The host.
    pub host: DeviceId,
    /// Its name.
    pub host_name: String,
    /// How many windows on the network said that they show the code; one where it was not looked for there.
    pub windows: usize,
}

/// How a newcomer joins.
#[derive(Debug, Clone)]
pub struct JoinOptions {
    /// What this device is to be called.
    pub name: String,
    /// Where the host is; found on the network where absent.
    pub peer: Option<SocketAddr>,
    /// How long to look for it there.
    pub discover: Duration,
    /// Turns true when whoever waits does not want to any more.
    pub stop: Option<watch::Receiver<bool>>,
}

impl Engine {
    /// Opens a pairing window at `listen` and adds the device that comes. Returns once its first sync is done.
    pub fn pair_host(
        &self,
        listen: SocketAddr,
        discover: bool,
        stop: watch::Receiver<bool>,
        mut told: impl FnMut(HostEvent) + Send,
    ) -> Result<Joined> {
        self.runtime()?.block_on(self.host(listen, discover, stop, &mut told))
    }

    async fn host(
        &self,
        listen: SocketAddr,
        discover: bool,
        mut stop: watch::Receiver<bool>,
        told: &mut (dyn FnMut(HostEvent) + Send),
    ) -> Result<Joined> {
        let shared = &self.shared;
        let options = PairingOptions::default();
        let (mut window, code) =
            PairingHost::open(listen, self.device(), shared.clock.as_ref(), &mut shared.entropy.clone(), options)?;
        let discovery = network::discovery(shared, discover);
        let announce = |code: &ShownCode| {
            let address = SocketAddr::new(listen.ip(), code.address.port());
            let service = Service::Pairing { nameplate: code.nameplate };
            discovery.as_ref().and_then(|discovery| discovery.announce(service, address).ok())
        };
        let mut _announced = announce(&code);
        told(HostEvent::Code(code));
        let channel = loop {
            let event = tokio::select! {
                event = window.next_event() => event,
                _ = stop.wait_for(|stop| *stop) => return Err(interrupted()),
            };
            match event {
                Some(PairingEvent::Code(code)) => {
                    _announced = announce(&code);
                    told(HostEvent::Code(code));
                }
                Some(PairingEvent::WrongGuess { left }) => told(HostEvent::WrongGuess { left }),
                Some(PairingEvent::Joined(channel)) => break channel,
                Some(PairingEvent::Expired) | None => {
                    return Err(Error::new(
                        Code::Cancelled,
                        "nobody joined before the pairing window closed",
                        Advice::PairAgain,
                    ));
                }
            }
        };
        let members = network::endpoint(shared, Some(SocketAddr::new(listen.ip(), 0)), Some(Duration::from_secs(10)))?;
        let (joined, channel) = tokio::select! {
            added = self.welcome(channel, &members, told) => added?,
            _ = stop.wait_for(|stop| *stop) => return Err(interrupted()),
        };
        let done = self.first_sync(&members, joined.device, channel, stop, told).await;
        members.close();
        done.map(|()| joined)
    }

    /// Adds the guest, and tells it everything it needs to sync as a member.
    async fn welcome(
        &self,
        mut channel: PairedChannel,
        members: &Endpoint,
        told: &mut (dyn FnMut(HostEvent) + Send),
    ) -> Result<(Joined, PairedChannel)> {
        let identity = &self.shared.identity;
        let host_name = network::name_of(&self.shared, &self.device());
        channel.send(&encode(&Offer { journal: identity.journal })?).await?;
        let newcomer: Newcomer = decode(&channel.recv(MAX_NEWCOMER).await?)?;
        if newcomer.device != channel.peer() {
            return Err(misfit());
        }
        newcomer.verify(&identity.journal)?;
        let (device, device_name) = (newcomer.device, newcomer.name.clone());
        let now = self.shared.clock.now();
        let (statements, secret) = self.shared.store.write(|tx| {
            let set = rules::statements(tx)?;
            if !set.has_room() {
                return Err(Error::new(
                    Code::Refused,
                    "this device could not be added: the journal has as many devices as it may have",
                    "remove those that you do not use, and pair again",
                )
                .about("device"));
            }
            let add = Statement::add(Signer::Device(&identity.key), &identity.journal, &set.seen(), newcomer, now)?;
            rules::add_statements(tx, identity, vec![add])?;
            let set = rules::statements(tx)?;
            if !set.state().is_member(&device) {
                return Err(Error::new(
                    Code::Refused,
                    "this device does not belong to the journal any more, so it can add none",
                    "pair with a device that does",
                )
                .about("not_a_member"));
            }
            let secret = tx.setting(Setting::JournalSecret)?.unwrap_or_default();
            let secret: [u8; 32] =
                secret.try_into().map_err(|_| Error::corrupt("the store holds no journal secret"))?;
            let statements: Vec<_> = set.in_order().iter().map(|statement| statement.encode().to_vec()).collect();
            welcome::check_size(statements.iter().map(Vec::len).sum())?;
            Ok((statements, Secret::from_bytes(secret)))
        })?;
        self.shared.changed();
        let port = members.local_addr().map_or(0, |address| address.port());
        welcome::tell(&mut channel, statements, secret, port).await?;
        told(HostEvent::Added { device, name: device_name.clone() });
        Ok((Joined { device, device_name, host: self.device(), host_name, windows: 1 }, channel))
    }

    /// Serves the guest's sessions until it says that it is done.
    async fn first_sync(
        &self,
        members: &Endpoint,
        guest: DeviceId,
        mut channel: PairedChannel,
        stop: watch::Receiver<bool>,
        told: &mut (dyn FnMut(HostEvent) + Send),
    ) -> Result<()> {
        let (tell, mut hear) = mpsc::unbounded_channel();
        let mut sessions = tokio::task::JoinSet::new();
        let last_word = async { channel.recv_at_last(16).await.map(drop) };
        tokio::pin!(last_word);
        let mut stopped = stop.clone();
        // When the guest was last heard of. Nobody else's dialing counts.
        let mut heard = Instant::now();
        let outcome = loop {
            let lonely = sessions.is_empty();
            let patience = if lonely { CONNECT_TIMEOUT } else { MAX_QUIET };
            tokio::select! {
                done = &mut last_word => break done.map_err(|_| gone()),
                Some(connection) = members.accept() => {
                    if connection.peer() == guest {
                        heard = Instant::now();
                        let (news, stop) = (self.shared.news(), stop.clone());
                        sessions.spawn(session_driver::run(
                            self.shared.clone(), connection, Mode::Live, news, stop, tell.clone(),
                        ));
                    }
                }
                Some(ended) = sessions.join_next(), if !lonely => {
                    heard = Instant::now();
                    if let Ok(SessionReport { error: Some(error), equal: None, .. }) = ended {
                        tracing::debug!(code = error.code.as_str(), "a first sync broke off");
                    }
                }
                Some(news) = hear.recv() => {
                    heard = Instant::now();
                    told(HostEvent::Progress(news));
                }
                () = tokio::time::sleep_until(heard + patience) => break Err(gone()),
                _ = stopped.wait_for(|stop| *stop) => break Err(interrupted()),
            }
        };
        sessions.shutdown().await;
        outcome
    }

    /// Joins the journal that shows `code`, as a new device in `root`. Entries of `old`, the journal that was in `root`,
    /// come along; it is put away only once the host has acknowledged all of it.
    pub fn join(
        root: &Path,
        code: &str,
        options: &JoinOptions,
        unlock: Unlock<'_>,
        environment: Environment,
        old: Option<Self>,
        mut told: impl FnMut(SessionEvent) + Send,
    ) -> Result<(Self, Joined)> {
        let invitation = Invitation::parse(code)?;
        let home = Home::new(root);
        match &old {
            // Its share of the home goes: whoever swaps the files is alone. It is only read from now on.
            Some(old) => old.shared.stay(None),
            None => home::check_vacant(root)?,
        }
        let founding = Founding::begin(&home, home::platform(unlock), Arc::new(SystemFiles))?;
        if old.is_none() {
            home::check_vacant(root)?;
        }
        let runtime = runtime()?;
        let stopped = async {
            match options.stop.clone() {
                Some(mut stop) => drop(stop.wait_for(|stop| *stop).await),
                None => std::future::pending().await,
            }
        };
        let joined = runtime.block_on(async {
            tokio::select! {
                joined = join(&founding, &invitation, options, unlock, &environment, old.as_ref(), &mut told) => joined,
                () = stopped => Err(interrupted()),
            }
        });
        runtime.shutdown_timeout(Duration::from_secs(1));
        // Where that failed, what was begun is cleared away, and what was there before is as it was.
        let (engine, joined) = joined?;
        let key = engine.key.clone();
        engine.close()?;
        if let Some(old) = old {
            old.close()?;
        }
        let lock = founding.put_in_place()?;
        let engine = Self::open_with_key(home, &key, environment, Some(lock))?;
        Ok((engine, joined))
    }
}

async fn join(
    founding: &Founding,
    invitation: &Invitation,
    options: &JoinOptions,
    unlock: Unlock<'_>,
    environment: &Environment,
    old: Option<&Engine>,
    told: &mut (dyn FnMut(SessionEvent) + Send),
) -> Result<(Engine, Joined)> {
    let mut entropy = environment.entropy.clone();
    let device = Device::generate(&mut entropy);
    let found_at = match options.peer.or(invitation.address()) {
        Some(address) => vec![vec![address]],
        None => windows::find(invitation, options.discover, environment).await?,
    };
    let (mut channel, address) = windows::prove_to_one(invitation, &found_at, device.key.id(), &mut entropy).await?;
    let host = channel.peer();
    let offer: Offer = decode(&channel.recv(MAX_OFFER).await?)?;
    channel.send(&encode(&device.newcomer(&offer.journal, &options.name)?)?).await?;
    let welcome = welcome::hear(&mut channel).await?;
    let (statements, host_name) = check_statements(&welcome.statements, &offer.journal, &device.key.id(), &host)?;
    let engine =
        create_store(&founding.new_home(), unlock, &device, &welcome.secret, &statements, environment.clone())?;

    let members = network::endpoint(&engine.shared, None, None)?;
    let address = SocketAddr::new(address.ip(), welcome.port);
    session(&engine, &members, address, host, told).await?;
    if let Some(old) = old {
        adopt(&old.shared, &engine.shared)?;
        session(&engine, &members, address, host, told).await?;
    }
    // All of it is durable here: the host need not wait until it can be read.
    channel.send(b"done").await?;
    channel.close().await;
    members.close();
    super::sync::derive_after(&engine.shared, std::time::Duration::MAX, told).await;
    let (device, device_name) = (device.key.id(), options.name.clone());
    let joined = Joined { device, device_name, host, host_name, windows: found_at.len() };
    Ok((engine, joined))
}

/// Statements from the host must be this journal's, lack none that one of them names, and make both devices members, or
/// nothing is founded on them. With them comes the name that the host was added under: what it calls itself is not asked.
fn check_statements(
    encoded: &[Vec<u8>],
    journal: &JournalId,
    device: &DeviceId,
    host: &DeviceId,
) -> Result<(Vec<Statement>, String)> {
    let decoded = encoded.iter().map(|bytes| Statement::decode(bytes)).collect::<Result<Vec<_>, _>>()?;
    let mut set = Statements::new(decoded.first().cloned().ok_or_else(misfit)?)?;
    for statement in decoded.iter().skip(1).cloned() {
        set.insert(statement)?;
    }
    let state = set.state();
    let host = state.member(host).filter(|_| state.is_member(device)).ok_or_else(misfit)?;
    // Whoever lacks what its own add names can sign no keep that counts.
    let right = set.journal() == *journal && set.all_complete();
    if right { Ok((decoded, host.name.clone())) } else { Err(misfit()) }
}

async fn session(
    engine: &Engine,
    members: &Endpoint,
    address: SocketAddr,
    host: DeviceId,
    told: &mut (dyn FnMut(SessionEvent) + Send),
) -> Result<()> {
    let connection = members.connect(address, host).await?;
    let (_stop, stopped) = watch::channel(false);
    let (tell, mut hear) = mpsc::unbounded_channel();
    let running =
        session_driver::run(engine.shared.clone(), connection, Mode::Once, engine.shared.news(), stopped, tell);
    tokio::pin!(running);
    let outcome = loop {
        tokio::select! {
            outcome = &mut running => break outcome,
            Some(news) = hear.recv() => told(news),
        }
    };
    match outcome.error {
        Some(error) => Err(error),
        None if outcome.equal.is_some() => Ok(()),
        None => Err(gone()),
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let said = postcard::to_allocvec(value).map_err(Error::internal)?;
    #[cfg(feature = "next-format")]
    let said = [said, codec::next_extension()].concat();
    Ok(said)
}

fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T> {
    // What a later version put behind it is passed over.
    match postcard::take_from_bytes(bytes) {
        Ok((said, rest)) if codec::are_extensions(rest) => Ok(said),
        _ => Err(misfit()),
    }
}

fn misfit() -> Error {
    Error::new(
        Code::Refused,
        "the other device said something during pairing that makes no sense",
        "nothing was changed here; check that both run the same version of Afterword, and pair again",
    )
    .about("pairing")
}

fn gone() -> Error {
    Error::new(
        Code::Unreachable,
        "the other device went away before the first sync was done",
        "nothing is lost; if it was added, it syncs when the two next meet, else pair again",
    )
}

fn interrupted() -> Error {
    Error::new(Code::Cancelled, "pairing was interrupted", Advice::PairAgain)
}

#[cfg(test)]
mod golden {
    use data_encoding::HEXLOWER;

    use super::welcome::Welcome;
    use super::*;

    /// What is said on the paired channel, byte for byte; the newcomer is a part of the add statement's vector.
    #[test]
    fn what_is_said_on_the_paired_channel_is_these_bytes() {
        let offer = Offer { journal: JournalId::from_bytes([10; 16]) };
        let (statements, secret) = (vec![b"genesis".to_vec()], Secret::from_bytes([0x5e; 32]));
        let welcome = Welcome { statements, secret, port: 300, more: false };
        let hex = |bytes: Vec<u8>| HEXLOWER.encode(&bytes);
        assert_eq!(hex(encode(&offer).unwrap()), include_str!("golden/offer.hex").trim_end());
        assert_eq!(hex(encode(&welcome).unwrap()), include_str!("golden/welcome.hex").trim_end());
        let read: Welcome = decode(&encode(&welcome).unwrap()).unwrap();
        assert_eq!((read.statements, read.port), (welcome.statements, welcome.port));
    }

    #[test]
    fn what_a_later_version_says_behind_them_is_passed_over() {
        let journal = JournalId::from_bytes([10; 16]);
        let offer = encode(&Offer { journal }).unwrap();
        let read = |behind: &[u8]| decode::<Offer>(&[&offer[..], behind].concat()).map(|offer| offer.journal);
        let later = encode(&vec![(3_u32, &b"more"[..]), (300, b"")]).unwrap();
        assert_eq!(read(&later).unwrap(), journal);
        assert!(read(b"").is_ok());
        assert!(read(&later[..later.len() - 1]).is_err() && read(&[0]).is_err());
        assert!(decode::<Offer>(&offer[..offer.len() - 1]).is_err());
    }
}

#[cfg(test)]
mod tests;
