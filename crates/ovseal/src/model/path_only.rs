//! Formats that OpenVINO cannot read from memory.

use std::fmt;

use ovseal_format::part_path::PartPath;

/// A format that OpenVINO can read only from a path. A sealed model in this format could not be
/// run.
///
/// Found with OpenVINO 2026.4.1; see `docs/guides/formats.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PathOnlyFormat {
    /// TensorFlow Lite or LiteRT (`.tflite`).
    TensorFlowLite,
    /// A TensorFlow graph (`.pb`, `.pbtxt`, `.meta`).
    TensorFlow,
    /// GGUF (`.gguf`), which OpenVINO's converter cannot read either.
    Gguf,
}

impl PathOnlyFormat {
    /// Returns whether OpenVINO's converter, `ov.convert_model`, can convert it to an IR.
    pub const fn is_convertible(self) -> bool {
        !matches!(self, Self::Gguf)
    }

    /// Recognizes a format by the extension or, except for TensorFlow graphs, by the first bytes.
    pub(super) fn of(path: &PartPath, start: &[u8]) -> Option<Self> {
        match path.extension().as_str() {
            "tflite" => Some(Self::TensorFlowLite),
            "pb" | "pbtxt" | "meta" => Some(Self::TensorFlow),
            "gguf" => Some(Self::Gguf),
            // In FlatBuffers the file identifier follows the offset of the root.
            _ if start.get(4..8) == Some(b"TFL3") => Some(Self::TensorFlowLite),
            _ if start.starts_with(b"GGUF") => Some(Self::Gguf),
            _ => None,
        }
    }
}

impl fmt::Display for PathOnlyFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TensorFlowLite => "TensorFlow Lite",
            Self::TensorFlow => "TensorFlow",
            Self::Gguf => "GGUF",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_recognized_by_extension_and_by_content() {
        let of = |path: &str, start: &[u8]| PathOnlyFormat::of(&PartPath::parse(path).unwrap(), start);
        let named = ["m.tflite", "m.pb", "m.PBTXT", "m.meta", "m.gguf"].map(|path| of(path, b""));
        let [lite, graph, text, meta, gguf] = named.map(Option::unwrap);
        assert_eq!([lite, gguf], [PathOnlyFormat::TensorFlowLite, PathOnlyFormat::Gguf]);
        assert_eq!([graph, text, meta], [PathOnlyFormat::TensorFlow; 3]);
        assert_eq!(of("m", b"\x1c\0\0\0TFL3\x14"), Some(PathOnlyFormat::TensorFlowLite));
        assert_eq!(of("m.bin", b"GGUF\x03"), Some(PathOnlyFormat::Gguf));
        assert_eq!([of("TFL3", b"TFL3"), of("notes.txt", b"GGU"), of("m.bin", b"")], [None; 3]);
    }
}
