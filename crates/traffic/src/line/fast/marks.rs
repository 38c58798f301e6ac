//! Where are the quotes and backslashes of a line?
//!
//! They are but a few bytes apart, so a search from each to the next costs more in its beginnings than in bytes. Here eight
//! bytes are looked at in a few steps of arithmetic, and which of them count is noted for 64 at a time.

/// The bytes of which a block has notes.
const BLOCK: usize = 64;

/// The bytes that are looked at together.
const WORD: usize = 8;

/// The places of quotes and backslashes, in order.
#[derive(Debug, Clone)]
pub(super) struct Marks<'a> {
    /// What is behind the present block.
    rest: &'a [u8],
    /// Where the present block begins.
    begin: usize,
    /// Which of its bytes count and were not handed over yet, from the lowest bit on.
    left: u64,
    /// How long it is.
    length: usize,
}

impl<'a> Marks<'a> {
    /// Those of these bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, begin: 0, left: 0, length: 0 }
    }

    /// Goes on to the next block, if there is one.
    fn advance(&mut self) -> Option<()> {
        self.begin += self.length;
        if let Some((block, rest)) = self.rest.split_first_chunk::<BLOCK>() {
            (self.left, self.length, self.rest) = (marks(block), BLOCK, rest);
            return Some(());
        }
        let rest = std::mem::take(&mut self.rest);
        let mut block = [0; BLOCK];
        block.get_mut(..rest.len())?.copy_from_slice(rest);
        (self.left, self.length) = (marks(&block), rest.len());
        (!rest.is_empty()).then_some(())
    }
}

impl Iterator for Marks<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.left == 0 {
            self.advance()?;
        }
        let at = self.begin + self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(at)
    }
}

fn marks(block: &[u8; BLOCK]) -> u64 {
    let (words, _) = block.as_chunks::<WORD>();
    let noted = |(index, word): (usize, &[u8; WORD])| marks_of(u64::from_le_bytes(*word)) << (WORD * index);
    words.iter().enumerate().map(noted).fold(0, |all, these| all | these)
}

/// Which bytes of a word are quotes or backslashes, a bit for each.
fn marks_of(word: u64) -> u64 {
    let found = (zeros(word ^ repeated(b'"')) | zeros(word ^ repeated(b'\\'))) >> 7;
    // Each byte is 0 or 1 now. The factor moves that of byte n to bit 56 + n, and no two sums meet.
    found.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// The highest bit of each byte that is zero, and no other. The sum of a byte never reaches into the next one.
fn zeros(word: u64) -> u64 {
    let low = repeated(0x7f);
    !(((word & low) + low) | word | low)
}

const fn repeated(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; WORD])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_those_that_a_look_at_each_byte_finds(
            bytes in proptest::collection::vec(
                prop_oneof![Just(b'"'), Just(b'\\'), Just(b'"' | 0x80), Just(b'\\' | 0x80), Just(b'!'), Just(b'#'), any::<u8>()],
                0..300,
            ),
        ) {
            let plainly: Vec<usize> =
                bytes.iter().enumerate().filter(|(_, byte)| matches!(byte, b'"' | b'\\')).map(|(at, _)| at).collect();
            prop_assert_eq!(Marks::new(&bytes).collect::<Vec<_>>(), plainly);
        }
    }

    #[test]
    fn every_byte_is_told_at_every_place() {
        for at in 0..WORD {
            for byte in 0..=u8::MAX {
                for other in [0, b'"', b'\\', b'x', 0xff] {
                    let mut word = [other; WORD];
                    word[at] = byte;
                    let found = marks_of(u64::from_le_bytes(word));
                    let expected: u64 =
                        (0..WORD).filter(|at| matches!(word[*at], b'"' | b'\\')).map(|at| 1 << at).sum();
                    assert_eq!(found, expected, "{word:?}");
                }
            }
        }
    }
}
