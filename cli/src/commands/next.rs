//! Commands of a version that knows one kind more of everything: built for tests alone.

use afterword_core::engine::NEXT_MARKER;
use serde_json::json;

use super::context::Context;
use crate::output::Outcome;

/// `next-say`: says something in every way that only this version knows.
pub(super) fn say(context: &Context, id: &str, text: &str) -> Outcome {
    let engine = context.open()?;
    engine.say_next(engine.resolve(id)?, text)?;
    context.out.raw(b"{}\n")
}

/// `next-heard`: all that was said so.
pub(super) fn heard(context: &Context) -> Outcome {
    let heard = context.open()?.hear_next()?;
    let value = json!({
        "marker": NEXT_MARKER,
        "statements": heard.statements,
        "operations": heard.operations,
        "records": heard.records,
    });
    context.out.raw(format!("{value}\n").as_bytes())
}
