//! Structures of the TPM library in C layout. A test compares them with the library's headers.

use zeroize::Zeroize;

/// `ESYS_CONTEXT`, only used through pointers.
#[repr(C)]
pub(super) struct EsysContext {
    _opaque: [u8; 0],
}

/// `TSS2_TCTI_CONTEXT`, only used through pointers.
#[repr(C)]
pub(super) struct TctiContext {
    _opaque: [u8; 0],
}

/// A structure for which any bytes are a valid value.
///
/// # Safety
/// Every bit pattern must be a valid value, and the structure must not contain pointers.
pub(super) unsafe trait Plain {}

/// `TPM2B_…`: a length and up to `N` bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Buffer<const N: usize> {
    size: u16,
    bytes: [u8; N],
}

pub(super) type Digest = Buffer<64>;
pub(super) type Name = Buffer<68>;
pub(super) type Data = Buffer<64>;
pub(super) type Private = Buffer<1550>;
pub(super) type EncryptedSecret = Buffer<512>;
pub(super) type SensitiveData = Buffer<256>;
pub(super) type NvBuffer = Buffer<2048>;
pub(super) type MaxBuffer = Buffer<1024>;

// SAFETY: a number and an array of numbers.
unsafe impl<const N: usize> Plain for Buffer<N> {}

impl<const N: usize> Buffer<N> {
    /// Copies `bytes`. `None` if they are too long.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let mut buffer = Self { size: bytes.len() as u16, bytes: [0; N] };
        buffer.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(buffer)
    }

    /// Returns the bytes. A length beyond the buffer, which no library returns, is cut.
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.size).min(N)]
    }
}

impl<const N: usize> Default for Buffer<N> {
    fn default() -> Self {
        Self { size: 0, bytes: [0; N] }
    }
}

impl<const N: usize> Zeroize for Buffer<N> {
    fn zeroize(&mut self) {
        self.bytes.zeroize();
    }
}

/// `TPM2B_SENSITIVE_CREATE`. The library computes its length.
#[repr(C)]
pub(super) struct SensitiveCreate {
    pub(super) size: u16,
    pub(super) authorization: Digest,
    pub(super) data: SensitiveData,
}

impl SensitiveCreate {
    /// Creates a structure with only an authorization value, which may be empty.
    pub(super) fn with_authorization(authorization: Digest) -> Self {
        Self { size: 0, authorization, data: Buffer::default() }
    }
}

impl Drop for SensitiveCreate {
    fn drop(&mut self) {
        self.authorization.zeroize();
    }
}

/// `TPMS_PCR_SELECTION`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct PcrSelection {
    pub(super) hash: u16,
    pub(super) size: u8,
    pub(super) bitmap: [u8; 4],
}

/// `TPML_PCR_SELECTION`.
#[repr(C)]
#[derive(Default)]
pub(super) struct PcrSelectionList {
    pub(super) count: u32,
    pub(super) selections: [PcrSelection; 16],
}

// SAFETY: numbers and arrays of numbers.
unsafe impl Plain for PcrSelectionList {}

impl PcrSelectionList {
    /// Selects PCRs of the SHA-256 bank.
    pub(super) fn sha256(bitmap: [u8; 3]) -> Self {
        let mut list = Self { count: 1, ..Self::default() };
        let [a, b, c] = bitmap;
        list.selections[0] = PcrSelection { hash: super::super::wire::SHA256, size: 3, bitmap: [a, b, c, 0] };
        list
    }
}

/// `TPML_DIGEST`.
#[repr(C)]
pub(super) struct DigestList {
    pub(super) count: u32,
    pub(super) digests: [Digest; 8],
}

// SAFETY: numbers and arrays of numbers.
unsafe impl Plain for DigestList {}

/// `TPMT_SYM_DEF` and `TPMT_SYM_DEF_OBJECT`: algorithm, key bits, mode.
#[repr(C)]
pub(super) struct Symmetric(pub(super) [u16; 3]);

/// `TPMS_TIME_INFO`.
#[repr(C)]
pub(super) struct TimeInfo {
    pub(super) time: u64,
    pub(super) clock: u64,
    pub(super) reset_count: u32,
    pub(super) restart_count: u32,
    pub(super) safe: u8,
}

// SAFETY: only numbers. `safe` is not a `bool`.
unsafe impl Plain for TimeInfo {}

/// `TPMS_CAPABILITY_DATA`: the kind of list, and the list.
#[repr(C)]
pub(super) struct CapabilityData {
    pub(super) capability: u32,
    pub(super) list: [u32; 257],
}

// SAFETY: numbers and an array of numbers.
unsafe impl Plain for CapabilityData {}

/// A structure with known size and alignment, which the library fills from the TPM's encoding.
#[repr(C, align(4))]
#[derive(Clone, Copy)]
pub(super) struct Opaque<const N: usize>(pub(super) [u8; N]);

// SAFETY: an array of numbers.
unsafe impl<const N: usize> Plain for Opaque<N> {}

