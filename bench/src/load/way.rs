//! What is loaded, in which way, and from where.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A network at its real size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Network {
    /// 25.6 million parameters in fp32, as OpenVINO IR.
    Resnet50,
    /// The same network with the same weights, inside one ONNX file.
    Resnet50Onnx,
    /// An encoder of 110 million parameters in fp16, as OpenVINO IR.
    Bert,
    /// A decoder of 1.1 billion parameters, compressed to 8 bits, as OpenVINO IR.
    DecoderInt8,
    /// The same decoder, compressed to 4 bits but for the first and the last layer.
    DecoderInt4,
}

/// A way from a file to a model that computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    // Whose ratio matters stand side by side, so that they are measured soon after each other.
    /// A script that decrypts whole files.
    Script,
    /// Plaintext in a file system that is decrypted by a process.
    Gocryptfs,
    /// Sealed, digests checked, in a process that may not use `userfaultfd`.
    ForbiddenPublisher,
    /// Sealed, decrypted before the runtime reads it, only tags checked.
    EagerAny,
    /// The same with digests checked, because the publisher is named.
    EagerPublisher,
    /// Sealed, decrypted while the runtime compiles, only tags checked.
    OverlappedAny,
    /// What everything is compared with.
    Plaintext,
    /// The same as `OverlappedAny` with digests checked.
    OverlappedPublisher,
    /// Sealed, compiled before, kept in the sealed cache, only tags checked.
    CachedAny,
    /// Plaintext, compiled before, kept in OpenVINO's own cache.
    PlaintextCached,
    /// The same as `CachedAny` with digests checked.
    CachedPublisher,
}

/// Whether the files are in memory when the clock starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cache {
    /// All of them.
    Warm,
    /// None of them.
    Cold,
}

impl Network {
    /// For readers.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Resnet50 => "ResNet-50, fp32",
            Self::Resnet50Onnx => "ResNet-50, fp32, ONNX",
            Self::Bert => "BERT-base, fp16",
            Self::DecoderInt8 => "1.1-billion decoder, int8",
            Self::DecoderInt4 => "1.1-billion decoder, int4",
        }
    }

    /// For a column or a list.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::Resnet50 => "ResNet-50",
            Self::Resnet50Onnx => "ResNet-50 ONNX",
            Self::Bert => "BERT",
            Self::DecoderInt8 => "decoder int8",
            Self::DecoderInt4 => "decoder int4",
        }
    }

    /// Its folder, and the file in it that is loaded.
    pub(crate) fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Resnet50 => ("resnet50", "resnet50.xml"),
            Self::Resnet50Onnx => ("resnet50-onnx", "resnet50.onnx"),
            Self::Bert => ("bert", "bert.xml"),
            Self::DecoderInt8 => ("decoder-int8", "decoder-int8.xml"),
            Self::DecoderInt4 => ("decoder-int4", "decoder-int4.xml"),
        }
    }
}

impl Way {
    /// For readers.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::PlaintextCached => "plaintext, OpenVINO's cache",
            Self::EagerAny => "ovseal, eager, any sender",
            Self::EagerPublisher => "ovseal, eager, named publisher",
            Self::ForbiddenPublisher => "ovseal, userfaultfd forbidden, named publisher",
            Self::OverlappedAny => "ovseal, overlapped, any sender",
            Self::OverlappedPublisher => "ovseal, overlapped, named publisher",
            Self::CachedAny => "ovseal, sealed cache, any sender",
            Self::CachedPublisher => "ovseal, sealed cache, named publisher",
            Self::Script => "Python script",
            Self::Gocryptfs => "gocryptfs",
        }
    }

    /// In the order of the tables.
    pub(crate) const TABLE: [Self; 11] = [
        Self::Plaintext,
        Self::PlaintextCached,
        Self::EagerAny,
        Self::EagerPublisher,
        Self::ForbiddenPublisher,
        Self::OverlappedAny,
        Self::OverlappedPublisher,
        Self::CachedAny,
        Self::CachedPublisher,
        Self::Script,
        Self::Gocryptfs,
    ];

    /// Whether a container is loaded.
    pub(crate) fn is_sealed(self) -> bool {
        self.title().starts_with("ovseal")
    }

    /// Whether the publisher is named, so that digests are checked.
    pub(crate) fn names_publisher(self) -> bool {
        matches!(
            self,
            Self::EagerPublisher
                | Self::ForbiddenPublisher
                | Self::OverlappedPublisher
                | Self::CachedPublisher
        )
    }

    /// Whether a compiled model is kept in a folder from one run to the next.
    pub(crate) fn is_cached(self) -> bool {
        matches!(self, Self::PlaintextCached | Self::CachedAny | Self::CachedPublisher)
    }

    /// Whether it is measured with the files so. What is forbidden to a process makes no difference to the disk.
    pub(crate) fn is_measured(self, cache: Cache) -> bool {
        self != Self::ForbiddenPublisher || cache == Cache::Warm
    }
}

impl Cache {
    /// The page cache in words.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Warm => "warm",
            Self::Cold => "cold",
        }
    }
}

/// Its name on the command line.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_every_way_once() {
        for way in Way::value_variants() {
            assert_eq!(Way::TABLE.iter().filter(|row| *row == way).count(), 1, "{way}");
        }
    }
}
