//! Constants by which the runtime decides while it reads and compiles: shapes, indices, divisors.

use std::hint::black_box;
use std::ops::Range;

use memchr::memmem;

/// Touches every page of `bytes`, so that all of them are in memory.
pub(crate) fn bring_in(bytes: &[u8]) {
    for page in bytes.chunks(LEAST_PAGE) {
        black_box(page.first().copied());
    }
    black_box(bytes.last().copied());
}

/// Touches the integers among the constants of an IR, all but compressed weights.
///
/// The runtime computes with them before it compiles. A divisor that is zero, folded into a remainder, ends the process with a signal
/// (OpenVINO 2026.4.1); a shape or an index that is zero gives an error, or another network. Numbers with a point do no such thing.
///
/// The topology is authentic. What it does not say in the words of the runtime's own writer is not found.
pub(crate) fn bring_in_integers(topology: &[u8], constants: &[u8]) {
    let ranges = memmem::find_iter(topology, ELEMENT).filter_map(|start| integers(&topology[start..]));
    ranges.filter_map(|range| constants.get(range)).for_each(bring_in);
}

/// The place of a constant that may decide, if `element` is the description of one.
fn integers(element: &[u8]) -> Option<Range<usize>> {
    let element = element.get(..memchr::memchr(b'>', element)?)?;
    let number = |name| std::str::from_utf8(attribute(element, name)?).ok()?.parse::<usize>().ok();
    let (start, length) = (number(b" offset=\"")?, number(b" size=\"")?);
    let most = match attribute(element, b" element_type=\"")? {
        b"i16" | b"u16" | b"i32" | b"u32" | b"i64" | b"u64" => usize::MAX,
        b"i8" | b"u8" | b"i4" | b"u4" | b"u6" | b"u3" | b"u2" | b"u1" | b"boolean" => MOST_OF_A_BYTE,
        _ => return None,
    };
    (length <= most).then_some(start..start.checked_add(length)?)
}

/// The value of an attribute, by its name with what stands around it.
fn attribute<'e>(element: &'e [u8], name: &[u8]) -> Option<&'e [u8]> {
    let value = element.get(memmem::find(element, name)? + name.len()..)?;
    value.get(..memchr::memchr(b'"', value)?)
}

/// Begins the attributes of a layer, also where a constant stands.
const ELEMENT: &[u8] = b"<data ";

/// Integers of a byte or less are compressed weights, unless there are as few as in a shape.
const MOST_OF_A_BYTE: usize = 64;

/// No kernel has smaller pages.
const LEAST_PAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn element(element_type: &str, offset: &str, size: &str) -> String {
        format!("<data element_type=\"{element_type}\" shape=\"4\" offset=\"{offset}\" size=\"{size}\" />")
    }

    #[test]
    fn integers_are_found_and_weights_are_not() {
        for element_type in ["i16", "u16", "i32", "u32", "i64", "u64"] {
            assert_eq!(integers(element(element_type, "7", "99999").as_bytes()), Some(7..100_006));
        }
        assert_eq!(integers(element("u8", "7", "64").as_bytes()), Some(7..71));
        for (element_type, size) in [("u8", "65"), ("i4", "100"), ("f32", "4"), ("f16", "4"), ("string", "4")]
        {
            assert_eq!(integers(element(element_type, "7", size).as_bytes()), None, "{element_type}");
        }
    }

    #[test]
    fn what_describes_no_constant_is_passed_over() {
        let most = usize::MAX.to_string();
        let others =
            ["<data shape=\"4\" element_type=\"i32\" />".to_owned(), "<data ".into(), "<data >".into()];
        let wrong = [("i64", "-1", "8"), ("i64", "x", "8"), ("i64", &most, "8"), ("i64", "8", "")];
        let wrong = wrong.map(|(element_type, offset, size)| element(element_type, offset, size));
        for other in others.iter().chain(&wrong) {
            assert_eq!(integers(other.as_bytes()), None, "{other}");
        }
        // A description that goes beyond the constants brings in nothing.
        bring_in_integers(element("i64", "0", "800").as_bytes(), &[0; 8]);
    }
}