pub(super) type Public = Opaque<616>;
pub(super) type NvPublic = Opaque<84>;
pub(super) type VerifiedTicket = Opaque<76>;
pub(super) type CreationData = Opaque<412>;
pub(super) type CreationTicket = Opaque<76>;
/// `TPMT_SIGNATURE` has 518 bytes.
pub(super) type Signature = Opaque<520>;

#[cfg(test)]
mod tests {
    use std::mem::{align_of, offset_of, size_of};
    use std::process::Command;

    use super::*;

    /// The structures' names in C and their sizes in Rust. The alignment of opaque structures may
    /// be stricter in Rust.
    macro_rules! layouts {
        ($($c:literal => $rust:ty),* $(,)?) => {
            &[$(($c, size_of::<$rust>(), align_of::<$rust>())),*]
        };
    }

    const LAYOUTS: &[(&str, usize, usize)] = layouts! {
        "TPM2B_DIGEST" => Digest,
        "TPM2B_AUTH" => Digest,
        "TPM2B_NONCE" => Digest,
        "TPM2B_OPERAND" => Digest,
        "TPM2B_NAME" => Name,
        "TPM2B_DATA" => Data,
        "TPM2B_PRIVATE" => Private,
        "TPM2B_ENCRYPTED_SECRET" => EncryptedSecret,
        "TPM2B_SENSITIVE_DATA" => SensitiveData,
        "TPM2B_MAX_NV_BUFFER" => NvBuffer,
        "TPM2B_MAX_BUFFER" => MaxBuffer,
        "TPM2B_SENSITIVE_CREATE" => SensitiveCreate,
        "TPML_PCR_SELECTION" => PcrSelectionList,
        "TPML_DIGEST" => DigestList,
        "TPMT_SYM_DEF" => Symmetric,
        "TPMT_SYM_DEF_OBJECT" => Symmetric,
        "TPMS_TIME_INFO" => TimeInfo,
        "TPMS_CAPABILITY_DATA" => CapabilityData,
        "TPM2B_PUBLIC" => Public,
        "TPM2B_NV_PUBLIC" => NvPublic,
        "TPMT_TK_VERIFIED" => VerifiedTicket,
        "TPM2B_CREATION_DATA" => CreationData,
        "TPMT_TK_CREATION" => CreationTicket,
    };

    /// The fields in C and their offsets in Rust.
    const OFFSETS: &[(&str, usize)] = &[
        ("TPM2B_DIGEST, buffer", offset_of!(Digest, bytes)),
        ("TPM2B_PRIVATE, buffer", offset_of!(Private, bytes)),
        ("TPM2B_SENSITIVE_CREATE, sensitive.userAuth", offset_of!(SensitiveCreate, authorization)),
        ("TPM2B_SENSITIVE_CREATE, sensitive.data", offset_of!(SensitiveCreate, data)),
        ("TPMS_PCR_SELECTION, sizeofSelect", offset_of!(PcrSelection, size)),
        ("TPMS_PCR_SELECTION, pcrSelect", offset_of!(PcrSelection, bitmap)),
        ("TPML_PCR_SELECTION, pcrSelections", offset_of!(PcrSelectionList, selections)),
        ("TPML_DIGEST, digests", offset_of!(DigestList, digests)),
        ("TPMT_SYM_DEF, keyBits", 2),
        ("TPMT_SYM_DEF, mode", 4),
        ("TPMS_TIME_INFO, clockInfo.clock", offset_of!(TimeInfo, clock)),
        ("TPMS_TIME_INFO, clockInfo.resetCount", offset_of!(TimeInfo, reset_count)),
        ("TPMS_TIME_INFO, clockInfo.safe", offset_of!(TimeInfo, safe)),
        ("TPMS_CAPABILITY_DATA, data", offset_of!(CapabilityData, list)),
        ("TPMS_CAPABILITY_DATA, data.tpmProperties.tpmProperty", offset_of!(CapabilityData, list) + 4),
        ("TPMS_CAPABILITY_DATA, data.assignedPCR.pcrSelections", offset_of!(CapabilityData, list) + 4),
    ];

    #[test]
    fn every_structure_is_laid_out_as_in_the_librarys_headers() {
        let sizes = LAYOUTS.iter().map(|(name, size, align)| {
            format!(
                "_Static_assert(sizeof({name}) == {size} && {align} % _Alignof({name}) == 0, \"{name}\");\n"
            )
        });
        let offsets = OFFSETS
            .iter()
            .map(|(field, offset)| format!("_Static_assert(offsetof({field}) == {offset}, \"{field}\");\n"));
        let signature =
            format!("_Static_assert(sizeof(TPMT_SIGNATURE) <= {}, \"\");\n", size_of::<Signature>());
        let head = "#include <stddef.h>\n#include <tss2/tss2_esys.h>\n".to_owned();
        let source: String = [head, signature].into_iter().chain(sizes).chain(offsets).collect();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("layout.c");
        std::fs::write(&file, source).unwrap();
        let compiled = Command::new("cc").arg("-fsyntax-only").arg(&file).output().unwrap();
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    }
}
