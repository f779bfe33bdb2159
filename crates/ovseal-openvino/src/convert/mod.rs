//! Conversion of models to IR, in memory.

mod error;

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use crate::locate::{Environment, python};
use crate::sys::{FileBytes, create_memory_file};

pub use error::ConvertError;

/// The precision of a converted model's weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Floating-point weights have 16 bits, the default of OpenVINO's command `ovc`.
    #[default]
    Half,
    /// Every weight keeps its type.
    Kept,
}

/// An IR in memory.
///
/// The bytes are plaintext. Core dumps leave them out, child processes do not inherit them, and
/// they are zeroized on drop. The bytes are not locked: they may be swapped out.
pub struct ConvertedModel {
    /// The topology, in XML.
    pub topology: Arc<dyn AsRef<[u8]> + Send + Sync>,
    /// The weights.
    pub weights: Arc<dyn AsRef<[u8]> + Send + Sync>,
}

impl ConvertedModel {
    /// Converts the model at `source` with the converter of OpenVINO's Python package, in a child
    /// process.
    ///
    /// `source` is any argument of `openvino.convert_model`: a file of TensorFlow Lite, TensorFlow,
    /// ONNX or PaddlePaddle, or a directory with a SavedModel of TensorFlow. The source may also be
    /// an IR, to change the precision of its weights. The child inherits anonymous files and writes
    /// to them through links in a `tmpfs`: `/dev/shm`, `XDG_RUNTIME_DIR` or `TMPDIR`. The child
    /// reads the model, and the files that the model refers to, with OpenVINO's own parsers:
    /// convert only models that you would also run.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] if the interpreter, the package, memory or the `tmpfs` is missing, or if
    /// the converter rejects the model.
    pub fn convert(
        source: &Path,
        precision: Precision,
        environment: &Environment,
    ) -> Result<Self, ConvertError> {
        let interpreter = interpreter(environment)?;
        let (topology, weights) = (create_memory_file()?, create_memory_file()?);
        let mut command = Command::new(interpreter);
        command
            .args(["-I", "-B", "-c", CHILD])
            .args([source.as_os_str(), OsStr::new(precision.word())])
            .env_clear()
            .envs(environment.without_variables_that_write_models())
            .stdin(topology.try_clone()?)
            .stdout(weights.try_clone()?)
            .stderr(Stdio::piped());
        let (status, told) = finish(command.spawn()?)?;
        if !status.success() {
            return Err(ConvertError::of(status, &told));
        }
        let [topology, weights] = [&topology, &weights].map(FileBytes::take);
        Ok(Self { topology: Arc::new(topology?), weights: Arc::new(weights?) })
    }
}

impl Precision {
    const fn word(self) -> &'static str {
        match self {
            Self::Half => "half",
            Self::Kept => "kept",
        }
    }
}

/// Finds the interpreter in `PATH`, and checks that it has the package.
fn interpreter(environment: &Environment) -> Result<PathBuf, ConvertError> {
    let interpreter = python::interpreter(environment).ok_or(ConvertError::NoInterpreter)?;
    match python::package(&interpreter, environment) {
        Some(_) => Ok(interpreter),
        None => Err(ConvertError::NoPackage { interpreter }),
    }
}

/// Waits for the child, and returns the end of its standard error.
fn finish(mut child: Child) -> io::Result<(ExitStatus, Vec<u8>)> {
    let told = child.stderr.take().map(end_of).transpose();
    let status = child.wait()?;
    Ok((status, told?.unwrap_or_default()))
}

/// Reads to the end and keeps the last [`LONGEST_MESSAGE`] bytes.
fn end_of(mut source: impl Read) -> io::Result<Vec<u8>> {
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => return Ok(kept),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        kept.extend_from_slice(&buffer[..count]);
        kept.drain(..kept.len().saturating_sub(LONGEST_MESSAGE));
    }
}

/// The program that the child runs.
const CHILD: &str = include_str!("child.py");

const LONGEST_MESSAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the child on a real model as [`ConvertedModel::convert`] does, but has it write to
    /// `files`. Returns its status and standard error.
    fn child(files: [Stdio; 2]) -> (ExitStatus, String) {
        let set_up = |name| std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set"));
        let model = Path::new(&set_up("OVSEAL_TEST_MODELS")).join("conv/model.xml");
        let [topology, weights] = files;
        let mut command = Command::new(set_up("OVSEAL_TEST_PYTHON"));
        command.args(["-I", "-B", "-c", CHILD]).args([model.as_os_str(), OsStr::new("kept")]);
        let child = command.stdin(topology).stdout(weights).stderr(Stdio::piped()).spawn().unwrap();
        let (status, told) = finish(child).unwrap();
        (status, String::from_utf8(told).unwrap())
    }

    #[test]
    fn what_is_not_in_memory_is_not_written_to() {
        for is_topology in [true, false] {
            let (mut reader, elsewhere) = io::pipe().unwrap();
            let (memory, elsewhere) = (create_memory_file().unwrap().into(), elsewhere.into());
            let files = if is_topology { [elsewhere, memory] } else { [memory, elsewhere] };
            let (status, told) = child(files);
            assert_eq!(told, "RuntimeError: the output file is not in memory\n");
            assert_eq!(status.code(), Some(1));
            let mut written = Vec::new();
            reader.read_to_end(&mut written).unwrap();
            assert_eq!(written, b"");
        }
    }

    #[test]
    fn the_end_of_a_long_output_is_kept() {
        let output = [vec![b'a'; 3 * LONGEST_MESSAGE], b"last".to_vec()].concat();
        let kept = end_of(&output[..]).unwrap();
        assert_eq!(kept.len(), LONGEST_MESSAGE);
        assert!(kept.ends_with(b"aaaalast"));
    }
}
