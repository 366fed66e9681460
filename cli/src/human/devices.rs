//! Devices, pairing, syncing and the journal's health for a person.

use std::fmt::Write as _;

use super::text::{Style, columns, count, line, pad, short, size, wrap};
use crate::json::{Devices, Doctor, Init, Pair, Peer, Serve, Status, Sync, VaultKind};
use crate::qr;

/// `init`. The 24 words are numbered, four to a row, as one copies them onto paper.
pub fn init(init: &Init, style: Style) -> String {
    let mut out = String::new();
    let lock = match init.vault {
        VaultKind::Keyring => "opens with this account's keyring",
        VaultKind::Passphrase => "opens with your passphrase",
    };
    out.push_str(&wrap(&format!("A new journal in {}; it {lock}.", line(&init.home)), style.width, ""));
    out.push('\n');
    let forgotten = match init.vault {
        VaultKind::Keyring => "if the keyring ever loses its key",
        VaultKind::Passphrase => "if you forget the passphrase",
    };
    out.push_str(&wrap(
        &format!(
            "These 24 words open it {forgotten}. They are shown this once, and nobody can look them up for you. Write them \
             on paper, in this order, and keep the paper where the computer is not."
        ),
        style.width,
        "",
    ));
    out.push('\n');
    let words: Vec<&str> = init.recovery_phrase.split_whitespace().collect();
    for (row, chunk) in words.chunks(4).enumerate() {
        let cells: Vec<String> =
            chunk.iter().enumerate().map(|(i, word)| pad(&format!("{:>2} {word}", row * 4 + i + 1), 14)).collect();
        let _ = writeln!(out, "  {}", cells.join(" ").trim_end());
    }
    out
}

/// `devices`.
pub fn devices(devices: &Devices, style: Style) -> String {
    let names = devices.devices.iter().map(|device| columns(&line(&device.name))).max().unwrap_or(0);
    let mut out = String::new();
    for device in &devices.devices {
        let mut about = match (device.this, device.status) {
            (_, Status::Removed) => "removed".to_owned(),
            (true, Status::Member) => "this one".to_owned(),
            (false, Status::Member) => match &device.last_seen_at {
                Some(at) => format!("last seen {}", at.replace('T', " ").trim_end_matches('Z')),
                None => "not seen yet".to_owned(),
            },
        };
        if let Some(at) = &device.added_at {
            let _ = write!(about, ", added {}", at.get(..10).unwrap_or(at));
        }
        let _ = writeln!(
            out,
            "{}  {}  {}",
            style.dim(&short(&device.id)),
            style.strong(&pad(&line(&device.name), names)),
            style.dim(&about)
        );
    }
    out
}

/// `sync` and `demo`: a line for each peer, what moved and what it cost.
pub fn peers(sync: &Sync, style: Style) -> String {
    if sync.peers.is_empty() && sync.alarms.is_empty() {
        return "No other device could be reached. Is `afterword serve` running there?".into();
    }
    let mut out = String::new();
    for one in &sync.peers {
        let _ = writeln!(out, "{}", peer(one, style));
    }
    if sync.equal {
        let _ = writeln!(out, "{}", style.dim("All devices that were reached hold the same."));
    }
    if sync.wanted_blobs > 0 {
        let _ = writeln!(
            out,
            "{}",
            style.dim(&format!("{} not here yet.", count(sync.wanted_blobs, "attachment", "attachments")))
        );
    }
    for alarm in &sync.alarms {
        let _ = writeln!(out, "{}", line(&alarm.detail));
    }
    out
}

fn peer(peer: &Peer, style: Style) -> String {
    let name = peer.name.as_deref().map(line).or_else(|| peer.device.as_deref().map(short));
    let name = style.strong(&name.unwrap_or_else(|| "a device".into()));
    if let Some(error) = &peer.error {
        return format!("{name}  {}; {}", line(&error.message), line(&error.hint));
    }
    let moved = match (peer.sent.operations, peer.received.operations) {
        (0, 0) => "nothing to move".to_owned(),
        (sent, received) => {
            format!("sent {}, received {}", count(sent, "change", "changes"), count(received, "change", "changes"))
        }
    };
    let wire = peer.wire.sent_bytes + peer.wire.received_bytes;
    let cost =
        format!("{} on the wire, {}, {} ms", size(wire), count(peer.round_trips, "round trip", "round trips"), peer.ms);
    format!("{name}  {moved}  {}", style.dim(&cost))
}

/// One line of `serve`.
pub fn serve(event: &Serve, style: Style) -> String {
    match event {
        Serve::Listening { address } => format!("Listening at {address}. Ctrl-C ends it."),
        Serve::Synced(one) => peer(one, style),
        Serve::Alarm(alarm) => format!("{} ({})", line(&alarm.detail), alarm.code),
    }
}

/// One event of `pair`.
pub fn pair(event: &Pair, style: Style) -> String {
    match event {
        Pair::Code { code, qr: text, address, expires_at } => {
            let mut out = String::new();
            // Without a picture the code still does.
            if let Ok(picture) = qr::render(text, style.colour) {
                out.push_str(&picture);
            }
            let until = expires_at.get(11..16).unwrap_or(expires_at);
            let _ = write!(
                out,
                "\nOn the other device:\n\n  {}\n\n{}",
                style.strong(&format!("afterword pair {code}")),
                style.dim(&format!(
                    "If it does not find this one, add --peer {address}. The code is good until {until} UTC."
                ))
            );
            out
        }
        Pair::Joined { device, host } => {
            format!("{} and {} now share this journal.", line(&device.name), line(&host.name))
        }
        Pair::WrongGuess { left: 0 } => {
            "Somebody typed a wrong code, and there are no more codes. The picture above still works.".to_owned()
        }
        Pair::WrongGuess { left } => {
            format!(
                "Somebody typed a wrong code, so it is void. {} left; the picture works all along.",
                count(u64::from(*left), "code is", "codes are")
            )
        }
    }
}

