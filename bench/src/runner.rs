//! A run: rounds of all methods, and the JSON file of their samples.

use std::fs;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::environment::{Environment, START_AGAIN};
use crate::turns::{Cache, Method, groups, order};

/// One run of a benchmark, and its file.
#[derive(Serialize, Deserialize)]
pub(crate) struct Run<S> {
    benchmark: String,
    environment: Environment,
    fixtures: Vec<Measured<S>>,
    #[serde(skip)]
    file: PathBuf,
}

/// All measurements of one fixture.
#[derive(Serialize, Deserialize)]
struct Measured<S> {
    #[serde(flatten)]
    facts: Facts,
    series: Vec<Series<S>>,
}

/// The facts about a fixture known before it is measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// Its name.
    pub(crate) fixture: String,
    /// Length of its plaintext.
    pub(crate) bytes: u64,
    /// SHA-256 of the fixture's files, unless they are created for the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
    /// The digest of outputs that every sample must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<String>,
    /// The methods that cannot be measured on this machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) absent: Vec<Absent>,
}

/// A method that cannot be measured on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Absent {
    /// The method.
    pub(crate) method: String,
    /// The reason.
    pub(crate) reason: String,
}

/// The samples of one method, one per round, or `None` for rounds in which it was not the method's
/// turn.
#[derive(Serialize, Deserialize)]
struct Series<S> {
    method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<Cache>,
    samples: Vec<Option<S>>,
}

impl<S: Serialize + DeserializeOwned> Run<S> {
    /// Begins a run, or continues the one in `file`, whose environment must be the same.
    pub(crate) fn begin(
        benchmark: &str,
        environment: Environment,
        file: PathBuf,
        resume: bool,
    ) -> Result<Self> {
        let fixtures = if resume {
            let refuse = |error: Box<dyn std::error::Error>| format!("{}: {error}", file.display());
            let text = fs::read_to_string(&file).map_err(|error| refuse(error.into()))?;
            let earlier: Self = serde_json::from_str(&text).map_err(|error| refuse(error.into()))?;
            environment.ensure_same(&earlier.environment).map_err(refuse)?;
            earlier.fixtures
        } else {
            Vec::new()
        };
        let run = Self { benchmark: benchmark.to_owned(), environment, fixtures, file };
        // If the file cannot be written, this fails now, not after an hour of measuring.
        run.save()?;
        Ok(run)
    }

    /// Returns whether all rounds of a fixture are done. Fails if the fixture has changed.
    pub(crate) fn is_complete(&self, fixture: &str, sha256: &str) -> Result<bool> {
        let Some(measured) = self.fixtures.iter().find(|measured| measured.facts.fixture == fixture) else {
            return Ok(false);
        };
        if measured.facts.sha256.as_deref() != Some(sha256) {
            return Err(format!("{fixture} is not the fixture that was measured: {START_AGAIN}").into());
        }
        Ok(measured.rounds() >= self.environment.rounds)
    }

    /// Measures the missing rounds of a fixture, and saves the run after each of them.
    ///
    /// The methods take turns in a different [`order`] each round, so that a disturbance affects
    /// all of them.
    pub(crate) fn measure<C>(
        &mut self,
        facts: Facts,
        context: &mut C,
        mut methods: Vec<Method<'_, C, S>>,
    ) -> Result<()> {
        let (index, rounds) = (self.adopt(facts, &methods)?, self.environment.rounds);
        for round in self.fixtures[index].rounds()..rounds {
            progress(&format!("round {} of {rounds}", round + 1));
            for group in groups(&methods) {
                for position in order(group.len(), round, rounds) {
                    let method = group[position];
                    let sample = methods[method].take_turn(round, context)?;
                    self.fixtures[index].series[method].samples.push(sample);
                }
            }
            self.save()?;
        }
        Ok(())
    }

    /// Saves the run with one more field.
    pub(crate) fn save_with(&self, name: &str, value: impl Serialize) -> Result<()> {
        let mut run = serde_json::to_value(self)?;
        run[name] = serde_json::to_value(value)?;
        self.write(&run)
    }

    fn save(&self) -> Result<()> {
        self.write(self)
    }

    /// Writes the file whole or not at all, so that an interrupted run keeps the previous round.
    fn write(&self, run: &impl Serialize) -> Result<()> {
        let partial = self.file.with_extension("partial");
        fs::write(&partial, serde_json::to_string_pretty(run)? + "\n")?;
        Ok(fs::rename(&partial, &self.file)?)
    }

