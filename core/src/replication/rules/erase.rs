//! Destroying an entry everywhere, and obeying certificates that others signed.

use std::collections::BTreeSet;

use super::append::append;
use super::documents::Digest;
use super::identity::Identity;
use super::members;
use crate::error::{Code, Error, Result};
use crate::fault::Fault;
use crate::id::EntryId;
use crate::log::{Certificate, CertificateSum, Operation};
use crate::membership::State;
use crate::replication::tx::{Setting, Tx};
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

/// Obeys a certificate from another device, in the receiving transaction. Answers whether it was taken.
///
/// One signed by a device that ever had an add is accepted, whatever became of that device. It is taken where an operation
/// that is held names its entry: of what no log speaks of there is nothing to destroy, and whoever sends such an operation
/// sends the certificate with it.
pub fn apply_certificate(tx: &mut dyn Tx, identity: &Identity, certificate: &Certificate) -> Result<bool> {
    if !is_sound(identity, members::statements(tx)?.state(), certificate) {
        return Err(Error::new(
            Code::Refused,
            "an erase certificate that no device of this journal signed was refused",
            "nothing was changed; if it comes from a device of yours, update Afterword there",
        ));
    }
    if !tx.is_named(certificate.entry)? && !identity.faults.has(Fault::TakesEveryCertificate) {
        return Ok(false);
    }
    apply(tx, identity, certificate)
}

/// Whether a device that was ever added signed it, of an entry that may be erased.
pub(super) fn is_sound(identity: &Identity, state: &State, certificate: &Certificate) -> bool {
    certificate.journal == identity.journal
        && !certificate.entry.is_singleton()
        && state.ever_added(&certificate.log.device)
        && certificate.verifies()
}

/// Holds a certificate that is sound. Of two for one entry the one with the lower name stays, on every device.
pub(super) fn apply(tx: &mut dyn Tx, identity: &Identity, certificate: &Certificate) -> Result<bool> {
    let entry = certificate.entry;
    let held = tx.certificate_of(entry)?;
    if held.as_ref().is_some_and(|held| held.hash() <= certificate.hash()) {
        return Ok(false);
    }
    tx.add_certificate(certificate)?;
    let mut sum = certificate_sum(tx)?;
    sum.add(certificate);
    if let Some(held) = &held {
        sum.take(held);
    }
    tx.set_setting(Setting::CertificateSum, &sum.to_bytes())?;
    if held.is_none() {
        let mut digest = Digest::default();
        let heads = tx.document(entry)?.map(|state| state.heads).unwrap_or_default();
        digest.replace(identity, entry, &heads, &[]);
        digest.commit(tx)?;
        tx.drop_document(entry)?;
    }
    Ok(true)
}

/// The sum over the certificates held.
pub(super) fn certificate_sum(tx: &mut dyn Tx) -> Result<CertificateSum> {
    Ok(tx.setting(Setting::CertificateSum)?.and_then(|bytes| CertificateSum::from_slice(&bytes)).unwrap_or_default())
}

/// Adds the certificates up again, for when rows beside the rules changed, and names those entries in this device's own
/// log that no operation names any more.
pub fn recount_certificates(tx: &mut dyn Tx, identity: &Identity, entropy: &mut dyn Entropy) -> Result<()> {
    let mut sum = CertificateSum::default();
    let mut erased = BTreeSet::new();
    for certificate in tx.certificates()? {
        sum.add(&certificate);
        erased.insert(certificate.entry);
    }
    tx.set_setting(Setting::CertificateSum, &sum.to_bytes())?;
    erase_again(tx, identity, entropy, erased)
}

/// Writes down in this device's own log that these entries were erased, where no operation names them any more: a
/// certificate counts only with one, and what was erased stays so.
pub(super) fn erase_again(
    tx: &mut dyn Tx,
    identity: &Identity,
    entropy: &mut dyn Entropy,
    entries: BTreeSet<EntryId>,
) -> Result<()> {
    let mut operations = Vec::new();
    for entry in entries {
        if tx.is_erased(entry)? && !tx.is_named(entry)? {
            operations.push(Operation::erase(entry));
        }
    }
    for slice in operations.chunks(MAX_ERASED_AGAIN) {
        append(tx, identity, entropy, slice.to_vec())?;
    }
    Ok(())
}

/// How many erase operations stand under one head: far fewer bytes than one may.
const MAX_ERASED_AGAIN: usize = 4096;
