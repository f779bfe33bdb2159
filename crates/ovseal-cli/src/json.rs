//! JSON output: one object on stdout, indented, with a line feed at its end.

use serde::Serialize;

use crate::error::{CommandError, Kind};
use crate::output::Output;

/// Writes `value` as one JSON object.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn write(value: &impl Serialize, output: &mut Output) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value);
    output.line(&text.map_err(|error| CommandError::new(Kind::Internal, error))?)
}
