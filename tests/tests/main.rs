//! Every workspace-wide test, as one program: a module for each suite of `cargo xtask test`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on fails")]

mod architecture;
mod conformance;
mod durability;
mod e2e;
mod fuzz;
mod kill;
mod mdns;
mod simulator;

/// A test file that nobody declared would never run, and nobody would notice.
#[test]
fn every_file_is_a_module() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap().flatten() {
        let path = entry.path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name == "main" || (path.is_file() && path.extension().is_none_or(|extension| extension != "rs")) {
            continue;
        }
        assert!(main.contains(&format!("\nmod {name};")), "tests/tests/main.rs does not name `mod {name};`");
    }
}
