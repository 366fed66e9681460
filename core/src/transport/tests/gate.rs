//! The gate: for one device, for an hour, once.

use std::sync::Mutex;

use super::super::gate::{self, Gate, MAX_NONCES};
use super::*;

const HOUR: i64 = 3_600_000;

/// What a watcher recorded opens nothing again: not the pass with a fresh knock, not the knock, not both from elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_recorded_at_the_gate_opens_it_once() {
    let server = server(9, 1);
    let (id, at) = (server.device(), server.local_addr().unwrap());
    let mut entropy = Seeded::new(10);
    let (pass, _) = gate::pass(&secret(1), NOW, &id, &mut entropy);
    let knock = gate::knock(&secret(1), NOW, &id, &mut entropy);
    let protocols = vec![gate::PROTOCOL.to_vec(), pass];
    let with = |key, knock| Stranger { key, knock: Some(knock), protocols: protocols.clone() };
    // As it went by.
    let (certificates, outcome) = with(99, knock).dial(at).await;
    assert_eq!((certificates, outcome.is_ok()), (1, true));
    drop(outcome);
    assert_eq!(within(server.accept()).await.unwrap().peer(), device(99).id());
    for n in 0..20 {
        let (certificates, outcome) = with(100 + n, gate::knock(&secret(1), NOW, &id, &mut entropy)).dial(at).await;
        assert_eq!(certificates, 0, "the pass was taken twice");
        assert!(outcome.is_err());
    }
    let (pass, _) = gate::pass(&secret(1), NOW, &id, &mut entropy);
    let again = Stranger { key: 98, knock: Some(knock), protocols: vec![gate::PROTOCOL.to_vec(), pass] };
    let (certificates, outcome) = again.dial(at).await;
    assert_eq!(certificates, 0, "the knock was taken twice");
    assert!(outcome.is_err());
    // Members have nonces of their own.
    meet(&server, &dialer(8, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_recorded_at_one_device_opens_no_other() {
    let (one, other) = (server(11, 1), server(12, 1));
    let stranger = Stranger::with_secret(99, &secret(1), &one.device(), &mut Seeded::new(13));
    let (certificates, outcome) = stranger.dial(other.local_addr().unwrap()).await;
    assert_eq!((certificates, outcome.is_err()), (0, true));
    // The same by our own dialer, with the word that a person gets.
    let dialer = dialer(14, 1);
    let error = within(dialer.connect(other.local_addr().unwrap(), one.device())).await.unwrap_err();
    assert_eq!(error, ConnectError::NotAdmitted(other.local_addr().unwrap()));
    let error = crate::error::Error::from(error);
    assert_eq!(error.code, crate::error::Code::Unreachable);
    assert!(error.advice.to_string().contains("date and time"), "{error}");
}

/// Clocks may differ by an hour; beyond that they may, as the hours fall, and beyond two they may not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_may_differ_by_an_hour() {
    // 22:13 at the server.
    let server = server(15, 1);
    // Each draws nonces of its own.
    let at = |minutes: i64| {
        dialer_at(minutes.unsigned_abs() * 2 + u64::from(minutes < 0), 1, Timestamp(NOW.0 + minutes * 60_000))
    };
    for minutes in [0, -60, 60, -70, 100] {
        meet(&server, &at(minutes)).await;
    }
    for minutes in [-75, 110, -120, 120, -24 * 60, 365 * 24 * 60] {
        let error = dial(&at(minutes), &server).await.unwrap_err();
        assert_eq!(error, ConnectError::NotAdmitted(server.local_addr().unwrap()), "{minutes} minutes");
    }
}

#[derive(Debug)]
struct Turning(Mutex<i64>);

impl Clock for Turning {
    fn now(&self) -> Timestamp {
        Timestamp(*self.0.lock().unwrap())
    }
}

/// What is remembered is bounded: the oldest is forgotten, and useless by then unless somebody who knows the secret hurried.
#[test]
fn a_gate_remembers_a_bounded_number_and_the_hour_forgets_the_rest() {
    let clock = Arc::new(Turning(Mutex::new(NOW.0)));
    let (right, id) = (secret(1), device(1).id());
    let gate = Gate::new(right.clone(), id, clock.clone());
    let mut entropy = Seeded::new(2);
    let passes: Vec<_> = (0..=MAX_NONCES).map(|_| gate::pass(&right, NOW, &id, &mut entropy).0).collect();
    let shown = |pass: &Vec<u8>| gate.admits([gate::PROTOCOL, pass.as_slice()].into_iter()).is_some();
    assert!(passes.iter().all(shown));
    // From the newest: what is taken again makes the oldest give way again.
    assert_eq!(passes.iter().rev().filter(|pass| shown(pass)).count(), 1, "the oldest, and it is remembered again");
    *clock.0.lock().unwrap() += 2 * HOUR;
    assert!(!passes.iter().any(shown));

    let knocks: Vec<_> = (0..3).map(|_| gate::knock(&right, clock.now(), &id, &mut entropy)).collect();
    for knock in &knocks {
        assert!(gate.hears(knock) && gate.hears(knock), "to hear it is not to take it");
        gate.take_knock(knock);
        assert!(!gate.hears(knock));
    }
    for bytes in [&[][..], &[0; 20], &knocks[0][..19]] {
        assert!(!gate.hears(bytes));
    }
}
