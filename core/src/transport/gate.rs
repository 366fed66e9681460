//! The gate: how a member shows that it knows the journal's discovery secret before anything is answered.
//!
//! With `MAC_k` BLAKE3's keyed mode (see `crypto::hash`), `k` the discovery secret, `‖` concatenation and `[..n]` the
//! first n bytes:
//!
//! - *knock* = `n ‖ MAC_k("afterword knock v1\0" ‖ n)[..12]`, n of 8 random bytes. It is the connection id that the
//!   dialer chooses for its first packet (RFC 9000, 7.2), so a stranger is turned away before any state exists for it.
//! - *pass* = `"aw1" ‖ n ‖ MAC_k("afterword pass v1\0" ‖ n)[..16]`, n of 16 random bytes. It is offered as an ALPN value
//!   beside [`PROTOCOL`], which is the one that gets chosen. Without it the server's certificate resolver has no answer.
//! - *proof* = `MAC_k("afterword proof v1\0" ‖ n ‖ spki)[..16]`, n of the pass. The server's key is followed by it, so a
//!   dialer shows its own key to no one who merely answers at a member's address.
//!
//! The rule that must never be broken: the gate authenticates the journal, never a device; the device is authenticated
//! by its signature in the handshake. All three are public to whoever watches the wire, and a watcher can knock and
//! pass again with what it saw. That gets it a device key, and nothing more.

use subtle::ConstantTimeEq;

use crate::crypto::{HashKey, Hasher};
use crate::time::{Entropy, random};

/// The ALPN value that both sides agree on.
pub(super) const PROTOCOL: &[u8] = b"afterword/1";

const PASS_PREFIX: &[u8] = b"aw1";
pub(super) const NONCE_LEN: usize = 16;
const MAC_LEN: usize = 16;
pub(super) const PROOF_LEN: usize = MAC_LEN;
const KNOCK_NONCE_LEN: usize = 8;
const KNOCK_MAC_LEN: usize = 12;
/// A QUIC connection id is at most this long, and the first one at least 8.
pub(super) const KNOCK_LEN: usize = KNOCK_NONCE_LEN + KNOCK_MAC_LEN;

/// The random part of one pass.
pub(super) type Nonce = [u8; NONCE_LEN];

fn mac(secret: &HashKey, label: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Hasher::keyed(secret);
    hasher.update(label);
    for part in parts {
        hasher.update(part);
    }
    hasher.finish16()
}

fn knock_mac(secret: &HashKey, nonce: &[u8]) -> [u8; 16] {
    mac(secret, b"afterword knock v1\0", &[nonce])
}

fn pass_mac(secret: &HashKey, nonce: &[u8]) -> [u8; MAC_LEN] {
    mac(secret, b"afterword pass v1\0", &[nonce])
}

/// A fresh knock.
pub(super) fn knock(secret: &HashKey, entropy: &mut dyn Entropy) -> [u8; KNOCK_LEN] {
    let nonce: [u8; KNOCK_NONCE_LEN] = random(entropy);
    let mut out = [0; KNOCK_LEN];
    out[..KNOCK_NONCE_LEN].copy_from_slice(&nonce);
    out[KNOCK_NONCE_LEN..].copy_from_slice(&knock_mac(secret, &nonce)[..KNOCK_MAC_LEN]);
    out
}

/// Whether `bytes` is a knock at this journal's gate.
pub(super) fn knocks(secret: &HashKey, bytes: &[u8]) -> bool {
    if bytes.len() != KNOCK_LEN {
        return false;
    }
    let (nonce, shown) = bytes.split_at(KNOCK_NONCE_LEN);
    knock_mac(secret, nonce)[..KNOCK_MAC_LEN].ct_eq(shown).into()
}

/// A fresh pass, and its nonce, which the server's proof must name.
pub(super) fn pass(secret: &HashKey, entropy: &mut dyn Entropy) -> (Vec<u8>, Nonce) {
    let nonce: Nonce = random(entropy);
    ([PASS_PREFIX, &nonce, &pass_mac(secret, &nonce)].concat(), nonce)
}

/// The nonce of the valid pass among what a dialer offers.
pub(super) fn admits<'a>(secret: &HashKey, offered: impl Iterator<Item = &'a [u8]>) -> Option<Nonce> {
    // Two values are what a member offers; a hello full of others is not worth a MAC each.
    offered.take(2).find_map(|value| {
        let rest = value.strip_prefix(PASS_PREFIX)?;
        let (nonce, shown) = rest.split_first_chunk::<NONCE_LEN>()?;
        bool::from(pass_mac(secret, nonce).ct_eq(shown)).then_some(*nonce)
    })
}

/// What the server shows after its key, for the pass it was shown.
pub(super) fn proof(secret: &HashKey, nonce: &Nonce, spki: &[u8]) -> [u8; PROOF_LEN] {
    mac(secret, b"afterword proof v1\0", &[nonce, spki])
}

/// Whether `shown` proves that the owner of `spki` knows the secret.
pub(super) fn proves(secret: &HashKey, nonce: &Nonce, spki: &[u8], shown: &[u8]) -> bool {
    proof(secret, nonce, spki).ct_eq(shown).into()
}
