//! Bad input of every kind gets a clear sentence, and nothing is lost.

use std::time::{Duration, Instant};

use afterword_tests::{Failure, Home, not_run};

use super::support::{body, ids, meet};

/// A sentence that says what to do as well.
fn is_clear(failure: &Failure) {
    assert!(failure.message.split_whitespace().count() >= 3, "{failure:?}");
    assert!(failure.hint.split_whitespace().count() >= 2, "{failure:?}");
}

#[test]
fn the_wrong_passphrase_opens_nothing_and_harms_nothing() {
    let (mut home, _) = Home::init("home");
    let entry = home.write("Kept", "text");
    home.set_passphrase(Some("wrong"));
    for words in [&["list"] as &[&str], &["write", "T", "--body", "x"], &["doctor"], &["serve"]] {
        let failure = home.fails(words);
        assert_eq!(failure.code, "wrong_key", "{words:?}");
        is_clear(&failure);
    }
    // Nobody is there to be asked.
    home.set_passphrase(None);
    home.refuses(&["list"]);
    home.set_passphrase(Some("correct horse battery staple"));
    assert_eq!(ids(&home), [entry].into());
}

#[test]
fn the_passphrase_can_be_changed() {
    let (mut home, _) = Home::init("home");
    let entry = home.write("Kept", "text");
    let file = home.scratch().join("new");
    std::fs::write(&file, "another one altogether\n").unwrap();
    home.json(&["passphrase", "--new-passphrase-file", file.to_str().unwrap()]);
    assert_eq!(home.fails(&["list"]).code, "wrong_key");
    home.set_passphrase(Some("another one altogether"));
    assert_eq!(body(&home, &entry), "text");
}

#[test]
fn a_missing_truncated_or_foreign_store_is_said_and_never_deleted() {
    let (home, _) = Home::init("home");
    home.write("Kept", &"text ".repeat(2000));
    let whole = home.copy();
    let database = home.path().join("journal.db");
    let entire = std::fs::read(&database).unwrap();
    let foreign = b"SQLite format 3\0 and then something that is none".repeat(400);
    let half = entire[..entire.len() / 2].to_vec();
    let noise = afterword_tests::Seeded::new(9).bytes(entire.len());
    for (what, bytes) in [
        ("missing", None),
        ("truncated", Some(half)),
        ("foreign", Some(foreign)),
        ("noise", Some(noise)),
        ("empty", Some(Vec::new())),
    ] {
        home.roll_back_to(&whole);
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(home.path().join(format!("journal.db{suffix}")));
        }
        match &bytes {
            None => std::fs::remove_file(&database).unwrap(),
            Some(bytes) => std::fs::write(&database, bytes).unwrap(),
        }
        let output = home.run_json(&["doctor"]).expect_code(1);
        let said = output.json();
        // A store that opens in spite of it gets a report, one that does not an error.
        if said.get("error").is_some() {
            let failure = home.fails(&["list"]);
            assert!(["corrupt", "not_found", "key_gone"].contains(&failure.code.as_str()), "{what}: {failure:?}");
            is_clear(&failure);
        } else {
            assert_eq!(said["ok"], false, "{what}: {said}");
        }
        home.run_json(&["write", "T", "--body", "into a damaged store"]);
        if let Some(bytes) = &bytes
            && !bytes.is_empty()
            && what != "truncated"
        {
            assert!(home.files().iter().any(|(_, held)| held == bytes), "{what}: the damaged file is gone");
        }
        assert!(home.path().join("vault").exists(), "{what}");
    }
    home.roll_back_to(&whole);
    assert_eq!(ids(&home).len(), 1);
}

#[test]
fn no_journal_at_all_is_said_and_none_is_made() {
    let home = Home::new();
    for words in [&["list"] as &[&str], &["show", "ab"], &["doctor"], &["sync"], &["pair"]] {
        let failure = home.fails(words);
        assert_eq!(failure.code, "not_found", "{words:?}");
        is_clear(&failure);
    }
    assert!(!home.path().join("journal.db").exists());
}

