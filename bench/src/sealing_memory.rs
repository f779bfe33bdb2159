//! How much memory sealing takes at its peak, whatever the size of the file.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ovseal::{KeyFile, Model, ModelName, ModelOptions, SealOptions};
use serde::Serialize;

use crate::Result;
use crate::fixture::{default_threads, emptied};
use crate::machine::{field, kilobytes};

/// The peak memory of sealing one file.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct SealingMemory {
    /// Length of the file in bytes.
    pub(crate) size: u64,
    /// Threads that encrypted.
    pub(crate) threads: usize,
    /// Peak resident memory of the process that sealed it, in bytes.
    pub(crate) peak_bytes: u64,
    /// The same of a process that did nothing else.
    pub(crate) baseline_bytes: u64,
}

impl SealingMemory {
    /// What sealing took above the baseline, in bytes.
    pub(crate) fn above_baseline(&self) -> u64 {
        self.peak_bytes.saturating_sub(self.baseline_bytes)
    }
}

/// Seals sparse files of these lengths below `folder`, each in a process of its own.
pub(crate) fn measure(folder: &Path, sizes: &[u64]) -> Result<Vec<SealingMemory>> {
    let folder = emptied(folder.join("memory"))?;
    let measured = sizes.iter().map(|&size| measure_one(&folder, size)).collect();
    fs::remove_dir_all(&folder)?;
    measured
}

fn measure_one(folder: &Path, size: u64) -> Result<SealingMemory> {
    let (input, output) = (folder.join("sparse"), folder.join("sparse.ovseal"));
    File::create(&input)?.set_len(size)?;
    let peak_bytes = child(&[&input, &output])?;
    fs::remove_file(&output)?;
    Ok(SealingMemory { size, threads: default_threads().get(), peak_bytes, baseline_bytes: child(&[])? })
}

/// Starts this program again, and gives the peak memory that it tells.
fn child(files: &[&Path]) -> Result<u64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("seal-once").args(files).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("sealing in a process of its own ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Seals one file with a key file, or nothing, and prints the peak memory of this process in bytes.
#[derive(clap::Args)]
pub(crate) struct SealOnce {
    /// The plaintext
    #[arg(requires = "output")]
    input: Option<PathBuf>,
    /// The container
    output: Option<PathBuf>,
}

impl SealOnce {
    /// Does it.
    #[expect(clippy::print_stdout, reason = "the number is the result")]
    pub(crate) fn run(&self) -> Result<()> {
        if let (Some(input), Some(output)) = (&self.input, &self.output) {
            seal(input, output, default_threads())?;
        }
        let status = fs::read_to_string("/proc/self/status")?;
        let peak =
            field(&status, "VmHWM").and_then(kilobytes).ok_or("the kernel does not tell the peak memory")?;
        println!("{peak}");
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
