//! A compiled model's description of itself, in words and as JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use ovseal::CompiledBlob;
use serde::Serialize;

use crate::ui::text::printable;

/// A compiled model's description of itself.
#[derive(Serialize)]
pub(super) struct CompiledFacts {
    device: Option<String>,
    openvino: Option<String>,
    processor: Option<String>,
    /// Seconds since 1970.
    time: Option<u64>,
}

impl CompiledFacts {
    /// Returns the facts in one line.
    pub(super) fn line(&self) -> String {
        let device = self.device.as_deref().unwrap_or("unknown device").to_owned();
        let openvino =
            self.openvino.as_ref().map_or("unknown version".into(), |version| format!("OpenVINO {version}"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let age = self.time.map(|time| age(time, now));
        let facts: Vec<String> =
            [device, openvino].into_iter().chain(self.processor.clone()).chain(age).collect();
        printable(&facts.join(", "))
    }
}

impl From<CompiledBlob> for CompiledFacts {
    fn from(blob: CompiledBlob) -> Self {
        Self { device: blob.device, openvino: blob.openvino, processor: blob.processor, time: blob.time }
    }
}

/// Returns the age in words, given the time in seconds since 1970. A container can claim any time.
fn age(compiled: u64, now: u64) -> String {
    match now.checked_sub(compiled).map(|age| age / SECONDS_OF_A_DAY) {
        None => "compiled in the future".into(),
        Some(0) => "less than a day old".into(),
        Some(1) => "1 day old".into(),
        Some(days) => format!("{days} days old"),
    }
}

const SECONDS_OF_A_DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_shown_in_days() {
        let now = 100 * SECONDS_OF_A_DAY;
        let ages = [0, 1, 2, 100].map(|days| age(now - days * SECONDS_OF_A_DAY, now));
        assert_eq!(ages, ["less than a day old", "1 day old", "2 days old", "100 days old"]);
        assert_eq!([now + 1, u64::MAX].map(|time| age(time, now)), ["compiled in the future"; 2]);
    }

    #[test]
    fn any_claimed_time_is_accepted() {
        let blob = CompiledBlob { time: Some(u64::MAX), ..CompiledBlob::default() };
        assert!(CompiledFacts::from(blob).line().ends_with("compiled in the future"));
    }

    #[test]
    fn control_characters_of_a_compiled_model_are_escaped() {
        let blob = CompiledBlob { openvino: Some("\u{1b}[2J".into()), ..CompiledBlob::default() };
        assert_eq!(CompiledFacts::from(blob).line(), "unknown device, OpenVINO \\u{1b}[2J");
    }
}
