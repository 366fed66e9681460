//! Destroying an entry everywhere, and obeying certificates that others signed.

use super::append::append;
use super::documents::Digest;
use super::identity::Identity;
use super::members;
use crate::error::{Code, Error, Result};
use crate::id::EntryId;
use crate::log::{Certificate, Operation};
use crate::store::tx::Tx;
use crate::time::Entropy;

/// Destroys `entry` on this device and certifies it for every other. Idempotent.
pub fn erase(
    tx: &mut dyn Tx,
    identity: &Identity,
    entropy: &mut dyn Entropy,
    entry: EntryId,
) -> Result<Option<Certificate>> {
    if entry.is_singleton() {
        return Err(Error::invalid(
            "names and settings belong to every entry, and are not erased",
            "erase an entry; a name is changed where people are",
        )
        .about("entry"));
    }
    if tx.is_erased(entry)? {
        return Ok(None);
    }
    let head = append(tx, identity, entropy, vec![Operation::erase(entry)])?;
    let certificate = Certificate::sign(&identity.key, identity.journal, entry, head.log, head.position);
    apply(tx, identity, &certificate)?;
    Ok(Some(certificate))
}

/// Obeys a certificate from another device, in the receiving transaction. Answers whether it was new.
///
/// One signed by a device that ever had an add is accepted, whatever became of that device.
pub fn apply_certificate(tx: &mut dyn Tx, identity: &Identity, certificate: &Certificate) -> Result<bool> {
    let known = members::statements(tx)?.state().ever_added(&certificate.log.device);
    let sound = certificate.journal == identity.journal && !certificate.entry.is_singleton();
    if !sound || !known || !certificate.verifies() {
        return Err(Error::new(
            Code::Refused,
            "an erase certificate that no device of this journal signed was refused",
            "nothing was changed; if it comes from a device of yours, update Afterword there",
        ));
    }
    apply(tx, identity, certificate)
}

fn apply(tx: &mut dyn Tx, identity: &Identity, certificate: &Certificate) -> Result<bool> {
    if !tx.add_certificate(certificate)? {
        return Ok(false);
    }
    let entry = certificate.entry;
    let mut digest = Digest::default();
    let heads = tx.document(entry)?.map(|state| state.heads).unwrap_or_default();
    digest.replace(identity, entry, &heads, &[]);
    digest.commit(tx)?;
    tx.drop_document(entry)?;
    Ok(true)
}
