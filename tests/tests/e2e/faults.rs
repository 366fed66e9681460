//! Fault injection stays out of what ships: neither the program nor the phones' library knows the name of a fault.

use std::path::Path;

use afterword_tests::program;

/// The names in `core/src/fault.rs`, of which the feature that allows them gives each a text.
fn faults() -> Vec<String> {
    let source = include_str!("../../../core/src/fault.rs");
    let (_, body) = source.split_once("pub enum Fault {").expect("the list of faults");
    let (body, _) = body.split_once("\n}").expect("its end");
    let lines = body.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    lines.filter_map(|line| line.strip_suffix(',')).map(str::to_owned).collect()
}

/// The faults whose names stand in a file.
fn named_in(file: &Path) -> Vec<String> {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
    let text = String::from_utf8_lossy(&bytes);
    faults().into_iter().filter(|name| text.contains(name.as_str())).collect()
}

#[test]
fn what_ships_knows_no_fault() {
    // These tests are linked with every one of them, so a file that had them would be noticed.
    let own = std::env::current_exe().unwrap();
    assert_eq!(named_in(&own), faults());
    assert!(faults().len() > 20);
    let program = program::path();
    let prefix = std::env::consts::DLL_PREFIX;
    let library = program.with_file_name(format!("{prefix}afterword_ffi{}", std::env::consts::DLL_SUFFIX));
    for shipped in [program, &library] {
        assert_eq!(named_in(shipped), [""; 0], "{}", shipped.display());
    }
}
