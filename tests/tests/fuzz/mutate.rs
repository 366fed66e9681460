//! Mutations that know how encodings look: lengths and counts, runs, text. One to eight of them on a start.

use afterword_tests::Seeded;

/// Longer inputs find nothing that these do not, and take the time of many shorter ones.
const MAX: usize = 64 << 10;
const EDGES: &[u64] =
    &[0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];
const TEXTS: &[&str] = &[
    "\0",
    "\u{feff}",
    "\u{202e}",
    "\u{301}",
    "👩‍👩‍👧",
    "日",
    "-0",
    "9999999999",
    "{{p:",
    "../",
    "\r\n",
    "\"",
    "\\u0000",
    "[",
    "{",
];

/// One of `starts`, changed.
pub(crate) fn mutated(starts: &[Vec<u8>], rng: &mut Seeded) -> Vec<u8> {
    let mut bytes = rng.pick(starts).clone();
    for _ in 0..1 + rng.below(8) {
        change(&mut bytes, starts, rng);
    }
    bytes.truncate(MAX);
    bytes
}

fn change(bytes: &mut Vec<u8>, starts: &[Vec<u8>], rng: &mut Seeded) {
    let at = rng.below(bytes.len() + 1);
    let (from, to) = span(bytes.len(), rng);
    match rng.below(11) {
        // One bit.
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
        1 if at < bytes.len() => bytes[at] = rng.number() as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(from..to)),
        // A run twice, or very often: nesting and repetition.
        4 => {
            let run = bytes[from..to].to_vec();
            let times = if rng.chance(0.1) { 1 + rng.below(2000) } else { 1 };
            let run: Vec<u8> = run.iter().copied().cycle().take((run.len() * times).min(MAX)).collect();
            drop(bytes.splice(at..at, run));
        }
        5 => {
            let length = rng.below(16);
            let noise = rng.bytes(length);
            drop(bytes.splice(at..at, noise));
        }
        // The rest of another start: its lengths in our frame.
        6 => {
            let other = rng.pick(starts);
            let (from, to) = span(other.len(), rng);
            let piece = other[from..to].to_vec();
            drop(bytes.splice(at.min(bytes.len()).., piece));
        }
        // A length or count, as a varint and as fixed bytes, in place of what stands there.
        7 => {
            let value = *rng.pick(EDGES);
            let end = (at + 1).min(bytes.len());
            drop(bytes.splice(at..end, varint(value)));
        }
        8 => {
            let value = rng.pick(EDGES).wrapping_add(rng.below(3) as u64).wrapping_sub(1);
            let width = *rng.pick(&[2, 4, 8]);
            let fixed = if rng.chance(0.5) {
                value.to_le_bytes()[..width].to_vec()
            } else {
                value.to_be_bytes()[8 - width..].to_vec()
            };
            let end = (at + width).min(bytes.len());
            drop(bytes.splice(at..end, fixed));
        }
        // A count one off: the commonest fault there is.
        9 if at < bytes.len() => {
            bytes[at] = if rng.chance(0.5) { bytes[at].wrapping_add(1) } else { bytes[at].wrapping_sub(1) }
        }
        _ => {
            let text = rng.pick(TEXTS).bytes();
            drop(bytes.splice(at..at, text));
        }
    }
}

fn span(length: usize, rng: &mut Seeded) -> (usize, usize) {
    let (a, b) = (rng.below(length + 1), rng.below(length + 1));
    (a.min(b), a.max(b))
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[test]
fn mutations_vary_stay_bounded_and_follow_the_seed() {
    let starts = vec![b"2024-02-29".to_vec(), vec![0; 300]];
    let draw = || {
        let mut rng = Seeded::new(1);
        (0..2000).map(|_| mutated(&starts, &mut rng)).collect::<Vec<_>>()
    };
    let inputs = draw();
    assert_eq!(inputs, draw());
    assert!(inputs.iter().all(|input| input.len() <= MAX));
    let distinct: std::collections::HashSet<_> = inputs.iter().collect();
    assert!(distinct.len() > 1500, "{}", distinct.len());
}
