//! The devices that this one has synced with: where each was reached last, and when.

use std::net::SocketAddr;

use rusqlite::params;

use super::store::SqliteStore;
use crate::error::Result;
use crate::id::DeviceId;
use crate::time::Timestamp;

/// Another device, as this one knows it from syncing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The device.
    pub device: DeviceId,
    /// Where it was reached last.
    pub address: Option<SocketAddr>,
    /// When the two last synced.
    pub seen: Timestamp,
}

impl SqliteStore {
    /// Devices that this one has synced with.
    pub fn peers(&self) -> Result<Vec<Peer>> {
        self.read_sql(|tx| {
            let mut all = tx.conn()?.prepare_cached("SELECT device, address, seen FROM peers")?;
            let rows = all.query_map([], |row| {
                let address: Option<String> = row.get(1)?;
                Ok(Peer {
                    device: DeviceId::from_bytes(row.get(0)?),
                    address: address.and_then(|text| text.parse().ok()),
                    seen: Timestamp(row.get(2)?),
                })
            });
            Ok(rows.and_then(Iterator::collect)?)
        })
    }

    /// Notes a sync with a device, and where it was dialed; without an address the one of last time stays.
    pub fn remember_peer(&self, device: DeviceId, address: Option<SocketAddr>, now: Timestamp) -> Result<()> {
        self.write_sql(|tx| {
            tx.conn()?
                .prepare_cached(
                    "INSERT INTO peers(device, address, seen) VALUES(?1, ?2, ?3) ON CONFLICT(device) DO UPDATE
                     SET address = coalesce(excluded.address, address), seen = excluded.seen",
                )?
                .execute(params![device.as_bytes(), address.map(|address| address.to_string()), now.0])?;
            Ok(())
        })
    }
}
