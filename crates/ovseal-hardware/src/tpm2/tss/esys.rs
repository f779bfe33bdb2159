//! Commands of the TPM, each a safe function.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::ptr::{null, null_mut};

use ovseal_memory::Secret;

use super::library::{Functions, Rc, Tr, functions};
use super::received::Received;
use super::types::{
    CapabilityData, CreationData, CreationTicket, Data, Digest, DigestList, EncryptedSecret, EsysContext,
    Name, NvBuffer, NvPublic, Opaque, PcrSelectionList, Plain, Private, Public, SensitiveCreate,
    SensitiveData, Signature, Symmetric, TctiContext, TimeInfo, VerifiedTicket,
};
use crate::tpm2::error::TpmError;
use crate::tpm2::pcr::{PcrList, PcrValues};
use crate::tpm2::policy::{CLOCK_OFFSET, CounterIndex, PolicyDigest, UNSIGNED_LE, UNSIGNED_LT};
use crate::tpm2::wire::{SHA256, sized};

/// A connection to a TPM. It stays on the thread that made it.
pub(in crate::tpm2) struct Esys {
    functions: &'static Functions,
    context: *mut EsysContext,
    tcti: *mut TctiContext,
    /// The library's last complaint about a command, to tell a lost connection.
    failed: Cell<bool>,
}

/// An object or session that the TPM holds; it is flushed when dropped.
pub(in crate::tpm2) struct Handle<'e> {
    esys: &'e Esys,
    tr: Tr,
    is_transient: bool,
}

/// What a session is for.
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
        // SAFETY: the context is alive and used by this thread alone; every pointer is null where the header allows it, or
        // comes from a reference to a structure with the header's layout that outlives the call.
        let code = unsafe { ($esys.functions.$function)($esys.context, $($argument),*) };
        $esys.check($name, code)
    }};
}

impl Esys {
    /// Connects to the TPM that `tcti` names.
    pub(in crate::tpm2) fn connect(tcti: &CStr) -> Result<Self, TpmError> {
        let functions = functions().map_err(TpmError::Library)?;
        let failed = |code| TpmError::Connect { tcti: tcti.to_string_lossy().into_owned(), code };
        let mut transport = null_mut();
        // SAFETY: the text ends with a zero byte, and the output is a place for a pointer.
        let code = unsafe { (functions.tcti_initialize)(tcti.as_ptr(), &raw mut transport) };
        if code != 0 {
            return Err(failed(code));
        }
        let mut esys = Self { functions, context: null_mut(), tcti: transport, failed: Cell::new(false) };
        // SAFETY: the transport was just made, the output is a place for a pointer, and no version is demanded.
        let code = unsafe { (functions.initialize)(&raw mut esys.context, transport, null_mut()) };
        if code == 0 { Ok(esys) } else { Err(failed(code)) }
    }

    /// Whether the connection was lost: no further command can succeed.
    pub(in crate::tpm2) fn is_lost(&self) -> bool {
        self.failed.get()
    }

