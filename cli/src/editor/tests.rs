//! Sessions in an editor: private while they last, gone when saved, whole after any end.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;

/// One test at a time: a child that another test is just starting holds every open file, locks included, from its
/// fork to its exec, and a lock that was let go would still seem held.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn base() -> Base {
    Base { entry: Some(EntryId::from_bytes([1; 16])), heads: vec![ChangeHash::from_bytes([2; 32])] }
}

/// An editor that is a shell script; `$1` is the file.
fn script(dir: &Path, body: &str) -> String {
    let path = dir.join("fake editor.sh");
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    format!("sh '{}'", path.display())
}

fn begin(run: &Path, text: &str) -> Session {
    Session::begin(&[run.to_owned()], &base(), text).unwrap()
}

/// What a killed process leaves: the files, and no lock.
fn crash(session: Session) -> PathBuf {
    let folder = session.folder.clone();
    drop(session);
    folder
}

#[test]
fn an_edit_is_read_and_leaves_nothing() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let session = begin(&run, "before\n");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&session.file()), 0o600);
    assert_eq!(mode(&session.folder), 0o700);
    assert_eq!(mode(&run), 0o700);
    // It sees the old text, writes beside and renames, as vim does, and leaves a backup.
    let editor =
        script(dir.path(), "cp \"$1\" \"$1~\"; { cat \"$1~\"; echo after; } > \"$1.new\"; mv \"$1.new\" \"$1\"");
    assert_eq!(*session.edit(&editor).unwrap(), "before\nafter\n");
    session.wipe().unwrap();
    assert_eq!(fs::read_dir(&run).unwrap().count(), 0);
    assert!(collect(&[run]).unwrap().is_empty());
}

#[test]
fn words_typed_before_a_crash_come_back_once_and_only_when_wiped() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let run = [dir.path().join("run")];
    let session = begin(&run[0], "before");
    fs::write(session.file(), "before, and what was typed").unwrap();
    crash(session);
    for _ in 0..2 {
        // Not wiped: a crash before the words are durable brings them back again.
        let found = collect(&run).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].base, found[0].text.as_str()), (&base(), "before, and what was typed"));
    }
    collect(&run).unwrap().pop().unwrap().wipe().unwrap();
    assert!(collect(&run).unwrap().is_empty());
    assert_eq!(fs::read_dir(&run[0]).unwrap().count(), 0);
}

#[test]
fn a_live_session_is_left_alone() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let run = [dir.path().join("run")];
    let session = begin(&run[0], "");
    fs::write(session.file(), "still typing").unwrap();
    assert!(collect(&run).unwrap().is_empty());
    assert!(session.file().exists());
    drop(session);
    assert_eq!(collect(&run).unwrap().len(), 1);
}

/// A real second process holds the session and is killed with -9 in the middle of its edit.
#[test]
fn kill_9_of_the_program_and_its_editor_loses_nothing() {
    const ROLE: &str = "AFTERWORD_TEST_EDITOR_RUN";
    if let Some(run) = std::env::var_os(ROLE) {
        let session = begin(Path::new(&run), "before");
        let editor = std::env::var("AFTERWORD_TEST_EDITOR").unwrap();
        let _ = session.edit(&editor);
        return;
    }
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let run = [dir.path().join("run")];
    let ready = dir.path().join("ready");
    let body = format!("printf 'typed' > \"$1\"; echo $$ > '{}'; exec sleep 60", ready.display());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "editor::tests::kill_9_of_the_program_and_its_editor_loses_nothing"])
        .env(ROLE, &run[0])
        .env("AFTERWORD_TEST_EDITOR", script(dir.path(), &body))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let editor = loop {
        match fs::read_to_string(&ready) {
            Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    assert!(collect(&run).unwrap().is_empty(), "it is alive");
    child.kill().unwrap();
    child.wait().unwrap();
    let found = collect(&run).unwrap();
    assert_eq!(found.iter().map(|r| r.text.as_str()).collect::<Vec<_>>(), ["typed"]);
    assert!(Command::new("kill").args(["-9", &editor]).status().unwrap().success());
}

#[test]
fn ctrl_c_during_an_edit_loses_nothing() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let session = begin(&dir.path().join("run"), "");
    let editor = script(dir.path(), "trap '' INT HUP; kill -INT $PPID; kill -HUP $PPID; echo typed > \"$1\"");
    assert_eq!(*session.edit(&editor).unwrap(), "typed\n");
}

#[test]
fn a_failed_editor_keeps_the_words_for_the_next_start() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let run = [dir.path().join("run")];
    let session = begin(&run[0], "");
    let error = session.edit(&script(dir.path(), "echo xyzzy > \"$1\"; exit 3")).unwrap_err();
    assert!(error.advice.to_string().contains("kept") && !error.to_string().contains("xyzzy"), "{error}");
    drop(session);
    assert_eq!(*collect(&run).unwrap()[0].text, "xyzzy\n");
    let session = begin(&run[0], "");
    assert_eq!(session.edit("no-such-editor-at-all").unwrap_err().code, Code::NotFound);
}

