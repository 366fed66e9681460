//! Where a newcomer finds the host: the windows that say on the network that they show its code.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::misfit;
use crate::engine::{Environment, SharedEntropy};
use crate::error::{Advice, Code, Error, Result};
use crate::id::DeviceId;
use crate::transport::{Invitation, PairedChannel, PairingOptions, Service, ServiceKind};

/// Windows of one nameplate that a guest proves its code to: whoever only says that it shows the code has one guess at
/// it with each.
const MAX_WINDOWS: usize = 3;
/// Addresses of one window that are dialed.
const MAX_ADDRESSES: usize = 3;
/// How long after the first window is seen others are looked for.
const FURTHER: Duration = Duration::from_millis(300);

/// The windows on the network that say they show the code, with their addresses.
pub(super) async fn find(
    invitation: &Invitation,
    patience: Duration,
    environment: &Environment,
) -> Result<Vec<Vec<SocketAddr>>> {
    let nowhere =
        || Error::new(Code::Unreachable, "no open pairing window was found on this network", Advice::CheckCode);
    let discovery = environment.finder.discovery(&mut environment.entropy.clone()).ok_or_else(nowhere)?;
    let mut watch = discovery.watch(ServiceKind::Pairings)?;
    let mut seen: Vec<([u8; 8], Vec<SocketAddr>)> = Vec::new();
    let mut until = Instant::now() + patience;
    while let Ok(Some(sighting)) = tokio::time::timeout_at(until, watch.next()).await {
        let Service::Pairing { nameplate } = sighting.service else { continue };
        if Some(nameplate) != invitation.nameplate() {
            continue;
        }
        if seen.is_empty() {
            until = until.min(Instant::now() + FURTHER);
        }
        let known = seen.iter().position(|(instance, _)| *instance == sighting.instance);
        if known.is_none() && seen.len() < MAX_WINDOWS {
            seen.push((sighting.instance, vec![sighting.address]));
        }
        if let Some((_, addresses)) = known.and_then(|at| seen.get_mut(at))
            && addresses.len() < MAX_ADDRESSES
            && !addresses.contains(&sighting.address)
        {
            addresses.push(sighting.address);
        }
    }
    if seen.is_empty() { Err(nowhere()) } else { Ok(seen.into_iter().map(|(_, addresses)| addresses).collect()) }
}

/// Proves the code to one window after the other, until one knows it as well.
pub(super) async fn prove_to_one(
    invitation: &Invitation,
    windows: &[Vec<SocketAddr>],
    device: DeviceId,
    entropy: &mut SharedEntropy,
) -> Result<(PairedChannel, SocketAddr)> {
    let options = PairingOptions::default();
    let mut failed = None;
    for addresses in windows {
        for address in addresses {
            match crate::transport::pair(invitation, *address, device, entropy, &options).await {
                Ok(channel) => return Ok((channel, *address)),
                Err(error) => {
                    let answered = error.code != Code::Unreachable;
                    failed = Some(error);
                    if answered {
                        break;
                    }
                }
            }
        }
    }
    let error = failed.unwrap_or_else(misfit);
    if windows.len() < 2 {
        return Err(error);
    }
    Err(Error::new(
        error.code,
        format!(
            "{} devices on this network say that they show this code, and none of them let this one in",
            windows.len()
        ),
        Advice::ShowNewCode,
    )
    .about("several_windows"))
}
