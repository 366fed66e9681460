//! The welcome of a paired device: the journal's secret and its membership statements, in messages of bounded size.
//!
//! A member that turned can make any number of statements, which every device holds from then on, removed or not. So their
//! number must not keep a newcomer out: no message grows with them.

use serde::{Deserialize, Serialize};

use super::{decode, encode, misfit};
use crate::crypto::Secret;
use crate::error::{Code, Error, Result};
use crate::transport::PairedChannel;

/// Most bytes of one of these messages. No statement comes near it.
const MAX_TOLD: usize = 1 << 20;
/// Most bytes of all statements that a newcomer is told: some 900,000 of the shortest.
pub(super) const MAX_STATEMENTS: usize = 256 << 20;

/// The first message. `more` says that the list goes on in the next.
#[derive(Serialize, Deserialize)]
pub(super) struct Welcome {
    pub(super) statements: Vec<Vec<u8>>,
    pub(super) secret: Secret,
    pub(super) port: u16,
    pub(super) more: bool,
}

/// Each message after it.
#[derive(Serialize, Deserialize)]
struct Further {
    statements: Vec<Vec<u8>>,
    more: bool,
}

/// Statements of so many bytes in all can be told to a newcomer; an error says that they can't.
pub(super) fn check_size(bytes: usize) -> Result<()> {
    if bytes <= MAX_STATEMENTS {
        return Ok(());
    }
    Err(Error::new(
        Code::Refused,
        "this device could not be added: what the journal's devices said about each other is longer than a new device takes",
        "nothing was changed; your entries can be exported from here and imported into a new journal",
    )
    .about("device"))
}

/// Tells all of it.
pub(super) async fn tell(
    channel: &mut PairedChannel,
    statements: Vec<Vec<u8>>,
    secret: Secret,
    port: u16,
) -> Result<()> {
    let mut parts = in_parts(statements).into_iter().peekable();
    let statements = parts.next().unwrap_or_default();
    let welcome = Welcome { statements, secret, port, more: parts.peek().is_some() };
    channel.send(&encode(&welcome)?).await?;
    while let Some(statements) = parts.next() {
        channel.send(&encode(&Further { statements, more: parts.peek().is_some() })?).await?;
    }
    Ok(())
}

/// Hears all of it.
pub(super) async fn hear(channel: &mut PairedChannel) -> Result<Welcome> {
    let mut welcome: Welcome = decode(&channel.recv(MAX_TOLD).await?)?;
    let mut bytes: usize = welcome.statements.iter().map(Vec::len).sum();
    while welcome.more {
        let further: Further = decode(&channel.recv(MAX_TOLD).await?)?;
        bytes += further.statements.iter().map(Vec::len).sum::<usize>();
        // Nothing in it would be a message without end.
        if further.statements.is_empty() || bytes > MAX_STATEMENTS {
            return Err(misfit());
        }
        welcome.statements.extend(further.statements);
        welcome.more = further.more;
    }
    Ok(welcome)
}

/// Splits statements, in their order, into parts of which each fits into one message with its other fields.
fn in_parts(statements: Vec<Vec<u8>>) -> Vec<Vec<Vec<u8>>> {
    let (mut parts, mut part, mut size) = (Vec::new(), Vec::new(), 0);
    for statement in statements {
        if size + statement.len() > MAX_TOLD / 2 {
            parts.push(std::mem::take(&mut part));
            size = 0;
        }
        // The length before each takes up to ten bytes.
        size += statement.len() + 10;
        part.push(statement);
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::MAX_LEN;

    #[test]
    fn each_part_fits_into_a_message_and_none_is_left_out() {
        for length in [0, 1, 300, MAX_LEN] {
            let statements: Vec<Vec<u8>> = (0..3000u32).map(|n| vec![n as u8; length]).collect();
            let parts = in_parts(statements.clone());
            for part in &parts {
                assert!(encode(&Further { statements: part.clone(), more: true }).unwrap().len() < MAX_TOLD - 1024);
            }
            assert_eq!(parts.concat(), statements);
        }
        assert_eq!(in_parts(Vec::new()).len(), 1);
    }

    #[test]
    fn what_no_newcomer_would_take_is_not_told() {
        assert!(check_size(MAX_STATEMENTS).is_ok());
        assert_eq!(check_size(MAX_STATEMENTS + 1).unwrap_err().about, "device");
    }
}
