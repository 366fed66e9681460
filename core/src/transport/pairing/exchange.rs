//! The proof: SPAKE2 over the code, bound to this TLS session and to both device keys, confirmed both ways.
//!
//! SPAKE2 is RFC 9382's exchange over the Ed25519 group with the constants and transcript of the `spake2` crate (those of
//! python-spake2); `SPAKE2_A` is the guest. `H_d` and `MAC_k` are BLAKE3 (see `crypto::hash`), `Seal_k(place, m)` is
//! `crypto::ChunkKey`, `E` the TLS exporter (RFC 8446, 7.5) with label `EXPORTER-afterword-pairing` and empty context.
//!
//! ```text
//! G → H  m1 = hello ‖ X          hello = version (1) ‖ mode (1: 0 short code, 1 QR) ‖ nameplate (2; 0 for a QR)
//! H → G  m2 = Y                  X, Y = SPAKE2(password, idA = "afterword guest v1\0" ‖ hello ‖ E, idB = "afterword host v1\0" ‖ hello ‖ E)
//!        S  = H_Pairing(K ‖ E ‖ m1 ‖ m2)                     K: SPAKE2's key
//! G → H  m3 = MAC_S("guest knows\0") ‖ Seal_{k("guest names\0")}(m1, G)          k(l) = MAC_S(l); G, H: device ids
//! H → G  m4 = MAC_S("host knows\0" ‖ m3 ‖ G ‖ H) ‖ Seal_{k("host names\0")}(m3, H)
//! G → H  m5 = MAC_S("guest agrees\0" ‖ m3 ‖ m4 ‖ G ‖ H)
//!        channel keys: MAC_S("guest to host\0" ‖ m3 ‖ m4 ‖ G ‖ H), MAC_S("host to guest\0" ‖ …)
//! ```
//!
//! Lengths: m1 37, m2 33, m3 and m4 104, m5 32 bytes. The password is the short code's text or the QR's secret.
//!
//! The guest confirms first: until m3 the host has shown nothing that depends on the code, so a dialer learns one bit per
//! m3, and pays for a wrong one with the code. A man in the middle has two TLS sessions, hence two values of E, and no m3
//! it passes on fits. The crate does not promise constant time; what timing could tell is about a code that is good for
//! one proof. Neither device id is seen by who does not know the code. The rule that must never be broken: the
//! host verifies one m3 per short code, ever.

use spake2::{Ed25519Group, Identity, Password, Spake2};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::crypto::{ChunkKey, Derived, Domain, HashKey, Hasher};
use crate::id::DeviceId;
use crate::time::{Entropy, random};

pub(super) const VERSION: u8 = 1;
pub(super) const MODE_SHORT: u8 = 0;
pub(super) const MODE_QR: u8 = 1;
pub(super) const EXPORTER_LABEL: &[u8] = b"EXPORTER-afterword-pairing";

const HELLO_LEN: usize = 4;
const POINT_LEN: usize = 33;
const MAC_LEN: usize = 32;
/// The longest message of the proof.
pub(super) const MAX_MESSAGE: usize = 128;

/// The other side does not know the code, or sent nonsense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProofError {
    /// Not a message of this protocol.
    Garbage,
    /// The proof does not fit the code.
    Wrong,
}

/// What the guest says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) version: u8,
    pub(super) mode: u8,
    pub(super) nameplate: u16,
}

impl Hello {
    fn bytes(self) -> [u8; HELLO_LEN] {
        let [high, low] = self.nameplate.to_be_bytes();
        [self.version, self.mode, high, low]
    }

    /// The hello of an m1. The version is readable in any m1 of any version.
    pub(super) fn of(m1: &[u8]) -> Option<Self> {
        let (&[version, mode, high, low], _) = m1.split_first_chunk::<HELLO_LEN>()?;
        Some(Self { version, mode, nameplate: u16::from_be_bytes([high, low]) })
    }
}

/// `spake2` asks for the random number trait of an older rand_core.
struct Rng<'a>(&'a mut dyn Entropy);

