//! Where a text comes from: the command line, a file, standard input, or the person's editor.

use std::io::{self, IsTerminal, Read};

use afterword_core::error::Error;
use zeroize::Zeroizing;

use super::context::Context;
use crate::args::TextSource;
use crate::editing::Page;
use crate::editor::{self, Base, Session};
use crate::home::run_folders;
use crate::output::{Failure, Outcome, io_error};

/// More than this is not one text.
const MAX_INPUT: u64 = 8 << 20;

/// Whether an editor has a terminal to be on: its keyboard and its screen.
pub(super) fn terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The text that a source holds, as it stands.
pub(super) fn read(source: TextSource) -> Outcome<String> {
    let (what, bytes) = match source {
        TextSource::Given(text) => return Ok(text),
        TextSource::File(path) => {
            let what = format!("the text in {}", path.display());
            let read = std::fs::File::open(&path).and_then(all);
            (what, read)
        }
        TextSource::Stdin => ("the text on standard input".to_owned(), all(io::stdin().lock())),
    };
    let bytes = bytes.map_err(|error| io_error(format!("{what} could not be read"), &error))?;
    if bytes.len() as u64 > MAX_INPUT {
        let hint = "split it over several entries, or attach it as a file";
        return Err(Error::invalid(format!("{what} is longer than 8 MB"), hint).into());
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::invalid(format!("{what} is not UTF-8"), "save it as UTF-8, or attach it as a file").into())
}

fn all(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAX_INPUT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What was typed into an editor. Its file is wiped by [`Typed::saved`], once the words are durable in the journal.
#[derive(Debug)]
pub(super) struct Typed<T> {
    /// What it says.
    pub text: T,
    session: Session,
}

impl<T> Typed<T> {
    /// The words are durable elsewhere, or there were none.
    pub(super) fn saved(self) -> Outcome {
        Ok(self.session.wipe()?)
    }
}

/// Opens the editor on `text`.
pub(super) fn type_text(context: &Context, base: &Base, text: &str) -> Outcome<Typed<Zeroizing<String>>> {
    let Some(editor) = editor::chosen() else {
        return Err(Failure::usage(
            "no editor was found",
            "set EDITOR, or give the text with --body TEXT, --file FILE or -",
        ));
    };
    let session = Session::begin(&run_folders(&context.home), base, text)?;
    let text = session.edit(&editor)?;
    Ok(Typed { text, session })
}

/// Opens the editor on a page. Gives back the page that was shown, and what it says now.
pub(super) fn type_page(context: &Context, base: &Base, page: Page) -> Outcome<(Page, Typed<Page>)> {
    let (text, shown) = page.render();
    let Typed { text, session } = type_text(context, base, &text)?;
    let typed = shown.read(&text);
    Ok((shown, Typed { text: typed, session }))
}