    /// Returns the index of a new fixture, or of one that an earlier run began with the same
    /// methods.
    fn adopt<C>(&mut self, facts: Facts, methods: &[Method<'_, C, S>]) -> Result<usize> {
        let found = self.fixtures.iter().position(|measured| measured.facts.fixture == facts.fixture);
        let Some(index) = found else {
            let series = |method: &Method<'_, C, S>| Series {
                method: method.name.clone(),
                cache: method.cache,
                samples: Vec::new(),
            };
            self.fixtures.push(Measured { facts, series: methods.iter().map(series).collect() });
            return Ok(self.fixtures.len() - 1);
        };
        let measured = &self.fixtures[index];
        let before = measured.series.iter().map(|series| (&series.method, series.cache));
        if measured.facts == facts && before.eq(methods.iter().map(|method| (&method.name, method.cache))) {
            return Ok(index);
        }
        Err(format!("{} or its methods are not those that were measured: {START_AGAIN}", facts.fixture)
            .into())
    }
}

impl<S> Measured<S> {
    /// Returns the number of rounds that every method has completed.
    fn rounds(&self) -> u32 {
        self.series.iter().map(|series| series.samples.len()).min().unwrap_or(0) as u32
    }
}

/// Shows on standard error that a long measurement is still running.
#[expect(clippy::print_stderr, reason = "the terminal is for progress, the file for results")]
pub(crate) fn progress(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::environment;

    /// Returns a path next to the program, where the tests of this crate write.
    fn file(name: &str) -> PathBuf {
        std::env::current_exe().unwrap().with_extension(name)
    }

    fn facts(sha256: &str) -> Facts {
        Facts { fixture: "bert".into(), sha256: Some(sha256.into()), ..Facts::default() }
    }

    fn counting(names: &[&str]) -> Vec<Method<'static, u32, u32>> {
        let count = |counter: &mut u32| {
            *counter += 1;
            Ok(*counter)
        };
        names.iter().map(|name| Method::new(*name, count)).collect()
    }

    #[test]
    fn an_interrupted_run_continues_with_the_missing_rounds() {
        let file = file("interrupted.json");
        let mut run = Run::<u32>::begin("load", environment(2), file.clone(), false).unwrap();
        let mut interrupted = counting(&["a"]);
        interrupted.push(Method::new("b", |counter: &mut u32| {
            *counter += 1;
            if *counter > 2 { Err("interrupted".into()) } else { Ok(*counter) }
        }));
        assert!(run.measure(facts("x"), &mut 0, interrupted).is_err());
        let mut run = Run::<u32>::begin("load", environment(2), file.clone(), true).unwrap();
        assert!(!run.is_complete("bert", "x").unwrap());
        run.measure(facts("x"), &mut 10, counting(&["a", "b"])).unwrap();
        assert!(run.is_complete("bert", "x").unwrap());
        let samples = run.fixtures[0].series.iter().map(|series| &series.samples[..]);
        assert_eq!(samples.collect::<Vec<_>>(), [[Some(1), Some(12)], [Some(2), Some(11)]]);
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn other_fixtures_methods_and_environments_are_not_continued() {
        let file = file("other.json");
        let mut run = Run::<u32>::begin("load", environment(1), file.clone(), false).unwrap();
        run.measure(facts("x"), &mut 0, counting(&["a", "b"])).unwrap();
        for (sha256, names) in [("y", ["a", "b"]), ("x", ["b", "a"])] {
            let error = run.measure(facts(sha256), &mut 0, counting(&names)).unwrap_err();
            let reason = "bert or its methods are not those that were measured";
            assert_eq!(error.to_string(), format!("{reason}: {START_AGAIN}"));
        }
        let error = run.is_complete("bert", "y").unwrap_err().to_string();
        assert_eq!(error, format!("bert is not the fixture that was measured: {START_AGAIN}"));
        let error = Run::<u32>::begin("load", environment(3), file.clone(), true).err().unwrap();
        let reason = format!("this run differs from the measured one in: rounds; {START_AGAIN}");
        assert_eq!(error.to_string(), format!("{}: {reason}", file.display()));
        fs::remove_file(file).unwrap();
    }
}
