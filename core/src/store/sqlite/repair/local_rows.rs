//! This device's own small rows: settings, and where peers were reached.

use super::super::tx::SqliteTx;
use super::aside::quarantine;
use crate::error::Result;
use crate::id::DeviceId;
use crate::replication::rules;
use crate::replication::tx::Setting;

/// Every setting that there is.
const SETTINGS: [Setting; 11] = [
    Setting::DeviceSeed,
    Setting::SealingSeed,
    Setting::JournalSecret,
    Setting::Journal,
    Setting::Incarnation,
    Setting::CertificateSum,
    Setting::Digest,
    Setting::Mended,
    Setting::BlobsSwept,
    Setting::CountsFrom,
    Setting::DevicesSeen,
];

/// This device's own small rows that do not read: they are made again when next needed. A setting may be a key that
/// nobody else holds, so what stands under a damaged name is kept.
pub(super) fn make_right(tx: &mut SqliteTx<'_>) -> Result<()> {
    for (name, value) in settings_that_mean_nothing(tx)? {
        quarantine(tx, None, "settings", 0, &value)?;
        tx.conn()?.execute("DELETE FROM settings WHERE CAST(key AS BLOB) = ?1", [name])?;
    }
    for device in peers_that_do_not_read(tx)? {
        tx.conn()?.execute("DELETE FROM peers WHERE device = ?1", [device])?;
    }
    Ok(())
}

/// Names and values of settings that nobody asks for.
pub(in super::super) fn settings_that_mean_nothing(tx: &mut SqliteTx<'_>) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut all = tx.conn()?.prepare("SELECT CAST(key AS BLOB), value FROM settings")?;
    let all = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let mut all: Vec<(Vec<u8>, Vec<u8>)> = all.and_then(Iterator::collect)?;
    all.retain(|(name, _)| SETTINGS.iter().all(|setting| setting.as_str().as_bytes() != name));
    Ok(all)
}

/// Peers that no statement ever added, or whose address is none.
pub(in super::super) fn peers_that_do_not_read(tx: &mut SqliteTx<'_>) -> Result<Vec<Vec<u8>>> {
    let mut all = tx.conn()?.prepare("SELECT device, CAST(address AS BLOB) FROM peers")?;
    let rows = all.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<Vec<u8>>>(1)?)));
    let rows: Vec<_> = rows.and_then(Iterator::collect)?;
    let reads =
        |address: &[u8]| std::str::from_utf8(address).is_ok_and(|text| text.parse::<std::net::SocketAddr>().is_ok());
    let set = rules::statements(tx)?;
    let known = |device: &[u8]| DeviceId::from_slice(device).is_some_and(|device| set.state().ever_added(&device));
    let wrong = rows
        .into_iter()
        .filter(|(device, address)| !known(device) || address.as_ref().is_some_and(|address| !reads(address)));
    Ok(wrong.map(|(device, _)| device).collect())
}
