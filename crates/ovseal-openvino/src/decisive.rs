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

/// Touches the constants of an IR that may decide: integers and strings, all but compressed weights.
///
/// The runtime computes with them before it compiles. A divisor that is zero, folded into a remainder, ends the process with a signal
/// (OpenVINO 2026.4.1), and so do strings whose number is zero where the shape has more; a shape or an index that is zero gives an
/// error, or another network. Numbers with a point do no such thing.
///
/// The topology is authentic. What it does not say in the words of the runtime's own writer is not found.
pub(crate) fn bring_in_decisive(topology: &[u8], constants: &[u8]) {
    let mut ranges: Vec<Range<usize>> = elements(topology).filter_map(decisive).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut done = 0;
    // Each page once, however often a topology describes it.
    for range in ranges.into_iter().filter(|range| range.end <= constants.len()) {
        let missing = range.start.max(done)..range.end;
        if !missing.is_empty() {
            done = missing.end;
            bring_in(&constants[missing]);
        }
    }
}

/// The descriptions of layers and constants in a topology.
fn elements(mut topology: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let element = &topology[memmem::find(topology, ELEMENT)?..];
        let (element, rest) = element.split_at(memchr::memchr(b'>', element)?);
        topology = rest;
        Some(element)
    })
}

/// The place of a constant that may decide, if `element` is the description of one.
fn decisive(element: &[u8]) -> Option<Range<usize>> {
    let number = |name| std::str::from_utf8(attribute(element, name)?).ok()?.parse::<usize>().ok();
    let (start, length) = (number(b" offset=\"")?, number(b" size=\"")?);
    let most = match attribute(element, b" element_type=\"")? {
        [b'f', ..] | b"bf16" | b"nf4" => return None,
        b"i8" | b"u8" | b"i4" | b"u4" | b"u6" | b"u3" | b"u2" | b"u1" | b"boolean" => MOST_OF_A_BYTE,
        _ => usize::MAX,
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
    fn what_may_decide_is_found_and_weights_are_not() {
        for element_type in ["i16", "u16", "i32", "u32", "i64", "u64", "string", "later"] {
            assert_eq!(decisive(element(element_type, "7", "99999").as_bytes()), Some(7..100_006));
        }
        assert_eq!(decisive(element("u8", "7", "64").as_bytes()), Some(7..71));
        for element_type in ["u8", "i4", "f64", "f32", "f16", "bf16", "f8e4m3", "f4e2m1", "nf4"] {
            assert_eq!(decisive(element(element_type, "7", "65").as_bytes()), None, "{element_type}");
        }
    }

    #[test]
    fn what_describes_no_constant_is_passed_over() {
        let most = usize::MAX.to_string();
        let others = ["<data shape=\"4\" element_type=\"i32\" />".to_owned(), "<data ".into()];
        let wrong = [("i64", "-1", "8"), ("i64", "x", "8"), ("i64", &most, "8"), ("i64", "8", "")];
        let wrong = wrong.map(|(element_type, offset, size)| element(element_type, offset, size));
        for other in others.iter().chain(&wrong) {
            assert_eq!(decisive(other.as_bytes()), None, "{other}");
        }
        // A description that goes beyond the constants brings in nothing.
        bring_in_decisive(element("i64", "0", "800").as_bytes(), &[0; 8]);
    }

    #[test]
    fn descriptions_are_told_apart_and_an_unfinished_one_ends_them() {
        let text = [element("i64", "0", "8"), "<b />".into(), element("u8", "8", "1"), "<data <data".into()];
        let text = text.concat();
        let found: Vec<Option<Range<usize>>> = elements(text.as_bytes()).map(decisive).collect();
        assert_eq!(found, [Some(0..8), Some(8..9)]);
    }

    /// Searched from each beginning to the end, these would take hours.
    #[test]
    fn many_descriptions_take_no_longer_than_their_length() {
        let (unfinished, constants) = (b"<data ".repeat(1 << 20), vec![1; 64 << 20]);
        bring_in_decisive(&unfinished, &constants);
        let same = element("i64", "0", &constants.len().to_string()).repeat(1 << 17);
        bring_in_decisive(same.as_bytes(), &constants);
    }
}
