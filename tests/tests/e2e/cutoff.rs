//! Files in the clear whose writing was cut off: nothing of them is left, or what is left is named.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use afterword_tests::home::text;
use afterword_tests::{Home, Running, Seeded, program};

use super::support::SOON;

/// Enough that its writing has a middle.
const LENGTH: usize = 48 << 20;
/// In the middle of it.
const SOME: u64 = 4 << 20;

fn signal(running: &Running, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &running.id().to_string()]).status().unwrap().success());
}

/// Whether a file of `folder` that the program holds open, named or not, has some of its bytes.
fn has_begun(running: &Running, folder: &Path) -> bool {
    let open = std::fs::read_dir(format!("/proc/{}/fd", running.id())).into_iter().flatten().flatten();
    open.map(|entry| entry.path()).any(|path| {
        let there = std::fs::read_link(&path).is_ok_and(|target| target.starts_with(folder));
        there && std::fs::metadata(&path).is_ok_and(|meta| meta.len() >= SOME)
    })
}

/// Runs `arguments`, stops it where some of `path` is written, sends it `name`, and lets it go on.
fn cut_off(home: &Home, arguments: &[&str], path: &Path, name: &str) -> afterword_tests::Output {
    let mut running = home.start(arguments);
    let deadline = Instant::now() + SOON;
    while !has_begun(&running, path.parent().unwrap()) {
        assert!(running.is_up() && Instant::now() < deadline, "{arguments:?} never began: {:?}", running.wait(SOON));
        std::thread::sleep(Duration::from_micros(200));
    }
    signal(&running, "STOP");
    assert!(!path.exists(), "{arguments:?} was over before it could be cut off");
    signal(&running, name);
    signal(&running, "CONT");
    running.wait(SOON)
}

/// Whether the file system of `folder` makes files without a name.
fn makes_unnamed(folder: &Path) -> bool {
    const O_TMPFILE: i32 = 0o20_200_000;
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::custom_flags(options.read(true).write(true), O_TMPFILE);
    options.open(folder).is_ok()
}

fn left(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn with_large_file() -> (Home, String, String) {
    let (mut home, _) = Home::init("laptop");
    home.set_through(program::watched());
    let entry = home.write("Large", "a film");
    let file = home.scratch().join("large.bin");
    std::fs::write(&file, Seeded::new(5).bytes(LENGTH)).unwrap();
    let attachment = text(&home.json(&["attach", &entry, file.to_str().unwrap()]), "attachment");
    (home, entry, attachment)
}

#[test]
fn an_extract_or_export_that_is_cut_off_leaves_nothing_in_the_clear() {
    let (home, entry, attachment) = with_large_file();
    let folder = home.scratch().join("out");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("wanted");
    let wanted = path.to_str().unwrap();
    for arguments in [&["extract", &entry, &attachment, wanted] as &[&str], &["export", wanted]] {
        for name in ["INT", "TERM", "KILL"] {
            let output = cut_off(&home, arguments, &path, name);
            if name == "KILL" {
                assert_eq!(output.code, None, "{output:?}");
            } else {
                let output = output.expect_code(1);
                assert_eq!(output.json()["error"]["code"], "cancelled", "{arguments:?} {name}: {output:?}");
            }
            if name == "KILL" && !makes_unnamed(&folder) {
                let names = left(&folder);
                assert_eq!(names.len(), 1, "{names:?}");
                let next = home.run(&["extract", &entry, &attachment, wanted]).expect_code(0);
                assert!(next.stderr.contains(&names[0]), "{}", next.stderr);
                std::fs::remove_file(&path).unwrap();
                std::fs::remove_file(folder.join(&names[0])).unwrap();
            }
            assert_eq!(left(&folder), Vec::<String>::new(), "{arguments:?} {name}");
        }
    }
    // Undisturbed it comes out whole, and alone.
    home.json(&["extract", &entry, &attachment, wanted]);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), LENGTH as u64);
    assert_eq!(left(&folder), ["wanted"]);
    assert_eq!(home.fails(&["extract", &entry, &attachment, wanted]).code, "refused");
}

#[test]
fn a_markdown_export_that_is_stopped_says_what_stands_where() {
    let (home, _, _) = with_large_file();
    let folder = home.scratch().join("markdown");
    let mut running = home.start(&["export", "--format", "markdown", folder.to_str().unwrap()]);
    let deadline = Instant::now() + SOON;
    while !has_begun(&running, &folder) {
        assert!(running.is_up() && Instant::now() < deadline, "never began: {:?}", running.wait(SOON));
        std::thread::sleep(Duration::from_micros(200));
    }
    signal(&running, "INT");
    let output = running.wait(SOON).expect_code(1);
    let error = &output.json()["error"];
    assert_eq!(error["code"], "cancelled", "{output:?}");
    assert!(text(error, "message").contains(folder.to_str().unwrap()), "{output:?}");
}

/// One who is not the administrator: a program that lets nobody look inside must still reach its own open files.
#[test]
fn an_ordinary_user_is_given_the_file_too() {
    let (mut home, entry, attachment) = with_large_file();
    home.set_through(["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"].map(Into::into).to_vec());
    let path = home.scratch().join("wanted");
    let output = home.run_json(&["extract", &entry, &attachment, path.to_str().unwrap()]);
    if output.stderr.contains("unshare") {
        return afterword_tests::not_run("e2e ordinary user", "this kernel gives no user namespaces");
    }
    output.expect_code(0);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), LENGTH as u64);
}
