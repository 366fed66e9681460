//! Who is in a home: everybody who has its journal open, together; or one who makes, swaps or puts aside its files, alone.
//!
//! The lock is the system's, on the empty file `lock` of the home: a process that dies gives it back.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::error::{StoreError, StoreResult};
use super::home::Home;

const FILE: &str = "lock";
/// How long whoever wants in waits for the other one: a start or a swap takes less, a join or a `serve` goes on for longer.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it looks.
const LOCK_POLL: Duration = Duration::from_millis(5);

/// Being in a home, until it is dropped.
#[derive(Debug)]
pub struct HomeLock {
    /// Nothing where the folder takes no file, or the file no lock: then nobody else can swap anything there either.
    _file: Option<File>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Shared,
    Alone,
}

impl HomeLock {
    /// Shares the home with others who have its journal open. Waits a moment for one who is alone in it.
    pub fn shared(home: &Home) -> StoreResult<Self> {
        let file = match File::open(home.root().join(FILE)) {
            Err(error) if error.kind() == ErrorKind::NotFound => home.lock_file(FILE),
            opened => opened,
        };
        // A journal opens on a full disk, and in a folder that can only be read.
        let Ok(file) = file else { return Ok(Self { _file: None }) };
        Self::locked(file, Kind::Shared, LOCK_TIMEOUT)?.ok_or_else(|| {
            StoreError::InUse(
                "another Afterword is making, joining or putting aside a journal in this folder".to_owned(),
            )
        })
    }

    /// Is alone in the home. Waits a moment for others to leave.
    pub fn alone(home: &Home) -> StoreResult<Self> {
        Self::locked(Self::file(home)?, Kind::Alone, LOCK_TIMEOUT)?.ok_or_else(|| {
            StoreError::InUse("another Afterword is at work in this folder, perhaps one that serves".to_owned())
        })
    }

    /// The same if nobody else is there now.
    pub fn alone_now(home: &Home) -> StoreResult<Option<Self>> {
        Self::locked(Self::file(home)?, Kind::Alone, Duration::ZERO)
    }

    fn file(home: &Home) -> StoreResult<File> {
        home.lock_file(FILE).map_err(|error| StoreError::io("the journal's folder could not be locked", &error))
    }

    fn locked(file: File, kind: Kind, patience: Duration) -> StoreResult<Option<Self>> {
        let begun = Instant::now();
        loop {
            let tried = if kind == Kind::Shared { file.try_lock_shared() } else { file.try_lock() };
            match tried {
                Ok(()) => return Ok(Some(Self { _file: Some(file) })),
                // A file system without locks: SQLite keeps two writers apart by itself, nobody keeps two starts apart.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                    return Ok(Some(Self { _file: None }));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(StoreError::io("the journal's folder could not be locked", &error));
                }
                Err(TryLockError::WouldBlock) if begun.elapsed() >= patience => return Ok(None),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_POLL),
            }
        }
    }
}