/// `doctor`.
pub fn doctor(doctor: &Doctor, style: Style) -> String {
    let names = doctor.checks.iter().map(|check| columns(&check.name)).max().unwrap_or(0);
    let mut out = String::new();
    for check in &doctor.checks {
        let word = if check.ok { style.dim("well   ") } else { style.strong("TROUBLE") };
        let _ = writeln!(out, "{word}  {}  {}", pad(&check.name, names), style.dim(&line(&check.detail)));
    }
    let _ = writeln!(
        out,
        "\n{}, {}, {}",
        count(doctor.entries, "entry", "entries"),
        count(doctor.operations, "operation", "operations"),
        count(doctor.vector.len() as u64, "log", "logs")
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Check, Device, DeviceName, Moved, Problem, Wire};

    const PLAIN: Style = Style { width: 80, colour: false };

    fn one() -> Peer {
        Peer {
            device: Some("ab".repeat(32)),
            name: Some("pho\x1bne".into()),
            ok: true,
            sent: Moved { operations: 1, bytes: 10 },
            received: Moved { operations: 2, bytes: 20 },
            wire: Wire { sent_bytes: 900, received_bytes: 600, ..Wire::default() },
            round_trips: 2,
            ms: 14,
            cpu_ms: 1,
            documents_opened: 0,
            transactions: 1,
            derived: 1,
            derived_ms: 3,
            error: None,
        }
    }

    #[test]
    fn the_phrase_is_laid_out_to_be_copied() {
        let words: Vec<String> = (1..=24).map(|i| format!("word{i}")).collect();
        let shown = init(
            &Init {
                journal: "j".into(),
                device: DeviceName { id: "d".into(), name: "laptop".into() },
                home: "/journals/j".into(),
                vault: VaultKind::Passphrase,
                recovery_phrase: words.join(" "),
            },
            PLAIN,
        );
        let numbered: Vec<&str> = shown.split_whitespace().collect();
        for (i, word) in words.iter().enumerate() {
            let number = (i + 1).to_string();
            assert!(numbered.windows(2).any(|pair| pair == [number.as_str(), word.as_str()]), "{word}");
        }
        assert!(shown.lines().all(|row| columns(row) <= 80));
    }

    #[test]
    fn a_sync_says_what_moved_and_what_it_cost() {
        let mut sync = Sync { peers: vec![one()], equal: true, wanted_blobs: 1, alarms: vec![] };
        assert_eq!(
            peers(&sync, PLAIN),
            "pho ne  sent 1 change, received 2 changes  1.5 kB on the wire, 2 round trips, 14 ms\n\
             All devices that were reached hold the same.\n1 attachment not here yet.\n"
        );
        sync.peers[0].error =
            Some(Problem { code: "unreachable", message: "it did not answer".into(), hint: "wake it".into() });
        assert!(peers(&sync, PLAIN).starts_with("pho ne  it did not answer; wake it\n"));
        assert!(
            peers(&Sync { peers: vec![], equal: false, wanted_blobs: 0, alarms: vec![] }, PLAIN)
                .contains("No other device")
        );
    }

    #[test]
    fn pairing_shows_code_picture_and_address() {
        let event = Pair::Code {
            code: "7-crossover-clockwork".into(),
            qr: "afterword:0123456789abcdef".into(),
            address: "192.0.2.1:4433".into(),
            expires_at: "2026-11-22T15:04:05Z".into(),
        };
        let shown = pair(&event, PLAIN);
        for part in ["afterword pair 7-crossover-clockwork", "--peer 192.0.2.1:4433", "15:04 UTC", "█"] {
            assert!(shown.contains(part), "{part}");
        }
    }

    #[test]
    fn devices_and_doctor_line_up() {
        let device = |name: &str, this, status| Device {
            id: "cd".repeat(32),
            name: name.into(),
            this,
            status,
            added_at: Some("2026-01-02T03:04:05Z".into()),
            last_seen_at: None,
        };
        let rows = devices(
            &Devices {
                devices: vec![
                    device("laptop", true, Status::Member),
                    device("old", false, Status::Removed),
                    device("tab", false, Status::Member),
                ],
            },
            PLAIN,
        );
        assert_eq!(
            rows,
            "cdcdcdcd  laptop  this one, added 2026-01-02\n\
             cdcdcdcd  old     removed, added 2026-01-02\n\
             cdcdcdcd  tab     not seen yet, added 2026-01-02\n"
        );
        let shown = doctor(
            &Doctor {
                ok: false,
                checks: vec![
                    Check { name: "store".into(), ok: true, detail: "opens".into() },
                    Check { name: "chains".into(), ok: false, detail: "log 1".into() },
                ],
                entries: 1,
                operations: 2,
                digest: String::new(),
                vector: Default::default(),
                wanted_blobs: 0,
            },
            PLAIN,
        );
        assert_eq!(shown, "well     store   opens\nTROUBLE  chains  log 1\n\n1 entry, 2 operations, 0 logs\n");
    }
}
