//! What a session asks of the store, in order, and how much memory of the peer's waits with it.

use std::collections::VecDeque;

use super::request::{Arrived, Request};

/// Bytes of batches that one transaction takes in, if no single one is longer.
const SLICE: usize = 512 << 10;
/// About what a request takes in memory, beside the bytes that it carries.
const QUEUED: usize = 256;

/// Requests for the store that are not yet handed out, each with what it takes in memory of the peer's.
#[derive(Debug, Default)]
pub(super) struct Requests {
    waiting: VecDeque<(Request, usize)>,
    /// Of those that wait and the one that is out.
    charged: usize,
    /// Of the one that is out.
    out: usize,
}

impl Requests {
    /// One of our own.
    pub(super) fn push(&mut self, request: Request) {
        self.waiting.push_back((request, 0));
    }

    /// One that the peer caused, with so many bytes of its own.
    pub(super) fn push_for_peer(&mut self, request: Request, bytes: usize) {
        let bytes = bytes + QUEUED;
        self.charged += bytes;
        self.waiting.push_back((request, bytes));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Bytes of the peer's that wait, or are with the store.
    pub(super) fn charged(&self) -> usize {
        self.charged
    }

    /// Whether one is about news.
    pub(super) fn has_news(&self) -> bool {
        self.waiting.iter().any(|(request, _)| matches!(request, Request::News(_)))
    }

    /// Adds a batch to the last request, if that stores batches too and this one is not too much for it.
    pub(super) fn push_batch(&mut self, arrived: Arrived, bytes: usize) {
        match self.waiting.back_mut() {
            Some((Request::StoreBatches(batches), charged)) if *charged + bytes <= SLICE => {
                batches.push(arrived);
                *charged += bytes;
                self.charged += bytes;
            }
            _ => self.push_for_peer(Request::StoreBatches(vec![arrived]), bytes),
        }
    }

    /// The next one.
    pub(super) fn pop(&mut self) -> Option<Request> {
        let (request, bytes) = self.waiting.pop_front()?;
        self.out = bytes;
        Some(request)
    }

    /// The one that was out is answered.
    pub(super) fn release(&mut self) {
        self.charged -= std::mem::take(&mut self.out);
    }
}
