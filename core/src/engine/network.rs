//! Where the other devices are: addresses that worked before, and what is seen on the network.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::open_journal::OpenJournal;
use crate::error::Result;
use crate::id::DeviceId;
use crate::replication::StorageExt;
use crate::replication::rules;
use crate::store::sqlite::Peer;
use crate::transport::{ConnectError, Connection, Discovery, Endpoint, Options, Service, ServiceKind, Tag};

/// An endpoint that dials, and listens where an address is given. Must be called inside the runtime.
pub(super) fn endpoint(
    shared: &OpenJournal,
    listen: Option<SocketAddr>,
    keep_alive: Option<Duration>,
) -> Result<Endpoint> {
    let options = Options { keep_alive, ..Options::default() };
    let (entropy, clock) = (Box::new(shared.entropy.clone()), shared.clock.clone());
    let identity = &shared.identity;
    match listen {
        Some(address) => Endpoint::bind(address, &identity.key, &identity.discovery, clock, entropy, options),
        None => Endpoint::dialer(&identity.key, &identity.discovery, clock, entropy, options),
    }
}

/// Dials a candidate. Where nobody knows which device answers, each member is tried in turn, the one that was last met
/// there first: a gate opens to who names its device, and a wrong name costs one packet each way.
pub(super) async fn connect(shared: &OpenJournal, endpoint: &Endpoint, candidate: Candidate) -> Result<Connection> {
    if let Some(device) = candidate.device {
        return Ok(endpoint.connect(candidate.address, device).await?);
    }
    let there = |peer: &Peer| peer.address == Some(candidate.address);
    let met: BTreeSet<_> = shared.store.peers()?.into_iter().filter(there).map(|peer| peer.device).collect();
    let members = others(shared)?;
    let mut refused = ConnectError::NotAdmitted(candidate.address);
    for device in members.intersection(&met).chain(members.difference(&met)) {
        match endpoint.connect(candidate.address, *device).await {
            Ok(connection) => return Ok(connection),
            Err(error @ ConnectError::NotAdmitted(_)) => refused = error,
            Err(error) => return Err(error.into()),
        }
    }
    Err(refused.into())
}

/// What this device looks around with, if it is wanted and there is something.
pub(super) fn discovery(shared: &OpenJournal, wanted: bool) -> Option<Arc<dyn Discovery>> {
    wanted.then(|| shared.finder.discovery(&mut shared.entropy.clone())).flatten()
}

/// The other members of the journal.
pub(super) fn others(shared: &OpenJournal) -> Result<BTreeSet<DeviceId>> {
    let set = shared.store.read(|tx| rules::statements(tx))?;
    let this = shared.identity.device();
    Ok(set.state().members().map(|member| member.id).filter(|id| *id != this).collect())
}

/// Whether the statements held here took this device out.
pub(super) fn is_removed(shared: &OpenJournal, device: &DeviceId) -> Result<bool> {
    shared.store.read(|tx| Ok(rules::standing(tx, &shared.identity, device)? == rules::Standing::Removed))
}

/// The name a device was added under, or the beginning of its id.
pub(super) fn name_of(shared: &OpenJournal, device: &DeviceId) -> String {
    let named = shared.store.read(|tx| rules::statements(tx)).ok().and_then(|set| {
        let state = set.state();
        state.member(device).or_else(|| state.removed().find(|gone| gone.id == *device)).map(|m| m.name.clone())
    });
    named.unwrap_or_else(|| device.to_string()[..8].to_owned())
}

/// A place to dial, and whom we expect there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) address: SocketAddr,
    pub(super) device: Option<DeviceId>,
}

/// Addresses that worked before, of devices that are still members.
pub(super) fn remembered(shared: &OpenJournal) -> Result<Vec<Candidate>> {
    let members = others(shared)?;
    let peers = shared.store.peers()?;
    let kept = peers.into_iter().filter(|peer| members.contains(&peer.device));
    Ok(kept.filter_map(|peer| Some(Candidate { address: peer.address?, device: Some(peer.device) })).collect())
}

/// Members that are seen within `patience`; stops early once it has seen all of them.
pub(super) async fn look_around(
    shared: &OpenJournal,
    discovery: &Arc<dyn Discovery>,
    patience: Duration,
) -> Result<Vec<Candidate>> {
    let members = others(shared)?;
    let mut watch = discovery.watch(ServiceKind::Members)?;
    let mut found: Vec<Candidate> = Vec::new();
    let looking = async {
        while let Some(sighting) = watch.next().await {
            let Service::Member(tag) = sighting.service else { continue };
            let now = shared.clock.now();
            let Some(device) = Tag::known(&shared.identity.discovery, now, members.iter()).remove(&tag) else {
                continue;
            };
            let candidate = Candidate { address: sighting.address, device: Some(device) };
            if !found.contains(&candidate) {
                found.push(candidate);
            }
            let seen: BTreeSet<_> = found.iter().filter_map(|candidate| candidate.device).collect();
            if seen.len() == members.len() {
                // A moment more, for further addresses of the last one.
                tokio::time::sleep(Duration::from_millis(50)).await;
                return;
            }
        }
    };
    // Nobody being there is an answer, not an error.
    let _ = tokio::time::timeout(patience, looking).await;
    Ok(found)
}
