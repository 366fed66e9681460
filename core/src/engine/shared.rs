//! What everything that runs on one open journal shares.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::store::Storage;
use crate::store::rules::Identity;
use crate::sync::BlobBytes;
use crate::time::{Clock, Entropy};

/// One source of randomness, handed around.
#[derive(Debug, Clone)]
pub struct SharedEntropy(Arc<Mutex<Box<dyn Entropy>>>);

impl SharedEntropy {
    /// Shares `entropy`.
    pub fn new(entropy: Box<dyn Entropy>) -> Self {
        Self(Arc::new(Mutex::new(entropy)))
    }
}

impl Entropy for SharedEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes);
    }
}
