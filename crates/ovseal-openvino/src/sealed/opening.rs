//! When the weights are decrypted.

/// When the weights of a sealed network are decrypted: before the runtime reads them, or while it does.
///
/// Both check the same: no model is handed out before every chunk of it was found authentic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opening {
    /// Overlapped for the device `CPU`, eager for every other one.
    #[default]
    Auto,
    /// Everything is decrypted before the runtime gets it.
    Eager,
    /// The runtime begins at once, and waits for a chunk when it touches one that is not decrypted yet.
    ///
    /// Only for devices that read weights with the processor: a driver's access to memory cannot wait. Where the host gives
    /// no `userfaultfd(2)`, the opening is eager.
    Overlapped,
}

impl Opening {
    /// Whether weights for this device are decrypted while the runtime reads them, where the host can do it.
    #[must_use]
    pub fn is_overlapped(self, device: &str) -> bool {
        match self {
            Self::Auto => device == "CPU",
            Self::Eager => false,
            Self::Overlapped => true,
        }
    }
}
