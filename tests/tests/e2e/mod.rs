//! The shipped program on the contract of its commands: what a person with several devices can rely on.

mod arriving;
mod attachments;
mod canary;
mod costs;
mod crowd;
mod cutoff;
mod demo;
mod devices;
mod editor;
mod imports;
mod joining;
mod journal;
mod large;
mod live;
mod mixed;
mod networks;
mod processes;
mod progress;
mod removal;
mod rollback;
mod secrets;
mod shapes;
mod starting;
pub(crate) mod support;
mod trouble;
mod wire;
mod words;
