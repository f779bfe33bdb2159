//! Putting the table into the document.

use std::fs;
use std::path::Path;

use crate::Result;

/// Replaces what stands between the markers of `section` in `file`.
pub(crate) fn insert(file: &Path, section: &str, text: &str) -> Result<()> {
    let document = fs::read_to_string(file)?;
    let replaced = replace(&document, section, text);
    let replaced = replaced.ok_or_else(|| format!("{} lacks the markers of {section}", file.display()))?;
    Ok(fs::write(file, replaced)?)
}

fn replace(document: &str, section: &str, text: &str) -> Option<String> {
    let [begin, end] = ["begin", "end"].map(|edge| format!("<!-- {section}: {edge} -->"));
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{text}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let document = "a\n<!-- s: begin -->\nold\n<!-- s: end -->\nz\n";
        let replaced = "a\n<!-- s: begin -->\n\nnew\n\n<!-- s: end -->\nz\n";
        assert_eq!(replace(document, "s", "new\n").as_deref(), Some(replaced));
        assert_eq!(replace(document, "other", "new"), None);
    }
}
