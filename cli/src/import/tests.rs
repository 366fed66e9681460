//! Every way in which a folder can be odd, made here in code.

use std::fs;

use afterword_core::error::Code;

use super::*;

fn write(root: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn import(path: &Path) -> (Vec<Foreign>, Vec<Problem>) {
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    Source::open(path)
        .unwrap()
        .each(&mut |found| {
            match found {
                Found::Foreign(entry) => entries.push(*entry),
                Found::Problem(problem) => problems.push(problem),
                other => panic!("{other:?}"),
            }
            Ok(())
        })
        .unwrap();
    (entries, problems)
}

fn reasons(problems: &[Problem]) -> Vec<(&str, &str)> {
    problems.iter().map(|problem| (problem.path.as_str(), problem.reason.as_str())).collect()
}

#[test]
fn a_folder_becomes_entries_with_their_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(
        root,
        "2024/05/17-talk.md",
        "# The talk\n\n![slide](../../img/my%20slide.png \"Slide 7\")\n![again](../../img/my slide.png)",
    );
    write(root, "img/my slide.png", [1, 2, 3]);
    write(
        root,
        "work/plan.md",
        "See [the file](plan.pdf) and [a page](other.md), ![[wiki.jpg]], ![w](https://x/y.png)",
    );
    write(root, "work/plan.pdf", "pdf");
    write(root, "wiki.jpg", "jpg");
    write(root, "z.txt", "Plain words");
    let (entries, problems) = import(root);
    assert_eq!(reasons(&problems), []);
    assert_eq!(
        entries.iter().map(|e| (e.path.as_str(), e.title.as_str())).collect::<Vec<_>>(),
        [("2024/05/17-talk.md", "The talk"), ("work/plan.md", "plan"), ("z.txt", "z")]
    );
    let talk = &entries[0];
    assert_eq!(talk.happened.unwrap().to_string(), "2024-05-17");
    assert_eq!(talk.attachments.len(), 1, "shown twice, brought once");
    let picture = talk.attachments[0].clone();
    assert_eq!((picture.path.as_str(), picture.mime.as_str()), ("img/my slide.png", "image/png"));
    assert_eq!((picture.caption.as_str(), picture.alt.as_deref()), ("Slide 7", Some("slide")));
    assert_eq!(picture.bytes.read().unwrap(), Some(vec![1, 2, 3]));
    assert!(talk.body.contains("![slide](../../img/my%20slide.png"), "the text keeps its link");
    let files: Vec<_> = entries[1].attachments.iter().map(|a| (a.path.as_str(), a.alt.is_some())).collect();
    assert_eq!(files, [("work/plan.pdf", false), ("wiki.jpg", false)]);
}

#[test]
fn nothing_is_dropped_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(root, "good.md", "Good");
    write(root, "binary.md", b"PNG\0\x01");
    write(root, "latin1.md", b"caf\xe9");
    write(root, "utf16.txt", b"\xff\xfeh\0i\0");
    write(root, "empty.md", "");
    write(root, "odd.md", "---\nmood: 3\n---\nx");
    write(root, "2024-02-30.md", "x");
    write(root, "missing.md", "![x](nowhere.png)");
    write(root, "lonely.png", "png");
    write(root, ".hidden/secret.md", "x");
    write(root, ".DS_Store", "x");
    fs::File::create(root.join("huge.md")).unwrap().set_len(MAX_TEXT + 1).unwrap();
    fs::File::create(root.join("huge.png")).unwrap().set_len(MAX_ATTACHMENT + 1).unwrap();
    write(root, "shows-huge.md", "![x](huge.png)");
    let (entries, problems) = import(root);
    let mut told: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ".DS_Store",
            ".hidden",
            "2024-02-30.md",
            "binary.md",
            "empty.md",
            "huge.md",
            "huge.png",
            "latin1.md",
            "lonely.png",
            "missing.md",
            "odd.md",
            "shows-huge.md",
            "utf16.txt"
        ]
    );
    let reason = |path: &str| &problems.iter().find(|problem| problem.path == path).unwrap().reason;
    assert!(reason("latin1.md").contains("not UTF-8 text (byte 4)"));
    assert!(reason("utf16.txt").contains("UTF-16"));
    assert!(reason("binary.md").contains("binary"));
    assert!(reason("huge.md").contains("larger than 8 MB"));
    assert!(reason("missing.md").contains("not found; the text keeps its link"));
    let mut imported: Vec<_> = entries.iter().map(|entry| entry.path.as_str()).collect();
    imported.sort_unstable();
    assert_eq!(imported, ["2024-02-30.md", "good.md", "missing.md", "odd.md", "shows-huge.md"]);
}

