//! Asks an interpreter where its OpenVINO wheel is.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::environment::Environment;

/// Finds the program `python3` in the environment's `PATH`.
pub(crate) fn interpreter(environment: &Environment) -> Option<PathBuf> {
    environment.folders("PATH").into_iter().map(|folder| folder.join("python3")).find(|file| file.is_file())
}

/// Asks an interpreter for the folder of its package `openvino`, without importing the package.
///
/// `None` when there is none, when the interpreter fails, or when it gives no answer within [`PATIENCE`].
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
    // Killing a child that has ended is an error which changes nothing.
    let _ = child.kill();
    let _ = child.wait();
    answer.filter(|path| path.is_absolute())
}

/// Reads the child's standard output on a thread of its own, so that a silent child costs no more than [`PATIENCE`].
fn answer(child: &mut Child) -> Option<PathBuf> {
    let output = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if output.take(LONGEST_ANSWER).read_to_end(&mut bytes).is_ok() {
            // The receiver is gone when patience was at an end.
            let _ = sender.send(bytes);
        }
    });
    let mut bytes = receiver.recv_timeout(PATIENCE).ok()?;
    bytes.truncate(bytes.trim_ascii_end().len());
    (!bytes.is_empty()).then(|| PathBuf::from(OsString::from_vec(bytes)))
}

/// `-I` keeps the current folder and `PYTHON*` variables out of the search; `find_spec` runs none of the package's code.
const QUESTION: &str = "import importlib.util, os, sys\n\
    spec = importlib.util.find_spec('openvino')\n\
    places = list(spec.submodule_search_locations or []) if spec else []\n\
    sys.stdout.buffer.write(os.fsencode(places[0]) if places else b'')";

/// The longest time that an interpreter may take. Starting one takes about 20 ms; a cold disk takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Linux allows paths of 4096 bytes.
const LONGEST_ANSWER: u64 = 4097;
