//! A newcomer on a network where others say that they show the code as well, and in a journal of which much was said.

use std::sync::Arc;

use tokio::sync::mpsc::channel;

use super::*;
use crate::crypto::DeviceKey;
use crate::engine::alone::{PASSPHRASE, environment, made};
use crate::membership::FIRST_UNKNOWN;
use crate::testing::journal::Seeded;
use crate::transport::{Announcement, Discovery, ServiceKind, Sighting, Watch};

/// A network on which these are seen, again and again.
#[derive(Debug)]
struct Board(Vec<Sighting>);

impl Discovery for Board {
    fn announce(&self, _: Service, _: SocketAddr) -> Result<Announcement> {
        Err(Error::internal("nobody announces here"))
    }

    fn watch(&self, _: ServiceKind) -> Result<Watch> {
        let (sender, sightings) = channel(64);
        for sighting in self.0.iter().chain(&self.0) {
            sender.try_send(*sighting).unwrap();
        }
        // Something may still come.
        Ok(Watch::new(sightings, sender))
    }
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A window that shows another code.
fn liar(seed: u64) -> (PairingHost, SocketAddr) {
    let mut entropy = Seeded::new(seed);
    let device = DeviceKey::generate(&mut entropy).id();
    let clock = environment(seed).clock;
    let (window, shown) =
        PairingHost::open(any_port(), device, clock.as_ref(), &mut entropy, PairingOptions::default()).unwrap();
    (window, shown.address)
}

/// Joins `code` where the windows at `addresses` say that they show it.
fn joins(code: &str, nameplate: u16, addresses: &[SocketAddr]) -> Result<Joined> {
    let seen = addresses.iter().zip(1u8..).map(|(address, n)| Sighting {
        service: Service::Pairing { nameplate },
        instance: [n; 8],
        address: *address,
    });
    let other = Sighting {
        service: Service::Pairing { nameplate: nameplate % 999 + 1 },
        instance: [0; 8],
        address: any_port(),
    };
    let environment = environment(9);
    environment.finder.look_with(Arc::new(Board([other].into_iter().chain(seen).collect())));
    let folder = tempfile::tempdir().unwrap();
    let options = JoinOptions { name: "a guest".to_owned(), peer: None, discover: Duration::from_secs(5), stop: None };
    let unlock = Unlock::Passphrase(PASSPHRASE);
    Engine::join(&folder.path().join("home"), code, &options, unlock, environment, None, |_| {})
        .map(|(_, joined)| joined)
}

#[test]
fn a_guest_goes_on_from_windows_that_only_say_they_show_the_code() {
    let (_folder, host) = made();
    let runtime = runtime().unwrap();
    let _inside = runtime.enter();
    let ((_one, first), (_two, second)) = (liar(11), liar(12));
    let (tell, heard) = std::sync::mpsc::channel();
    let (_stop, stopped) = watch::channel(false);
    std::thread::scope(|scope| {
        let hosting = scope.spawn(|| {
            host.pair_host(any_port(), false, stopped, |event| {
                if let HostEvent::Code(code) = event {
                    tell.send(code).unwrap();
                }
            })
        });
        let shown = heard.recv().unwrap();
        // Nobody of these two: it is said that there were several.
        let error = joins(&shown.code, shown.nameplate, &[first, second]).unwrap_err();
        assert!(error.message.starts_with("2 devices on this network"), "{error}");
        // The third is looked at, a fourth would not be.
        let joined = joins(&shown.code, shown.nameplate, &[first, second, shown.address, first]).unwrap();
        assert_eq!((joined.windows, joined.host, joined.host_name.as_str()), (3, host.device(), "a device"));
        assert_eq!(hosting.join().unwrap().unwrap().device, joined.device);
    });
}

/// A member that turned can say as much as it likes, and nobody forgets it: a newcomer takes it in all the same.
#[test]
fn a_newcomer_is_told_more_than_one_message_holds() {
    let (_folder, host) = made();
    let identity = &host.shared.identity;
    let sixty_kilobytes = vec![7; 60_000];
    let said = host.shared.store.write(|tx| {
        for n in 0..300 {
            let (number, seen) = (FIRST_UNKNOWN + n, rules::statements(tx)?.seen());
            let signer = Signer::Device(&identity.key);
            let long = Statement::unknown(signer, &identity.journal, &seen, number, sixty_kilobytes.clone())?;
            rules::add_statements(tx, identity, vec![long])?;
        }
        Ok(rules::statements(tx)?.in_order().iter().map(|statement| statement.encode().len()).sum::<usize>())
    });
    assert!(said.unwrap() > 16 << 20);
    let runtime = runtime().unwrap();
    let _inside = runtime.enter();
    let (tell, heard) = std::sync::mpsc::channel();
    let (_stop, stopped) = watch::channel(false);
    let folder = tempfile::tempdir().unwrap();
    let guest = std::thread::scope(|scope| {
        let hosting = scope.spawn(|| {
            host.pair_host(any_port(), false, stopped, |event| {
                if let HostEvent::Code(code) = event {
                    tell.send(code).unwrap();
                }
            })
        });
        let shown = heard.recv().unwrap();
        let (peer, discover) = (Some(shown.address), Duration::ZERO);
        let options = JoinOptions { name: "a guest".to_owned(), peer, discover, stop: None };
        let (root, unlock) = (folder.path().join("home"), Unlock::Passphrase(PASSPHRASE));
        let (guest, _) = Engine::join(&root, &shown.code, &options, unlock, environment(9), None, |_| {}).unwrap();
        hosting.join().unwrap().unwrap();
        guest
    });
    let ids = |engine: &Engine| engine.shared.store.read(|tx| Ok(rules::statements(tx)?.ids())).unwrap();
    assert_eq!(ids(&guest), ids(&host));
}
