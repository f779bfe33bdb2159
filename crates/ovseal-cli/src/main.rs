//! The `ovseal` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Harden first: a debugger that attached before this line stays attached.
    ovseal_memory::harden_process();
    // Do this while there is a single thread: later, changing the environment is not safe.
    ovseal_hardware::tpm2::silence();
    ovseal_cli::run(std::env::args_os())
}
