//! A version that knows one kind more of everything: compiled with the feature `next-format` alone, which the tests of how
//! formats grow build beside the program that ships.

use super::Engine;
use crate::error::Result;
use crate::id::EntryId;
use crate::log::{Envelope, NEXT_KIND, Operation, OperationKind};
use crate::membership::{Body, Signer, Statement};
use crate::replication::{StorageExt, rules};

/// Stands in every program that has the feature, and must stand in none that ships.
pub const NEXT_MARKER: &str = "afterword-knows-the-next-format";

/// How a record of the next version begins.
const RECORD: &[u8] = b"next\0";

/// What was said under the kinds that only the next version knows, each in the order of the logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NextHeard {
    /// In statements.
    pub statements: Vec<String>,
    /// In operations.
    pub operations: Vec<String>,
    /// In records.
    pub records: Vec<String>,
}

impl Engine {
    /// Says `text` in a statement, and of `entry` in an operation and a record.
    pub fn say_next(&self, entry: EntryId, text: &str) -> Result<()> {
        let identity = &self.shared.identity;
        let operation = |kind: OperationKind, body: Vec<u8>| {
            Operation::new(Envelope { entry, kind, brings: Vec::new(), ends: Vec::new(), first_log: None }, body)
        };
        let operations = vec![
            operation(OperationKind::from(NEXT_KIND), text.into())?,
            operation(OperationKind::Record, [RECORD, text.as_bytes()].concat())?,
        ];
        self.shared.store.write(|tx| {
            let seen = rules::statements(tx)?.seen();
            let signer = Signer::Device(&identity.key);
            let statement = Statement::unknown(signer, &identity.journal, &seen, NEXT_KIND, text.into())?;
            rules::add_statements(tx, identity, vec![statement])?;
            rules::append(tx, identity, &mut self.shared.entropy.clone(), operations)
        })?;
        self.shared.changed();
        Ok(())
    }

    /// All that was said so, here and elsewhere.
    pub fn hear_next(&self) -> Result<NextHeard> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.shared.store.read(|tx| {
            let mut heard = NextHeard::default();
            for statement in rules::statements(tx)?.in_order() {
                if let Body::Unknown { number: NEXT_KIND, bytes } = statement.body() {
                    heard.statements.push(text(bytes));
                }
            }
            for (log, end) in tx.logs()? {
                for operation in tx.operations(log, 1, end.seq)? {
                    let Some(bytes) = operation.body.bytes() else { continue };
                    match operation.envelope.kind {
                        OperationKind::Unknown(NEXT_KIND) => heard.operations.push(text(bytes)),
                        OperationKind::Record => heard.records.extend(bytes.strip_prefix(RECORD).map(text)),
                        _ => {}
                    }
                }
            }
            Ok(heard)
        })
    }
}
