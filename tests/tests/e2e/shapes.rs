//! Every `--json` answer against the contract's shapes, copied from its page: keys may be added, none is missing.

use afterword_tests::Home;
use afterword_tests::home::text;
use serde_json::{Value, json};

use super::support::{SOON, heads};

/// The shapes, key by key. A text with `|` is one of these words; `"?"` is a text or null; `null` is anything at all; a
/// list's one element is the shape of each; a map under `"*"` has keys of its own.
fn shape(name: &str) -> Value {
    let error = json!(null);
    let moved = json!({"operations": 0, "bytes": 0});
    let peer = json!({"device": "?", "name": "?", "ok": true, "sent": moved, "received": moved,
        "wire": {"sent_bytes": 0, "received_bytes": 0, "sent_datagrams": 0, "received_datagrams": 0, "handshake_bytes": 0},
        "round_trips": 0, "ms": 0, "cpu_ms": 0, "documents_opened": 0, "transactions": 0, "derived": 0, "derived_ms": 0,
        "error": error});
    let row = json!({"id": "", "kind": "failure|loss|vent|experiment|win|note", "title": "", "day": "?", "created_at": "",
        "updated_at": "", "states": ["boxed|raw|reflected|living_with_it|closed|reopened"],
        "audience": "private|persons|public|withdrawn", "words": 0, "attachments": 0, "arriving": false});
    let alarm = json!({"code": "diverged|mended|recomputed|damaged_attachment|newer_version|network|device_added|device_removed",
        "detail": "", "device": "?", "name": "?", "by": "?", "by_device": "?", "at": "?"});
    match name {
        "init" => json!({"journal": "", "device": {"id": "", "name": ""}, "home": "", "vault": "keyring|passphrase",
            "recovery_phrase": ""}),
        "write" => json!({"id": "", "kind": "", "title": "", "heads": [""]}),
        "list" => json!({"entries": [row], "next": "?", "unread": 0}),
        "show" => {
            let mut entry = row;
            entry["attachments"] = json!([{"id": "", "mime": "", "bytes": 0, "caption": "?", "alt": "?", "credit": "?",
                "publishable": false, "here": true}]);
            for (key, value) in json!({"body": "", "first_telling": "?", "happened": null,
                "sections": [{"id": "", "prompt": null, "text": ""}],
                "items": [{"id": "", "kind": "", "text": "", "state": "?", "day": "?"}],
                "reflections": [{"id": "", "day": "?", "text": ""}], "marks": {"*": [""]},
                "people": [{"token": "", "name": "?", "role": "?", "contact": "?"}], "links": [{"entry": "", "kind": ""}],
                "experiment": null, "closures": [{"id": "", "day": "", "kind": "", "note": "?", "reopened": null}],
                "boxed_until": "?", "muted": null, "trashed": null, "next_move": "?", "sealed": false,
                "posts": [{"post": "", "url": "", "state": ""}], "heads": [""]}).as_object().unwrap()
            {
                entry[key] = value.clone();
            }
            json!({ "entry": entry })
        }
        "search" => json!({"query": "", "total": 0, "more": false, "unread": 0,
            "hits": [{"id": "", "title": "", "day": "?", "field": "", "excerpt": "", "ranges": [[0]]}]}),
        "sync" => json!({"peers": [peer], "equal": true, "wanted_blobs": 0, "alarms": [alarm]}),
        "alarm" => {
            let mut event = alarm;
            event["event"] = "alarm".into();
            event
        }
        "devices" => {
            json!({"devices": [{"id": "", "name": "", "this": true, "status": "member|removed", "added_at": "?",
            "last_seen_at": "?"}]})
        }
        "doctor" => {
            json!({"ok": true, "checks": [{"name": "", "ok": true, "detail": ""}], "entries": 0, "operations": 0,
            "digest": "", "vector": {"*": {"seq": 0, "chain": ""}}, "wanted_blobs": 0})
        }
        "code" => json!({"event": "code", "code": "", "qr": "", "address": "", "expires_at": ""}),
        "joined" => json!({"event": "joined", "device": {"id": "", "name": ""}, "host": {"id": "", "name": ""}}),
        "listening" => json!({"event": "listening", "address": ""}),
        "synced" => {
            let mut event = peer;
            event["event"] = "synced".into();
            event
        }
        "history" => json!({"readings": [{"heads": [""], "at": "", "device": "?", "fields": [""]}]}),
        "import" => json!({"created": 0, "unchanged": 0, "attachments": 0, "problems": [{"path": "", "reason": ""}],
            "taken": null}),
        "export" => json!({"path": "", "entries": 0, "attachments": 0, "bytes": 0}),
        "done" => json!({"ok": true, "id": ""}),
        "error" => json!({"error": {"code": "locked|key_gone|wrong_key|corrupt|too_new|not_found|ambiguous|invalid|\
            storage_full|unreachable|refused|cancelled|internal", "message": "", "hint": ""}}),
        other => panic!("no shape is called {other}"),
    }
}