#[test]
fn untouched_and_empty_files_are_wiped_and_not_handed_back() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let run = [dir.path().join("run")];
    crash(begin(&run[0], "a template's prompts"));
    let session = begin(&run[0], "");
    fs::write(session.file(), " \n").unwrap();
    crash(session);
    assert!(collect(&run).unwrap().is_empty());
    assert_eq!(fs::read_dir(&run[0]).unwrap().count(), 0);
}

#[test]
fn what_an_editor_saved_in_an_emergency_is_taken() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let run = [dir.path().join("run")];
    let session = begin(&run[0], "before");
    let save = session.folder.join("entry.md.save");
    fs::write(&save, "before and more").unwrap();
    let later = SystemTime::now() + Duration::from_secs(5);
    File::options().write(true).open(&save).unwrap().set_modified(later).unwrap();
    crash(session);
    assert_eq!(*collect(&run).unwrap()[0].text, "before and more");
}

#[test]
fn what_an_editor_kept_beside_the_text_comes_with_it() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let run = [dir.path().join("run")];
    // Nobody saved: the text is as it was, and the words are in the swap file.
    let session = begin(&run[0], "before");
    let folder = session.folder.clone();
    fs::write(folder.join(".entry.md.swp"), b"b0VIM typed").unwrap();
    fs::write(folder.join("empty"), b"").unwrap();
    fs::write(dir.path().join("elsewhere"), b"not ours").unwrap();
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), folder.join("link")).unwrap();
    fs::create_dir(folder.join("undo")).unwrap();
    crash(session);
    let found = collect(&run).unwrap().pop().unwrap();
    let kept: Vec<_> = found.beside.iter().map(|file| (file.name.as_str(), file.bytes.as_slice())).collect();
    assert_eq!(kept, [(".entry.md.swp", b"b0VIM typed".as_slice())]);
    assert_eq!((found.text.as_str(), found.left_out), ("before", 0));
    found.wipe().unwrap();
    assert_eq!(fs::read_dir(&run[0]).unwrap().count(), 0);
    assert_eq!(fs::read(dir.path().join("elsewhere")).unwrap(), b"not ours");

    // Too many, and one too large: counted, so that it can be said. The text itself is gone.
    let session = begin(&run[0], "before");
    fs::remove_file(session.file()).unwrap();
    for n in 0..FILES_BESIDE + 2 {
        fs::write(session.folder.join(format!("swap{n:02}")), [n as u8 + 1]).unwrap();
    }
    File::create(session.folder.join("large")).unwrap().set_len(MAX_BESIDE + 1).unwrap();
    crash(session);
    let found = collect(&run).unwrap().pop().unwrap();
    assert_eq!((found.text.as_str(), found.beside.len(), found.left_out), ("", FILES_BESIDE, 3));
}

#[test]
fn without_a_private_place_nothing_is_written_and_the_way_out_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    for folders in [vec![], vec![open.clone()]] {
        let error = Session::begin(&folders, &base(), "words").unwrap_err();
        assert_eq!(error.code, Code::Refused);
        assert!(
            error.advice.to_string().contains("XDG_RUNTIME_DIR") && error.advice.to_string().contains("--body"),
            "{error}"
        );
    }
    assert_eq!(fs::read_dir(&open).unwrap().count(), 0);
    // Nor is anything believed that stands there.
    fs::create_dir(open.join("edit-x")).unwrap();
    fs::write(open.join("edit-x").join(TEXT), "planted").unwrap();
    assert!(collect(&[open]).unwrap().is_empty());
}

#[test]
fn a_file_written_into_a_wiped_folder_is_found_without_its_note() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let run = [dir.path().join("run")];
    let session = begin(&run[0], "before");
    fs::write(session.file(), "typed on").unwrap();
    fs::remove_file(crash(session).join(SESSION)).unwrap();
    let found = collect(&run).unwrap();
    assert_eq!((found[0].base.entry, found[0].text.as_str()), (None, "typed on"));
}

#[test]
fn the_next_folder_serves_where_the_first_cannot() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let taken = dir.path().join("taken");
    fs::write(&taken, "").unwrap();
    let session = Session::begin(&[taken, dir.path().join("run")], &base(), "").unwrap();
    assert!(session.file().starts_with(dir.path().join("run")));
}

#[test]
fn commands_split_as_people_mean_them() {
    assert_eq!(split_words("code --wait"), ["code", "--wait"]);
    assert_eq!(split_words(" '/a b/vim' -c \"set tw=0\" ''"), ["/a b/vim", "-c", "set tw=0", ""]);
}
