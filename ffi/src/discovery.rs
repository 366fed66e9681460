//! The system's own way to find devices on a network, where it lets an app use no other.

use std::collections::HashMap;
use std::sync::Arc;

use afterword_core::error::{Code, Error};
use afterword_core::transport as core;
use uniffi::UnexpectedUniFFICallbackError;

use crate::error::{Result, parse_all};

/// What is to be announced, as DNS-based service discovery has it (RFC 6763): Android's NSD, Apple's Bonjour.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AnnouncedService {
    /// The type, like `_p2p._udp`.
    pub service_type: String,
    /// The instance's name.
    pub name: String,
    /// The UDP port.
    pub port: u16,
    /// The TXT record.
    pub text: HashMap<String, String>,
}

impl From<core::Announced> for AnnouncedService {
    fn from(core::Announced { service_type, name, port, text }: core::Announced) -> Self {
        let text = text.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { service_type: service_type.to_owned(), name, port, text }
    }
}

/// Why the system did not announce or look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum DiscoveryError {
    /// It could not, or the person did not allow it.
    #[error("other devices can't be looked for on this network: {reason}")]
    Failed {
        /// The platform's words.
        reason: String,
    },
}

impl From<UnexpectedUniFFICallbackError> for DiscoveryError {
    fn from(_: UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: "the app's discovery failed in a way that it did not expect".to_owned() }
    }
}

impl From<DiscoveryError> for Error {
    fn from(error: DiscoveryError) -> Self {
        Self::new(Code::Unreachable, error.to_string(), "allow the app to use the local network, or give an address")
    }
}

/// The system's service for finding devices. Implemented by the app; no method may block. What begins under a number
/// ends under it.
#[uniffi::export(foreign)]
pub trait Discovery: Send + Sync {
    /// Announces a service on every network, until `withdraw`.
    fn announce(&self, number: u64, service: AnnouncedService) -> std::result::Result<(), DiscoveryError>;
    /// Announces it no more.
    fn withdraw(&self, number: u64) -> std::result::Result<(), DiscoveryError>;
    /// Looks for services of a type, and tells `sightings`, until `stop_looking`.
    fn look(
        &self,
        number: u64,
        service_type: String,
        sightings: Arc<Sightings>,
    ) -> std::result::Result<(), DiscoveryError>;
    /// Looks no more.
    fn stop_looking(&self, number: u64) -> std::result::Result<(), DiscoveryError>;
}

/// Takes what the system sees.
#[derive(Debug, uniffi::Object)]
pub struct Sightings(core::Sightings);

#[uniffi::export]
impl Sightings {
    /// An instance that was resolved: its name, its TXT record, and where it answers, each as `address:port`.
    pub fn seen(&self, name: String, text: HashMap<String, String>, addresses: Vec<String>) -> Result<()> {
        let addresses = parse_all(&addresses, "addresses")?;
        self.0.seen(&name, text.get(core::Sightings::KEY).map(String::as_str), &addresses);
        Ok(())
    }
}

/// The app's discovery, as core sees it.
pub(crate) struct Adapter(pub(crate) Arc<dyn Discovery>);

impl core::PlatformDiscovery for Adapter {
    fn announce(&self, number: u64, service: core::Announced) -> std::result::Result<(), Error> {
        Ok(self.0.announce(number, service.into())?)
    }

    fn withdraw(&self, number: u64) {
        // The system ends it with the app at the latest.
        drop(self.0.withdraw(number));
    }

    fn look(&self, number: u64, kind: &'static str, sightings: core::Sightings) -> std::result::Result<(), Error> {
        Ok(self.0.look(number, kind.to_owned(), Arc::new(Sightings(sightings)))?)
    }

    fn stop_looking(&self, number: u64) {
        drop(self.0.stop_looking(number));
    }
}
