//! Creates, loads, imports and unseals objects.

use std::ptr::{null, null_mut};

use ovseal_memory::Secret;

use super::esys::{Esys, Handle, NONE, OWNER, PASSWORD, buffer, call, empty};
use super::state::FIXED;
use super::types::{
    CreationData, CreationTicket, Data, Digest, EncryptedSecret, MaxBuffer, PcrSelectionList, Private,
    Public, SensitiveCreate, SensitiveData, Symmetric,
};
use crate::tpm2::error::TpmError;
use crate::tpm2::wire::SHA256;

impl Esys {
    /// Creates the primary key of the owner's hierarchy with this template.
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

    /// Creates a key under `parent` and returns its private and public area.
    ///
    /// `authorization` protects it, unless it is empty.
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

    /// Loads an object under its parent, which `session` authorizes.
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

    /// Loads an external public key.
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

    /// Imports an object wrapped for `parent`.
    ///
    /// Returns its private area, for [`load`](Self::load).
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

    /// Computes HMAC-SHA-256 over `message`, at most 1024 bytes, under a key in the TPM.
    pub(in crate::tpm2) fn hmac(
        &self,
        key: &Handle<'_>,
        session: &Handle<'_>,
        message: &[u8],
    ) -> Result<[u8; 32], TpmError> {
        let message: MaxBuffer = buffer("HMAC", message)?;
        let mut mac = null_mut();
        call!(self, "HMAC", hmac(key.tr, session.tr, NONE, NONE, &raw const message, SHA256, &raw mut mac))?;
        let mac = self.received::<Digest>(mac)?;
        mac.get().as_slice().try_into().map_err(|_| TpmError::Nonsense("HMAC"))
    }

    /// Unseals the 32 bytes in `object`.
    pub(in crate::tpm2) fn unseal(
        &self,
        object: &Handle<'_>,
        session: &Handle<'_>,
    ) -> Result<Secret<32>, TpmError> {
        let mut data = null_mut();
        call!(self, "Unseal", unseal(object.tr, session.tr, NONE, NONE, &raw mut data))?;
        let data = self.received::<SensitiveData>(data)?;
        let bytes: &[u8; 32] = data.get().as_slice().try_into().map_err(|_| TpmError::Nonsense("Unseal"))?;
        let secret = Secret::from_fn(|secret| secret.copy_from_slice(bytes));
        // The library keeps the decrypted answer in a buffer, which it frees without wiping. The
        // longer answer to this command overwrites it. The later answers to flushing are too short
        // for that.
        let _ = self.properties(FIXED, 8);
        Ok(secret)
    }
}

/// Unused output of creating an object.
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

/// `TPM_ALG_NULL`.
const NULL: u16 = 0x0010;
