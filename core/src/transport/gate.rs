//! The gate: how a member shows that it knows the journal's discovery secret before anything is answered.
//!
//! With `MAC_k` BLAKE3's keyed mode (see `crypto::hash`), `k` the discovery secret, `‖` concatenation, `[..n]` the first
//! n bytes, *hour* the whole hours since 1970-01-01 UTC and *device* the id of the device that is dialed:
//!
//! - *knock* = `n ‖ MAC_k("afterword knock v1\0" ‖ hour (8) ‖ device (32) ‖ n)[..12]`, n of 8 random bytes. It is the
//!   connection id that the dialer chooses for its first packet (RFC 9000, 7.2), so a stranger is turned away before any
//!   state exists for it.
//! - *pass* = `n ‖ MAC_k("afterword pass v1\0" ‖ hour (8) ‖ device (32) ‖ n)[..16]`, n of 16 random bytes. It is offered as
//!   an ALPN value beside [`PROTOCOL`], which is the one that gets chosen. Without it the server's certificate resolver
//!   has no answer.
//! - *proof* = `MAC_k("afterword proof v1\0" ‖ n ‖ spki)[..16]`, n of the pass. The server's key is followed by it, so a
//!   dialer shows its own key to no one but the device it dialed, as a device of this journal.
//!
//! A server takes the hour that it has itself, the one before and the one after: clocks may differ by an hour, and by up
//! to two where the hours fall well. It takes each nonce once, so what a watcher recorded opens nothing, here or at
//! another device. It remembers the last [`MAX_NONCES`] of each kind, in memory: only who knows the secret can make it
//! forget, by that many dials of its own, and a restart forgets all. What is forgotten can be used once more within its
//! hours, and shows the device's key to whoever does; that one's own key is then turned away like any unknown key.
//!
//! A dialer always knows whom it dials: a tag on the network or an address that is remembered names the device, and at an
//! address that a person types each member is tried in turn, at the cost of one refused packet each. There is no knock
//! for "any device of the journal": one that was recorded would open every device that the journal has.
//!
//! The rule that must never be broken: the gate authenticates the journal, never a device; the device is authenticated
//! by its signature in the handshake, and belongs if the store says so.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use subtle::ConstantTimeEq;

use crate::crypto::{HashKey, Hasher};
use crate::id::DeviceId;
use crate::time::{Clock, Entropy, Timestamp, random};

/// The ALPN value that both sides agree on, members and pairing alike: the commonest on QUIC, so that it names nobody.
pub(super) const PROTOCOL: &[u8] = b"h3";

pub(super) const NONCE_LEN: usize = 16;
const MAC_LEN: usize = 16;
const PASS_LEN: usize = NONCE_LEN + MAC_LEN;
pub(super) const PROOF_LEN: usize = MAC_LEN;
const KNOCK_NONCE_LEN: usize = 8;
const KNOCK_MAC_LEN: usize = 12;
/// A QUIC connection id is at most this long, and the first one at least 8.
pub(super) const KNOCK_LEN: usize = KNOCK_NONCE_LEN + KNOCK_MAC_LEN;
/// Knocks, and passes, that a device remembers having taken; the oldest gives way.
pub(super) const MAX_NONCES: usize = 4096;
const HOUR_MS: i64 = 60 * 60 * 1000;

/// The random part of one pass.
pub(super) type Nonce = [u8; NONCE_LEN];

fn hour(at: Timestamp) -> i64 {
    at.0.div_euclid(HOUR_MS)
}

fn mac(secret: &HashKey, label: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Hasher::keyed(secret);
    hasher.update(label);
    for part in parts {
        hasher.update(part);
    }
    hasher.finish16()
}

fn knock_mac(secret: &HashKey, hour: i64, device: &DeviceId, nonce: &[u8]) -> [u8; 16] {
    mac(secret, b"afterword knock v1\0", &[&hour.to_be_bytes(), device.as_bytes(), nonce])
}

fn pass_mac(secret: &HashKey, hour: i64, device: &DeviceId, nonce: &[u8]) -> [u8; MAC_LEN] {
    mac(secret, b"afterword pass v1\0", &[&hour.to_be_bytes(), device.as_bytes(), nonce])
}

/// A fresh knock at `device`'s gate.
pub(super) fn knock(secret: &HashKey, now: Timestamp, device: &DeviceId, entropy: &mut dyn Entropy) -> [u8; KNOCK_LEN] {
    let nonce: [u8; KNOCK_NONCE_LEN] = random(entropy);
    let mut out = [0; KNOCK_LEN];
    out[..KNOCK_NONCE_LEN].copy_from_slice(&nonce);
    out[KNOCK_NONCE_LEN..].copy_from_slice(&knock_mac(secret, hour(now), device, &nonce)[..KNOCK_MAC_LEN]);
    out
}

/// A fresh pass for `device`'s gate, and its nonce, which the server's proof must name.
pub(super) fn pass(secret: &HashKey, now: Timestamp, device: &DeviceId, entropy: &mut dyn Entropy) -> (Vec<u8>, Nonce) {
    let nonce: Nonce = random(entropy);
    ([&nonce[..], &pass_mac(secret, hour(now), device, &nonce)].concat(), nonce)
}