impl rand_core_06::RngCore for Rng<'_> {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(random(self.0))
    }
    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(random(self.0))
    }
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl rand_core_06::CryptoRng for Rng<'_> {}

fn identity(label: &[u8], hello: Hello, exporter: &[u8; 32]) -> Identity {
    Identity::new(&[label, &hello.bytes()[..], &exporter[..]].concat())
}

type Pake = Spake2<Ed25519Group>;

fn start(
    guest: bool,
    password: &[u8],
    hello: Hello,
    exporter: &[u8; 32],
    entropy: &mut dyn Entropy,
) -> (Pake, Vec<u8>) {
    let a = identity(b"afterword guest v1\0", hello, exporter);
    let b = identity(b"afterword host v1\0", hello, exporter);
    let password = Password::new(password);
    if guest {
        Pake::start_a_with_rng(&password, &a, &b, Rng(entropy))
    } else {
        Pake::start_b_with_rng(&password, &a, &b, Rng(entropy))
    }
}

/// S, and what is made from it.
struct Shared(HashKey);

impl Shared {
    fn new(pake: Pake, theirs: &[u8], exporter: &[u8; 32], m1: &[u8], m2: &[u8]) -> Result<Self, ProofError> {
        let key = Zeroizing::new(pake.finish(theirs).map_err(|_| ProofError::Garbage)?);
        let all = Zeroizing::new([&key[..], exporter, m1, m2].concat());
        Ok(Self(HashKey::derive(Domain::Pairing, &all)))
    }

    fn mac(&self, label: &[u8], parts: &[&[u8]]) -> [u8; MAC_LEN] {
        let mut hasher = Hasher::keyed(&self.0);
        hasher.update(label);
        for part in parts {
            hasher.update(part);
        }
        hasher.finish()
    }

    fn key(&self, label: &[u8], parts: &[&[u8]]) -> ChunkKey {
        ChunkKey::from_bytes(self.mac(label, parts))
    }

    /// `mac ‖ sealed id`, each checked before anything in it is believed.
    fn open(&self, message: &[u8], key: &ChunkKey, place: &[u8]) -> Result<DeviceId, ProofError> {
        let id = key.open(place, message.get(MAC_LEN..).unwrap_or_default()).map_err(|_| ProofError::Wrong)?;
        DeviceId::from_slice(&id).ok_or(ProofError::Garbage)
    }

    fn keys(&self, m3: &[u8], m4: &[u8], guest: DeviceId, host: DeviceId) -> Keys {
        let all: [&[u8]; 4] = [m3, m4, guest.as_bytes(), host.as_bytes()];
        Keys { to_host: self.key(b"guest to host\0", &all), to_guest: self.key(b"host to guest\0", &all), guest, host }
    }
}

fn same(shown: &[u8], expected: &[u8; MAC_LEN]) -> Result<(), ProofError> {
    let shown = shown.get(..MAC_LEN).ok_or(ProofError::Garbage)?;
    if shown.ct_eq(expected).into() { Ok(()) } else { Err(ProofError::Wrong) }
}

/// What both sides hold in the end.
pub(super) struct Keys {
    pub(super) to_host: ChunkKey,
    pub(super) to_guest: ChunkKey,
    pub(super) guest: DeviceId,
    pub(super) host: DeviceId,
}

/// The guest, between m1 and m2.
pub(super) struct Guest {
    pake: Pake,
    exporter: [u8; 32],
    m1: Vec<u8>,
}

/// The guest, between m3 and m4.
pub(super) struct GuestProved {
    shared: Shared,
    id: DeviceId,
    m3: Vec<u8>,
}

impl Guest {
    /// Begins; m1 is to be sent.
    pub(super) fn start(
        password: &[u8],
        hello: Hello,
        exporter: [u8; 32],
        entropy: &mut dyn Entropy,
    ) -> (Self, Vec<u8>) {
        let (pake, x) = start(true, password, hello, &exporter, entropy);
        let m1 = [&hello.bytes()[..], &x].concat();
        (Self { pake, exporter, m1: m1.clone() }, m1)
    }