/// Where `value` differs from `shape`.
fn differences(shape: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    match (shape, value) {
        (Value::Null, _) => {}
        (Value::String(word), Value::Null) if word == "?" => {}
        (Value::String(words), Value::String(word)) => {
            let (fixed, known) = (!words.is_empty() && words != "?", words.split('|').any(|known| known == word));
            if fixed && !known {
                found.push(format!("{at} is `{word}`, not {words}"));
            }
        }
        (Value::Bool(_), Value::Bool(_)) => {}
        (Value::Number(_), Value::Number(number)) if number.is_u64() => {}
        (Value::Array(shapes), Value::Array(values)) => {
            for (number, value) in values.iter().enumerate() {
                differences(&shapes[0], value, &format!("{at}[{number}]"), found);
            }
        }
        (Value::Object(shapes), Value::Object(values)) => match shapes.get("*") {
            Some(each) => {
                values.iter().for_each(|(key, value)| differences(each, value, &format!("{at}.{key}"), found))
            }
            None => {
                for (key, shape) in shapes {
                    match values.get(key) {
                        Some(value) => differences(shape, value, &format!("{at}.{key}"), found),
                        None => found.push(format!("{at}.{key} is missing")),
                    }
                }
            }
        },
        _ => found.push(format!("{at} is of another type: {value}")),
    }
}

#[track_caller]
fn fits(name: &str, value: &Value) {
    let mut found = Vec::new();
    differences(&shape(name), value, name, &mut found);
    assert!(found.is_empty(), "{found:#?}\nin {value}");
}

#[test]
fn a_missing_renamed_or_retyped_key_is_noticed() {
    let right = json!({"id": "a", "kind": "note", "title": "", "heads": ["b"], "item": "more is fine"});
    fits("write", &right);
    for (wrong, says) in [
        (json!({"id": "a", "kind": "note", "heads": []}), "write.title is missing"),
        (json!({"id": "a", "kind": "note", "title": null, "heads": []}), "write.title is of another type"),
        (json!({"id": 1, "kind": "note", "title": "", "heads": []}), "write.id is of another type"),
        (json!({"id": "a", "kind": "note", "title": "", "heads": [1]}), "write.heads[0] is of another type"),
    ] {
        let mut found = Vec::new();
        differences(&shape("write"), &wrong, "write", &mut found);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(says), "{found:?}");
    }
    let mut found = Vec::new();
    differences(
        &shape("init"),
        &json!({"journal": "", "device": {"id": "", "name": ""}, "home": "", "vault": "cupboard",
        "recovery_phrase": ""}),
        "init",
        &mut found,
    );
    assert_eq!(found, ["init.vault is `cupboard`, not keyring|passphrase"]);
}

