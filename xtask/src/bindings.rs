//! The library of the phones built for this computer, and what the kits call it by.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::toolchain::{digest, failed, quietly};
use crate::workspace::Result;

/// Where cargo builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// Builds the host's library and the program that reads its interface, both as `cargo xtask test build` does: built
/// alone, they would ask for other features of what they depend on, and everything would be built twice.
pub(crate) fn library(root: &Path) -> Result<PathBuf> {
    quietly(process::cargo().args(["build", "--release", "--locked", "--workspace"]).current_dir(root))?;
    Ok(target(root).join("release").join(file_name()))
}

/// What this computer calls the library.
pub(crate) fn file_name() -> String {
    format!("{}afterword_ffi{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// The laptop program, which is built beside the library: what the kits pair with.
pub(crate) fn program(libraries: &Path) -> PathBuf {
    libraries.join(format!("afterword{}", std::env::consts::EXE_SUFFIX))
}

/// Generates the bindings of one language into `folder`, unless they are there and of this library.
pub(crate) fn generate(root: &Path, library: &Path, language: &str, folder: &Path) -> Result<()> {
    let program = target(root).join("release").join(format!("afterword-bindgen{}", std::env::consts::EXE_SUFFIX));
    let made_of = digest(&[language], &[library, &program, &root.join("ffi/uniffi.toml")])?;
    let stamp = folder.join(".made-of");
    if fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == made_of) {
        return Ok(());
    }
    quietly(Command::new(program).arg(language).arg(library).arg(folder))?;
    fs::write(&stamp, made_of).map_err(|error| failed("write", &stamp, &error))
}
