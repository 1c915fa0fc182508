//! Reproducible random numbers, the same on every machine and in every version.

use std::hash::{BuildHasher as _, RandomState};

/// The generator SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). Seeding
/// takes a few nanoseconds, so each record has its own.
#[derive(Debug, Clone)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    /// The generator of record `number` of the corpus `seed`.
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        let mut outer = Self(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        Self(outer.next())
    }

    /// 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`, which is not zero. The bias is below 2⁻³².
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// Returns `true` with a probability of `of_thousand` in 1000.
    pub(crate) fn per_mille(&mut self, of_thousand: u32) -> bool {
        self.below(1000) < of_thousand
    }

    /// A random element.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }
}

/// 64 bits that differ for each start of the program.
pub(crate) fn fresh() -> u64 {
    // The standard library seeds its hash maps from the operating system.
    RandomState::new().hash_one(std::process::id())
}
