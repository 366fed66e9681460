//! What a guess at the passphrase costs: Argon2id's memory and passes, fitted to the computer and bounded both ways.
//!
//! Whoever has the files guesses as fast as Argon2id lets them, so a wrap that is made now costs about [`TARGET`] on the
//! computer that makes it, and never less than [`Costs::FLOOR`]. The costs stand in the wrap; a reader refuses what lies
//! beyond [`MAX_MEMORY_KIB`], [`MAX_PASSES`] and [`MAX_LANES`], since a hostile file must not ask for all memory.

use std::fmt;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::crypto::ChunkKey;
use crate::files::{StoreError, StoreResult};
use crate::time::Clock;

/// How long opening with the passphrase takes on the computer that made the wrap, where the bounds allow it.
const TARGET: Duration = Duration::from_millis(500);
/// Most memory that a reader spends, in KiB.
const MAX_MEMORY_KIB: u32 = 512 << 10;
/// Most passes that a reader makes.
const MAX_PASSES: u32 = 16;
/// Most lanes that a reader takes.
const MAX_LANES: u32 = 8;
/// How often one pass is measured. The fastest counts: what else the computer does just now must not make the wrap weaker.
const SAMPLES: u32 = 3;

/// Argon2id's costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl Costs {
    /// Less is never made for a person, however slow the computer: the memory and passes of RFC 9106's second
    /// recommendation, on one lane.
    pub const FLOOR: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
    /// Next to nothing, for journals that keep no secret: tests and the demonstration open hundreds.
    pub const LEAST: Self = Self { memory_kib: 256, passes: 1, lanes: 1 };

    /// The costs that come to the time aimed at where one pass over the floor's memory takes `pass`; the floor where nobody
    /// knows how long it takes. Passes first, so that a program which opens a journal stays small, then memory.
    pub fn fitted(pass: Option<Duration>) -> Self {
        let Some(pass) = pass.filter(|pass| !pass.is_zero()) else { return Self::FLOOR };
        let mut costs = Self::FLOOR;
        let mut passes = TARGET.as_micros() / pass.as_micros().max(1);
        while passes > u128::from(MAX_PASSES) && costs.memory_kib * 2 <= MAX_MEMORY_KIB {
            costs.memory_kib *= 2;
            passes /= 2;
        }
        costs.passes = u32::try_from(passes).unwrap_or(MAX_PASSES).clamp(Self::FLOOR.passes, MAX_PASSES);
        costs
    }

    /// The costs for a passphrase that is set on this computer, as it is measured now: by the processor's time where the
    /// clock knows it, which other programs do not stretch, else by the wall's.
    pub fn measured(clock: &dyn Clock) -> StoreResult<Self> {
        let one = Self { passes: 1, ..Self::FLOOR };
        let mut fastest = None;
        for _ in 0..SAMPLES {
            let (begun, cpu) = (clock.now(), clock.cpu_ms());
            stretched("", &one, &[0; 16])?;
            let wall = u64::try_from(clock.now().0.saturating_sub(begun.0)).unwrap_or(0);
            // A clock that stands or was set back says nothing.
            let took = [clock.cpu_ms().saturating_sub(cpu), wall].into_iter().find(|took| *took > 0);
            fastest = [fastest, took].into_iter().flatten().min();
        }
        Ok(Self::fitted(fastest.map(Duration::from_millis)))
    }

    /// Whether a person's passphrase is stretched less than it should be.
    pub fn is_below_floor(&self) -> bool {
        self.memory_kib < Self::FLOOR.memory_kib || self.passes < Self::FLOOR.passes
    }

    pub(super) fn bearable(&self) -> bool {
        (8..=MAX_MEMORY_KIB).contains(&self.memory_kib)
            && (1..=MAX_PASSES).contains(&self.passes)
            && (1..=MAX_LANES).contains(&self.lanes)
            && self.memory_kib >= 8 * self.lanes
    }
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory_kib, passes, .. } = self;
        let (amount, unit) = if *memory_kib < 1024 { (*memory_kib, "KiB") } else { (memory_kib / 1024, "MiB") };
        write!(f, "{amount} {unit} and {passes} {} of Argon2id", if *passes == 1 { "pass" } else { "passes" })
    }
}

