//! What makes a reader of lines fast.
//!
//! Nothing here decides: for each there is a plain reader that has the last word, and the tests hold both to the same
//! answer on real, damaged and made-up lines.

mod marks;
pub(super) mod members;
pub(super) mod shape;
