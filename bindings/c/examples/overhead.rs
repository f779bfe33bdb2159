//! What reading a sealed model costs from C++, against Rust: `overhead CONTAINER KEYFILE PROGRAM ROUNDS`, where PROGRAM is
//! `read_model.cpp`, built. Each reading is a process of its own, and the two take turns.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use ovseal::{KeyFile, OpenOptions, Trust};
use ovseal_openvino::{Core, Environment, Runtime};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Seconds, and peak memory in KiB.
type Sample = (f64, f64);

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [container, key] => read(Path::new(container), Path::new(key)),
        [container, key, program, rounds] => compare(container, key, program, rounds.parse()?),
        _ => Err("usage: overhead CONTAINER KEYFILE PROGRAM ROUNDS".into()),
    }
}

fn compare(container: &str, key: &str, program: &str, rounds: usize) -> Outcome<()> {
    let rust = std::env::current_exe()?;
    let (mut from_rust, mut from_cxx) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Each goes first in turn.
        for is_rust in [round % 2 == 0, round % 2 == 1] {
            let (program, samples) = match is_rust {
                true => (rust.as_path(), &mut from_rust),
                false => (Path::new(program), &mut from_cxx),
            };
            samples.push(sample(Command::new(program).args([container, key]))?);
        }
    }
    let ratios = from_cxx.iter().zip(&from_rust).map(|(cxx, rust)| cxx.0 / rust.0).collect();
    let seconds = |samples: &[Sample]| median(samples.iter().map(|sample| sample.0).collect());
    let peak = |samples: &[Sample]| median(samples.iter().map(|sample| sample.1 / 1024.0).collect());
    println!("Rust  {:.3} s, peak {:.1} MiB", seconds(&from_rust), peak(&from_rust));
    println!("C++   {:.3} s, peak {:.1} MiB", seconds(&from_cxx), peak(&from_cxx));
    println!("C++ over Rust, median of {rounds} rounds: {:.3}", median(ratios));
    Ok(())
}

fn sample(command: &mut Command) -> Outcome<Sample> {
    let output = command.output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse);
    let (Some(seconds), Some(peak)) = (numbers.next(), numbers.next()) else {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    };
    Ok((seconds?, peak?))
}

fn read(container: &Path, key: &Path) -> Outcome<()> {
    let key = KeyFile::read_from(&mut std::fs::File::open(key)?)?;
    let core = Core::new(&Runtime::locate(None, &Environment::from_process())?)?;
    let start = Instant::now();
    let opened = OpenOptions::new(Trust::AnySender).open(container, &[&key])?;
    let model = core.read_sealed(&opened, None)?;
    let seconds = start.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    println!("{seconds} {}", peak.trim_end_matches("kB").trim());
    drop(model);
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
