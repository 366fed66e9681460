//! Places among siblings as strings: between any two there is always another.

const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Longer keys come from nobody honest; a place after one is found without reading all of it.
const MAX: usize = 256;

/// A key that sorts by bytes after `after` and before `before`; absent means the beginning or the end.
///
/// Where there is no room (equal keys, made by two devices at once), the new key comes after `after`.
pub fn between(after: Option<&str>, before: Option<&str>) -> String {
    let low = after.unwrap_or_default();
    let key = middle(&digits(low), before.map(digits).as_deref());
    let fits = |key: &str| key > low && before.is_none_or(|before| key < before);
    if fits(&key) {
        return key;
    }
    // Foreign characters or no room: something after `low` at least.
    let mut key: String = low.chars().take(MAX).collect();
    key.push('V');
    key
}

fn digits(key: &str) -> Vec<usize> {
    key.bytes().take(MAX).map(|byte| DIGITS.partition_point(|digit| *digit < byte).min(DIGITS.len() - 1)).collect()
}

fn middle(low: &[usize], high: Option<&[usize]>) -> String {
    let mut key = String::new();
    let mut high = high;
    for at in 0.. {
        let a = low.get(at).copied().unwrap_or(0);
        let b = high.map_or(DIGITS.len(), |high| high.get(at).copied().unwrap_or(0));
        if b > a + 1 {
            key.push(DIGITS[(a + b) / 2] as char);
            break;
        }
        key.push(DIGITS[a] as char);
        if a != b {
            // From here on anything above `low` is below `high`.
            high = None;
        } else if at > 2 * MAX {
            break;
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_room() {
        let mut keys = vec![between(None, None)];
        let mut state = 3usize;
        for _ in 0..500 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let at = (state >> 33) % (keys.len() + 1);
            let key = between(at.checked_sub(1).map(|at| keys[at].as_str()), keys.get(at).map(String::as_str));
            keys.insert(at, key);
            assert!(keys.is_sorted() && keys.windows(2).all(|pair| pair[0] != pair[1]), "{keys:?}");
        }
        for _ in 0..200 {
            keys.insert(0, between(None, Some(&keys[0])));
            keys.push(between(keys.last().map(String::as_str), None));
        }
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn hostile_neighbours_still_give_a_place() {
        let long = "z".repeat(100_000);
        for (after, before) in
            [(Some("b"), Some("a")), (Some("a"), Some("a")), (Some("\u{1F600}"), None), (None, Some(""))]
        {
            assert!(!between(after, before).is_empty());
        }
        assert!(between(Some(&long), Some(&long)).len() <= 2 * MAX + 2);
        assert!(between(Some(&long), None).len() <= 2 * MAX + 2);
    }
}