fn is_full_id(value: &str, length: usize) -> bool {
    value.len() == length && value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[test]
fn every_answer_about_entries_has_its_shape() {
    let (home, init) = Home::init("home");
    fits("init", &init);
    assert_eq!(text(&init, "recovery_phrase").split_whitespace().count(), 24);
    let written = home.json(&["write", "Title", "--kind", "loss", "--on", "2024-05", "--body", "body of it"]);
    fits("write", &written);
    let id = text(&written, "id");
    assert!(is_full_id(&id, 32) && is_full_id(written["heads"][0].as_str().unwrap(), 64), "{written}");
    let then = heads(&home, &id);

    let changed = |words: &[&str], part: Option<&str>| {
        let value = home.json(words);
        fits("write", &value);
        assert_eq!(value["id"], *id);
        part.map(|part| text(&value, part)).unwrap_or_default()
    };
    changed(&["edit", &id, "--body", "another body", "--title", "Titled"], None);
    let item = changed(&["item", &id, "add", "lesson", "learned"], Some("item"));
    changed(&["item", &id, "set", &item, "--state", "done", "--day", "2024-06-01"], Some("item"));
    let other = changed(&["item", &id, "add", "want", "gone"], Some("item"));
    changed(&["item", &id, "retire", &other], Some("item"));
    changed(&["reflect", &id, "seen later"], Some("reflection"));
    changed(&["mark", &id, "feelings", "shame"], None);
    changed(&["mark", &id, "tags", "work"], None);
    changed(&["mark", &id, "tags", "work", "--remove"], None);
    changed(&["box", &id, "--until", "2999-01"], None);
    changed(&["unbox", &id], None);
    changed(&["close", &id, "--kind", "let_go", "--note", "enough"], Some("closure"));
    changed(&["reopen", &id], Some("closure"));
    changed(&["trash", &id], None);
    fits("list", &home.json(&["list", "--trash"]));
    changed(&["untrash", &id], None);
    changed(&["restore", &id, "--at", &then], None);
    let file = home.scratch().join("file.txt");
    std::fs::write(&file, "bytes").unwrap();
    let attachment = changed(&["attach", &id, file.to_str().unwrap()], Some("attachment"));

    let list = home.json(&["list"]);
    fits("list", &list);
    assert_eq!((list["entries"].as_array().unwrap().len(), &list["next"]), (1, &Value::Null));
    assert_eq!(list["entries"][0]["day"], "2024-05");
    let show = home.json(&["show", &id]);
    fits("show", &show);
    for group in ["areas", "nature", "feelings", "factors", "measured_against", "tags"] {
        if let Some(words) = show["entry"]["marks"].get(group) {
            assert!(words.is_array(), "{show}");
        }
    }
    assert_eq!(show["entry"]["marks"]["feelings"][0], "shame");
    for (key, count) in [("items", 1), ("reflections", 1), ("closures", 1), ("attachments", 1)] {
        assert_eq!(show["entry"][key].as_array().unwrap().len(), count, "{key}: {show}");
    }
    let found = home.json(&["search", "body"]);
    fits("search", &found);
    assert_eq!(found["total"], 1);
    fits("history", &home.json(&["history", &id]));

    let out = home.scratch().join("out");
    fits("done", &home.json(&["extract", &id, &attachment, out.to_str().unwrap()]));
    fits("done", &home.json(&["detach", &id, &attachment]));
    let exported = home.scratch().join("journal.json");
    fits("export", &home.json(&["export", exported.to_str().unwrap()]));
    let folder = home.scratch().join("markdown");
    fits("export", &home.json(&["export", folder.to_str().unwrap(), "--format", "markdown"]));
    fits("import", &home.json(&["import", folder.to_str().unwrap()]));
    fits("doctor", &home.json(&["doctor"]));
    fits("done", &home.json(&["--yes", "erase", &id]));

    fits("error", &home.run_json(&["show", &id]).expect_code(1).json());
    fits("error", &home.run_json(&["show"]).expect_code(2).json());
    fits("error", &home.run_json(&["no-such-command"]).expect_code(2).json());
    fits("error", &home.run_json(&["erase", "ab"]).json());
}

#[test]
fn a_list_goes_on_where_it_ended() {
    let (home, _) = Home::init("home");
    let written: std::collections::BTreeSet<_> =
        (0..5).map(|number| home.write(&format!("Entry {number}"), "")).collect();
    let first = home.json(&["list", "--limit", "3"]);
    fits("list", &first);
    let second = home.json(&["list", "--limit", "3", "--after", &text(&first, "next")]);
    assert_eq!(second["next"], Value::Null);
    let rows = [&first, &second].map(|page| page["entries"].as_array().unwrap().clone()).concat();
    assert_eq!(rows.iter().map(|row| text(row, "id")).collect::<std::collections::BTreeSet<_>>(), written);
    assert_eq!(rows[0]["title"], "Entry 4", "newest first");
}

#[test]
fn every_answer_about_devices_has_its_shape() {
    let (host, _) = Home::init("host");
    let mut pairing = host.start(&["pair", "--listen", "127.0.0.1:0"]);
    let code = pairing.event("code", SOON);
    fits("code", &code);
    let guest = Home::new();
    let words = ["pair", &text(&code, "code"), "--peer", &text(&code, "address"), "--name", "phone"];
    let joined = guest.run_json(&words).expect_code(0).json_lines();
    fits("joined", joined.last().unwrap());
    let of_host = pairing.wait(SOON).expect_code(0).json_lines();
    fits("joined", of_host.last().unwrap());
    assert_eq!(of_host.last().unwrap()["device"]["name"], "phone");
    assert_eq!(of_host.last().unwrap()["device"], joined.last().unwrap()["device"]);

    let mut serving = host.start(&["serve", "--listen", "127.0.0.1:0"]);
    let listening = serving.event("listening", SOON);
    fits("listening", &listening);
    fits("sync", &guest.json(&["sync", "--peer", &text(&listening, "address")]));
    fits("synced", &serving.event("synced", SOON));
    serving.interrupt(SOON).expect_code(0);
    fits("sync", &guest.run_json(&["sync", "--timeout", "1", "--peer", "127.0.0.1:9"]).expect_code(1).json());

    let devices = host.json(&["devices"]);
    fits("devices", &devices);
    assert_eq!(devices["devices"].as_array().unwrap().len(), 2);
    let phone = text(&of_host.last().unwrap()["device"], "id");
    assert!(is_full_id(&phone, 64));
    let third = Home::join(&host);
    let (mut serving, address) = guest.serve();
    fits("sync", &third.json(&["sync", "--peer", &address]));
    fits("alarm", &serving.event("alarm", SOON));
    serving.interrupt(SOON).expect_code(0);
    let (serving, address) = host.serve();
    let synced = guest.json(&["sync", "--peer", &address]);
    serving.interrupt(SOON).expect_code(0);
    fits("sync", &synced);
    assert_eq!(synced["alarms"][0]["code"], "device_added", "{synced}");
    fits("done", &host.json(&["--yes", "devices", "remove", &phone[..8]]));
    fits("error", &guest.run_json(&["devices", "remove", "ffff"]).expect_code(1).json());
}
