//! Numbers that follow from a seed (splitmix64), for runs that are the same each time.

/// The longest input that is made.
const LONGEST: u64 = 512;
/// What a mutation puts into a body.
const TOKENS: [&str; 20] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "0",
    "1e999",
    "\\u0000",
    "\\ud800",
    "\u{a0}",
    "\"hotdesk.dev/owner\":\"x\",",
    "\"metadata\":{},",
    "alice@example.com",
    "system:masters",
    "DELETE",
];

/// The numbers.
#[derive(Debug, Clone)]
pub struct Numbers(pub u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below this one; 0 if there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or_default()
    }

    /// Some bytes.
    pub fn bytes(&mut self) -> Vec<u8> {
        let length = self.next() % LONGEST;
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// One of these.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// These bytes with some changes: a part that goes, comes again, or gives way to a token.
    pub fn mutated(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let from = self.below(bytes.len());
            let to = (from + self.below(24)).min(bytes.len());
            let new = match self.below(4) {
                0 => Vec::new(),
                1 => bytes.get(from..to).map(|part| part.repeat(2)).unwrap_or_default(),
                2 => vec![self.next().to_le_bytes()[0]],
                _ => self.one(&TOKENS).map(|token| token.as_bytes().to_vec()).unwrap_or_default(),
            };
            bytes.splice(from..to, new);
        }
        bytes
    }
}