    /// The persistent object or NV index with this handle of the TPM's.
    pub(in crate::tpm2) fn existing(&self, handle: u32) -> Result<Handle<'_>, TpmError> {
        let mut tr = NONE;
        call!(self, "ReadPublic", tr_from_public(handle, NONE, NONE, NONE, &raw mut tr))?;
        Ok(Handle { esys: self, tr, is_transient: false })
    }

    /// The primary key of the owner's hierarchy with this template.
    pub(in crate::tpm2) fn create_primary(&self, template: &[u8]) -> Result<Handle<'_>, TpmError> {
        let public = self.public(template)?;
        let sensitive = SensitiveCreate::with_authorization(empty());
        let (data, pcr): (Data, _) = (empty(), PcrSelectionList::default());
        let mut tr = NONE;
        let (mut out, mut creation) = (null_mut(), CreationOutputs::default());
        call!(
            self,
            "CreatePrimary",
            create_primary(
                OWNER,
                PASSWORD,
                NONE,
                NONE,
                &raw const sensitive,
                &raw const public,
                &raw const data,
                &raw const pcr,
                &raw mut tr,
                &raw mut out,
                &raw mut creation.data,
                &raw mut creation.hash,
                &raw mut creation.ticket,
            )
        )?;
        creation.free(self);
        self.received(out)?;
        Ok(Handle { esys: self, tr, is_transient: true })
    }

    /// Starts a session whose parameters are encrypted under a key that only the holder of `salt` derives.
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

    /// A new key under `parent`: private and public area. `authorization` protects it, unless it is empty.
    pub(in crate::tpm2) fn create(
        &self,
        parent: &Handle<'_>,
        session: &Handle<'_>,
        authorization: &[u8],
        template: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), TpmError> {
        let public = self.public(template)?;
        let sensitive = SensitiveCreate::with_authorization(buffer("Create", authorization)?);
        let (data, pcr): (Data, _) = (empty(), PcrSelectionList::default());
        let (mut private, mut out, mut creation) = (null_mut(), null_mut(), CreationOutputs::default());
        call!(
            self,
            "Create",
            create(
                parent.tr,
                session.tr,
                NONE,
                NONE,
                &raw const sensitive,
                &raw const public,
                &raw const data,
                &raw const pcr,
                &raw mut private,
                &raw mut out,
                &raw mut creation.data,
                &raw mut creation.hash,
                &raw mut creation.ticket,
            )
        )?;
        creation.free(self);
        let private = self.received::<Private>(private)?.get().as_slice().to_vec();
        let public = self.marshal_public(self.received::<Public>(out)?.get())?;
        Ok((private, public))
    }

    /// Loads an object under its parent; `authorization` is a session for the parent.
    pub(in crate::tpm2) fn load(
        &self,
        parent: &Handle<'_>,
        session: &Handle<'_>,
        private: &[u8],
        public: &[u8],
    ) -> Result<Handle<'_>, TpmError> {
        let private: Private = buffer("Load", private)?;
        let public = self.public(public)?;
        let mut tr = NONE;
        let (private, public) = (&raw const private, &raw const public);
        call!(self, "Load", load(parent.tr, session.tr, NONE, NONE, private, public, &raw mut tr))?;
        Ok(Handle { esys: self, tr, is_transient: true })
    }

    /// Loads a public key from outside.
    pub(in crate::tpm2) fn load_external(&self, public: &[u8]) -> Result<Handle<'_>, TpmError> {
        let public = self.public(public)?;
        let mut tr = NONE;
        call!(
            self,
            "LoadExternal",
            load_external(NONE, NONE, NONE, null(), &raw const public, OWNER, &raw mut tr)
        )?;
        Ok(Handle { esys: self, tr, is_transient: true })
    }

    /// Takes in what was wrapped elsewhere for `parent`; gives the private area that [`load`](Self::load) takes.
    pub(in crate::tpm2) fn import(
        &self,
        parent: &Handle<'_>,
        session: &Handle<'_>,
        public: &[u8],
        duplicate: &[u8],
        seed: &[u8],
    ) -> Result<Vec<u8>, TpmError> {
        let public = self.public(public)?;
        let (key, duplicate): (Data, Private) = (empty(), buffer("Import", duplicate)?);
        let (seed, none): (EncryptedSecret, _) = (buffer("Import", seed)?, Symmetric([NULL, 0, 0]));
        let mut private = null_mut();
        call!(
            self,
            "Import",
            import(
                parent.tr,
                session.tr,
                NONE,
                NONE,
                &raw const key,
                &raw const public,
                &raw const duplicate,
                &raw const seed,
                &raw const none,
                &raw mut private,
            )
        )?;
        Ok(self.received::<Private>(private)?.get().as_slice().to_vec())
    }

    /// The 32 bytes that are sealed in `object`.
    pub(in crate::tpm2) fn unseal(
        &self,
        object: &Handle<'_>,
        session: &Handle<'_>,
    ) -> Result<Secret<32>, TpmError> {
        let mut data = null_mut();
        call!(self, "Unseal", unseal(object.tr, session.tr, NONE, NONE, &raw mut data))?;
        let data = self.received::<SensitiveData>(data)?;
        let bytes: &[u8; 32] = data.get().as_slice().try_into().map_err(|_| TpmError::Nonsense("Unseal"))?;
        Ok(Secret::from_fn(|secret| secret.copy_from_slice(bytes)))
    }

    /// Makes the present values of these registers a condition of the session.
    pub(in crate::tpm2) fn policy_pcr(&self, session: &Handle<'_>, list: &PcrList) -> Result<(), TpmError> {
        let selection = PcrSelectionList::sha256(list.bitmap());
        let any: Digest = empty();
        call!(
            self,
            "PolicyPCR",
            policy_pcr(session.tr, NONE, NONE, NONE, &raw const any, &raw const selection)
        )
    }

    /// Makes the object's authorization value a condition of the session.
    pub(in crate::tpm2) fn policy_auth_value(&self, session: &Handle<'_>) -> Result<(), TpmError> {
        call!(self, "PolicyAuthValue", policy_auth_value(session.tr, NONE, NONE, NONE))
    }

    /// Makes it a condition of the session that the counter is at most `limit`.
    pub(in crate::tpm2) fn policy_counter_at_most(
        &self,
        session: &Handle<'_>,
        counter: &Handle<'_>,
        limit: u64,
    ) -> Result<(), TpmError> {
        let operand: Digest = buffer("PolicyNV", &limit.to_be_bytes())?;
        let operand = &raw const operand;
        let (index, session) = (counter.tr, session.tr);
        call!(
            self,
            "PolicyNV",
            policy_nv(index, index, session, PASSWORD, NONE, NONE, operand, 0, UNSIGNED_LE)
        )
    }

    /// Makes it a condition of the session that the TPM's clock is below `limit` milliseconds.
    pub(in crate::tpm2) fn policy_clock_below(
        &self,
        session: &Handle<'_>,
        limit: u64,
    ) -> Result<(), TpmError> {
        let operand: Digest = buffer("PolicyCounterTimer", &limit.to_be_bytes())?;
        let operand = &raw const operand;
        call!(
            self,
            "PolicyCounterTimer",
            policy_counter_timer(session.tr, NONE, NONE, NONE, operand, CLOCK_OFFSET, UNSIGNED_LT)
        )
    }

    /// Lets the TPM check a signature over `digest`; the ticket says that it did.
    pub(in crate::tpm2) fn verify(
        &self,
        key: &Handle<'_>,
        digest: &[u8; 32],
        signature: &[u8],
    ) -> Result<Ticket, TpmError> {
        let digest: Digest = buffer("VerifySignature", digest)?;
        let signature = self.signature(signature)?;
        let mut ticket = null_mut();
        call!(
            self,
            "VerifySignature",
            verify_signature(
                key.tr,
                NONE,
                NONE,
                NONE,
                &raw const digest,
                &raw const signature,
                &raw mut ticket
            )
        )?;
        Ok(Ticket(*self.received::<VerifiedTicket>(ticket)?.get()))
    }

    /// Replaces what the session has come to by the approval of the key with this name.
    pub(in crate::tpm2) fn policy_authorize(
        &self,
        session: &Handle<'_>,
        approved: PolicyDigest,
        policy_ref: &[u8],
        key: &[u8],
        ticket: &Ticket,
    ) -> Result<(), TpmError> {
        let (approved, policy_ref): (Digest, Digest) =
            (buffer("PolicyAuthorize", &approved.0)?, buffer("PolicyAuthorize", policy_ref)?);
        let key: Name = buffer("PolicyAuthorize", key)?;
        call!(
            self,
            "PolicyAuthorize",
            policy_authorize(
                session.tr,
                NONE,
                NONE,
                NONE,
                &raw const approved,
                &raw const policy_ref,
                &raw const key,
                &raw const ticket.0,
            )
        )
    }

    /// The values of registers in the SHA-256 bank.
    pub(in crate::tpm2) fn read_pcr(&self, list: &PcrList) -> Result<PcrValues, TpmError> {
        let numbers = list.numbers().iter().copied();
        numbers.map(|number| Ok((number, self.read_one_pcr(number)?))).collect()
    }

    fn read_one_pcr(&self, number: u8) -> Result<[u8; 32], TpmError> {
        let mut bitmap = [0; 3];
        bitmap[usize::from(number / 8)] = 1 << (number % 8);
        let selection = PcrSelectionList::sha256(bitmap);
        let (mut updates, mut selected, mut values) = (0, null_mut(), null_mut());
        call!(
            self,
            "PCR_Read",
            pcr_read(
                NONE,
                NONE,
                NONE,
                &raw const selection,
                &raw mut updates,
                &raw mut selected,
                &raw mut values
            )
        )?;
        self.received::<PcrSelectionList>(selected)?;
        let values = self.received::<DigestList>(values)?;
        // A TPM without the bank answers with nothing, and its policies would then demand nothing.
        let value = values.get().digests.first().filter(|_| values.get().count == 1);
        value.and_then(|value| value.as_slice().try_into().ok()).ok_or(TpmError::NoPcr(number))
    }

    /// The TPM's clock in milliseconds.
    pub(in crate::tpm2) fn clock(&self) -> Result<u64, TpmError> {
        let mut time = null_mut();
        call!(self, "ReadClock", read_clock(NONE, NONE, NONE, &raw mut time))?;
        Ok(self.received::<TimeInfo>(time)?.get().clock)
    }

    /// The values of at most `count` properties from `first` on.
    pub(in crate::tpm2) fn properties(&self, first: u32, count: u32) -> Result<Vec<(u32, u32)>, TpmError> {
        let list = self.capability(TPM_PROPERTIES, first, count)?;
        let (pairs, _) = list[1..].as_chunks::<2>();
        Ok(pairs.iter().take(list[0] as usize).map(|&[property, value]| (property, value)).collect())
    }

    /// The hash algorithms of the banks of registers that are in use.
    pub(in crate::tpm2) fn pcr_banks(&self) -> Result<Vec<u16>, TpmError> {
        let list = self.capability(PCRS, 0, 16)?;
        let bytes: Vec<u8> = list[1..].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let (selections, _) = bytes.as_chunks::<8>();
        let used =
            selections.iter().take(list[0] as usize).filter(|[_, _, _, bitmap @ ..]| bitmap[..3] != [0; 3]);
        Ok(used.map(|&[a, b, ..]| u16::from_ne_bytes([a, b])).collect())
    }

    /// At most `count` handles from `first` on.
    pub(in crate::tpm2) fn handles(&self, first: u32, count: u32) -> Result<Vec<u32>, TpmError> {
        let list = self.capability(HANDLES, first, count)?;
        Ok(list[1..].iter().take(list[0] as usize).copied().collect())
    }

    fn capability(&self, capability: u32, first: u32, count: u32) -> Result<[u32; 257], TpmError> {
        let (mut more, mut data) = (0, null_mut());
        call!(
            self,
            "GetCapability",
            capability(NONE, NONE, NONE, capability, first, count, &raw mut more, &raw mut data)
        )?;
        Ok(self.received::<CapabilityData>(data)?.get().list)
    }

    /// Defines a counter, which then has to be counted up once before it can be read.
    pub(in crate::tpm2) fn define_counter(&self, index: CounterIndex) -> Result<Handle<'_>, TpmError> {
        let public = self.nv_public(&index.public())?;
        let authorization: Digest = empty();
        let mut tr = NONE;
        call!(
            self,
            "NV_DefineSpace",
            nv_define(OWNER, PASSWORD, NONE, NONE, &raw const authorization, &raw const public, &raw mut tr)
        )?;
        Ok(Handle { esys: self, tr, is_transient: false })
    }

    /// Counts a counter up by one.
    pub(in crate::tpm2) fn increment(&self, counter: &Handle<'_>) -> Result<(), TpmError> {
        call!(self, "NV_Increment", nv_increment(counter.tr, counter.tr, PASSWORD, NONE, NONE))
    }

    /// The value of a counter.
    pub(in crate::tpm2) fn read_counter(&self, counter: &Handle<'_>) -> Result<u64, TpmError> {
        let mut data = null_mut();
        call!(self, "NV_Read", nv_read(counter.tr, counter.tr, PASSWORD, NONE, NONE, 8, 0, &raw mut data))?;
        let data = self.received::<NvBuffer>(data)?;
        data.get().as_slice().try_into().map(u64::from_be_bytes).map_err(|_| TpmError::Nonsense("NV_Read"))
    }

    fn check(&self, command: &'static str, code: Rc) -> Result<(), TpmError> {
        if code == 0 {
            return Ok(());
        }
        let error = TpmError::of(command, code);
        self.failed.set(self.failed.get() || matches!(error, TpmError::Gone { .. }));
        Err(error)
    }

    /// Takes over a structure that a successful command gave.
    fn received<T: Plain>(&self, pointer: *mut T) -> Result<Received<T>, TpmError> {
        // SAFETY: callers pass what the library wrote to an output argument of this type.
        unsafe { Received::new(pointer, self.functions) }.ok_or(TpmError::Nonsense("the command"))
    }

    fn public(&self, bytes: &[u8]) -> Result<Public, TpmError> {
        self.unmarshal("TPM2B_PUBLIC", &sized(bytes), self.functions.unmarshal_public)
    }

    fn nv_public(&self, bytes: &[u8]) -> Result<NvPublic, TpmError> {
        self.unmarshal("TPM2B_NV_PUBLIC", &sized(bytes), self.functions.unmarshal_nv_public)
    }

    fn signature(&self, bytes: &[u8]) -> Result<Signature, TpmError> {
        self.unmarshal("TPMT_SIGNATURE", bytes, self.functions.unmarshal_signature)
    }

    fn unmarshal<const N: usize>(
        &self,
        what: &'static str,
        bytes: &[u8],
        unmarshal: unsafe extern "C" fn(*const u8, usize, *mut usize, *mut Opaque<N>) -> Rc,
    ) -> Result<Opaque<N>, TpmError> {
        let (mut offset, mut structure) = (0, Opaque([0; N]));
        // SAFETY: the input is as long as is said, and the output has the size and alignment of the structure.
        let code = unsafe { unmarshal(bytes.as_ptr(), bytes.len(), &raw mut offset, &raw mut structure) };
        self.check(what, code).map(|()| structure)
    }

    fn marshal_public(&self, public: &Public) -> Result<Vec<u8>, TpmError> {
        let (mut bytes, mut length) = ([0; size_of::<Public>()], 0);
        // SAFETY: the input is a structure that the library filled, and the output is as long as is said.
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
    /// The object's name: its hash algorithm and digest.
    pub(in crate::tpm2) fn name(&self) -> Result<Vec<u8>, TpmError> {
        let mut name = null_mut();
        call!(self.esys, "ReadPublic", tr_name(self.tr, &raw mut name))?;
        Ok(self.esys.received::<Name>(name)?.get().as_slice().to_vec())
    }

    /// Sets the authorization value with which sessions prove that the caller knows it.
    pub(in crate::tpm2) fn set_authorization(&self, value: &[u8]) -> Result<(), TpmError> {
        let mut value: Digest = buffer("SetAuth", value)?;
        let set = call!(self.esys, "SetAuth", tr_set_auth(self.tr, &raw const value));
        zeroize::Zeroize::zeroize(&mut value);
        set
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        // Best effort: what is reported is the command that failed, and a lost TPM keeps nothing.
        let _ = if self.is_transient {
            call!(self.esys, "FlushContext", flush(self.tr))
        } else {
            call!(self.esys, "Close", tr_close(&raw mut self.tr))
        };
    }
}

