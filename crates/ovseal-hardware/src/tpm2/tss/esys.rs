//! A connection to a TPM, and its handles. Sibling modules have safe functions for the commands.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::ptr::{null, null_mut};

use super::library::{Functions, Rc, Tr, functions};
use super::received::Received;
use super::types::{
    Buffer, Digest, EsysContext, Name, NvPublic, Opaque, Plain, Public, Signature, Symmetric, TctiContext,
};
use crate::tpm2::error::TpmError;
use crate::tpm2::wire::{SHA256, sized};

/// A connection to a TPM, bound to the thread that made it.
pub(in crate::tpm2) struct Esys {
    pub(super) functions: &'static Functions,
    pub(super) context: *mut EsysContext,
    tcti: *mut TctiContext,
    /// True after a command failed because the connection was lost.
    failed: Cell<bool>,
}

/// An object or session in the TPM, flushed on drop.
pub(in crate::tpm2) struct Handle<'e> {
    pub(super) esys: &'e Esys,
    pub(super) tr: Tr,
    pub(super) is_transient: bool,
}

/// The purpose of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tpm2) enum Session {
    /// Authorizes with an object's authorization value.
    Hmac,
    /// Authorizes with an object's policy.
    Policy,
}

/// Calls a function of the library with the connection as first argument.
macro_rules! call {
    ($esys:expr, $name:literal, $function:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: the context is alive and used by this thread alone. Every pointer is null where
        // the header allows it, or comes from a reference to a structure with the header's layout
        // that outlives the call.
        let code = unsafe { ($esys.functions.$function)($esys.context, $($argument),*) };
        $esys.check($name, code)
    }};
}
pub(super) use call;

impl Esys {
    /// Connects to the TPM that `tcti` specifies.
    pub(in crate::tpm2) fn connect(tcti: &CStr) -> Result<Self, TpmError> {
        let functions = functions().map_err(TpmError::Library)?;
        let failed = |code| TpmError::Connect { tcti: tcti.to_string_lossy().into_owned(), code };
        let mut transport = null_mut();
        // SAFETY: the string ends with a zero byte, and the output has room for a pointer.
        let code = unsafe { (functions.tcti_initialize)(tcti.as_ptr(), &raw mut transport) };
        if code != 0 {
            return Err(failed(code));
        }
        let mut esys = Self { functions, context: null_mut(), tcti: transport, failed: Cell::new(false) };
        // SAFETY: the transport was just created, the output has room for a pointer, and no version
        // is requested.
        let code = unsafe { (functions.initialize)(&raw mut esys.context, transport, null_mut()) };
        if code == 0 { Ok(esys) } else { Err(failed(code)) }
    }

    /// Returns whether the connection was lost. If so, no further command can succeed.
    pub(in crate::tpm2) fn is_lost(&self) -> bool {
        self.failed.get()
    }

