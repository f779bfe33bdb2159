//! What is sealed and what is left out, as it is told to people.

use std::path::Path;

use ovseal::{Model, PartEntry, PartKind};

use crate::error::CommandError;
use crate::output::Output;
use crate::text;

/// Lists what would be sealed as data, one part a line.
///
/// # Errors
/// When stdout cannot be written.
pub(super) fn dry_run(model: &Model, output: &mut Output) -> Result<(), CommandError> {
    model.parts().try_for_each(|part| output.line(&line(part)))?;
    left_out(model, output);
    let (parts, length) =
        (text::plural(model.parts().count() as u64, "part"), text::bytes(model.total_length()));
    output.note(&format!("would seal {length} in {parts}"));
    Ok(())
}

/// Lists the parts of a container that was sealed, unless the caller named the only one or a network whose weights have its
/// name. An ONNX model says by itself which files belong to it.
pub(super) fn sealed(model: &Model, output: &mut Output) {
    let parts: Vec<&PartEntry> = model.parts().collect();
    let is_plain = match &parts[..] {
        [_] => true,
        [network, _] => network.kind != PartKind::Onnx,
        _ => false,
    };
    if !is_plain {
        model.parts().for_each(|part| output.note(&format!("sealed {}", line(part))));
    }
}

/// Says in one line what was left out of a folder.
pub(super) fn left_out(model: &Model, output: &mut Output) {
    let paths: Vec<&Path> = model.left_out().collect();
    let Some((shown, more)) =
        paths.split_at_checked(SHOWN.min(paths.len())).filter(|(shown, _)| !shown.is_empty())
    else {
        return;
    };
    let shown: Vec<String> = shown.iter().map(|path| path.display().to_string()).collect();
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    output.note(&format!("left out {}{more}", shown.join(", ")));
}

fn line(part: &PartEntry) -> String {
    format!("{}: {}, {}", text::printable(part.path.as_str()), part.kind.word(), text::bytes(part.length))
}

/// As many paths are shown of what was left out.
const SHOWN: usize = 10;
