//! Reports the sealed parts, and the files left out.

use std::path::Path;

use ovseal::{Model, PartEntry, PartKind};

use crate::errors::CommandError;
use crate::ui::{Output, text};

/// Prints what would be sealed, one part per line.
///
/// # Errors
/// Fails if stdout cannot be written.
pub(super) fn dry_run(model: &Model, output: &mut Output) -> Result<(), CommandError> {
    model.parts().try_for_each(|part| output.line(&line(part)))?;
    left_out(model, output);
    let (parts, length) =
        (text::plural(model.parts().count() as u64, "part"), text::bytes(model.total_length()));
    output.note(&format!("would seal {length} in {parts}"));
    Ok(())
}

/// Reports the parts of a sealed container, unless they are obvious from the command line.
///
/// A single file and a network with weights of the same name are obvious. The files of an
/// ONNX model are not: the model itself specifies them.
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

/// Reports in one line the files left out of a directory.
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

/// The number of left-out paths to show.
const SHOWN: usize = 10;
