//! The `ovseal` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: whoever could attach before this line stays attached.
    ovseal_memory::harden_process();
    ovseal_cli::run(std::env::args_os())
}
