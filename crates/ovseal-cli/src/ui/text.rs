//! Output for people: escaped names, sizes, and times.

use std::fmt::Write;
use std::time::Duration;

/// Escapes control characters, and those that change the direction of writing.
///
/// A name in a container must not control the terminal, or look like another name.
pub(crate) fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => clean.push_str("\\n"),
            _ if character.is_control() || is_invisible(character) => {
                // Writing to a String cannot fail.
                let _ = write!(clean, "{}", character.escape_unicode());
            }
            _ => clean.push(character),
        }
    }
    clean
}

/// Returns true for direction marks, joiners and line separators (Unicode TR 36, section 2.10).
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Formats a number of bytes in the largest unit that fits. Below 1 KiB the number is exact.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = "bytes";
    for larger in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if unit == "bytes" { plural(count, "byte") } else { format!("{value:.1} {unit}") }
}

/// Formats how long ago something was, in the largest unit that fits.
pub(crate) fn ago(time: Duration) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let seconds = time.as_secs();
    let unit = UNITS.into_iter().find(|(length, _)| seconds >= *length);
    let (length, noun) = unit.unwrap_or((1, "second"));
    format!("{} ago", plural(seconds / length, noun))
}

/// Formats a number with its noun, adding an `s` unless the number is one.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("a\u{1b}[31mb\rc\u{202e}é"), "a\\u{1b}[31mb\\u{d}c\\u{202e}é");
    }

    #[test]
    fn times_are_shown_in_the_largest_unit() {
        let shown = [0, 1, 59, 60, 7_199, 7_200, 172_800].map(|seconds| ago(Duration::from_secs(seconds)));
        let expected = ["0 seconds", "1 second", "59 seconds", "1 minute", "1 hour", "2 hours", "2 days"];
        assert_eq!(shown, expected.map(|time| format!("{time} ago")));
    }

    #[test]
    fn bytes_are_shown_in_the_largest_unit() {
        let shown = [0, 1, 1023, 1024, 1536, 5 << 30].map(bytes);
        assert_eq!(shown, ["0 bytes", "1 byte", "1023 bytes", "1.0 KiB", "1.5 KiB", "5.0 GiB"]);
    }
}
