//! Journals of any size, fast: many entries in one transaction under one head, through the same rules as every write.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use afterword_core::crypto::{RecoveryPhrase, Secret};
use afterword_core::document::{Actor, EntryDocument};
use afterword_core::engine::Engine;
use afterword_core::error::Result;
use afterword_core::files::Home;
use afterword_core::files::StoreResult;
use afterword_core::id::EntryId;
use afterword_core::journal::{Kind, NewEntry};
use afterword_core::log::Operation;
use afterword_core::replication::StorageExt;
use afterword_core::replication::rules::{self, Identity, Packing};
use afterword_core::store::sqlite::open::Vouched;
use afterword_core::store::{SqliteStore, read_model};
use afterword_core::time::{Timestamp, random};
use afterword_core::vault::{self, PlatformVault, Unlock};
use afterword_tests::Seeded;
use afterword_tests::clock::environment;
use afterword_tests::corpus::Corpus;

/// Leaves room under the most that one head may end.
const SLICE: usize = 900 << 10;

/// A vault that answers at once: opening with a passphrase takes what its costs say, and is measured by itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(Arc<Mutex<BTreeMap<String, Secret>>>);

impl PlatformVault for Keys {
    fn store(&self, name: &str, secret: &Secret) -> StoreResult<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), secret.clone());
        Ok(())
    }

    fn load(&self, name: &str) -> StoreResult<Option<Secret>> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned())
    }

    fn delete(&self, name: &str) -> StoreResult<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(())
    }
}

/// A new journal in `root`.
pub(crate) fn create(root: &Path, keys: &Keys, seed: u64) -> Result<(Engine, RecoveryPhrase)> {
    Engine::create(root, Unlock::Platform(keys), "bench", environment(seed))
}

/// Another process's handle on the journal in `root`.
pub(crate) fn store_of(root: &Path, keys: &Keys) -> Result<SqliteStore> {
    let home = Home::new(root);
    let key = vault::open(&home, Unlock::Platform(keys))?;
    Ok(SqliteStore::open(&home.database(), &key, Vouched::ByVault)?)
}

/// A text of the workload as an entry.
pub(crate) fn entry(corpus: &mut Corpus, words: usize) -> NewEntry {
    let writing = corpus.entry_of(words);
    NewEntry {
        kind: Kind::Note,
        title: writing.title,
        body: writing.body,
        sections: Vec::new(),
        happened: writing.day.parse().ok(),
    }
}

/// Adds `count` entries of `words` words to the journal in `root`, derived too where `derive` says so.
pub(crate) fn fill(root: &Path, keys: &Keys, count: usize, words: usize, derive: bool) -> Result<()> {
    let store = store_of(root, keys)?;
    let identity = store.read(Identity::load)?;
    let mut entropy = Seeded::stream(count as u64, 9);
    let mut corpus = Corpus::new(count as u64);
    let actor = Actor::draw(&mut entropy);
    let mut left = count;
    while left > 0 {
        let (mut ids, mut operations, mut size) = (Vec::new(), Vec::new(), 0);
        while left > 0 && size < SLICE {
            let id = EntryId::from_bytes(random(&mut entropy));
            let at = Timestamp(1_600_000_000_000 + left as i64 * 60_000);
            let (_, chunks) = EntryDocument::create(id, actor, at, &entry(&mut corpus, words), &mut entropy)?;
            for chunk in chunks {
                let operation = Operation::change(id, chunk, Vec::new(), Vec::new())?;
                size += operation.size();
                operations.push(operation);
            }
            ids.push(id);
            left -= 1;
        }
        store.write_sql(|tx| {
            rules::append(tx, &identity, &mut entropy, operations)?;
            if derive {
                for id in ids {
                    read_model::refresh(tx, id, actor)?;
                }
            }
            Ok(())
        })?;
        while store.write(|tx| rules::pack(tx, &identity, &Packing::default()))? > 0 {}
    }
    Ok(store.pause()?)
}