#[test]
fn a_second_init_changes_nothing() {
    let (home, _) = Home::init("home");
    let entry = home.write("Kept", "text");
    is_clear(&home.fails(&["init"]));
    assert_eq!(body(&home, &entry), "text");
}

#[test]
fn ids_that_name_nothing_or_too_much_are_told_apart() {
    let (home, _) = Home::init("home");
    let folder = home.scratch().join("many");
    std::fs::create_dir_all(&folder).unwrap();
    // Seventeen ids have sixteen first characters between them.
    for number in 0..17 {
        std::fs::write(folder.join(format!("{number}.md")), format!("Entry {number}")).unwrap();
    }
    home.json(&["import", folder.to_str().unwrap()]);
    let ids = ids(&home);
    assert_eq!(ids.len(), 17);
    let twice = "0123456789abcdef".chars().find(|c| ids.iter().filter(|id| id.starts_with(*c)).count() > 1).unwrap();
    let twice = twice.to_string();
    let unknown = "0".repeat(32);
    for command in ["show", "trash", "history", "edit"] {
        let more: &[&str] = if command == "edit" { &["--body", "x"] } else { &[] };
        let ambiguous = home.fails(&[&[command, &twice], more].concat());
        assert_eq!(ambiguous.code, "ambiguous", "{command}");
        is_clear(&ambiguous);
        let unknown = home.fails(&[&[command, &unknown], more].concat());
        assert_eq!(unknown.code, "not_found", "{command}");
        is_clear(&unknown);
    }
    let one = ids.first().unwrap();
    let shortest = (1..=32)
        .map(|length| &one[..length])
        .find(|prefix| ids.iter().filter(|id| id.starts_with(prefix)).count() == 1);
    assert_eq!(home.show(shortest.unwrap())["id"], **one);
}

#[test]
fn a_peer_that_is_not_there_is_said_within_the_timeout() {
    let (home, _) = Home::init("home");
    let _other = Home::join(&home);
    // Bound and silent, so that nobody else can take the port.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let begun = Instant::now();
    let report = home.run_json(&["sync", "--timeout", "2", "--peer", &address]).expect_code(1).json();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(report["peers"][0]["error"]["code"], "unreachable", "{report}");
    assert_eq!((&report["peers"][0]["ok"], &report["equal"]), (&false.into(), &false.into()), "{report}");
    let failure = home.refuses(&["sync", "--peer", "no address"]);
    assert_eq!(failure.code, "invalid");
}

#[test]
fn a_journal_alone_has_nobody_to_sync_with() {
    let (home, _) = Home::init("home");
    let output = home.run_json(&["sync"]).expect_code(1);
    assert!(output.stdout.contains("unreachable"), "{}", output.stdout);
}

#[test]
fn import_reports_what_it_did_not_understand_and_takes_the_rest() {
    let (home, _) = Home::init("home");
    let folder = home.scratch().join("mixed");
    std::fs::create_dir_all(folder.join("deep/er")).unwrap();
    std::fs::write(folder.join("2024-05-17 good.md"), "# Good\n\nText of it").unwrap();
    std::fs::write(folder.join("deep/er/2020.md"), "---\ntitle: Deep\ntags: [a, b]\n---\nBelow").unwrap();
    std::fs::write(folder.join("invalid.md"), [b'a', 0xff, 0xfe, b'b']).unwrap();
    std::fs::write(folder.join("program.exe"), [0u8; 100]).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&folder, folder.join("deep/around")).unwrap();
    let report = home.json(&["import", folder.to_str().unwrap()]);
    assert!(report["created"].as_u64() >= Some(2), "{report}");
    let problems = report["problems"].to_string();
    for name in ["invalid.md", "program.exe"] {
        assert!(problems.contains(name), "{name} is not named: {problems}");
    }
    let again = home.json(&["import", folder.to_str().unwrap()]);
    assert_eq!((&again["created"], &again["unchanged"]), (&0.into(), &report["created"]), "{again}");
    assert_eq!(home.json(&["search", "Below"])["total"], 1);
    is_clear(&home.fails(&["import", "/nowhere/at/all"]));
}

