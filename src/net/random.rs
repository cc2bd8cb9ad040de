//! Numbers that can't be guessed.

/// Random bytes of the system, fetched in advance.
#[derive(Debug, Default)]
pub struct Random(Vec<u8>);

impl Random {
    /// A number that can't be guessed, below `bound` (0 if that is 0).
    pub fn below(&mut self, bound: usize) -> usize {
        if self.0.len() < size_of::<u32>() {
            self.0.resize(1024, 0);
            // Without the system's randomness ports can be guessed; a client's address is still checked.
            let _ = getrandom::fill(&mut self.0);
        }
        let bytes = self.0.split_off(self.0.len() - size_of::<u32>());
        let random = bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        random.checked_rem(bound).unwrap_or(0)
    }
}
