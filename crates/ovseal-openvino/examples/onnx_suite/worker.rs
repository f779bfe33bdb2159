//! A process that examines cases one after another. A case may end the process.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use ovseal_openvino::{Core, Environment, Runtime};

use crate::case::Case;

/// The supervisor's side of a worker.
pub(crate) struct Worker {
    folder: PathBuf,
    child: Child,
    names: ChildStdin,
    outcomes: Receiver<String>,
}

/// Examines the cases listed on standard input, one per line, and prints a line for each.
pub(crate) fn work(folder: &Path) -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::locate(None, &Environment::from_process())?;
    let core = Core::new(&runtime)?;
    for name in io::stdin().lines() {
        let outcome = Case::read(&folder.join(name?)).map(|case| case.examine(&core, &runtime));
        // An error message may have several lines.
        let text = outcome.map_or_else(|error| format!("unreadable: {error}"), |outcome| outcome.to_string());
        println!("{}", text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    Ok(())
}

impl Worker {
    pub(crate) fn start(folder: &Path) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        // The runtime prints messages about cases that it cannot read. They are not results.
        command.arg("--work").arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let missing = || io::Error::other("a worker has no pipe");
        let names = child.stdin.take().ok_or_else(missing)?;
        let lines = BufReader::new(child.stdout.take().ok_or_else(missing)?).lines();
        let (sender, outcomes) = mpsc::channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Ok(Self { folder: folder.to_owned(), child, names, outcomes })
    }

    /// Sends a case to the worker. If the case ends the worker, another worker replaces it.
    pub(crate) fn examine(&mut self, name: &str) -> io::Result<String> {
        let asked = writeln!(self.names, "{name}");
        let outcome = asked.map_err(|_| RecvTimeoutError::Disconnected);
        match outcome.and_then(|()| self.outcomes.recv_timeout(PATIENCE)) {
            Ok(outcome) => Ok(outcome),
            Err(reason) => {
                let stage = std::fs::read_to_string(self.folder.join(name).join("stage")).unwrap_or_default();
                let what = if reason == RecvTimeoutError::Timeout { "hangs" } else { "crashes" };
                *self = Self::start(&self.folder.clone())?;
                Ok(format!("{what}: {stage}"))
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Killing fails only if the worker has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Time limit for one case. The slowest takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(120);
