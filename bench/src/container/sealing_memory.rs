//! Measures the peak memory of sealing, for several file sizes.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use ovseal::{KeyFile, Model, ModelName, ModelOptions, SealOptions};
use serde::Serialize;

use super::fixture::default_threads;
use crate::Result;
use crate::process::{Temporary, output, status, this_program};

/// The peak memory of sealing one file.
#[derive(Serialize)]
pub(super) struct SealingMemory {
    /// Length of the file in bytes.
    size: u64,
    /// Number of threads that encrypted.
    threads: usize,
    /// Peak resident memory of the process that sealed it, in bytes.
    peak_bytes: u64,
    /// Peak resident memory of a process that did nothing.
    baseline_bytes: u64,
}

/// Seals sparse files of these lengths in `directory`, each in a separate process.
pub(super) fn measure(directory: &Path, sizes: &[u64]) -> Result<Vec<SealingMemory>> {
    let directory = Temporary::create(directory.join("memory"))?;
    sizes.iter().map(|&size| measure_one(&directory, size)).collect()
}

fn measure_one(directory: &Path, size: u64) -> Result<SealingMemory> {
    let (input, sealed) = (directory.join("sparse"), directory.join("sparse.ovseal"));
    File::create(&input)?.set_len(size)?;
    let peak_bytes = child(&[&input, &sealed])?;
    fs::remove_file(&sealed)?;
    Ok(SealingMemory { size, threads: default_threads().get(), peak_bytes, baseline_bytes: child(&[])? })
}

/// Starts this program again, and returns the peak memory that it prints.
fn child(files: &[&Path]) -> Result<u64> {
    Ok(output(this_program("seal-child")?.args(files))?.trim().parse()?)
}

/// Seals one file to a key file, or does nothing, and prints the peak memory of this process in
/// bytes.
#[derive(clap::Args)]
pub(crate) struct SealChild {
    /// The plaintext
    #[arg(requires = "output")]
    input: Option<PathBuf>,
    /// The container
    output: Option<PathBuf>,
}

impl SealChild {
    /// Seals.
    #[expect(clippy::print_stdout, reason = "the number is the result")]
    pub(crate) fn run(&self) -> Result<()> {
        if let (Some(input), Some(output)) = (&self.input, &self.output) {
            seal(input, output, default_threads())?;
        }
        println!("{}", status("VmHWM")?);
        Ok(())
    }
}

fn seal(input: &Path, output: &Path, threads: NonZeroUsize) -> Result<()> {
    let key = KeyFile::generate()?;
    let model = Model::find(input, ModelOptions::default())?;
    let options = SealOptions::new(ModelName::parse("bench")?).recipient(&key).threads(threads);
    options.seal(&model, output)?;
    Ok(())
}