#[test]
fn doctor_makes_everything_again_from_the_logs() {
    let (home, _) = Home::init("home");
    let entry = home.write("Made again", "from the logs alone");
    let other = Home::join(&home);
    let before = home.holds();
    assert_eq!(home.json(&["doctor", "--rebuild"])["ok"], true);
    assert_eq!(home.holds(), before);
    assert_eq!(home.json(&["search", "alone"])["hits"][0]["id"], entry);
    assert_eq!(meet(&other, &home)["transactions"], 0);
}

#[test]
fn a_damaged_journal_is_put_aside_whole_and_joined_again() {
    let (laptop, _) = Home::init("laptop");
    let entry = laptop.write("Kept", "on both");
    let phone = Home::join(&laptop);
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(phone.path().join(format!("journal.db{suffix}")));
    }
    let noise = afterword_tests::Seeded::new(11).bytes(65_536);
    std::fs::write(phone.path().join("journal.db"), &noise).unwrap();
    assert_eq!(phone.fails(&["list"]).code, "corrupt");
    // Nobody is there to say yes.
    phone.refuses(&["doctor", "--rebuild"]);
    let said = phone.run_json(&["doctor", "--rebuild", "--yes"]).expect_code(1).json();
    assert_eq!((&said["ok"], &said["checks"][0]["name"]), (&false.into(), &"database".into()), "{said}");
    let aside = |start: &str| phone.files().iter().any(|(path, _)| path.to_string_lossy().contains(start));
    assert!(aside("journal.db.damaged-") && aside("vault.damaged-"));
    assert!(phone.files().iter().any(|(_, held)| *held == noise), "nothing is deleted");
    phone.pair_with(&laptop);
    assert_eq!(body(&phone, &entry), "on both");
}

/// A disk of three megabytes, in a mount namespace of its own: what was saved stays, what does not fit is said.
#[test]
fn a_full_disk_is_said_and_nothing_that_was_saved_is_lost() {
    let home = Home::new();
    let disk = home.scratch().join("disk");
    std::fs::create_dir(&disk).unwrap();
    // Random words, so that nothing compresses; written one after another until one does not fit.
    let script = r#"
        mount -t tmpfs -o size=3m none "$1" || { echo no-mount; exit 0; }
        export AFTERWORD_PASSPHRASE=x AFTERWORD_PASSPHRASE_COST=least
        "$2" --home "$1/j" --json init --name laptop > /dev/null || exit 3
        i=0
        while head -c 90000 /dev/urandom | base64 | "$2" --home "$1/j" --json write "Entry $i" - > "$3" 2> /dev/null; do
            i=$((i + 1)); [ $i -lt 100 ] || exit 4
        done
        cat "$3"; echo "$i saved"
        ids=$("$2" --home "$1/j" --json list --limit 1000 | tr '{' '\n' | sed -n 's/^"id":"\([0-9a-f]*\)".*"title":"Entry .*/\1/p')
        echo $ids | wc -w
        for id in $ids; do "$2" --home "$1/j" --json show $id; done | grep -c '"title":"Entry'
        "$2" --home "$1/j" --json search entry
    "#;
    let answer = home.scratch().join("answer");
    let output = std::process::Command::new("unshare")
        .args(["-rm", "sh", "-c", script, "sh"])
        .args([disk.as_path(), home.command(&[]).get_program().as_ref(), answer.as_path()])
        .output();
    let output = match output {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).unwrap(),
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("unshare") => {
            return not_run("e2e full disk", "this kernel gives no mount namespaces");
        }
        other => panic!("{other:?}"),
    };
    if output.contains("no-mount") {
        return not_run("e2e full disk", "no tmpfs can be mounted here");
    }
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].contains("\"storage_full\""), "{output}");
    let saved: u32 = lines[1].trim_end_matches(" saved").parse().unwrap();
    let listed: u32 = lines[2].parse().unwrap();
    assert!(saved >= 2, "{output}");
    assert_eq!(listed, saved, "everything that was said to be saved is listed: {output}");
    let shown: u32 = lines[3].parse().unwrap();
    assert_eq!(shown, saved, "and is shown: {output}");
    // What could not be derived any more is not found, and that is said.
    let searched: serde_json::Value = serde_json::from_str(lines[4]).unwrap();
    let of = |key: &str| searched[key].as_u64().unwrap();
    assert_eq!(of("total") + of("unread"), u64::from(saved), "{output}");
}

