//! A file on its way in or out: how far it is, and whether it is still wanted.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::{Code, Error};

/// Shared by whoever moves a file and whoever waits for it.
#[derive(Debug, Default)]
pub struct Transfer {
    moved: AtomicU64,
    cancelled: AtomicBool,
}

impl Transfer {
    /// Bytes that were moved.
    pub fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Stops it at the next piece. What was moved is dropped, and nothing of the journal is changed.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// `reader`, counted, until it is cancelled.
    pub fn reading<'t, R: Read>(&'t self, reader: R) -> Counted<'t, R> {
        Counted { of: self, inner: reader }
    }

    /// `writer`, counted, until it is cancelled.
    pub fn writing<'t, W: Write>(&'t self, writer: W) -> Counted<'t, W> {
        Counted { of: self, inner: writer }
    }

    /// What to tell of an error: that it was cancelled, if it was.
    pub fn told(&self, error: Error) -> Error {
        if self.is_cancelled() {
            Error::new(Code::Cancelled, "the transfer was cancelled", "nothing was changed")
        } else {
            error
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.is_cancelled() { Err(io::Error::other("cancelled")) } else { Ok(()) }
    }
}

/// A reader or writer that a [`Transfer`] follows.
#[derive(Debug)]
pub struct Counted<'t, T> {
    of: &'t Transfer,
    inner: T,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.of.check()?;
        let read = self.inner.read(buffer)?;
        self.of.moved.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.of.check()?;
        let written = self.inner.write(buffer)?;
        self.of.moved.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
