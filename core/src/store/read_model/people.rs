//! The people document's names as rows, so that lists and search resolve tokens without opening it.

use rusqlite::params;

use crate::error::Result;
use crate::journal::people::{People, Person};
use crate::store::sqlite::SqliteTx;

/// Everybody, from the rows.
pub fn people(tx: &mut SqliteTx<'_>) -> Result<People> {
    let mut statement = tx.conn()?.prepare_cached("SELECT token, name, aliases FROM people")?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?)))?;
    let mut all = Vec::new();
    for row in rows {
        let (token, name, aliases) = row?;
        let aliases: Vec<String> = postcard::from_bytes(&aliases).unwrap_or_default();
        all.push(Person { token, name, aliases: aliases.into_iter().collect() });
    }
    Ok(all.into_iter().collect())
}

/// Replaces the rows. Answers whether any name is different, so that texts that name people are stale.
pub fn store_people(tx: &mut SqliteTx<'_>, now: &People) -> Result<bool> {
    if people(tx)?.iter().eq(now.iter()) {
        return Ok(false);
    }
    let conn = tx.conn()?;
    conn.execute("DELETE FROM people", [])?;
    for person in now.iter() {
        let aliases: Vec<&String> = person.aliases.iter().collect();
        let aliases = postcard::to_allocvec(&aliases).unwrap_or_default();
        conn.prepare_cached("INSERT INTO people(token, name, aliases) VALUES(?1, ?2, ?3)")?.execute(params![
            person.token,
            person.name,
            aliases
        ])?;
    }
    Ok(true)
}