#[cfg(unix)]
mod folders {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn set(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// Opens every part of a home to others; answers the parts.
    fn open_to_others(home: &Home) -> Vec<std::path::PathBuf> {
        set(&home.path(), 0o777);
        set(&home.path().join("blobs"), 0o755);
        let files = home.files();
        files.iter().for_each(|(path, _)| set(path, 0o644));
        files.into_iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn what_stands_open_to_others_is_closed_and_said_once() {
        let (home, _) = Home::init("laptop");
        let entry = home.write("With a file", "text");
        let file = home.scratch().join("file");
        std::fs::write(&file, "bytes").unwrap();
        home.json(&["attach", &entry, file.to_str().unwrap()]);
        open_to_others(&home);
        let said = home.run(&["list"]).expect_code(0).stderr;
        for part in ["the folder (777)", "vault (644)", "journal.db (644)", "blobs (755)"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        for part in ["", "vault", "journal.db", "blobs"] {
            assert_eq!(mode(&home.path().join(part)) & 0o077, 0, "{part}");
        }
        assert_eq!(home.run(&["list"]).expect_code(0).stderr, "");

        // `doctor` finds each attachment too, and finds nothing a second time.
        let parts = open_to_others(&home);
        let report = home.run_json(&["doctor"]).expect_code(1).json();
        let check = |report: &serde_json::Value| {
            report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "permissions").unwrap().clone()
        };
        let found = check(&report);
        assert_eq!(found["ok"], false, "{report}");
        for part in ["the folder (777)", "vault (644)", "blobs/"] {
            assert!(found["detail"].as_str().unwrap().contains(part), "{part}: {found}");
        }
        parts.iter().filter(|part| part.exists()).for_each(|part| assert_eq!(mode(part), 0o600, "{}", part.display()));
        assert_eq!(check(&home.json(&["doctor"]))["ok"], true);
    }

    #[test]
    fn a_joined_home_is_its_owners_only() {
        let (laptop, _) = Home::init("laptop");
        let phone = Home::join(&laptop);
        for home in [&laptop, &phone] {
            assert_eq!((mode(&home.path()), mode(&home.path().join("blobs"))), (0o700, 0o700));
            home.files().iter().for_each(|(path, _)| assert_eq!(mode(path), 0o600, "{}", path.display()));
            assert_eq!(home.run(&["list"]).expect_code(0).stderr, "");
        }
    }

    #[test]
    fn a_folder_with_other_files_is_closed_only_by_who_says_so() {
        let home = Home::new();
        std::fs::create_dir(home.path()).unwrap();
        std::fs::write(home.path().join("thesis.odt"), "mine").unwrap();
        set(&home.path(), 0o755);
        for words in [&["init"] as &[&str], &["pair", "7-crossover-clockwork", "--peer", "127.0.0.1:9"]] {
            let failure = home.refuses(words);
            assert!(failure.hint.contains("--yes"), "{failure:?}");
            assert_eq!(mode(&home.path()), 0o755, "{words:?}");
            assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "{words:?}");
        }
        home.json(&["--yes", "init"]);
        assert_eq!(mode(&home.path()), 0o700);
        assert_eq!(std::fs::read_to_string(home.path().join("thesis.odt")).unwrap(), "mine");
        // An empty one is nobody's.
        let empty = Home::new();
        std::fs::create_dir(empty.path()).unwrap();
        empty.json(&["init"]);
    }
}
