//! The report of a run: times, memory, inputs and outputs.

use std::time::Instant;

use ovseal::KeyId;
use ovseal_openvino::Runtime;
use serde::Serialize;

use super::RunArgs;
use super::described::Described;
use super::memory;
use crate::errors::CommandError;
use crate::ui::{Output, text};

/// The seconds that each step took; the field names are part of the command's interface.
#[derive(Debug, Default, Serialize)]
pub(super) struct Seconds {
    pub(super) open_s: f64,
    pub(super) read_model_s: f64,
    pub(super) compile_s: f64,
    pub(super) cache_load_s: f64,
    pub(super) cache_store_s: f64,
    pub(super) first_inference_s: f64,
    pub(super) time_to_first_inference_s: f64,
    /// The median of the inferences after the first.
    pub(super) later_inference_s: Option<f64>,
    pub(super) process_s: f64,
}

impl Seconds {
    /// Runs `work` and stores its seconds in `field`.
    pub(super) fn time<T>(
        &mut self,
        field: impl FnOnce(&mut Self) -> &mut f64,
        work: impl FnOnce() -> T,
    ) -> T {
        let start = Instant::now();
        let result = work();
        *field(self) = start.elapsed().as_secs_f64();
        result
    }
}

/// The facts about a model's file in the report.
#[derive(Clone, Copy, Default)]
pub(super) struct Origin {
    /// True for a container.
    pub(super) is_sealed: bool,
    /// The publisher whose signature was verified.
    pub(super) publisher: Option<KeyId>,
    /// The way in which the weights were decrypted; `None` for a plaintext or cached model.
    pub(super) opening: Option<&'static str>,
}

/// The report; its field names are part of the command's interface.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) sealed: bool,
    pub(super) publisher: Option<String>,
    pub(super) opening: Option<&'static str>,
    pub(super) device: String,
    pub(super) openvino: String,
    /// The effect of the cache, if `--cache-dir` is given.
    pub(super) cache: Option<&'static str>,
    /// True if the container's payload was read.
    pub(super) payload_read: Option<bool>,
    #[serde(flatten)]
    pub(super) seconds: Seconds,
    pub(super) rss_peak_bytes: Option<u64>,
    /// The resident memory after the first inference.
    pub(super) rss_settled_bytes: Option<u64>,
    pub(super) inputs: Vec<Described>,
    pub(super) outputs: Vec<Described>,
}

impl Report {
    /// Creates a report without measurements and results. The peak of memory is read now.
    pub(super) fn new(args: &RunArgs, origin: &Origin, runtime: &Runtime) -> Self {
        Self {
            sealed: origin.is_sealed,
            publisher: origin.publisher.map(|id| id.to_string()),
            opening: origin.opening,
            device: args.device.clone(),
            openvino: runtime.version().to_owned(),
            rss_peak_bytes: memory::peak(),
            ..Self::default()
        }
    }

    /// Writes the report in words or as JSON.
    pub(super) fn write(&self, as_json: bool, output: &mut Output) -> Result<(), CommandError> {
        if as_json {
            return output.json(self);
        }
        self.lines().iter().try_for_each(|line| output.line(line))
    }

    fn lines(&self) -> Vec<String> {
        let kind = match (&self.publisher, self.sealed) {
            (Some(id), _) => format!("sealed, signed by {id}"),
            (None, true) => "sealed, publisher not checked".to_owned(),
            (None, false) => "plaintext".to_owned(),
        };
        let mut lines = vec![
            format!("model:   {kind}"),
            format!("device:  {}, OpenVINO {}", self.device, self.openvino),
            format!(
                "seconds: open {:.3}, read {:.3}, compile {:.3}, first inference {:.3}, total {:.3}",
                self.seconds.open_s,
                self.seconds.read_model_s,
                self.seconds.compile_s,
                self.seconds.first_inference_s,
                self.seconds.time_to_first_inference_s
            ),
        ];
        lines.extend(self.cache_line());
        lines.extend(
            self.seconds
                .later_inference_s
                .map(|median| format!("         later inferences {median:.4} (median)")),
        );
        if let (Some(peak), Some(settled)) = (self.rss_peak_bytes, self.rss_settled_bytes) {
            lines.push(format!("memory:  peak {}, settled {}", text::bytes(peak), text::bytes(settled)));
        }
        lines.extend(self.inputs.iter().map(|fed| line("input:  ", fed)));
        lines.extend(self.outputs.iter().map(|fed| line("output: ", fed)));
        lines
    }

    fn cache_line(&self) -> Option<String> {
        let line = match self.cache? {
            "hit" => format!(
                "compiled model imported from it in {:.3} s, nothing else was read",
                self.seconds.cache_load_s
            ),
            "stored" => format!("compiled model stored in {:.3} s", self.seconds.cache_store_s),
            _ => "not used".to_owned(),
        };
        Some(format!("cache:   {line}"))
    }
}

fn line(label: &str, fed: &Described) -> String {
    let name = text::printable(&fed.name);
    format!("{label} {name} {}{:?} sha256 {}", fed.element_type, fed.shape, fed.sha256)
}
