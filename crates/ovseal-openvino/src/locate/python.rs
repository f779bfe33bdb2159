//! OpenVINO's Python package.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::environment::Environment;
use crate::sys;

/// Finds `python3` in the environment's `PATH`.
pub(crate) fn interpreter(environment: &Environment) -> Option<PathBuf> {
    environment.folders("PATH").into_iter().map(|folder| folder.join("python3")).find(|file| file.is_file())
}

/// Finds the directory of an interpreter's package `openvino`, without importing the package.
///
/// `None` if it is not installed, if the interpreter fails, or if it does not answer within
/// [`TIMEOUT`].
pub(crate) fn package(interpreter: &Path, environment: &Environment) -> Option<PathBuf> {
    let mut child = Command::new(interpreter)
        .args(["-I", "-c", QUESTION])
        .env_clear()
        .envs(&environment.variables)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let answer = answer(&mut child);
    // Killing a child that has already exited fails, which does no harm.
    let _ = child.kill();
    let _ = child.wait();
    answer.filter(|path| path.is_absolute())
}

/// Reads the child's standard output on a new thread, to wait no longer than [`TIMEOUT`].
fn answer(child: &mut Child) -> Option<PathBuf> {
    let output = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if output.take(LONGEST_ANSWER).read_to_end(&mut bytes).is_ok() {
            // This fails after the timeout, when the receiver is gone.
            let _ = sender.send(bytes);
        }
    });
    let mut bytes = receiver.recv_timeout(TIMEOUT).ok()?;
    bytes.truncate(bytes.trim_ascii_end().len());
    (!bytes.is_empty()).then(|| sys::path_from_bytes(bytes))
}

/// Prints the package's directory. `-I` keeps the current directory and `PYTHON*` variables out of
/// the search; `find_spec` runs none of the package's code.
const QUESTION: &str = "import importlib.util, os, sys\n\
    spec = importlib.util.find_spec('openvino')\n\
    places = list(spec.submodule_search_locations or []) if spec else []\n\
    sys.stdout.buffer.write(os.fsencode(places[0]) if places else b'')";

/// Starting an interpreter takes about 20 ms, and longer from a cold disk.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Linux allows paths of 4096 bytes; a newline follows.
const LONGEST_ANSWER: u64 = 4097;
