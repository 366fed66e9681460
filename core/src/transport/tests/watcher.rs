//! What a watcher of the network reads: everything that is in the clear, or under keys that go along with it.

use rustls::Side;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::quic::{Keys, Version};

use super::super::discovery::SERVICE_TYPE;
use super::super::gate;
use super::super::pairing::PairingOptions;
use super::super::{Invitation, pair};
use super::*;

/// Takes what a dialer sends first, and answers nothing.
async fn first_datagrams(dialing: impl Future<Output = ()>, silent: tokio::net::UdpSocket) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    tokio::pin!(dialing);
    // A hello with a post-quantum key is two datagrams long.
    while datagrams.len() < 2 {
        let mut bytes = vec![0; 2048];
        tokio::select! {
            received = within(silent.recv(&mut bytes)) => {
                bytes.truncate(received.unwrap());
                datagrams.push(bytes);
            }
            () = &mut dialing => panic!("it gave up too early"),
        }
    }
    datagrams
}

fn varint(bytes: &mut &[u8]) -> usize {
    let length = 1 << (bytes[0] >> 6);
    let (mut number, rest) = (usize::from(bytes[0] & 0x3f), &bytes[length..]);
    for byte in &bytes[1..length] {
        number = number << 8 | usize::from(*byte);
    }
    *bytes = rest;
    number
}

/// The plaintext of an Initial packet at the beginning of a datagram: its keys follow from its first connection id
/// (RFC 9001, 5.2), so anybody can.
fn opened(datagram: &[u8]) -> Vec<u8> {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().unwrap();
    assert_eq!(datagram[0] & 0xf0, 0xc0, "a long header, type Initial");
    let (to, rest) = datagram[6..].split_at(usize::from(datagram[5]));
    let mut rest = &rest[1 + usize::from(rest[0])..];
    let token = varint(&mut rest);
    rest = &rest[token..];
    let length = varint(&mut rest);
    let start = datagram.len() - rest.len();
    let keys = Keys::initial(Version::V1, suite, suite.quic.unwrap(), to, Side::Server);
    let mut packet = datagram[..start + length].to_vec();
    let sample = packet[start + 4..start + 20].to_vec();
    let (first, number) = packet.split_at_mut(start);
    keys.remote.header.decrypt_in_place(&sample, &mut first[0], &mut number[..4]).unwrap();
    let number_len = usize::from(packet[0] & 3) + 1;
    let (header, payload) = packet.split_at_mut(start + number_len);
    let number = header[start..].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    keys.remote.packet.decrypt_in_place(number, header, payload).unwrap().to_vec()
}

fn names_the_program(bytes: &[u8]) -> bool {
    let lower = bytes.to_ascii_lowercase();
    [&b"afterword"[..], b"aw1"].iter().any(|name| lower.windows(name.len()).any(|window| window == *name))
}

/// Both kinds of connection begin alike, with nothing that names the program.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_reads_no_name_in_what_a_dialer_sends_first() {
    let socket = || async {
        let silent = tokio::net::UdpSocket::bind(ANY_PORT).await.unwrap();
        (silent.local_addr().unwrap(), silent)
    };
    let (at, silent) = socket().await;
    let member = dialer(1, 1);
    let dialing = async { drop(member.connect(at, device(2).id()).await) };
    let to_a_member = first_datagrams(dialing, silent).await;

    let (at, silent) = socket().await;
    let invitation = Invitation::parse("7-cabin-tiger").unwrap();
    let mut entropy = Seeded::new(3);
    let options = PairingOptions::default();
    let dialing = async { drop(pair(&invitation, at, device(3).id(), &mut entropy, &options).await) };
    let to_a_window = first_datagrams(dialing, silent).await;

    for datagrams in [to_a_member, to_a_window] {
        let read: Vec<u8> = datagrams.iter().flat_map(|datagram| opened(datagram)).collect();
        // It was read: the protocol that is chosen stands there as in any hello.
        let chosen = [&[gate::PROTOCOL.len() as u8][..], gate::PROTOCOL].concat();
        assert!(read.windows(chosen.len()).any(|window| window == chosen), "no ALPN found: {read:02x?}");
        assert!(!names_the_program(&read));
        assert!(!datagrams.iter().any(|datagram| names_the_program(datagram)));
    }
}

/// Planted: the name in the ALPN, as it once was. The sweep above sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_a_name_in_the_hello_is_seen() {
    let silent = tokio::net::UdpSocket::bind(ANY_PORT).await.unwrap();
    let at = silent.local_addr().unwrap();
    let stranger = Stranger { key: 4, knock: None, protocols: vec![b"afterword/1".to_vec()] };
    let dialing = async { drop(stranger.dial(at).await) };
    let datagrams = first_datagrams(dialing, silent).await;
    let read: Vec<u8> = datagrams.iter().flat_map(|datagram| opened(datagram)).collect();
    assert!(names_the_program(&read));
}

#[test]
fn what_is_announced_names_nobody() {
    assert!(!names_the_program(SERVICE_TYPE.as_bytes()));
    // Types are at most 15 letters (RFC 6763, 7.2), as a phone's list of them is checked.
    assert!(
        SERVICE_TYPE.strip_prefix('_').and_then(|rest| rest.strip_suffix("._udp")).is_some_and(|name| name.len() <= 15)
    );
}
