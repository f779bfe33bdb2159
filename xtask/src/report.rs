//! Output of `ovseal run --json`, and its presentation in the demo.

use serde::Deserialize;

use crate::failure::Failure;

/// Results of one run of a model.
#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    /// Seconds from before the opening to the first output.
    pub(crate) time_to_first_inference_s: f64,
    /// Peak resident memory in bytes.
    pub(crate) rss_peak_bytes: u64,
    /// Outputs of the model.
    pub(crate) outputs: Vec<Output>,
}

/// Description of one output.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Output {
    name: String,
    shape: Vec<u64>,
    #[serde(rename = "type")]
    kind: String,
    /// Hexadecimal SHA-256 of the raw bytes in C order.
    sha256: String,
}

impl Run {
    /// Parses the output of `ovseal run --json`.
    ///
    /// # Errors
    ///
    /// Fails if a field is missing, or there are no outputs to compare.
    pub(crate) fn parse(json: &str) -> Result<Self, Failure> {
        let run: Self = serde_json::from_str(json).map_err(|error| {
            Failure::new(format!("cannot parse the output of `ovseal run --json`: {error}"))
        })?;
        if run.outputs.is_empty() {
            return Err(Failure::new("`ovseal run --json` reported no outputs"));
        }
        Ok(run)
    }

    /// Describes time and memory.
    pub(crate) fn cost(&self) -> String {
        let peak = size(self.rss_peak_bytes);
        format!("first output after {:.2} s, at most {peak} of memory", self.time_to_first_inference_s)
    }

    /// Describes the outputs after comparing them with those of `other`.
    ///
    /// # Errors
    ///
    /// Fails if the outputs differ.
    pub(crate) fn same_outputs(&self, other: &Self) -> Result<String, Failure> {
        if self.outputs != other.outputs {
            let (ours, theirs) = (self.describe(), other.describe());
            return Err(Failure::new(format!("the outputs differ: {ours} and {theirs}")));
        }
        Ok(self.describe())
    }

    fn describe(&self) -> String {
        let outputs = self.outputs.iter().map(|output| {
            let start = output.sha256.get(..16).unwrap_or(&output.sha256);
            format!("{} {:?} {}, sha256 {start}…", output.name, output.shape, output.kind)
        });
        outputs.collect::<Vec<_>>().join("; ")
    }
}

/// Formats a size in megabytes of 10^6 bytes.
pub(crate) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is printed")]
    let megabytes = bytes as f64 / 1e6;
    format!("{megabytes:.1} MB")
}

/// Quotes a path for a shell, if necessary.
pub(crate) fn quoted(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = r#"{"device":"CPU","time_to_first_inference_s":0.5,"rss_peak_bytes":412000000,
        "outputs":[{"name":"logits","shape":[1,1000],"type":"f32","sha256":"00112233445566778899"}]}"#;

    #[test]
    fn equal_outputs_are_described() {
        let run = Run::parse(RUN).unwrap();
        assert_eq!(run.same_outputs(&run).unwrap(), "logits [1, 1000] f32, sha256 0011223344556677…");
        assert_eq!(run.cost(), "first output after 0.50 s, at most 412.0 MB of memory");
    }

    #[test]
    fn different_outputs_are_an_error() {
        let other = Run::parse(&RUN.replace("8899", "8898")).unwrap();
        let failure = Run::parse(RUN).unwrap().same_outputs(&other).unwrap_err();
        assert!(failure.to_string().starts_with("xtask: error: the outputs differ: "));
    }

    #[test]
    fn a_run_without_outputs_is_an_error() {
        let none = r#"{"time_to_first_inference_s":0.5,"rss_peak_bytes":1,"outputs":[]}"#;
        let failure = Run::parse(none).unwrap_err();
        assert_eq!(failure.to_string(), "xtask: error: `ovseal run --json` reported no outputs\n");
    }

    #[test]
    fn a_path_with_a_space_stays_one_word() {
        assert_eq!(quoted("/a/b c/it's".as_ref()), r"'/a/b c/it'\''s'");
        assert_eq!(quoted("/a/b-1.0".as_ref()), "/a/b-1.0");
    }
}
