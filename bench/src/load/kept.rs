//! What an interrupted run left in its JSON, so that another one goes on from there.

use std::fs;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

use crate::Result;
use crate::load::rounds::Measured;
use crate::machine::Machine;

/// The part of a run's JSON from which everything else follows.
#[derive(Deserialize)]
pub(crate) struct Kept {
    program: String,
    machine: Machine,
    networks: Vec<Measured>,
}

impl Kept {
    /// Reads what a run of the same program on the same machine found.
    pub(crate) fn read(path: &Path) -> Result<Vec<Measured>> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let kept: Self = serde_json::from_str(&text)?;
        if kept.program != program()? {
            return Err("it was measured with another build of this program: begin anew".into());
        }
        if kept.machine != Machine::detect() {
            return Err("it was measured on another machine: begin anew".into());
        }
        Ok(kept.networks)
    }
}

/// SHA-256 of this program.
pub(crate) fn program() -> Result<String> {
    let program = fs::read(std::env::current_exe()?)?;
    Ok(ovseal::hex::encode(digest(&SHA256, &program).as_ref()))
}

/// Writes a file whole or not at all: whoever interrupts a run keeps what the round before found.
pub(crate) fn replace(path: &Path, text: &str) -> Result<()> {
    let partial = path.with_extension("partial");
    fs::write(&partial, text)?;
    Ok(fs::rename(&partial, path)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::outcome::{Absent, Outcome};
    use crate::load::rounds::Series;
    use crate::load::sample::Sample;
    use crate::load::way::{Cache, Network, Way};

    fn outcome() -> Outcome {
        let sample = Sample {
            compiled: 0.5,
            first_inference: 0.75,
            user: 1.0,
            system: 0.25,
            start_bytes: 1,
            peak_bytes: 4,
            anonymous_bytes: 2,
            file_bytes: 1,
            shared_bytes: 0,
            output: "ab".into(),
            opening: Some("eager".into()),
        };
        let series = Series {
            way: Way::EagerAny,
            cache: Cache::Cold,
            differing: 1,
            samples: vec![sample.clone(), sample],
        };
        let absent = vec![Absent { way: Way::Gocryptfs, reason: "no /dev/fuse".into() }];
        let measured = Measured { network: Network::DecoderInt4, bytes: 9, absent, series: vec![series] };
        Outcome::new(15, &[&measured]).unwrap()
    }

    /// Beside the program, where tests of this crate write.
    fn place(name: &str) -> std::path::PathBuf {
        std::env::current_exe().unwrap().with_extension(name)
    }

    #[test]
    fn what_was_written_is_read_again() {
        let path = place("kept");
        replace(&path, &serde_json::to_string(&outcome()).unwrap()).unwrap();
        let kept = Kept::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let [Measured { network: Network::DecoderInt4, bytes: 9, absent, series }] = &kept[..] else {
            panic!("{kept:?}")
        };
        assert_eq!((absent[0].way, absent[0].reason.as_str()), (Way::Gocryptfs, "no /dev/fuse"));
        let series = &series[0];
        assert_eq!((series.way, series.cache, series.differing), (Way::EagerAny, Cache::Cold, 1));
        assert_eq!((series.samples.len(), kept[0].rounds()), (2, 2));
        assert_eq!(series.samples[1].opening.as_deref(), Some("eager"));
    }

    #[test]
    fn another_build_and_another_machine_are_refused() {
        let path = place("refused");
        let program = Outcome { program: "00".into(), ..outcome() };
        let machine = Outcome { machine: Machine { cores: 99, ..Machine::detect() }, ..outcome() };
        for (other, word) in [(program, "build"), (machine, "machine")] {
            replace(&path, &serde_json::to_string(&other).unwrap()).unwrap();
            assert!(Kept::read(&path).err().unwrap().to_string().contains(word));
        }
        fs::remove_file(&path).unwrap();
    }
}
