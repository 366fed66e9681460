//! Randomness from a seed, the same on every machine: for texts, for the relay's fate of each datagram, and as the core's
//! [`Entropy`].

use afterword_core::time::Entropy;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A seeded stream of numbers and choices.
#[derive(Debug, Clone)]
pub struct Seeded(ChaCha8Rng);

impl Seeded {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A stream of its own under the same seed, so that one more draw here does not move what is drawn there.
    pub fn stream(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `limit`; 0 where `limit` is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { (self.0.next_u64() % limit as u64) as usize }
    }

    /// A number from 0 up to, not including, 1.
    pub fn fraction(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Yes in `probability` of all cases.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// Where there are none.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let at = self.below(choices.len());
        choices.get(at).expect("there must be something to choose from")
    }

    /// `length` random bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_one_stream_and_streams_differ() {
        let draw = |mut rng: Seeded| (0..8).map(|_| rng.number()).collect::<Vec<_>>();
        assert_eq!(draw(Seeded::new(1)), draw(Seeded::new(1)));
        assert_ne!(draw(Seeded::new(1)), draw(Seeded::new(2)));
        assert_ne!(draw(Seeded::stream(1, 1)), draw(Seeded::stream(1, 2)));
        assert_eq!(Seeded::new(3).below(0), 0);
        let mut rng = Seeded::new(4);
        let yes = (0..1000).filter(|_| rng.chance(0.3)).count();
        assert!((200..400).contains(&yes), "{yes}");
    }
}
