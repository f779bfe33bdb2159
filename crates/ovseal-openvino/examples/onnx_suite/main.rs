//! Runs the ONNX project's backend tests twice in plaintext and once sealed: `onnx_suite FOLDER`.
//!
//! `testkit/onnx_suite/cases.py` writes the directory. For each case this prints a line with its
//! name and outcome, and writes the plaintext's outputs next to the case.
//! `testkit/onnx_suite/judge.py` compares them with the recorded ones. The runtime's parser may end
//! the process, but that process is only a worker.
#![expect(clippy::print_stdout, reason = "the lines are what it is for")]

mod case;
mod worker;

use std::error::Error;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use worker::Worker;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [folder] => supervise(Path::new(folder)),
        ["--work", folder] => worker::work(Path::new(folder)),
        _ => Err("usage: onnx_suite FOLDER".into()),
    }
}

/// Distributes the cases to one worker per processor.
fn supervise(folder: &Path) -> Result<(), Box<dyn Error>> {
    let names = Mutex::new(case::names(folder)?.into_iter());
    let next = || names.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    let count = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    let mut worker = Worker::start(folder)?;
                    while let Some(name) = next() {
                        println!("{name}\t{}", worker.examine(&name)?);
                    }
                    Ok::<(), std::io::Error>(())
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    Ok(())
}
