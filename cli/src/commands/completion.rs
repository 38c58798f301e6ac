//! `hotdesk completion SHELL`: what completes the commands in a shell?

use clap::CommandFactory as _;
use clap_complete::aot;

use crate::args::{Args, Completion};
use crate::failure::Failure;

/// The program that a shell calls, whatever it was called now: kubectl completes its plugins by itself.
const PROGRAM: &str = "hotdesk";

/// The script.
///
/// # Errors
/// When it is not text, which no script is.
pub(crate) fn run(args: &Completion) -> Result<String, Failure> {
    let mut script = Vec::new();
    aot::generate(args.shell, &mut Args::command(), PROGRAM, &mut script);
    String::from_utf8(script).map_err(|e| Failure::Refused(format!("cannot write the script: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn every_shell_gets_a_script_that_knows_the_commands() {
        for shell in aot::Shell::value_variants() {
            let script = run(&Completion { shell: *shell }).unwrap();
            for word in ["claim", "resolve", "--kubeconfig"] {
                assert!(script.contains(word.trim_start_matches('-')), "{shell:?} does not know {word}");
            }
        }
    }
}