    /// Takes m2; m3 is to be sent.
    pub(super) fn prove(
        self,
        m2: &[u8],
        id: DeviceId,
        entropy: &mut dyn Entropy,
    ) -> Result<(GuestProved, Vec<u8>), ProofError> {
        let shared = Shared::new(self.pake, m2, &self.exporter, &self.m1, m2)?;
        let named = shared
            .key(b"guest names\0", &[])
            .seal(&self.m1, id.as_bytes(), entropy)
            .map_err(|_| ProofError::Garbage)?;
        let m3 = [&shared.mac(b"guest knows\0", &[])[..], &named].concat();
        Ok((GuestProved { shared, id, m3: m3.clone() }, m3))
    }
}

impl GuestProved {
    /// Takes m4; m5 is to be sent, and then the channel is open.
    pub(super) fn agree(self, m4: &[u8]) -> Result<(Keys, Vec<u8>), ProofError> {
        let Self { shared, id, m3 } = self;
        let host = shared.open(m4, &shared.key(b"host names\0", &[]), &m3)?;
        same(m4, &shared.mac(b"host knows\0", &[&m3, id.as_bytes(), host.as_bytes()]))?;
        let m5 = shared.mac(b"guest agrees\0", &[&m3, m4, id.as_bytes(), host.as_bytes()]);
        Ok((shared.keys(&m3, m4, id, host), m5.to_vec()))
    }
}

/// The host, between m2 and m3.
pub(super) struct Host {
    shared: Shared,
    m1: Vec<u8>,
}

/// The host, between m4 and m5.
pub(super) struct HostProved {
    keys: Keys,
    expected: [u8; MAC_LEN],
}

impl Host {
    /// Takes m1; m2 is to be sent.
    pub(super) fn start(
        password: &[u8],
        m1: &[u8],
        exporter: [u8; 32],
        entropy: &mut dyn Entropy,
    ) -> Result<(Self, Vec<u8>), ProofError> {
        let hello = Hello::of(m1).ok_or(ProofError::Garbage)?;
        let x = m1.get(HELLO_LEN..).filter(|x| x.len() == POINT_LEN).ok_or(ProofError::Garbage)?;
        let (pake, m2) = start(false, password, hello, &exporter, entropy);
        let shared = Shared::new(pake, x, &exporter, m1, &m2)?;
        Ok((Self { shared, m1: m1.to_vec() }, m2))
    }

    /// Takes m3, once per code; m4 is to be sent.
    pub(super) fn prove(
        self,
        m3: &[u8],
        id: DeviceId,
        entropy: &mut dyn Entropy,
    ) -> Result<(HostProved, Vec<u8>), ProofError> {
        let shared = self.shared;
        same(m3, &shared.mac(b"guest knows\0", &[]))?;
        let guest = shared.open(m3, &shared.key(b"guest names\0", &[]), &self.m1)?;
        let named =
            shared.key(b"host names\0", &[]).seal(m3, id.as_bytes(), entropy).map_err(|_| ProofError::Garbage)?;
        let knows = shared.mac(b"host knows\0", &[m3, guest.as_bytes(), id.as_bytes()]);
        let m4 = [&knows[..], &named].concat();
        let expected = shared.mac(b"guest agrees\0", &[m3, &m4, guest.as_bytes(), id.as_bytes()]);
        Ok((HostProved { keys: shared.keys(m3, &m4, guest, id), expected }, m4))
    }
}

impl HostProved {
    /// Who the guest says it is.
    pub(super) fn guest(&self) -> DeviceId {
        self.keys.guest
    }

    /// Takes m5; the channel is open.
    pub(super) fn finish(self, m5: &[u8]) -> Result<Keys, ProofError> {
        same(m5, &self.expected)?;
        if m5.len() == MAC_LEN { Ok(self.keys) } else { Err(ProofError::Garbage) }
    }
}

/// A whole proof from fixed randomness, for golden vectors and for whoever feeds a message of it with other bytes.
struct Scripted {
    messages: [Vec<u8>; 5],
}

