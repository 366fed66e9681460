//! What the end-to-end tests say often: two devices meet, hold the same, list what is there.

use std::collections::BTreeSet;
use std::time::Duration;

use afterword_tests::Home;
use afterword_tests::home::text;
use serde_json::Value;

/// Long enough for anything that happens at all, on a machine that is busy.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// `guest` dials `host`, which serves for that long; returns the peer's line of the guest's report.
pub(crate) fn meet(guest: &Home, host: &Home) -> Value {
    let (serving, address) = host.serve();
    let report = guest.json(&["sync", "--peer", &address]);
    serving.interrupt(SOON).expect_code(0);
    assert_eq!(report["equal"], true, "{report}");
    assert_eq!(report["peers"][0]["error"], Value::Null, "{report}");
    report["peers"][0].clone()
}

/// `guest` dials `host` and is turned away; returns the error of the guest's report.
pub(crate) fn is_turned_away(guest: &Home, host: &Home) -> Value {
    let (serving, address) = host.serve();
    let report = guest.run_json(&["sync", "--peer", &address]).expect_code(1).json();
    serving.interrupt(SOON).expect_code(0);
    let peer = &report["peers"][0];
    assert_eq!((&peer["ok"], &peer["received"]["operations"]), (&false.into(), &0.into()), "{report}");
    assert_eq!(peer["sent"]["operations"], 0, "{report}");
    peer["error"].clone()
}

/// All of these devices hold the same operations and read them the same.
pub(crate) fn assert_same(homes: &[&Home]) {
    let first = homes[0].holds();
    for home in &homes[1..] {
        assert_eq!(home.holds(), first);
    }
}

/// The ids of every entry that is not in the trash.
pub(crate) fn ids(home: &Home) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut after: Option<String> = None;
    loop {
        let mut words = vec!["list", "--limit", "1000"];
        if let Some(cursor) = &after {
            words.extend(["--after", cursor]);
        }
        let page = home.json(&words);
        found.extend(page["entries"].as_array().unwrap().iter().map(|entry| text(entry, "id")));
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            return found;
        }
    }
}

/// The main section's text.
pub(crate) fn body(home: &Home, id: &str) -> String {
    text(&home.show(id), "body")
}

/// This device's own id.
pub(crate) fn device(home: &Home) -> String {
    let devices = home.json(&["devices"]);
    let own = devices["devices"].as_array().unwrap().iter().find(|device| device["this"] == true);
    text(own.unwrap(), "id")
}

/// Whether `home` lists `id` as `member` or `removed`.
pub(crate) fn status(home: &Home, id: &str) -> Option<String> {
    let devices = home.json(&["devices"]);
    let found = devices["devices"].as_array().unwrap().iter().find(|device| device["id"] == id)?;
    Some(text(found, "status"))
}

/// `--json edit --body` in one step.
pub(crate) fn set_body(home: &Home, id: &str, body: &str) -> Value {
    home.json(&["edit", id, "--body", body])
}

/// The entry's heads as `--base` and `--at` take them.
pub(crate) fn heads(home: &Home, id: &str) -> String {
    let entry = home.show(id);
    let heads = entry["heads"].as_array().unwrap().iter().map(|head| head.as_str().unwrap());
    heads.collect::<Vec<_>>().join(",")
}
