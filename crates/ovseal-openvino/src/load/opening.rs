//! The choice of when weights are decrypted.

/// The choice of when the weights of a sealed network are decrypted.
///
/// The checks are the same: a model is released only after every chunk has been verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opening {
    /// Overlapped for the device `CPU`, eager for every other one.
    #[default]
    Auto,
    /// Decrypts everything before the runtime reads it.
    Eager,
    /// Decrypts while the runtime reads. The runtime waits when it accesses a chunk that is not
    /// decrypted yet.
    ///
    /// Use it only for devices that read weights with the processor, because a driver cannot wait
    /// for memory. On a host without `userfaultfd(2)`, the opening is eager.
    Overlapped,
}

impl Opening {
    /// Returns whether weights for this device are decrypted while the runtime reads them, if the
    /// host supports it.
    #[must_use]
    pub fn is_overlapped(self, device: &str) -> bool {
        match self {
            Self::Auto => device == "CPU",
            Self::Eager => false,
            Self::Overlapped => true,
        }
    }
}
