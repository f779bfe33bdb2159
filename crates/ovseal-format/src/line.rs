//! Secrets that are one line of text.

/// Returns `bytes` without one final LF or CRLF, which files and pipes often add.
pub fn without_line_ending(bytes: &[u8]) -> &[u8] {
    let line = bytes.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    line.unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_final_line_ending_is_removed() {
        for bytes in [&b"1234"[..], b"1234\n", b"1234\r\n"] {
            assert_eq!(without_line_ending(bytes), b"1234");
        }
        assert_eq!(without_line_ending(b"1234\n\n"), b"1234\n");
        assert_eq!(without_line_ending(b"1234\r"), b"1234\r");
        assert_eq!(without_line_ending(b"\n"), b"");
    }
}
