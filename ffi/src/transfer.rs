//! Files on their way in and out: streamed across, counted, cancellable.

use std::io::{self, Read, Write};
use std::sync::Arc;

use afterword_core::engine as core;
use uniffi::UnexpectedUniFFICallbackError;

use crate::edits::Edited;
use crate::engine::Engine;
use crate::error::{Result, parse};

/// Bytes asked for at once.
const PIECE: usize = 256 << 10;

/// Why the app's file could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum StreamError {
    /// The platform's words; they must not hold what was written.
    #[error("{reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}

impl From<UnexpectedUniFFICallbackError> for StreamError {
    fn from(_: UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: "the app's file failed in a way that it did not expect".to_owned() }
    }
}

/// A file of the app's that is read, one piece after the other. An empty piece is its end.
#[uniffi::export(foreign)]
pub trait ByteSource: Send + Sync {
    /// At most `most` bytes more.
    fn read(&self, most: u32) -> std::result::Result<Vec<u8>, StreamError>;
}

/// A file of the app's that is written, one piece after the other.
#[uniffi::export(foreign)]
pub trait ByteSink: Send + Sync {
    /// Takes the next bytes.
    fn write(&self, bytes: Vec<u8>) -> std::result::Result<(), StreamError>;
}

/// A source as Rust reads.
pub(crate) struct Source {
    pub(crate) from: Arc<dyn ByteSource>,
    pub(crate) piece: Vec<u8>,
    pub(crate) at: usize,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.piece.len() {
            self.piece = self.from.read(PIECE as u32).map_err(io::Error::other)?;
            self.at = 0;
        }
        let taken = (&self.piece[self.at..]).read(buffer)?;
        self.at += taken;
        Ok(taken)
    }
}

/// A sink as Rust writes.
pub(crate) struct Sink(pub(crate) Arc<dyn ByteSink>);

impl Write for Sink {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let piece = &buffer[..buffer.len().min(PIECE)];
        self.0.write(piece.to_vec()).map_err(io::Error::other)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is said of a file when it is attached.
#[derive(Debug, Clone, PartialEq, Eq, Default, uniffi::Record)]
pub struct NewFile {
    /// Media type.
    pub mime: String,
    /// The writer's caption.
    #[uniffi(default)]
    pub caption: Option<String>,
    /// What the picture shows.
    #[uniffi(default)]
    pub alt: Option<String>,
    /// Whose it is.
    #[uniffi(default)]
    pub credit: Option<String>,
}

impl From<NewFile> for core::NewFile {
    fn from(NewFile { mime, caption, alt, credit }: NewFile) -> Self {
        Self { mime, caption, alt, credit }
    }
}

/// What attaching answers.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Attached {
    /// The attachment.
    pub attachment: String,
    /// Its entry now.
    pub entry: Edited,
}

/// One file on its way. Made first, so that it can be cancelled and asked while a call moves it.
#[derive(Debug, Default, uniffi::Object)]
pub struct Transfer(Arc<core::Transfer>);

#[uniffi::export]
impl Transfer {
    /// A transfer that has not begun.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Attaches what `source` gives to an entry. Blocks until it is durable; memory stays bounded.
    pub fn attach(&self, engine: &Engine, id: String, source: Arc<dyn ByteSource>, file: NewFile) -> Result<Attached> {
        let id = parse(&id, "entry")?;
        let mut source = self.0.reading(Source { from: source, piece: Vec::new(), at: 0 });
        let done = engine.with(|engine| engine.attach(id, &mut source, file.into()));
        let (attachment, edited) = done.map_err(|error| self.0.told(error))?;
        Ok(Attached { attachment: attachment.to_string(), entry: edited.into() })
    }

    /// Gives an attachment's bytes, checked, to `sink`. Answers how many.
    pub fn extract(&self, engine: &Engine, id: String, attachment: String, sink: Arc<dyn ByteSink>) -> Result<u64> {
        let (id, attachment) = (parse(&id, "entry")?, parse(&attachment, "attachment")?);
        let mut sink = self.0.writing(Sink(sink));
        let done = engine.with(|engine| engine.extract(id, attachment, &mut sink));
        Ok(done.map_err(|error| self.0.told(error))?)
    }

    /// Bytes that were moved.
    pub fn moved(&self) -> Result<u64> {
        Ok(self.0.moved())
    }

    /// Stops it at the next piece. Nothing of the journal is changed.
    pub fn cancel(&self) -> Result<()> {
        self.0.cancel();
        Ok(())
    }
}