/// The TPM's word that it verified a signature.
pub(in crate::tpm2) struct Ticket(VerifiedTicket);

/// What a creation says about itself, which nobody here needs.
struct CreationOutputs {
    data: *mut CreationData,
    hash: *mut Digest,
    ticket: *mut CreationTicket,
}

impl Default for CreationOutputs {
    fn default() -> Self {
        Self { data: null_mut(), hash: null_mut(), ticket: null_mut() }
    }
}

impl CreationOutputs {
    fn free(self, esys: &Esys) {
        let _ = (esys.received(self.data), esys.received(self.hash), esys.received(self.ticket));
    }
}

/// The name of a TPM for the library.
pub(in crate::tpm2) fn c_string(tcti: &str) -> Option<CString> {
    CString::new(tcti).ok()
}

fn buffer<const N: usize>(command: &'static str, bytes: &[u8]) -> Result<super::types::Buffer<N>, TpmError> {
    super::types::Buffer::new(bytes).ok_or(TpmError::Nonsense(command))
}

fn empty<const N: usize>() -> super::types::Buffer<N> {
    super::types::Buffer::default()
}

const NONE: Tr = 0xfff;
const PASSWORD: Tr = 0xff;
const OWNER: Tr = 0x101;

const AES: u16 = 0x0006;
const CFB: u16 = 0x0043;
const NULL: u16 = 0x0010;

const CONTINUE: u8 = 1;
const DECRYPT: u8 = 1 << 5;
const ENCRYPT: u8 = 1 << 6;

const HANDLES: u32 = 1;
const PCRS: u32 = 5;
const TPM_PROPERTIES: u32 = 6;
