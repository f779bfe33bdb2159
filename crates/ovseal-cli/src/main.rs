//! The `ovseal` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: whoever could attach before this line stays attached.
    ovseal_memory::harden_process();
    // While there is a single thread: later the environment cannot be changed safely.
    ovseal_hardware::tpm2::silence();
    ovseal_cli::run(std::env::args_os())
}
