//! `cargo xtask soak`: the memory test of C++ openings and the random reads of bounded memory, with
//! more repetitions.

use clap::Args;

use crate::failure::Failure;
use crate::process;
use crate::setting::Setting;
use crate::steps::Steps;
use crate::workspace::Workspace;

/// Options of the soak test.
#[derive(Args)]
pub(crate) struct Soak {
    /// Open and close the model N times
    #[arg(long, value_name = "N", default_value = "10000")]
    cycles: u32,
    /// Read N random bytes of bounded memory
    #[arg(long, value_name = "N", default_value = "10000000")]
    reads: u32,
}

/// Opens, compiles, infers and closes a model in C++, again and again. Reads bounded memory at
/// random.
///
/// # Errors
///
/// Fails if memory use grows, a byte is wrong, or the tests cannot be set up.
pub(crate) fn run(workspace: &Workspace, soak: &Soak) -> Result<(), Failure> {
    let mut steps = Steps::default();
    let mut reads = workspace.cargo();
    reads.args(["test", "--locked", "--release", "--package", "ovseal-memory", "--test", "paging_bounded"]);
    reads.args(["--", READS]).env("OVSEAL_SOAK_READS", soak.reads.to_string());
    steps.run("random reads", || process::run(&mut reads))?;
    let setting = Setting::prepare(workspace, &mut steps)?;
    let mut cargo = workspace.cargo();
    cargo.args([
        "test",
        "--locked",
        "--package",
        "ovseal-c",
        "--test",
        "openvino",
        "--",
        "--nocapture",
        FILTER,
    ]);
    cargo.env("OVSEAL_SOAK_CYCLES", soak.cycles.to_string());
    let outcome = steps.run("openings with OpenVINO", || process::run(setting.tell(&mut cargo)));
    steps.print();
    outcome
}

const READS: &str = "a_million_random_reads_within_a_mebibyte_see_no_differing_byte";
const FILTER: &str = "openings_with_openvino_leave_memory_flat";
