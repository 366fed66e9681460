//! What a person should know, in a sentence: alarms, and who has heard of a removal.

use afterword_core::engine::{Alarm, DeviceChange, DeviceChangeKind};

use super::text::{count, line, short};

/// An alarm's sentence.
pub fn alarm(alarm: &Alarm) -> String {
    match alarm {
        Alarm::Diverged { with } => {
            format!("this device and {} hold the same operations and read them differently", line(with))
        }
        Alarm::Mended { with } => {
            format!("this device or {} was put back to an earlier state; what either wrote since was kept", line(with))
        }
        Alarm::Recomputed { entries } => {
            format!("what is derived of {} was wrong and was made again", count(*entries, "entry", "entries"))
        }
        Alarm::DamagedAttachment => "an attachment arrived damaged and is asked for again".to_owned(),
        Alarm::NewerVersion => {
            "another of your devices runs a newer version of Afterword and wrote something that this \
            one keeps and can't use yet; update Afterword on this device"
                .to_owned()
        }
        Alarm::Network => {
            "after a change of network this device can't listen any more; restart `afterword serve`".to_owned()
        }
        Alarm::Device(change) => device(change),
        Alarm::MoreDevices { more } => format!(
            "{}; `afterword devices` lists every one",
            count(*more, "more device was added or removed", "more devices were added or removed")
        ),
    }
}

fn device(change: &DeviceChange) -> String {
    let name = line(&change.name);
    let by = change.by.as_ref().map_or("with the recovery phrase".to_owned(), |(_, name)| format!("by {}", line(name)));
    let on = |rfc3339: String| rfc3339.replace('T', " ").trim_end_matches('Z').to_owned() + " UTC";
    let id = change.device.to_string();
    match (change.kind, change.at.map(|at| on(at.to_rfc3339()))) {
        (DeviceChangeKind::Added, at) => format!(
            "{name} was added to this journal {by} on {}; if that was not you, remove it with `afterword devices remove {}`",
            at.unwrap_or_default(),
            short(&id)
        ),
        (DeviceChangeKind::Removed, Some(at)) => format!("{name} was removed from this journal {by} on {at}"),
        (DeviceChangeKind::Removed, None) => {
            format!("{name} does not belong to this journal any more, since the device that added it was removed")
        }
    }
}

/// Whether another device heard that one was removed.
pub fn told(name: &str, heard: bool, removed: &str) -> String {
    let (name, removed) = (line(name), line(removed));
    if heard {
        format!("{name} knows that {removed} is removed.")
    } else {
        format!("{name} has not heard of it yet. Until it syncs with a device that has, it still meets {removed}.")
    }
}

#[cfg(test)]
mod tests {
    use afterword_core::id::DeviceId;
    use afterword_core::time::Timestamp;

    use super::*;

    #[test]
    fn who_did_what_to_which_device_and_when() {
        let (device, other) = (DeviceId::from_bytes([0xab; 32]), DeviceId::from_bytes([1; 32]));
        let mut change = DeviceChange {
            device,
            name: "pho\x1bne".into(),
            kind: DeviceChangeKind::Added,
            by: Some((other, "laptop".into())),
            at: Some(Timestamp(1_790_000_000_000)),
        };
        assert_eq!(
            alarm(&Alarm::Device(change.clone())),
            "pho ne was added to this journal by laptop on 2026-09-21 14:13:20 UTC; if that was not you, remove it with \
             `afterword devices remove abababab`"
        );
        (change.kind, change.by) = (DeviceChangeKind::Removed, None);
        assert_eq!(
            alarm(&Alarm::Device(change.clone())),
            "pho ne was removed from this journal with the recovery phrase on 2026-09-21 14:13:20 UTC"
        );
        change.at = None;
        assert!(alarm(&Alarm::Device(change)).contains("since the device that added it was removed"));
        assert!(alarm(&Alarm::MoreDevices { more: 80 }).starts_with("80 more devices were added or removed; "));
    }
}
