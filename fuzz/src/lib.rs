//! Every decoder of bytes from outside, as a plain function from bytes to "accepted or refused".
//!
//! Two drivers run this table: `cargo xtask test fuzz` mutates seeds within the ordinary release build, on any machine; and
//! libFuzzer, through the one binary `any` and `AFTERWORD_FUZZ_TARGET`, where nightly and cargo-fuzz are there. Both start
//! from [`Target::seeds`], from files in `corpus-seeds/<name>/`, and from what once failed, in `crashers/<name>/`.
//!
//! To add a decoder: a function for it in `targets.rs`, one for its seeds beside it, one line in [`TARGETS`]. Where a
//! signature or a hash stands before the decoder, the target begins behind it: mutations would never get past it.

mod formats;
mod imports;
mod scripted;
mod seeds;
mod targets;

/// A decoder and what is worth mutating for it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: of folders, of `AFTERWORD_FUZZ_TARGET`.
    pub name: &'static str,
    /// Decodes; whether the bytes were accepted. Panics where a value that was accepted does not keep its promises.
    pub run: fn(&[u8]) -> bool,
    /// Encodings that are accepted.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "phrase", run: targets::phrase, seeds: seeds::phrase },
    Target { name: "sealed_key", run: targets::sealed_key, seeds: seeds::sealed_key },
    Target { name: "sealed_chunk", run: targets::sealed_chunk, seeds: seeds::sealed_chunk },
    Target { name: "ids", run: targets::ids, seeds: seeds::ids },
    Target { name: "days", run: targets::days, seeds: seeds::days },
    Target { name: "times", run: targets::times, seeds: seeds::times },
    Target { name: "statement", run: formats::statement, seeds: formats::statements },
    Target { name: "change", run: formats::change, seeds: formats::changes },
    Target { name: "change_contents", run: formats::change_contents, seeds: formats::contents },
    Target { name: "entry_document", run: formats::entry_document, seeds: formats::early_contents },
    Target { name: "read_changes", run: formats::read_changes, seeds: formats::early_contents },
    Target { name: "envelope", run: formats::envelope, seeds: formats::envelopes },
    Target { name: "block", run: formats::block, seeds: formats::blocks },
    Target { name: "batch", run: formats::batch, seeds: formats::batches },
    Target { name: "continuation", run: formats::continuation, seeds: formats::continuations },
    Target { name: "certificate", run: formats::certificate, seeds: formats::certificates },
    Target { name: "frames", run: formats::frames, seeds: formats::framed },
    Target { name: "message", run: formats::message, seeds: scripted::payloads },
    Target { name: "chunk", run: formats::chunk, seeds: formats::chunks },
    Target { name: "session", run: scripted::session, seeds: scripted::scripts },
    Target { name: "invitation", run: formats::invitation, seeds: formats::invitations },
    Target { name: "pairing", run: formats::pairing, seeds: formats::pairings },
    Target { name: "tag", run: formats::tag, seeds: formats::tags },
    Target { name: "vault", run: formats::vault, seeds: formats::vaults },
    Target { name: "query", run: formats::query, seeds: formats::queries },
    Target { name: "import_markdown", run: imports::markdown, seeds: imports::markdowns },
    Target { name: "import_export", run: imports::export, seeds: imports::exports },
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
