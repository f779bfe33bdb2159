//! What an interrupted run left in its JSON, so that another one goes on from there.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::Result;
use crate::load::rounds::Measured;
use crate::load::setting::Setting;

/// The part of a run's JSON from which everything else follows.
#[derive(Deserialize)]
pub(crate) struct Kept {
    #[serde(flatten)]
    setting: Setting,
    networks: Vec<Measured>,
}

impl Kept {
    /// Reads what a run of the same setting found.
    pub(crate) fn read(path: &Path, setting: &Setting) -> Result<Vec<Measured>> {
        let refused = |error: Box<dyn Error>| format!("{}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(|error| refused(error.into()))?;
        let kept: Self = serde_json::from_str(&text).map_err(|error| refused(error.into()))?;
        setting.demand(&kept.setting).map_err(refused)?;
        Ok(kept.networks)
    }
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
    use crate::load::setting::tests::setting;
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
        let measured = Measured {
            network: Network::DecoderInt4,
            bytes: 9,
            sha256: "cd".into(),
            absent,
            series: vec![series],
        };
        Outcome::new(&setting(), &[&measured])
    }

    /// Beside the program, where tests of this crate write.
    fn place(name: &str) -> std::path::PathBuf {
        std::env::current_exe().unwrap().with_extension(name)
    }

    #[test]
    fn what_was_written_is_read_again() {
        let path = place("kept");
        replace(&path, &serde_json::to_string(&outcome()).unwrap()).unwrap();
        let kept = Kept::read(&path, &setting()).unwrap();
        fs::remove_file(&path).unwrap();
        let [Measured { network: Network::DecoderInt4, bytes: 9, sha256, absent, series }] = &kept[..] else {
            panic!("{kept:?}")
        };
        assert_eq!((absent[0].way, absent[0].reason.as_str()), (Way::Gocryptfs, "no /dev/fuse"));
        assert_eq!(sha256, "cd");
        let series = &series[0];
        assert_eq!((series.way, series.cache, series.differing), (Way::EagerAny, Cache::Cold, 1));
        assert_eq!((series.samples.len(), kept[0].rounds()), (2, 2));
        assert_eq!(series.samples[1].opening.as_deref(), Some("eager"));
    }

    #[test]
    fn what_was_measured_otherwise_is_refused() {
        let path = place("refused");
        replace(&path, &serde_json::to_string(&outcome()).unwrap()).unwrap();
        let fewer = Setting { rounds: 3, ways: vec![Way::Plaintext], ..setting() };
        let refused = Kept::read(&path, &fewer).err().unwrap().to_string();
        fs::remove_file(&path).unwrap();
        let reason = "in another number of rounds, in other ways: begin anew without --resume";
        assert_eq!(refused, format!("{}: it was measured {reason}", path.display()));
    }
}