#[cfg(unix)]
#[test]
fn links_in_the_file_system_are_never_followed() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "secret.png", "secret");
    write(outside.path(), "secret.md", "secret");
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(root, "a/in.md", "![x](../link/secret.png) ![y](../loop/a/b.png) ![z](../picture.png)");
    write(root, "a/b.png", "b");
    symlink(outside.path(), root.join("link")).unwrap();
    symlink(root, root.join("loop")).unwrap();
    symlink(outside.path().join("secret.md"), root.join("secret.md")).unwrap();
    symlink(outside.path().join("secret.png"), root.join("picture.png")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    let (entries, problems) = import(root);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].attachments, []);
    let told = reasons(&problems);
    for path in ["link", "loop", "secret.md", "picture.png", "dangling"] {
        assert!(told.contains(&(path, "a link to somewhere else; links are not followed")), "{path}: {told:?}");
    }
    assert_eq!(told.iter().filter(|(path, why)| *path == "a/in.md" && why.contains("behind a link")).count(), 3);
    assert!(told.contains(&("a/b.png", "no entry shows it, and it is not text; not imported")));
}

#[test]
fn paths_that_leave_the_folder_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "secret.png", "secret");
    let root = dir.path().join("root");
    let absolute = dir.path().join("secret.png");
    write(
        &root,
        "a.md",
        format!("![1](../secret.png) ![2](x/../../secret.png) ![3]({}) ![4](..%2Fsecret.png)", absolute.display()),
    );
    let (entries, problems) = import(&root);
    assert_eq!(entries[0].attachments, []);
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.reason.contains("lies outside the folder")), "{problems:?}");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_never_opened() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("pipe.md")).unwrap();
    let _other = std::os::unix::net::UnixListener::bind(root.join("pic.png")).unwrap();
    write(root, "a.md", "![x](pic.png)");
    let (entries, problems) = import(root);
    assert_eq!((entries.len(), entries[0].attachments.len()), (1, 0));
    assert_eq!(
        reasons(&problems),
        [("pic.png", "not a regular file; not imported"), ("pipe.md", "not a regular file; not imported"),]
    );
    assert!(Bytes::File(root.join("pipe.md")).read().is_err());
}

#[cfg(unix)]
#[test]
fn names_that_are_not_unicode_are_imported_and_shown() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.md")), "Body").unwrap();
    let (entries, problems) = import(dir.path());
    assert_eq!((entries[0].path.as_str(), problems.len()), ("caf\u{fffd}.md", 0));
}

#[cfg(unix)]
#[test]
fn unreadable_files_and_folders_are_named() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(root, "no.md", "x");
    write(root, "closed/in.md", "x");
    write(root, "yes.md", "x");
    for path in ["no.md", "closed"] {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o000)).unwrap();
    }
    // The superuser reads everything; then there is nothing to report, and nothing may be missing either.
    let superuser = fs::read(root.join("no.md")).is_ok();
    let (entries, problems) = import(root);
    fs::set_permissions(root.join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    if superuser {
        assert_eq!((entries.len(), problems.len()), (3, 0));
    } else {
        assert_eq!(entries.len(), 1);
        assert_eq!(problems.iter().map(|p| p.path.as_str()).collect::<Vec<_>>(), ["closed", "no.md"]);
    }
}

#[test]
fn folders_without_end_are_cut_off_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let deep = vec!["d"; 60].join("/");
    write(dir.path(), &format!("{deep}/in.md"), "x");
    let (entries, problems) = import(dir.path());
    assert_eq!(entries.len(), 0);
    assert!(problems.len() == 1 && problems[0].reason.contains("too many folders"), "{problems:?}");
}

#[test]
fn the_same_source_twice_has_the_same_keys() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..20 {
        write(dir.path(), &format!("{}/{i}.md", i % 3), format!("# T{i}\n\nBody {i}"));
    }
    let keys = || import(dir.path()).0.into_iter().map(|entry| entry.key).collect::<Vec<_>>();
    let first = keys();
    assert_eq!(first, keys());
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 20);
}

#[test]
fn one_text_file_is_imported_alone() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.md", "![x](p.png)");
    write(dir.path(), "p.png", "p");
    write(dir.path(), "b.md", "not asked for");
    let (entries, problems) = import(&dir.path().join("a.md"));
    assert_eq!((entries.len(), entries[0].attachments.len(), problems.len()), (1, 1, 0));
}

#[test]
fn sources_that_are_none_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.docx", "x");
    assert_eq!(Source::open(&dir.path().join("no such")).unwrap_err().code, Code::NotFound);
    assert_eq!(Source::open(&dir.path().join("a.docx")).unwrap_err().code, Code::Invalid);
}

#[test]
fn the_takers_error_ends_the_reading() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.md", "x");
    write(dir.path(), "b.md", "x");
    let mut calls = 0;
    let error = Source::open(dir.path())
        .unwrap()
        .each(&mut |_| {
            calls += 1;
            Err(Error::new(Code::StorageFull, "full", "make room"))
        })
        .unwrap_err();
    assert_eq!((calls, error.code), (1, Code::StorageFull));
}
