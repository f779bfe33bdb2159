//! TPM 2.0 structures as bytes: big-endian, byte strings prefixed with a length of 16 bits
//! (`TPM2B`).

use aws_lc_rs::digest;

/// A digest or a key of 32 bytes.
pub(super) type Bytes32 = [u8; 32];

/// Prefixes `bytes` with their length.
pub(super) fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("no structure in this module reaches 64 KiB");
    [&length.to_be_bytes()[..], bytes].concat()
}

/// Computes SHA-256 over the concatenation of `pieces`.
pub(super) fn sha256(pieces: &[&[u8]]) -> Bytes32 {
    let mut context = digest::Context::new(&digest::SHA256);
    pieces.iter().for_each(|piece| context.update(piece));
    let mut output = [0; 32];
    output.copy_from_slice(context.finish().as_ref());
    output
}

/// Computes an object's name: its hash algorithm and the digest of its public area.
///
/// Source: TPM 2.0 Library, part 1, 16.
pub(super) fn name(public: &[u8]) -> Vec<u8> {
    [&SHA256.to_be_bytes()[..], &sha256(&[public])].concat()
}

/// Reads fields from the front of untrusted bytes.
pub(super) struct Reader<'b>(pub(super) &'b [u8]);

impl<'b> Reader<'b> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        self.0.split_off(..length)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Reads bytes prefixed with their length.
    pub(super) fn sized(&mut self) -> Option<&'b [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }

    /// Returns `Some` if nothing is left.
    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// `TPM_ALG_SHA256`.
pub(super) const SHA256: u16 = 0x000b;
