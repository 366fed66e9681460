//! Durable before it is acknowledged: kill -9 leaves the page cache alone, so only the order of system calls shows what a
//! power cut would leave.

use std::time::Duration;

use afterword_tests::home::text;
use afterword_tests::trace::{Trace, datagrams, possible, syncs_below};
use afterword_tests::{Home, not_run};

use crate::e2e::support::{SOON, body};

/// Far longer than anything else in a small sync takes.
const SLOW: Duration = Duration::from_millis(1500);

fn is_possible() -> bool {
    if let Err(reason) = possible() {
        not_run("durability", &reason);
        return false;
    }
    true
}

#[test]
fn a_write_answers_when_the_log_file_is_durable() {
    if !is_possible() {
        return;
    }
    let (mut home, _) = Home::init("home");
    let trace = Trace::into_file(home.scratch().join("trace"));
    home.set_through(trace.through_a_slow_disk(SLOW));
    let begun = std::time::Instant::now();
    let mut writing = home.start(&["write", "Durable", "--body", "x"]);
    let line = writing.line(SOON).unwrap();
    let answered = begun.elapsed();
    writing.wait(SOON).expect_code(0);
    assert!(answered >= SLOW, "answered {line} after {answered:?}, before the disk had");
    let calls = trace.calls();
    assert!(
        syncs_below(&calls, &home.path()).any(|call| call.target.ends_with("-wal") && call.result == 0),
        "{calls:?}"
    );
}

#[test]
fn an_acknowledgement_leaves_after_fdatasync_has_returned() {
    if !is_possible() {
        return;
    }
    let (sender, _) = Home::init("sender");
    let mut receiver = Home::join(&sender);
    let trace = Trace::into_file(receiver.scratch().join("trace"));
    receiver.set_through(trace.through_a_slow_disk(SLOW));
    let (serving, address) = receiver.serve();
    // With nothing to store, nothing waits for the disk: what is measured below is the disk, and not the trace.
    let quiet = sender.json(&["sync", "--peer", &address]);
    assert!(u128::from(quiet["peers"][0]["ms"].as_u64().unwrap()) < SLOW.as_millis(), "{quiet}");

    let entry = sender.write("Sent", "and stored before it is acknowledged");
    let report = sender.json(&["sync", "--peer", &address]);
    let peer = &report["peers"][0];
    assert_eq!((&report["equal"], &peer["sent"]["operations"]), (&true.into(), &1.into()), "{report}");
    // `ms` ends with the last acknowledgement.
    assert!(u128::from(peer["ms"].as_u64().unwrap()) >= SLOW.as_millis(), "acknowledged too early: {report}");
    serving.interrupt(SOON).expect_code(0);

    let calls = trace.calls();
    let folder = receiver.path();
    let stored: Vec<_> =
        syncs_below(&calls, &folder).filter(|call| call.target.ends_with("-wal") && call.result == 0).collect();
    let first = stored.first().expect("the receiver made its log file durable");
    assert!(datagrams(&calls).any(|call| call.began > first.ended), "nothing was sent after the file was durable");
    receiver.set_through(Vec::new());
    assert_eq!(body(&receiver, &entry), "and stored before it is acknowledged");
    assert_eq!(text(&receiver.show(&entry), "title"), "Sent");
}
