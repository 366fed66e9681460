//! The laptop program: a thin skin over `afterword_core`. It reads flags and the environment, asks, and prints; what a
//! journal is and does is decided below.
//!
//! - [`commands`] what each command does.
//! - [`args`] what can be asked for; [`output`] how answers and failures look; [`json`] the contract's shapes.
//! - [`key`] how the store is opened; [`ask`] questions; [`words`] the 24 words, asked for and asked back; [`editor`] the private file under `$EDITOR`, [`editing`] what stands in it; [`home`] folders.
//! - [`import`] and [`export`] other people's files and our own; [`outfile`] how a file in the clear comes to its place.
//! - [`process`] what the program asks of the system for itself and for the programs that it starts.
//! - [`human`] text for a person; [`progress`], [`qr`], [`manual`] what their names say.

pub mod advice;
pub mod args;
pub mod ask;
pub mod commands;
pub mod editing;
pub mod editor;
pub mod export;
pub mod home;
pub mod human;
pub mod import;
pub mod json;
pub mod key;
pub mod manual;
pub mod outfile;
pub mod output;
pub mod process;
pub mod progress;
pub mod qr;
pub mod words;
