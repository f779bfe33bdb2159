//! The properties of networks and methods.

use std::fmt;
use std::path::PathBuf;

use clap::ValueEnum;

use crate::Places;
use crate::options::{Method, Network};
use crate::turns::Cache;

impl Network {
    /// Returns the directory of the plaintext and the input, named after the network.
    pub(super) fn source(self, places: &Places) -> PathBuf {
        places.dir.join("networks").join(self.to_string())
    }

    /// Returns the name of the loaded file.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Resnet50 => "resnet50.xml",
            Self::Resnet50Onnx => "resnet50.onnx",
            Self::Bert => "bert.xml",
            Self::DecoderInt8 => "decoder-int8.xml",
            Self::DecoderInt4 => "decoder-int4.xml",
        }
    }
}

impl Method {
    /// Returns whether the method loads a container.
    pub(super) fn is_sealed(self) -> bool {
        !matches!(self, Self::Plaintext | Self::PlaintextCached | Self::Script | Self::Gocryptfs)
    }

    /// Returns whether the method specifies the publisher, so that digests are checked.
    pub(super) fn names_publisher(self) -> bool {
        matches!(
            self,
            Self::EagerPublisher
                | Self::ForbiddenPublisher
                | Self::OverlappedPublisher
                | Self::CachedPublisher
        )
    }

    /// Returns whether the method keeps a compiled model from one load to the next.
    pub(super) fn is_cached(self) -> bool {
        matches!(self, Self::PlaintextCached | Self::CachedAny | Self::CachedPublisher)
    }

    /// Returns whether the method is measured with the page cache in this state.
    ///
    /// A process without `userfaultfd` reads from the disk like the others, so it is not measured
    /// with a cold cache.
    pub(super) fn is_measured(self, cache: Cache) -> bool {
        self != Self::ForbiddenPublisher || cache == Cache::Warm
    }
}

/// Writes the name on the command line.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

/// Writes the name on the command line.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}
