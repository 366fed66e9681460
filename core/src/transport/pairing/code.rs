//! What a person reads off one screen and types or scans at another.
//!
//! - Short code: `nameplate "-" word "-" word`; nameplate 1 to 999, words of BIP-39's English list. Read back forgivingly:
//!   any case, blanks for hyphens, and words by their first four letters, which are unique in that list.
//! - QR text: `AFTERWORD:` and base32 (RFC 4648, no padding) of
//!   `version (1 byte: 1) ‖ address family (1 byte: 4 or 6) ‖ address (4 or 16) ‖ port (2, big-endian) ‖ secret (16) ‖ TLS key (32)`.
//!   Only characters of QR's alphanumeric mode.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use bip39::Language;
use data_encoding::BASE32_NOPAD;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::{Code, Error};
use crate::id::DeviceId;
use crate::time::{Entropy, random};

const MAX_NAMEPLATE: u16 = 999;
const QR_PREFIX: &str = "AFTERWORD:";
const QR_VERSION: u8 = 1;
const SECRET_LEN: usize = 16;
/// A prefix this long names one word.
const UNIQUE_PREFIX: usize = 4;

/// A short code.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub(super) struct ShortCode {
    nameplate: u16,
    words: [u16; 2],
}

impl ShortCode {
    /// A fresh code under a nameplate other than `last`.
    pub(super) fn generate(entropy: &mut dyn Entropy, last: u16) -> Self {
        // 2^32 and 2^16 are so much larger than 998 and so exactly a multiple of 2048 that no bias matters.
        let drawn = (u32::from_be_bytes(random(entropy)) % u32::from(MAX_NAMEPLATE - 1)) as u16 + 1;
        let nameplate = if drawn >= last && last > 0 { drawn + 1 } else { drawn };
        let words = [0; 2].map(|_: u16| u16::from_be_bytes(random(entropy)) % 2048);
        Self { nameplate, words }
    }

    pub(super) fn nameplate(&self) -> u16 {
        self.nameplate
    }

    /// The text that is shown, and the password that is proved.
    pub(super) fn text(&self) -> String {
        let list = Language::English.word_list();
        let [first, second] = self.words.map(|word| list.get(usize::from(word)).copied().unwrap_or_default());
        format!("{}-{first}-{second}", self.nameplate)
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let mut parts = text.split(|c: char| c == '-' || c.is_whitespace()).filter(|part| !part.is_empty());
        let nameplate = parts.next()?;
        if !nameplate.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let nameplate = nameplate.parse().ok().filter(|number| (1..=MAX_NAMEPLATE).contains(number))?;
        let words = [word(parts.next()?)?, word(parts.next()?)?];
        parts.next().is_none().then_some(Self { nameplate, words })
    }
}

fn word(text: &str) -> Option<u16> {
    let exact = Language::English.find_word(text);
    exact.or_else(|| {
        let mut matching = Language::English.words_by_prefix_iter(text.get(..UNIQUE_PREFIX)?);
        let found = matching.next()?;
        // A typo after the fourth letter is a typo, not a longer word.
        found.starts_with(text).then(|| Language::English.find_word(found)).flatten()
    })
}

impl fmt::Debug for ShortCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShortCode({}-…)", self.nameplate)
    }
}

/// What a QR says.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) address: SocketAddr,
    pub(super) secret: [u8; SECRET_LEN],
    pub(super) key: DeviceId,
}

impl Ticket {
    pub(super) fn text(&self) -> String {
        let mut bytes = vec![QR_VERSION];
        match self.address.ip() {
            IpAddr::V4(ip) => {
                bytes.push(4);
                bytes.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                bytes.push(6);
                bytes.extend_from_slice(&ip.octets());
            }
        }
        bytes.extend_from_slice(&self.address.port().to_be_bytes());
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(self.key.as_bytes());
        let text = format!("{QR_PREFIX}{}", BASE32_NOPAD.encode(&bytes));
        bytes.zeroize();
        text
    }

    fn parse(encoded: &str) -> Option<Self> {
        if encoded.len() > 200 {
            return None;
        }
        let bytes = BASE32_NOPAD.decode(encoded.as_bytes()).ok()?;
        let (&[QR_VERSION, family], rest) = bytes.split_first_chunk()? else { return None };
        let (ip, rest): (IpAddr, _) = match family {
            4 => rest.split_first_chunk::<4>().map(|(ip, rest)| ((*ip).into(), rest))?,
            6 => rest.split_first_chunk::<16>().map(|(ip, rest)| ((*ip).into(), rest))?,
            _ => return None,
        };
        let (port, rest) = rest.split_first_chunk()?;
        let (secret, rest) = rest.split_first_chunk()?;
        let address = SocketAddr::new(ip, u16::from_be_bytes(*port));
        Some(Self { address, secret: *secret, key: DeviceId::from_slice(rest)? })
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.address)
    }
}

/// A short code or a QR, as a guest has it.
#[derive(Debug, Clone)]
pub struct Invitation(pub(super) Kind);

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Short(ShortCode),
    Qr(Ticket),
}

impl Invitation {
    /// Reads a short code or the text of a QR.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let qr = text.get(..QR_PREFIX.len()).filter(|start| start.eq_ignore_ascii_case(QR_PREFIX));
        let kind = match qr {
            Some(_) => Ticket::parse(&text[QR_PREFIX.len()..].to_ascii_uppercase()).map(Kind::Qr),
            None => ShortCode::parse(text).map(Kind::Short),
        };
        kind.map(Self).ok_or_else(|| {
            Error::new(
                Code::Invalid,
                "this is not a pairing code",
                "a code is a number and two words, like 7-cabin-tiger; check the spelling on the other device",
            )
            .about("code")
        })
    }

    /// Where the host is, if this says so; a short code does not.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.0 {
            Kind::Short(_) => None,
            Kind::Qr(ticket) => Some(ticket.address),
        }
    }

    /// The public number to look for on the network; a QR needs none.
    pub fn nameplate(&self) -> Option<u16> {
        match &self.0 {
            Kind::Short(code) => Some(code.nameplate()),
            Kind::Qr(_) => None,
        }
    }
}
