//! The bindings, where the kits' builds look for them. What is there is replaced.

use std::fs;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate_with_bindgen_paths};
use uniffi_bindgen::{BindgenPaths, BindgenPathsLayer};

/// Finds `ffi/uniffi.toml` without asking cargo.
struct Here;

impl BindgenPathsLayer for Here {
    fn get_crate_root(&self, crate_name: &str) -> Option<Utf8PathBuf> {
        let ffi = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
        (crate_name == "afterword_ffi").then(|| ffi.to_owned())
    }
}

fn generate(language: TargetLanguage, library: &Utf8Path, folder: &Utf8Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("{folder} could not be emptied"))?;
    }
    let mut paths = BindgenPaths::default();
    paths.add_layer(Here);
    let options = GenerateOptions {
        languages: vec![language],
        source: library.to_owned(),
        out_dir: folder.to_owned(),
        ..GenerateOptions::default()
    };
    generate_with_bindgen_paths(options, paths)
}

/// `FOLDER/app/afterword/ffi/afterword.kt`.
pub(crate) fn kotlin(library: &Utf8Path, folder: &Utf8Path) -> Result<()> {
    generate(TargetLanguage::Kotlin, library, folder)
}

/// `FOLDER/AfterwordGenerated/AfterwordGenerated.swift`, and what it calls as a C module in `FOLDER/afterwordFFI`.
pub(crate) fn swift(library: &Utf8Path, folder: &Utf8Path) -> Result<()> {
    generate(TargetLanguage::Swift, library, folder)?;
    for (file, place) in [
        ("AfterwordGenerated.swift", "AfterwordGenerated/AfterwordGenerated.swift"),
        ("afterwordFFI.h", "afterwordFFI/afterwordFFI.h"),
        ("afterwordFFI.modulemap", "afterwordFFI/module.modulemap"),
    ] {
        let place = folder.join(place);
        fs::create_dir_all(place.parent().context("a file has a folder")?)?;
        fs::rename(folder.join(file), &place).with_context(|| format!("{file} was not generated"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::tests::library;

    /// uniffi-rs#2939: with an unmasked comparison every arm64 Android app dies at its first call. A computer can't
    /// reproduce that, so the generated check is read.
    #[test]
    fn kotlins_checksums_are_compared_in_16_bits() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap().join("kotlin");
        kotlin(&library(), &folder).unwrap();
        let text = fs::read_to_string(folder.join("app/afterword/ffi/afterword.kt")).unwrap();
        let checks: Vec<&str> =
            text.lines().filter(|line| line.contains("if (") && line.contains("_checksum_")).map(str::trim).collect();
        assert!(checks.len() > 5, "checksums are compared: {checks:?}");
        assert!(checks.iter().all(|check| check.contains("() and 0xFFFF) != ")), "{checks:?}");
    }

    #[test]
    fn swifts_files_are_where_the_package_looks() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap().join("swift");
        for _ in 0..2 {
            swift(&library(), &folder).unwrap();
        }
        let text = fs::read_to_string(folder.join("AfterwordGenerated/AfterwordGenerated.swift")).unwrap();
        assert!(text.contains("import afterwordFFI"));
        assert!(folder.join("afterwordFFI/afterwordFFI.h").is_file());
        assert!(fs::read_to_string(folder.join("afterwordFFI/module.modulemap")).unwrap().contains("afterwordFFI.h"));
    }
}
