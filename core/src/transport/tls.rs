//! TLS 1.3 with raw Ed25519 keys: the one place that configures rustls.
//!
//! A raw key travels as a SubjectPublicKeyInfo (RFC 7250, RFC 8410): twelve fixed bytes, then the key. Tickets, resumption
//! and early data are off everywhere: a resumed session would let a removed device in without its key being looked at.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};

use super::gate::{self, Gate, Nonce};
use crate::crypto::{DeviceKey, HashKey};
use crate::error::Error;
use crate::id::DeviceId;

/// DER of `SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING (32 bytes) }` up to the key.
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
pub(super) const SPKI_LEN: usize = SPKI_PREFIX.len() + DeviceId::LEN;

/// The key `id` as a SubjectPublicKeyInfo.
pub(super) fn spki(id: &DeviceId) -> [u8; SPKI_LEN] {
    let mut out = [0; SPKI_LEN];
    out[..SPKI_PREFIX.len()].copy_from_slice(&SPKI_PREFIX);
    out[SPKI_PREFIX.len()..].copy_from_slice(id.as_bytes());
    out
}

/// The key in a SubjectPublicKeyInfo of exactly our shape, with what follows it.
pub(super) fn split_spki(bytes: &[u8]) -> Option<(DeviceId, &[u8])> {
    let (spki, rest) = bytes.split_at_checked(SPKI_LEN)?;
    Some((DeviceId::from_slice(spki.strip_prefix(&SPKI_PREFIX)?)?, rest))
}

/// aws-lc-rs with the key exchanges we want, the hybrid one first.
fn provider() -> Arc<CryptoProvider> {
    use aws_lc_rs::kx_group::{X25519, X25519MLKEM768};
    Arc::new(CryptoProvider { kx_groups: vec![X25519MLKEM768, X25519], ..aws_lc_rs::default_provider() })
}

/// `key` as TLS takes it.
pub(super) fn signing_key(key: &DeviceKey) -> Result<Arc<dyn SigningKey>, Error> {
    let der = key.to_pkcs8().ok_or_else(|| Error::internal("the device key has no PKCS #8 form"))?;
    provider()
        .key_provider
        .load_private_key(PrivateKeyDer::Pkcs8(der.to_vec().into()))
        .map_err(|_| Error::internal("TLS refused the device key"))
}

/// Who this device is in a handshake.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) id: DeviceId,
    pub(super) key: Arc<dyn SigningKey>,
}

impl Identity {
    pub(super) fn new(key: &DeviceKey) -> Result<Self, Error> {
        Ok(Self { id: key.id(), key: signing_key(key)? })
    }

    fn certified(&self, proof: &[u8]) -> Arc<CertifiedKey> {
        let entry = [&spki(&self.id)[..], proof].concat();
        Arc::new(CertifiedKey::new(vec![CertificateDer::from(entry)], self.key.clone()))
    }
}

/// Whom a server answers, and with what.
#[derive(Debug)]
pub(super) enum Answer {
    /// Members only: who shows a pass gets the key and a proof.
    Members(Identity, Arc<Gate>),
    /// Anyone: a throw-away key.
    Anyone(Identity),
}

impl ResolvesServerCert for Answer {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        match self {
            Self::Members(identity, gate) => {
                let nonce = gate.admits(hello.alpn()?)?;
                Some(identity.certified(&gate.proof(&nonce, &spki(&identity.id))))
            }
            Self::Anyone(identity) => Some(identity.certified(&[])),
        }
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.certified(&[]))
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Which server a dialer goes on with.
#[derive(Debug)]
pub(super) enum Expected {
    /// This device, if it proves the discovery secret for this connection's pass.
    Member(DeviceId, HashKey, Nonce),
    /// Exactly this throw-away key, read from a QR.
    Key(DeviceId),
    /// Any throw-away key; what follows in the stream tells them apart.
    Any,
}

/// Checks raw keys: their shape, whom they belong to, and the handshake's signature. Nothing else counts.
#[derive(Debug)]
struct RawKeys {
    expected: Expected,
    algorithms: WebPkiSupportedAlgorithms,
}

impl RawKeys {
    fn new(expected: Expected) -> Arc<Self> {
        Arc::new(Self { expected, algorithms: provider().signature_verification_algorithms })
    }

    fn signature(
        &self,
        message: &[u8],
        entry: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let key = entry.get(..SPKI_LEN).ok_or(rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        verify_tls13_signature_with_raw_key(message, &SubjectPublicKeyInfoDer::from(key), signed, &self.algorithms)
    }
}

fn refused() -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}

/// What rustls asks alike of whoever checks a server and whoever checks a dialer: signatures of TLS 1.3 by raw Ed25519
/// keys, and no others.
macro_rules! signatures_by_raw_keys {
    () => {
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Err(refused())
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            entry: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            self.signature(message, entry, signed)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }

        fn requires_raw_public_keys(&self) -> bool {
            true
        }
    };
}

impl ServerCertVerifier for RawKeys {
    fn verify_server_cert(
        &self,
        entry: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (id, rest) = split_spki(entry).filter(|_| more.is_empty()).ok_or_else(refused)?;
        let known = match &self.expected {
            Expected::Member(device, secret, nonce) => id == *device && gate::proves(secret, nonce, &spki(&id), rest),
            Expected::Key(key) => rest.is_empty() && id == *key,
            Expected::Any => rest.is_empty(),
        };
        if known { Ok(ServerCertVerified::assertion()) } else { Err(refused()) }
    }

    signatures_by_raw_keys!();
}

impl ClientCertVerifier for RawKeys {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        entry: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        // Any key behind a valid pass; the store above knows which keys are members'.
        let (_, rest) = split_spki(entry).filter(|_| more.is_empty()).ok_or_else(refused)?;
        if rest.is_empty() { Ok(ClientCertVerified::assertion()) } else { Err(refused()) }
    }

    signatures_by_raw_keys!();
}

fn configuration(error: impl std::fmt::Display) -> Error {
    Error::internal(format_args!("TLS can't be configured: {error}"))
}

/// A server. Dialers must show a raw key unless it answers anyone.
pub(super) fn server(answer: Answer) -> Result<rustls::ServerConfig, Error> {
    let builder = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(configuration)?;
    let builder = match answer {
        Answer::Members(..) => builder.with_client_cert_verifier(RawKeys::new(Expected::Any)),
        Answer::Anyone(_) => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(answer));
    config.alpn_protocols = vec![gate::PROTOCOL.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

/// A dialer that shows `pass` beside the protocol and `identity`, where it has them, and goes on only with `expected`.
pub(super) fn client(
    identity: Option<Identity>,
    expected: Expected,
    pass: Option<Vec<u8>>,
) -> Result<rustls::ClientConfig, Error> {
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(configuration)?
        .dangerous()
        .with_custom_certificate_verifier(RawKeys::new(expected));
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(identity)),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = [gate::PROTOCOL.to_vec()].into_iter().chain(pass).collect();
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.enable_sni = false;
    Ok(config)
}
