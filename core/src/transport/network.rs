//! Says when this machine's addresses changed, once it has settled.

use std::collections::BTreeSet;
use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::time::Duration;

use if_watch::IfEvent;
use if_watch::tokio::IfWatcher;
use tokio::time::Instant;

use crate::error::{Advice, Code, Error};

/// A change is reported when nothing else changed for this long: a new network brings its addresses one by one.
const SETTLE: Duration = Duration::from_millis(700);
/// And after this long at the latest.
const LATEST: Duration = Duration::from_secs(5);

/// Watches this machine's addresses.
pub struct NetworkWatcher {
    source: IfWatcher,
    /// As last reported; `None` until the addresses of the beginning are known.
    reported: Option<BTreeSet<IpAddr>>,
    current: BTreeSet<IpAddr>,
}

impl fmt::Debug for NetworkWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkWatcher({} addresses)", self.current.len())
    }
}

fn blind(error: &std::io::Error) -> Error {
    Error::new(Code::Unreachable, format!("changes of network can't be noticed: {error}"), Advice::ServeAgain)
}

impl NetworkWatcher {
    /// Begins to watch. Must be called inside a tokio runtime.
    pub fn start() -> Result<Self, Error> {
        let source = IfWatcher::new().map_err(|error| blind(&error))?;
        Ok(Self { source, reported: None, current: BTreeSet::new() })
    }

    /// Waits for the next change. An error means that this watcher sees no more.
    pub async fn changed(&mut self) -> Result<(), Error> {
        loop {
            if self.reported.is_none() {
                // What is there already comes as events too.
                self.settle().await?;
                self.reported = Some(self.current.clone());
            }
            self.next().await?;
            self.settle().await?;
            if self.reported.as_ref() != Some(&self.current) {
                self.reported = Some(self.current.clone());
                return Ok(());
            }
        }
    }

    /// Takes in events until there are none for a while. A cancelled call loses nothing.
    async fn settle(&mut self) -> Result<(), Error> {
        let latest = Instant::now() + LATEST;
        loop {
            let quiet = latest.min(Instant::now() + SETTLE);
            match tokio::time::timeout_at(quiet, self.next()).await {
                Ok(event) => event?,
                Err(_) => return Ok(()),
            }
        }
    }

    async fn next(&mut self) -> Result<(), Error> {
        match poll_fn(|context| self.source.poll_if_event(context)).await.map_err(|error| blind(&error))? {
            IfEvent::Up(net) => self.current.insert(net.addr()),
            IfEvent::Down(net) => self.current.remove(&net.addr()),
        };
        Ok(())
    }
}
