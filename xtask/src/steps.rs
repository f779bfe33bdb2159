//! Steps of a task, with their durations.

use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Runs steps in sequence and records their durations.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration, bool)>,
}

impl Steps {
    /// Runs one step under a heading.
    ///
    /// # Errors
    ///
    /// The error of the step, prefixed with the step's name.
    pub(crate) fn run<T>(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = work().map_err(|failure| failure.in_step(name));
        self.done.push((name.to_owned(), start.elapsed(), outcome.is_ok()));
        outcome
    }

    /// Prints a line for each step, and the total.
    pub(crate) fn print(&self) {
        println!("\n{self}");
    }
}

impl std::fmt::Display for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = self.done.iter().map(|(name, ..)| name.len()).max().unwrap_or(0).max(5);
        for (name, time, passed) in &self.done {
            let mark = if *passed { "" } else { "  FAILED" };
            writeln!(f, "{name:width$} {:8.1} s{mark}", time.as_secs_f64())?;
        }
        let total: Duration = self.done.iter().map(|(_, time, _)| *time).sum();
        write!(f, "{:width$} {:8.1} s", "total", total.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_marks_the_step_that_failed() {
        let steps = Steps {
            done: vec![
                ("doctests".into(), Duration::from_millis(1500), true),
                ("pytest".into(), Duration::from_secs(20), false),
            ],
        };
        assert_eq!(
            steps.to_string(),
            "doctests      1.5 s\npytest       20.0 s  FAILED\ntotal        21.5 s"
        );
    }
}