    /// Opens the persistent object or NV index with this TPM handle.
    pub(in crate::tpm2) fn existing(&self, handle: u32) -> Result<Handle<'_>, TpmError> {
        let mut tr = NONE;
        call!(self, "ReadPublic", tr_from_public(handle, NONE, NONE, NONE, &raw mut tr))?;
        Ok(Handle { esys: self, tr, is_transient: false })
    }

    /// Starts a session with parameter encryption. Only the holder of `salt` can derive the key.
    pub(in crate::tpm2) fn start_session(
        &self,
        salt: &Handle<'_>,
        kind: Session,
    ) -> Result<Handle<'_>, TpmError> {
        let kind = match kind {
            Session::Hmac => 0x00,
            Session::Policy => 0x01,
        };
        let mut tr = NONE;
        let symmetric = Symmetric([AES, 128, CFB]);
        call!(
            self,
            "StartAuthSession",
            start_session(
                salt.tr,
                NONE,
                NONE,
                NONE,
                NONE,
                null(),
                kind,
                &raw const symmetric,
                SHA256,
                &raw mut tr
            )
        )?;
        let session = Handle { esys: self, tr, is_transient: true };
        call!(self, "StartAuthSession", session_attributes(tr, CONTINUE | DECRYPT | ENCRYPT, 0xff))?;
        Ok(session)
    }

    pub(super) fn check(&self, command: &'static str, code: Rc) -> Result<(), TpmError> {
        if code == 0 {
            return Ok(());
        }
        let error = TpmError::of(command, code);
        self.failed.set(self.failed.get() || matches!(error, TpmError::Gone { .. }));
        Err(error)
    }

    /// Takes ownership of a structure that a successful command returned.
    pub(super) fn received<T: Plain>(&self, pointer: *mut T) -> Result<Received<T>, TpmError> {
        // SAFETY: callers pass a pointer that the library wrote to an output argument of this type.
        unsafe { Received::new(pointer, self.functions) }.ok_or(TpmError::Nonsense("the command"))
    }

    pub(super) fn public(&self, bytes: &[u8]) -> Result<Public, TpmError> {
        self.unmarshal("TPM2B_PUBLIC", &sized(bytes), self.functions.unmarshal_public)
    }

    pub(super) fn nv_public(&self, bytes: &[u8]) -> Result<NvPublic, TpmError> {
        self.unmarshal("TPM2B_NV_PUBLIC", &sized(bytes), self.functions.unmarshal_nv_public)
    }

    pub(super) fn signature(&self, bytes: &[u8]) -> Result<Signature, TpmError> {
        self.unmarshal("TPMT_SIGNATURE", bytes, self.functions.unmarshal_signature)
    }

    fn unmarshal<const N: usize>(
        &self,
        what: &'static str,
        bytes: &[u8],
        unmarshal: unsafe extern "C" fn(*const u8, usize, *mut usize, *mut Opaque<N>) -> Rc,
    ) -> Result<Opaque<N>, TpmError> {
        let (mut offset, mut structure) = (0, Opaque([0; N]));
        // SAFETY: the input is as long as stated, and the output has the size and alignment of the
        // structure.
        let code = unsafe { unmarshal(bytes.as_ptr(), bytes.len(), &raw mut offset, &raw mut structure) };
        self.check(what, code).map(|()| structure)
    }

    pub(super) fn marshal_public(&self, public: &Public) -> Result<Vec<u8>, TpmError> {
        let (mut bytes, mut length) = ([0; size_of::<Public>()], 0);
        // SAFETY: the input is a structure that the library filled, and the output is as long as
        // stated.
        let code = unsafe {
            (self.functions.marshal_public)(public, bytes.as_mut_ptr(), bytes.len(), &raw mut length)
        };
        self.check("TPM2B_PUBLIC", code)?;
        bytes.get(2..length).map(<[u8]>::to_vec).ok_or(TpmError::Nonsense("Create"))
    }
}

impl Drop for Esys {
    fn drop(&mut self) {
        if !self.context.is_null() {
            // SAFETY: the context is alive, and no handle outlives it.
            unsafe { (self.functions.finalize)(&raw mut self.context) };
        }
        // SAFETY: the transport is alive, and the context that used it is gone.
        unsafe { (self.functions.tcti_finalize)(&raw mut self.tcti) };
    }
}

impl Handle<'_> {
    /// Returns the object's name: its hash algorithm and digest.
    pub(in crate::tpm2) fn name(&self) -> Result<Vec<u8>, TpmError> {
        let mut name = null_mut();
        call!(self.esys, "ReadPublic", tr_name(self.tr, &raw mut name))?;
        Ok(self.esys.received::<Name>(name)?.get().as_slice().to_vec())
    }

    /// Sets the authorization value. Sessions prove that they know it.
    pub(in crate::tpm2) fn set_authorization(&self, value: &[u8]) -> Result<(), TpmError> {
        let mut value: Digest = buffer("SetAuth", value)?;
        let set = call!(self.esys, "SetAuth", tr_set_auth(self.tr, &raw const value));
        zeroize::Zeroize::zeroize(&mut value);
        set
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        // Errors are ignored: the caller reports the command that failed, and a lost TPM keeps
        // nothing.
        let _ = if self.is_transient {
            // The library frees an object without wiping its authorization value.
            let _ = self.set_authorization(&[]);
            call!(self.esys, "FlushContext", flush(self.tr))
        } else {
            call!(self.esys, "Close", tr_close(&raw mut self.tr))
        };
    }
}

/// Converts the name of a TPM for the library.
pub(in crate::tpm2) fn c_string(tcti: &str) -> Option<CString> {
    CString::new(tcti).ok()
}

pub(super) fn buffer<const N: usize>(command: &'static str, bytes: &[u8]) -> Result<Buffer<N>, TpmError> {
    Buffer::new(bytes).ok_or(TpmError::Nonsense(command))
}

pub(super) fn empty<const N: usize>() -> Buffer<N> {
    Buffer::default()
}

pub(super) const NONE: Tr = 0xfff;
pub(super) const PASSWORD: Tr = 0xff;
pub(super) const OWNER: Tr = 0x101;

const AES: u16 = 0x0006;
const CFB: u16 = 0x0043;

const CONTINUE: u8 = 1;
const DECRYPT: u8 = 1 << 5;
const ENCRYPT: u8 = 1 << 6;