/// The last nonces of one kind that were taken.
#[derive(Debug)]
struct AdmittedPass<const LEN: usize> {
    known: BTreeSet<[u8; LEN]>,
    order: VecDeque<[u8; LEN]>,
}

impl<const LEN: usize> AdmittedPass<LEN> {
    const NONE: Self = Self { known: BTreeSet::new(), order: VecDeque::new() };

    /// Takes `nonce`, if it was not taken before.
    fn take(&mut self, nonce: [u8; LEN]) -> bool {
        if !self.known.insert(nonce) {
            return false;
        }
        self.order.push_back(nonce);
        if self.order.len() > MAX_NONCES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

/// One device's gate, as it looks at who comes.
#[derive(Debug)]
pub(super) struct Gate {
    secret: HashKey,
    device: DeviceId,
    clock: Arc<dyn Clock>,
    knocks: Mutex<AdmittedPass<KNOCK_NONCE_LEN>>,
    passes: Mutex<AdmittedPass<NONCE_LEN>>,
}

impl Gate {
    pub(super) fn new(secret: HashKey, device: DeviceId, clock: Arc<dyn Clock>) -> Self {
        Self { secret, device, clock, knocks: Mutex::new(AdmittedPass::NONE), passes: Mutex::new(AdmittedPass::NONE) }
    }

    /// The hours that clocks of members may show now.
    fn hours(&self) -> [i64; 3] {
        let now = hour(self.clock.now());
        [now, now.saturating_sub(1), now.saturating_add(1)]
    }

    fn knock_nonce(&self, bytes: &[u8]) -> Option<[u8; KNOCK_NONCE_LEN]> {
        let (nonce, shown) = bytes.split_first_chunk::<KNOCK_NONCE_LEN>().filter(|_| bytes.len() == KNOCK_LEN)?;
        let fits = |hour| bool::from(knock_mac(&self.secret, hour, &self.device, nonce)[..KNOCK_MAC_LEN].ct_eq(shown));
        self.hours().into_iter().any(fits).then_some(*nonce)
    }

    /// Whether `bytes` is a knock at this gate that was not taken before.
    pub(super) fn hears(&self, bytes: &[u8]) -> bool {
        self.knock_nonce(bytes)
            .is_some_and(|nonce| !self.knocks.lock().unwrap_or_else(PoisonError::into_inner).known.contains(&nonce))
    }

    /// Takes the knock `bytes`: from now on it is none.
    pub(super) fn take_knock(&self, bytes: &[u8]) {
        if let Some(nonce) = bytes.first_chunk::<KNOCK_NONCE_LEN>() {
            self.knocks.lock().unwrap_or_else(PoisonError::into_inner).take(*nonce);
        }
    }

    /// Takes the valid pass among what a dialer offers, if it was not taken before, and answers with its nonce.
    pub(super) fn admits<'a>(&self, offered: impl Iterator<Item = &'a [u8]>) -> Option<Nonce> {
        // Two values are what a member offers; a hello full of others is not worth a MAC each.
        let nonce = offered.take(2).find_map(|value| {
            let (nonce, shown) = value.split_first_chunk::<NONCE_LEN>().filter(|_| value.len() == PASS_LEN)?;
            let fits = |hour| bool::from(pass_mac(&self.secret, hour, &self.device, nonce).ct_eq(shown));
            self.hours().into_iter().any(fits).then_some(*nonce)
        })?;
        self.passes.lock().unwrap_or_else(PoisonError::into_inner).take(nonce).then_some(nonce)
    }

    /// What this device shows after its key, for the pass it was shown.
    pub(super) fn proof(&self, nonce: &Nonce, spki: &[u8]) -> [u8; PROOF_LEN] {
        proof(&self.secret, nonce, spki)
    }
}

/// What the server shows after its key, for the pass it was shown.
pub(super) fn proof(secret: &HashKey, nonce: &Nonce, spki: &[u8]) -> [u8; PROOF_LEN] {
    mac(secret, b"afterword proof v1\0", &[nonce, spki])
}

/// Whether `shown` proves that the owner of `spki` knows the secret.
pub(super) fn proves(secret: &HashKey, nonce: &Nonce, spki: &[u8], shown: &[u8]) -> bool {
    proof(secret, nonce, spki).ct_eq(shown).into()
}

#[cfg(test)]
mod golden {
    use super::*;
    use crate::crypto::Derived;

    /// A knock, a pass and a proof from fixed randomness, at 2023-11-14T22:13:20Z: `golden/gate.hex`, a line each.
    #[test]
    fn what_is_shown_at_the_gate_is_these_bytes() {
        let secret = HashKey::from_bytes([1; 32]);
        let device = DeviceId::from_bytes([7; 32]);
        let now = Timestamp(1_700_000_000_000);
        let mut entropy = Derived::from_key(HashKey::from_bytes([2; 32]));
        let knock = knock(&secret, now, &device, &mut entropy);
        let (pass, nonce) = pass(&secret, now, &device, &mut entropy);
        let proof = proof(&secret, &nonce, &crate::transport::tls::spki(&device));
        let made = [&knock[..], &pass, &proof].map(|bytes| data_encoding::HEXLOWER.encode(bytes)).join("\n");
        assert_eq!(made, include_str!("golden/gate.hex").trim_end(), "\n{made}\n");
    }
}