fn fixed(n: u8) -> Derived {
    Derived::from_key(HashKey::from_bytes([n; 32]))
}

const SCRIPT: &[u8] = b"7-cabin-tiger";
const SCRIPT_EXPORTER: [u8; 32] = [9; 32];
const SCRIPT_GUEST: DeviceId = DeviceId::from_bytes([7; 32]);
const SCRIPT_HOST: DeviceId = DeviceId::from_bytes([8; 32]);

impl Scripted {
    /// Runs the proof; message `step` (1 to 5) is `given` where it is not the script's own. Whether it was accepted.
    fn run(step: u8, given: Option<&[u8]>) -> Result<Self, ProofError> {
        let take = |n: u8, own: &[u8]| given.filter(|_| n == step).unwrap_or(own).to_vec();
        let hello = Hello { version: VERSION, mode: MODE_SHORT, nameplate: 7 };
        let (guest, m1) = Guest::start(SCRIPT, hello, SCRIPT_EXPORTER, &mut fixed(1));
        let m1 = take(1, &m1);
        let (host, m2) = Host::start(SCRIPT, &m1, SCRIPT_EXPORTER, &mut fixed(2))?;
        if step == 1 && given.is_some() {
            return Ok(Self { messages: [m1, m2, Vec::new(), Vec::new(), Vec::new()] });
        }
        let m2 = take(2, &m2);
        let (guest, m3) = guest.prove(&m2, SCRIPT_GUEST, &mut fixed(3))?;
        if step == 2 && given.is_some() {
            return Ok(Self { messages: [m1, m2, m3, Vec::new(), Vec::new()] });
        }
        let m3 = take(3, &m3);
        let (host, m4) = host.prove(&m3, SCRIPT_HOST, &mut fixed(4))?;
        let m4 = take(4, &m4);
        let (keys, m5) = guest.agree(&m4)?;
        let m5 = take(5, &m5);
        let theirs = host.finish(&m5)?;
        if (keys.guest, keys.host) == (theirs.guest, theirs.host) {
            Ok(Self { messages: [m1, m2, m3, m4, m5] })
        } else {
            Err(ProofError::Wrong)
        }
    }
}

/// For fuzzing: whether message `step` (1 to 5) of a fixed proof may be `bytes`.
#[doc(hidden)]
pub fn accepts(step: u8, bytes: &[u8]) -> bool {
    Scripted::run(step, Some(bytes)).is_ok()
}

/// For fuzzing: the five messages of that proof.
#[doc(hidden)]
pub fn script() -> Vec<Vec<u8>> {
    Scripted::run(0, None).map_or_else(|_| Vec::new(), |scripted| scripted.messages.to_vec())
}

#[cfg(test)]
mod golden {
    use super::super::code::Ticket;
    use super::*;

    /// The five messages of a proof and a ticket, from fixed randomness: `golden/pairing.hex`, a line each.
    #[test]
    fn a_proof_and_a_ticket_are_these_bytes() {
        let ticket = Ticket { address: ([192, 0, 2, 1], 4433).into(), secret: [6; 16], key: SCRIPT_HOST };
        let mut messages = script();
        messages.push(ticket.text().into_bytes());
        let made: Vec<_> = messages.iter().map(|bytes| data_encoding::HEXLOWER.encode(bytes)).collect();
        let made = made.join("\n");
        assert_eq!(made, include_str!("golden/pairing.hex").trim_end(), "\n{made}\n");
    }

    #[test]
    fn a_message_with_one_other_bit_is_refused_at_every_step() {
        for (index, message) in script().into_iter().enumerate() {
            let step = index as u8 + 1;
            assert!(accepts(step, &message), "message {step}");
            // Of the first two only the group's encoding can be wrong before the proofs are compared.
            if step >= 3 {
                let mut other = message.clone();
                other[5] ^= 1;
                assert!(!accepts(step, &other), "message {step}");
            }
            assert!(!accepts(step, &message[..message.len() - 1]), "message {step} cut short");
        }
    }
}
