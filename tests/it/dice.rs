//! Chance that can be repeated.

use std::{env, time::SystemTime};

/// A small generator of numbers that nobody needs to trust (xorshift64*).
pub struct Dice(u64);

impl Dice {
    /// Tells its seed, which `FTPD_SEED=n` repeats.
    pub fn of_this_run() -> Dice {
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
        let seed = env::var("FTPD_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(now);
        eprintln!("FTPD_SEED={seed}");
        Dice(seed | 1)
    }

    /// Dice that roll the same for the same number, and have nothing in common with those of the next one.
    pub fn numbered(number: u64) -> Dice {
        let mixed = (number ^ (number >> 31)).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Dice((mixed ^ (mixed >> 29)) | 1)
    }

    /// Dice for another thread, so that the order of threads does not change the rolls.
    pub fn another(&mut self) -> Dice {
        Dice(self.below(1 << 31) as u64 | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    /// Small and large numbers are about as likely: what matters happens at both ends.
    pub fn length(&mut self, max: usize) -> usize {
        let bound = 1 << self.below(max.ilog2() as usize + 1);
        self.below(bound + 1).min(max)
    }

    /// True that many times out of a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let start = self.below(1 << 30);
        (0..length).map(|at| ((at + start).wrapping_mul(2_654_435_761) >> 11) as u8).collect()
    }
}
