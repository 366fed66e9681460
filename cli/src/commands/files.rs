//! An entry's files: `attach`, `detach`, `extract`.

use std::fs::File;
use std::io;
use std::path::Path;

use afterword_core::engine::NewFile;
use afterword_core::error::{Code, Error};
use afterword_core::journal::edit::Part;

use super::context::Context;
use super::entries::changed;
use crate::json::Done;
use crate::outfile::OutFile;
use crate::output::{Outcome, io_error};

/// What is said of a file on the command line.
#[derive(Debug)]
pub(super) struct About {
    pub caption: Option<String>,
    pub alt: Option<String>,
    pub credit: Option<String>,
}

/// `attach`.
pub(super) fn attach(context: &Context, prefix: &str, path: &Path, about: About) -> Outcome {
    let failed = |error: &io::Error| io_error(format!("the file {} could not be attached", path.display()), error);
    // Looked at before it is opened: a pipe would be waited on for ever.
    let meta = std::fs::metadata(path).map_err(|error| failed(&error))?;
    if !meta.is_file() {
        let what = format!("{} could not be attached: it is not a regular file", path.display());
        return Err(Error::invalid(what, "name a file; a folder goes in as an archive").into());
    }
    let mut file = File::open(path).map_err(|error| failed(&error))?;
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let About { caption, alt, credit } = about;
    let mime = mime_guess::from_path(path).first_or_octet_stream().essence_str().to_owned();
    let (attachment, edited) = engine.attach(id, &mut file, NewFile { mime, caption, alt, credit })?;
    changed(context, "Attached to", edited, Some(Part::Attachment(attachment)))
}

/// `detach`.
pub(super) fn detach(context: &Context, prefix: &str, attachment: &str) -> Outcome {
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let attachment = engine.resolve_attachment(id, attachment)?;
    engine.detach(id, attachment)?;
    context.out.answer(&Done::to(attachment), |_| format!("Detached  {:.8}\n", attachment.to_string()))
}

/// `extract`. Nothing is at the path until all of it is.
pub(super) fn extract(context: &Context, prefix: &str, attachment: &str, path: &Path) -> Outcome {
    let failed = |error: &io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::new(
            Code::Refused,
            format!("nothing was written: {} already exists", path.display()),
            "choose another name, or move it away first",
        ),
        _ => io_error(format!("{} could not be written", path.display()), error),
    };
    if path.symlink_metadata().is_ok() {
        return Err(failed(&io::ErrorKind::AlreadyExists.into()).into());
    }
    let engine = context.open()?;
    let id = engine.resolve(prefix)?;
    let attachment = engine.resolve_attachment(id, attachment)?;
    let stop = context.stop_writing(path)?;
    let mut file = OutFile::begin(path, &stop).map_err(|error| failed(&error))?;
    engine.extract(id, attachment, &mut file).map_err(|error| {
        stop.explains(error, || {
            (format!("the extract was stopped, and nothing is at {}", path.display()), "run it again".to_owned())
        })
    })?;
    file.publish().map_err(|error| failed(&error))?;
    context.out.answer(&Done::to(attachment), |_| format!("Written to {}\n", path.display()))
}
