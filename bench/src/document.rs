//! Putting the table into the document.

use std::fs;
use std::path::Path;

use crate::Result;

/// Replaces what stands between the markers in `file`.
pub(crate) fn insert(file: &Path, text: &str) -> Result<()> {
    let document = fs::read_to_string(file)?;
    let replaced = replace(&document, text);
    let replaced = replaced.ok_or_else(|| format!("{} lacks {BEGIN} or {END}", file.display()))?;
    Ok(fs::write(file, replaced)?)
}

fn replace(document: &str, text: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))
}

const BEGIN: &str = "<!-- container: begin -->";

const END: &str = "<!-- container: end -->";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let document = format!("a\n{BEGIN}\nold\n{END}\nz\n");
        assert_eq!(replace(&document, "new\n"), Some(format!("a\n{BEGIN}\n\nnew\n\n{END}\nz\n")));
        assert_eq!(replace("no markers", "new"), None);
    }
}
