//! The guest's side: dial, prove, and hold the channel.

use std::net::SocketAddr;
use std::time::Duration;

use quinn::{ConnectionError, RecvStream, SendStream};

use super::channel::{FrameError, PairedChannel, read_frame, write_frame};
use super::code::{Invitation, Kind};
use super::exchange::{EXPORTER_LABEL, Guest, Hello, Keys, MAX_MESSAGE, MODE_QR, MODE_SHORT, ProofError, VERSION};
use super::{PairingOptions, reason};
use crate::crypto::Derived;
use crate::error::{Code, Error};
use crate::id::DeviceId;
use crate::time::Entropy;
use crate::transport::connection::{STOPPED, exporter};
use crate::transport::endpoint::{ConnectError, Options, SERVER_NAME, client_config, dialing, failed};
use crate::transport::tls::{self, Expected};

/// How long to wait for why the host ended.
const LAST_WORD: Duration = Duration::from_millis(500);

fn no_match() -> Error {
    Error::new(
        Code::Refused,
        "the code does not match the one that the other device shows",
        "ask for the new code shown on the other device",
    )
    .about("wrong_code")
}

fn unreachable(address: SocketAddr) -> Error {
    Error::new(
        Code::Unreachable,
        format!("no device shows a pairing code at {address}"),
        "check the address, that the code on the other device has not expired, and that both are on one network",
    )
}

fn proof(error: ProofError) -> Error {
    match error {
        ProofError::Wrong => no_match(),
        ProofError::Garbage => Error::new(
            Code::Refused,
            "what answers does not speak pairing",
            "check the address, and that both devices run the same version",
        )
        .about("pairing"),
    }
}

/// What the host's closing of the connection says. It may come a little after the end of the stream.
async fn ended(address: SocketAddr, connection: &quinn::Connection) -> Error {
    let Ok(ConnectionError::ApplicationClosed(close)) = tokio::time::timeout(LAST_WORD, connection.closed()).await
    else {
        return unreachable(address);
    };
    match u32::try_from(u64::from(close.error_code)).unwrap_or(u32::MAX) {
        reason::WRONG | reason::NAMEPLATE => no_match(),
        reason::OVER => Error::new(
            Code::Refused,
            "the code was used already, or too many wrong ones were tried",
            "start pairing again on the other device and use the code it shows then",
        )
        .about("code_over"),
        reason::LATER => Error::new(
            Code::Refused,
            "wrong codes were tried, so the other device takes none for a while",
            "wait half a minute and use the code that it shows then, or scan its picture",
        )
        .about("code_later"),
        STOPPED => Error::new(
            Code::Unreachable,
            "the other device had too many others at its door",
            "try again with the same code",
        ),
        reason::VERSION => Error::new(
            Code::TooNew,
            "the other device runs another version of Afterword",
            "update Afterword on the older of the two devices",
        ),
        _ => proof(ProofError::Garbage),
    }
}

/// Pairs as `device` with the host at `address`: returns once both sides proved that they know `invitation`.
pub async fn pair(
    invitation: &Invitation,
    address: SocketAddr,
    device: DeviceId,
    entropy: &mut dyn Entropy,
    options: &PairingOptions,
) -> Result<PairedChannel, Error> {
    let derived = Derived::new(entropy);
    tokio::time::timeout(options.proof, prove(invitation, address, device, derived, options))
        .await
        .map_err(|_| unreachable(address))?
}

async fn prove(
    invitation: &Invitation,
    address: SocketAddr,
    device: DeviceId,
    mut entropy: Derived,
    options: &PairingOptions,
) -> Result<PairedChannel, Error> {
    let (password, mode, nameplate, expected) = match &invitation.0 {
        Kind::Short(code) => (code.text().into_bytes(), MODE_SHORT, code.nameplate(), Expected::Any),
        Kind::Qr(ticket) => (ticket.secret.to_vec(), MODE_QR, 0, Expected::Key(ticket.key)),
    };
    let password = zeroize::Zeroizing::new(password);
    let tls = tls::client(None, expected, None)?;
    let config = client_config(tls, &Options::default())?;
    let (socket, _) = dialing(address).map_err(|_| unreachable(address))?;
    let connection = socket
        .connect_with(config, address, SERVER_NAME)
        .map_err(|_| unreachable(address))?
        .await
        .map_err(|error| refused(address, failed(address, &error)))?;
    let session = exporter(&connection, EXPORTER_LABEL, b"").ok_or_else(|| Error::internal("TLS has no exporter"))?;

    let steps = steps(&connection, (password.as_slice(), mode, nameplate), session, device, &mut entropy).await;
    match steps {
        Ok((streams, keys)) => Ok(PairedChannel::new(connection, None, streams, keys, entropy, options.message)),
        Err(Step::Proof(error)) => Err(proof(error)),
        Err(Step::Stream) => Err(ended(address, &connection).await),
    }
}

/// Where a proof stopped.
enum Step {
    /// The host ended the stream or connection.
    Stream,
    /// The host said something that does not fit.
    Proof(ProofError),
}

impl From<FrameError> for Step {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Ended => Self::Stream,
            FrameError::TooLong => Self::Proof(ProofError::Garbage),
        }
    }
}

async fn steps(
    connection: &quinn::Connection,
    (password, mode, nameplate): (&[u8], u8, u16),
    session: [u8; 32],
    device: DeviceId,
    entropy: &mut Derived,
) -> Result<((SendStream, RecvStream), Keys), Step> {
    let (mut send, mut receive) = connection.open_bi().await.map_err(|_| Step::Stream)?;
    let hello = Hello { version: VERSION, mode, nameplate };
    let (guest, m1) = Guest::start(password, hello, session, entropy);
    write_frame(&mut send, &m1).await?;
    let m2 = read_frame(&mut receive, MAX_MESSAGE).await?;
    let (guest, m3) = guest.prove(&m2, device, entropy).map_err(Step::Proof)?;
    write_frame(&mut send, &m3).await?;
    let m4 = read_frame(&mut receive, MAX_MESSAGE).await?;
    let (keys, m5) = guest.agree(&m4).map_err(Step::Proof)?;
    write_frame(&mut send, &m5).await?;
    Ok(((send, receive), keys))
}

fn refused(address: SocketAddr, error: ConnectError) -> Error {
    match error {
        ConnectError::Unreachable(_) | ConnectError::NotAdmitted(_) => unreachable(address),
        ConnectError::Refused(_) => Error::new(
            Code::Refused,
            format!("the device at {address} is not the one that showed this code, or shows none now"),
            "show a new code on the other device and use that",
        )
        .about("other_device"),
        other => other.into(),
    }
}