/// The wrapping key of a passphrase. The same passphrase is the same bytes from every keyboard: composed, as RFC 8265 has
/// it.
pub(super) fn stretched(passphrase: &str, costs: &Costs, salt: &[u8; 16]) -> StoreResult<ChunkKey> {
    let failed = |error: argon2::Error| StoreError::Internal(format!("the passphrase could not be stretched: {error}"));
    // Composing makes no text more than three times as long (UAX #15), and a buffer that grows leaves copies behind.
    let mut composed = Zeroizing::new(String::with_capacity(passphrase.len() * 3));
    composed.extend(passphrase.nfc());
    let params = Params::new(costs.memory_kib, costs.passes, costs.lanes, Some(32)).map_err(failed)?;
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(composed.as_bytes(), salt, out.as_mut())
        .map_err(failed)?;
    Ok(ChunkKey::from_bytes(*out))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::time::Timestamp;

    fn fitted(ms: u64) -> (u32, u32) {
        let costs = Costs::fitted(Some(Duration::from_millis(ms)));
        assert!(costs.bearable() && !costs.is_below_floor(), "{costs:?}");
        (costs.memory_kib / 1024, costs.passes)
    }

    #[test]
    fn a_pass_that_is_measured_is_made_as_often_as_half_a_second_allows() {
        for (pass, costs) in [
            (60_000, (64, 3)),
            (250, (64, 3)),
            (160, (64, 3)),
            (83, (64, 6)),
            (50, (64, 10)),
            (30, (64, 16)),
            (29, (128, 8)),
            (10, (256, 12)),
            (3, (512, 16)),
            (1, (512, 16)),
        ] {
            assert_eq!(fitted(pass), costs, "{pass} ms");
        }
        assert_eq!(Costs::fitted(None), Costs::FLOOR);
        assert_eq!(Costs::fitted(Some(Duration::ZERO)), Costs::FLOOR);
    }

    #[test]
    fn it_comes_to_half_a_second_or_the_floor_and_never_to_what_a_reader_refuses() {
        for micros in (1..2_000_000_u64).step_by(997) {
            let costs = Costs::fitted(Some(Duration::from_micros(micros)));
            assert!(costs.bearable() && !costs.is_below_floor(), "{micros} us: {costs:?}");
            let all = micros * u64::from(costs.passes) * u64::from(costs.memory_kib / Costs::FLOOR.memory_kib);
            let most = costs.memory_kib == MAX_MEMORY_KIB && costs.passes == MAX_PASSES;
            let floor = costs.passes == Costs::FLOOR.passes;
            assert!(all <= 500_000 || floor, "{micros} us: {costs:?} comes to {all} us");
            assert!(all > 500_000 * 2 / 3 || most, "{micros} us: {costs:?} comes to {all} us");
        }
    }

    /// A clock on which each look is a step later, from a list; and a processor on which it is a tenth of that, if it tells.
    #[derive(Debug)]
    struct Steps(AtomicI64, [i64; 6], bool);

    impl Clock for Steps {
        fn now(&self) -> Timestamp {
            let at = self.0.fetch_add(1, Ordering::Relaxed) as usize;
            Timestamp(self.1[..=at].iter().sum())
        }

        fn cpu_ms(&self) -> u64 {
            let looks = self.0.load(Ordering::Relaxed) as usize;
            if self.2 { self.1[..looks].iter().sum::<i64>() as u64 / 10 } else { 0 }
        }
    }

    #[test]
    fn the_fastest_of_the_measurements_counts_and_a_clock_that_stands_says_nothing() {
        let costs = |steps| Costs::measured(&Steps(AtomicI64::new(0), steps, false)).unwrap();
        // Between two measurements too: only what lies inside of one counts.
        assert_eq!(costs([0, 400, 9, 83, 9, 200]), Costs::fitted(Some(Duration::from_millis(83))));
        assert_eq!(costs([0, -400, 9, 0, 9, 100]), Costs::fitted(Some(Duration::from_millis(100))));
        assert_eq!(costs([0; 6]), Costs::FLOOR);
        // The processor's own time counts where it is known: a busy computer is no slower than it is.
        let busy = Steps(AtomicI64::new(0), [0, 4000, 0, 500, 0, 800], true);
        assert_eq!(Costs::measured(&busy).unwrap(), Costs::fitted(Some(Duration::from_millis(50))));
    }

    #[test]
    fn the_least_is_borne_and_named() {
        assert!(Costs::LEAST.bearable() && Costs::LEAST.is_below_floor());
        assert_eq!(Costs::LEAST.to_string(), "256 KiB and 1 pass of Argon2id");
        assert_eq!(Costs::FLOOR.to_string(), "64 MiB and 3 passes of Argon2id");
    }
}
