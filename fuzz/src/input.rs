//! How do bytes become a question? By types that derive `Arbitrary`, so that a small change of the bytes is a small change of
//! the question, and most questions are about something.

use arbitrary::Arbitrary;
use hotdesk_webhook::answer::Path;

pub mod fixed;
pub mod object;
pub mod poke;
pub mod review;
pub mod slot;
pub mod text;
pub mod who;

/// Which of the webhook's paths is asked.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub struct Way(u8);

impl Way {
    /// The right path, in most cases.
    #[must_use]
    pub fn path(self, right: Path) -> Path {
        match self.0 % 16 {
            15 => Path::Mutate,
            14 => Path::Validate,
            13 => Path::Slots,
            _ => right,
        }
    }
}

/// The path that a byte stands for.
#[must_use]
pub fn path(byte: u8) -> Path {
    match byte % 3 {
        0 => Path::Mutate,
        1 => Path::Validate,
        _ => Path::Slots,
    }
}
