//! The `ovseal` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First: a debugger that attached before this line stays attached.
    ovseal_memory::harden_process();
    // While there is a single thread: later, changing the environment is not safe.
    ovseal_hardware::tpm2::silence();
    ovseal_cli::run(std::env::args_os())
}
