#![no_main]
//! The one libFuzzer binary; `AFTERWORD_FUZZ_TARGET` says which target it runs. `cargo xtask fuzz` sets it.

use std::path::PathBuf;
use std::sync::OnceLock;

use afterword_fuzz::Target;
use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<&'static Target> = OnceLock::new();

fn chosen() -> &'static Target {
    TARGET.get_or_init(|| {
        let name = std::env::var("AFTERWORD_FUZZ_TARGET").unwrap_or_default();
        let known: Vec<&str> = afterword_fuzz::TARGETS.iter().map(|target| target.name).collect();
        match afterword_fuzz::target(&name) {
            Some(target) => target,
            None => panic!("set AFTERWORD_FUZZ_TARGET to one of {}", known.join(", ")),
        }
    })
}

/// libFuzzer reads its corpus folder after this, so what is written here is where it starts from.
fn write_seeds(target: &Target) {
    let Some(folder) = std::env::var_os("AFTERWORD_FUZZ_CORPUS").map(PathBuf::from) else { return };
    for (number, seed) in (target.seeds)().into_iter().enumerate() {
        let _ = std::fs::write(folder.join(format!("seed-{number}")), seed);
    }
}

fuzz_target!(init: write_seeds(chosen()), |data: &[u8]| {
    (chosen().run)(data);
});
