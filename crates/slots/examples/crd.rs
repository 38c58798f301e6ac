//! Prints the Slot's CustomResourceDefinition as the chart ships it: `make crd` writes it there.

use std::error::Error;
use std::io::Write as _;

fn main() -> Result<(), Box<dyn Error>> {
    let yaml = serde_saphyr::to_string(&hotdesk_slots::crd::crd())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "# Generated from crates/slots/src/slot.rs by `make crd`; do not edit.")?;
    Ok(out.write_all(yaml.as_bytes())?)
}
