//! Conditions of policies: each call adds one to a session.

use std::ptr::null_mut;

use super::esys::{Esys, Handle, NONE, PASSWORD, buffer, call, empty};
use super::types::{Digest, Name, PcrSelectionList, VerifiedTicket};
use crate::tpm2::error::TpmError;
use crate::tpm2::pcr::PcrList;
use crate::tpm2::policy::{CLOCK_OFFSET, PolicyDigest, UNSIGNED_LE, UNSIGNED_LT};

impl Esys {
    /// Requires the present values of these PCRs.
    pub(in crate::tpm2) fn policy_pcr(&self, session: &Handle<'_>, list: &PcrList) -> Result<(), TpmError> {
        let selection = PcrSelectionList::sha256(list.bitmap());
        let any: Digest = empty();
        call!(
            self,
            "PolicyPCR",
            policy_pcr(session.tr, NONE, NONE, NONE, &raw const any, &raw const selection)
        )
    }

    /// Requires the object's authorization value.
    pub(in crate::tpm2) fn policy_auth_value(&self, session: &Handle<'_>) -> Result<(), TpmError> {
        call!(self, "PolicyAuthValue", policy_auth_value(session.tr, NONE, NONE, NONE))
    }

    /// Requires the counter to be at most `limit`.
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

    /// Requires the TPM's clock to be below `limit` milliseconds.
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

    /// Lets the TPM verify a signature over `digest`. The ticket attests that it did.
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

    /// Replaces the session's conditions by an approval of the key with this name.
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
}

/// The TPM's attestation that it verified a signature.
pub(in crate::tpm2) struct Ticket(VerifiedTicket);
