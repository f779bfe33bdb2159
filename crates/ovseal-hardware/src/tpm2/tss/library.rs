//! The TPM libraries, loaded when a TPM is first used.

use std::ffi::{c_char, c_void};
use std::sync::OnceLock;

use libloading::Library;

use super::types::{
    CapabilityData, CreationData, CreationTicket, Data, Digest, DigestList, EncryptedSecret, EsysContext,
    MaxBuffer, Name, NvBuffer, NvPublic, PcrSelectionList, Private, Public, SensitiveCreate, SensitiveData,
    Signature, Symmetric, TctiContext, TimeInfo, VerifiedTicket,
};

/// `ESYS_TR`: the library's number for an object, a session or a permanent handle.
pub(super) type Tr = u32;
/// `TSS2_RC`.
pub(super) type Rc = u32;

type Out<T> = *mut *mut T;
type Ctx = *mut EsysContext;

/// A library of the TPM software stack that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot load the TPM library {name}")]
pub struct LibraryError {
    /// Its file name.
    pub name: &'static str,
    source: libloading::Error,
}

/// Declares the table of the libraries' functions and the code that fills it.
macro_rules! functions {
    ($($name:ident = $symbol:literal in $library:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of the libraries, with their signatures since tpm2-tss 3.0.
        pub(super) struct Functions {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            fn load() -> Result<Self, LibraryError> {
                let libraries = Libraries { esys: load(ESYS)?, mu: load(MU)?, loader: load(LOADER)? };
                let functions = Self {
                    $($name: {
                        let (name, library) = &libraries.$library;
                        // SAFETY: the type is the function's signature in the library's header.
                        let found = unsafe { library.get(concat!($symbol, "\0").as_bytes()) };
                        *found.map_err(|source| LibraryError { name, source })?
                    },)*
                };
                // The functions must stay valid while the process lives.
                std::mem::forget(libraries);
                Ok(functions)
            }
        }
    };
}

functions! {
    tcti_initialize = "Tss2_TctiLdr_Initialize" in loader: fn(*const c_char, Out<TctiContext>) -> Rc;
    tcti_finalize = "Tss2_TctiLdr_Finalize" in loader: fn(Out<TctiContext>);
    unmarshal_public = "Tss2_MU_TPM2B_PUBLIC_Unmarshal" in mu: fn(*const u8, usize, *mut usize, *mut Public) -> Rc;
    marshal_public = "Tss2_MU_TPM2B_PUBLIC_Marshal" in mu: fn(*const Public, *mut u8, usize, *mut usize) -> Rc;
    unmarshal_nv_public = "Tss2_MU_TPM2B_NV_PUBLIC_Unmarshal" in mu: fn(*const u8, usize, *mut usize, *mut NvPublic) -> Rc;
    unmarshal_signature = "Tss2_MU_TPMT_SIGNATURE_Unmarshal" in mu: fn(*const u8, usize, *mut usize, *mut Signature) -> Rc;
    initialize = "Esys_Initialize" in esys: fn(Out<EsysContext>, *mut TctiContext, *mut c_void) -> Rc;
    finalize = "Esys_Finalize" in esys: fn(Out<EsysContext>);
    free = "Esys_Free" in esys: fn(*mut c_void);
    tr_from_public = "Esys_TR_FromTPMPublic" in esys: fn(Ctx, u32, Tr, Tr, Tr, *mut Tr) -> Rc;
    tr_set_auth = "Esys_TR_SetAuth" in esys: fn(Ctx, Tr, *const Digest) -> Rc;
    tr_name = "Esys_TR_GetName" in esys: fn(Ctx, Tr, Out<Name>) -> Rc;
    tr_close = "Esys_TR_Close" in esys: fn(Ctx, *mut Tr) -> Rc;
    session_attributes = "Esys_TRSess_SetAttributes" in esys: fn(Ctx, Tr, u8, u8) -> Rc;
    start_session = "Esys_StartAuthSession" in esys:
        fn(Ctx, Tr, Tr, Tr, Tr, Tr, *const Digest, u8, *const Symmetric, u16, *mut Tr) -> Rc;
    create_primary = "Esys_CreatePrimary" in esys:
        fn(Ctx, Tr, Tr, Tr, Tr, *const SensitiveCreate, *const Public, *const Data, *const PcrSelectionList,
           *mut Tr, Out<Public>, Out<CreationData>, Out<Digest>, Out<CreationTicket>) -> Rc;
    create = "Esys_Create" in esys:
        fn(Ctx, Tr, Tr, Tr, Tr, *const SensitiveCreate, *const Public, *const Data, *const PcrSelectionList,
           Out<Private>, Out<Public>, Out<CreationData>, Out<Digest>, Out<CreationTicket>) -> Rc;
    load = "Esys_Load" in esys: fn(Ctx, Tr, Tr, Tr, Tr, *const Private, *const Public, *mut Tr) -> Rc;
    load_external = "Esys_LoadExternal" in esys: fn(Ctx, Tr, Tr, Tr, *const c_void, *const Public, Tr, *mut Tr) -> Rc;
    flush = "Esys_FlushContext" in esys: fn(Ctx, Tr) -> Rc;
    import = "Esys_Import" in esys:
        fn(Ctx, Tr, Tr, Tr, Tr, *const Data, *const Public, *const Private, *const EncryptedSecret,
           *const Symmetric, Out<Private>) -> Rc;
    unseal = "Esys_Unseal" in esys: fn(Ctx, Tr, Tr, Tr, Tr, Out<SensitiveData>) -> Rc;
    policy_pcr = "Esys_PolicyPCR" in esys:
        fn(Ctx, Tr, Tr, Tr, Tr, *const Digest, *const PcrSelectionList) -> Rc;
    policy_auth_value = "Esys_PolicyAuthValue" in esys: fn(Ctx, Tr, Tr, Tr, Tr) -> Rc;
    policy_authorize = "Esys_PolicyAuthorize" in esys:
        fn(Ctx, Tr, Tr, Tr, Tr, *const Digest, *const Digest, *const Name, *const VerifiedTicket) -> Rc;
    policy_nv = "Esys_PolicyNV" in esys: fn(Ctx, Tr, Tr, Tr, Tr, Tr, Tr, *const Digest, u16, u16) -> Rc;
    policy_counter_timer = "Esys_PolicyCounterTimer" in esys:
        fn(Ctx, Tr, Tr, Tr, Tr, *const Digest, u16, u16) -> Rc;
    verify_signature = "Esys_VerifySignature" in esys:
        fn(Ctx, Tr, Tr, Tr, Tr, *const Digest, *const Signature, Out<VerifiedTicket>) -> Rc;
    pcr_read = "Esys_PCR_Read" in esys:
        fn(Ctx, Tr, Tr, Tr, *const PcrSelectionList, *mut u32, Out<PcrSelectionList>, Out<DigestList>) -> Rc;
    read_clock = "Esys_ReadClock" in esys: fn(Ctx, Tr, Tr, Tr, Out<TimeInfo>) -> Rc;
    capability = "Esys_GetCapability" in esys:
        fn(Ctx, Tr, Tr, Tr, u32, u32, u32, *mut u8, Out<CapabilityData>) -> Rc;
    hmac = "Esys_HMAC" in esys: fn(Ctx, Tr, Tr, Tr, Tr, *const MaxBuffer, u16, Out<Digest>) -> Rc;
    nv_define = "Esys_NV_DefineSpace" in esys:
        fn(Ctx, Tr, Tr, Tr, Tr, *const Digest, *const NvPublic, *mut Tr) -> Rc;
    nv_increment = "Esys_NV_Increment" in esys: fn(Ctx, Tr, Tr, Tr, Tr, Tr) -> Rc;
    nv_read = "Esys_NV_Read" in esys: fn(Ctx, Tr, Tr, Tr, Tr, Tr, u16, u16, Out<NvBuffer>) -> Rc;
}

struct Libraries {
    esys: (&'static str, Library),
    mu: (&'static str, Library),
    loader: (&'static str, Library),
}

/// Returns the functions. The first call loads the libraries, which are never unloaded.
///
/// # Errors
/// The errors of the first call, also on later calls.
pub(super) fn functions() -> Result<&'static Functions, &'static LibraryError> {
    static FUNCTIONS: OnceLock<Result<Functions, LibraryError>> = OnceLock::new();
    FUNCTIONS.get_or_init(Functions::load).as_ref()
}

fn load(name: &'static str) -> Result<(&'static str, Library), LibraryError> {
    // SAFETY: when loaded, these libraries only set up their own tables.
    let library = unsafe { Library::new(name) };
    library.map(|library| (name, library)).map_err(|source| LibraryError { name, source })
}

const ESYS: &str = "libtss2-esys.so.0";
const MU: &str = "libtss2-mu.so.0";
const LOADER: &str = "libtss2-tctildr.so.0";
