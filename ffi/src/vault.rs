//! The platform's vault: the app keeps the secret that opens the journal, and core sees it as its own trait.

use std::fmt;
use std::sync::Arc;

use afterword_core::crypto::Secret;
use afterword_core::files::{StoreError, StoreResult};
use afterword_core::vault::PlatformVault;
use uniffi::UnexpectedUniFFICallbackError;
use zeroize::Zeroizing;

/// Where the platform keeps secrets for an app: Android's Keystore, the iOS keychain. Implemented by the app.
#[uniffi::export(foreign)]
pub trait KeyVault: Send + Sync {
    /// Keeps `secret` under `name`, replacing what was there.
    fn store(&self, name: String, secret: Vec<u8>) -> Result<(), KeyVaultError>;
    /// The secret kept under `name`; none if there is none for certain, an error if nobody can tell now.
    fn load(&self, name: String) -> Result<Option<Vec<u8>>, KeyVaultError>;
    /// Forgets the secret kept under `name`, if there is one.
    fn delete(&self, name: String) -> Result<(), KeyVaultError>;
}

/// Why the platform's vault did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum KeyVaultError {
    /// It opens only once the person unlocks the device.
    #[error("this device's key store is locked")]
    Locked,
    /// Something else; the reason must not hold a secret.
    #[error("this device's key store could not be used: {reason}")]
    Failed {
        /// The platform's words.
        reason: String,
    },
    /// It failed in a way that it does not declare. What was thrown may quote a secret, so nothing of it is carried on.
    #[error("this device's key store failed in a way that the app did not expect")]
    Unexpected,
}

impl From<UnexpectedUniFFICallbackError> for KeyVaultError {
    fn from(_: UnexpectedUniFFICallbackError) -> Self {
        Self::Unexpected
    }
}

impl From<KeyVaultError> for StoreError {
    fn from(error: KeyVaultError) -> Self {
        Self::VaultShut(error.to_string())
    }
}

/// The app's vault, as core sees it.
pub(crate) struct Adapter(pub(crate) Arc<dyn KeyVault>);

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Adapter(…)")
    }
}

impl PlatformVault for Adapter {
    fn store(&self, name: &str, secret: &Secret) -> StoreResult<()> {
        Ok(self.0.store(name.to_owned(), secret.expose().to_vec())?)
    }

    fn load(&self, name: &str) -> StoreResult<Option<Secret>> {
        self.0.load(name.to_owned())?.map(|bytes| secret(&Zeroizing::new(bytes))).transpose()
    }

    fn delete(&self, name: &str) -> StoreResult<()> {
        Ok(self.0.delete(name.to_owned())?)
    }
}

/// The secret with exactly these bytes. One that is too short is refused, never filled up.
fn secret(bytes: &[u8]) -> StoreResult<Secret> {
    let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.try_into().map_err(|_| {
        StoreError::WrongKey("this device's key store holds something else than this journal's key".to_owned())
    })?);
    Ok(Secret::from_bytes(*bytes))
}
