//! What is made from the logs and may be thrown away at any time: list rows, text projections, search rows, snapshots.
//!
//! A commit marks a document as stale; [`refresh`] makes its rows again. Of many, [`held`] and [`Held::prepare`] make the
//! rows outside the writing transaction and [`Prepared::put`] writes them in slices, so that no writer waits for it. `list` and `search` read these rows only and open no document; [`open`] is the one place that opens one.

mod documents;
mod find;
mod list;
mod people;
mod refresh;

pub use documents::{
    Opened, Read, catch_up, changes, is_worth_a_snapshot, open, open_people, operations, read, remember, version,
};
pub use find::{COMPARED, COMPARED_BYTES, COUNTED, Found, Hit, find};
#[cfg(test)]
pub(crate) use list::list_query;
pub use list::{Cursor, Filter, Page, list, list_arriving, resolve, row};
pub use people::{people, store_people};
pub use refresh::{Held, Prepared, Refreshed, disagrees, held, projection, put_all, put_row, refresh};
