//! What do the rows of a sheet of claims mean?
//!
//! One reading for everybody who reads such a sheet: the sync, which brings it to the Slots, and `hotdesk resolve`,
//! which asks it where no cluster can be asked. A text becomes a table (`csv`), a table has a header (`header`), and
//! below it each row is judged in full (`rows`), cell by cell (`cells`, `date`). `people` reads the second table.
//!
//! Architecture Invariant: texts in, meanings out. There is no client, clock, environment or file here.

pub mod cells;
pub mod csv;
pub mod date;
pub mod header;
pub mod people;
pub mod rows;

pub use cells::{Kind, Line, Problem, Table, Warning};
pub use header::{Columns, Unreadable};
pub use rows::{Entry, Read, Reading, Row, SlotNames, Wanted, is_host, read};
