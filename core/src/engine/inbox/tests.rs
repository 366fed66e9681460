//! The inbox: written without the journal's key, taken in once, readable to nobody else.

use super::*;
use crate::engine::alone::{environment, made};

fn said(title: &str) -> Capture {
    Capture { title: title.to_owned(), body: "nobody may read this: سقط, 失败, 🌧".to_owned(), file: None }
}

#[test]
fn what_is_captured_is_sealed_and_taken_in_once() {
    let (folder, engine) = made();
    let root = folder.path();
    assert_eq!(capture(root, said("before"), &environment(5)).unwrap_err().code, Code::NotFound);
    assert_eq!(engine.drain_inbox().unwrap(), TakenIn::default());
    let photo = ("image/jpeg".to_owned(), vec![7; 5000]);
    capture(root, Capture { file: Some(photo), ..said("with a photo") }, &environment(6)).unwrap();
    capture(root, said("without"), &environment(7)).unwrap();
    let files = || -> Vec<PathBuf> {
        let all = fs::read_dir(root.join("inbox")).unwrap().map(|file| file.unwrap().path());
        all.filter(|path| !path.ends_with(KEY)).collect()
    };
    let kept: Vec<_> = files().into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    assert_eq!(kept.len(), 2);
    for (bytes, _) in &kept {
        assert!(!bytes.windows(6).any(|window| window == b"nobody"));
    }
    let taken = engine.drain_inbox().unwrap();
    assert_eq!((taken.entries.len(), taken.unreadable, files().len()), (2, 0, 0));
    let bodies: Vec<_> = taken.entries.iter().map(|id| engine.stored_entry(*id).unwrap().entry).collect();
    assert!(bodies.iter().all(|entry| entry.body() == said("").body));
    assert_eq!(bodies.iter().map(|entry| entry.attachments.len()).sum::<usize>(), 1);
    // A crash between taking in and removing leaves the files.
    for (bytes, path) in &kept {
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(engine.drain_inbox().unwrap(), TakenIn::default());
    assert_eq!((engine.entry_ids().unwrap().len(), files().len()), (2, 0));
}

#[test]
fn what_is_not_for_this_device_stays_where_it_is() {
    let (folder, engine) = made();
    let root = folder.path();
    engine.drain_inbox().unwrap();
    let other = SealingKey::from_seed([9; 32]);
    fs::write(root.join("inbox").join(KEY), other.public().0).unwrap();
    capture(root, said("for another"), &environment(5)).unwrap();
    fs::write(root.join("inbox").join("f".repeat(32)), [VERSION; 99]).unwrap();
    fs::write(root.join("inbox").join("notes.txt"), "not ours").unwrap();
    let taken = engine.drain_inbox().unwrap();
    assert_eq!((taken.entries.len(), taken.unreadable, taken.foreign_key), (0, 2, true));
    assert_eq!(fs::read_dir(root.join("inbox")).unwrap().count(), 4);
    assert_eq!(engine.drain_inbox().unwrap(), TakenIn { unreadable: 2, ..TakenIn::default() });
    let much = Capture { file: Some((String::new(), vec![0; 65 << 20])), ..said("") };
    assert_eq!(capture(root, much, &environment(6)).unwrap_err().code, Code::Invalid);
}
