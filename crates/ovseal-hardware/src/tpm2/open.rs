//! Unsealing the share of a stanza.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ovseal_memory::{Parked, Secret};

use super::approval::{Approval, Approver, policy_ref};
use super::device::{Device, Parent, StatePolicy};
use super::error::TpmError;
use super::pcr::{PcrList, PcrValues};
use super::public::primary_template;
use super::stanza::Tpm2Parameters;
use super::tss::{Esys, Handle, Session, Ticket};

/// A device with everything that its key may require: approvals and a PIN.
pub(super) struct DeviceSession {
    pub(super) device: Device,
    pub(super) approvals: Vec<Approval>,
    /// The authorization value of the PIN, if there is one.
    pub(super) pin: Option<Arc<Parked<Secret<32>>>>,
    /// True if the TPM rejected this PIN. The TPM counts every try, and a container may have many
    /// stanzas for a device.
    pub(super) is_rejected: Arc<AtomicBool>,
}

/// An approval of the present state that the TPM has verified.
struct Approved<'a> {
    approval: &'a Approval,
    name: Vec<u8>,
    ticket: Ticket,
}

impl DeviceSession {
    /// Unseals the share in a stanza, and flushes everything loaded for it.
    pub(super) fn unseal(&self, esys: &Esys, stanza: &Tpm2Parameters) -> Result<Secret<32>, TpmError> {
        let parent = self.parent().open(esys)?;
        let sessions = Sessions::new(esys, &parent);
        if let Some(values) = stanza.bounds.pcr_values() {
            expect_values(esys, values)?;
        }
        let key = self.load_key(esys, &parent, &sessions)?;
        let approved = self.approved(esys)?;
        let (policy, duplicate) = (stanza.policy(), &stanza.duplicate);
        let public = duplicate.public(policy);
        let session = self.authorize(esys, &sessions, approved.as_ref())?;
        let seed = duplicate.ephemeral.encode();
        let private = esys.import(&key, session, &public, &duplicate.private, &seed);
        let private = private.map_err(|error| self.explain(error.in_parameter()))?;
        let session = self.authorize(esys, &sessions, approved.as_ref())?;
        let object = esys.load(&key, session, &private, &public).map_err(|error| self.explain(error))?;
        drop(key);
        let session = if policy.is_some() { sessions.policy()? } else { sessions.hmac()? };
        fulfil_bounds(esys, session, stanza)?;
        esys.unseal(&object, session)
    }

    /// Returns the key in the TPM that wraps the device's key.
    pub(super) fn parent(&self) -> &Parent {
        &self.device.parent
    }

    /// Uses the device's key once, in a session that satisfies its policy.
    pub(super) fn use_key<'e, T>(
        &self,
        esys: &'e Esys,
        sessions: &Sessions<'e, '_>,
        parent: &Handle<'e>,
        work: impl FnOnce(&Handle<'e>, &Handle<'e>) -> Result<T, TpmError>,
    ) -> Result<T, TpmError> {
        let key = self.load_key(esys, parent, sessions)?;
        let approved = self.approved(esys)?;
        let session = self.authorize(esys, sessions, approved.as_ref())?;
        work(&key, session).map_err(|error| self.explain(error))
    }

    /// Loads the device's key and sets its PIN.
    fn load_key<'e>(
        &self,
        esys: &'e Esys,
        parent: &Handle<'e>,
        sessions: &Sessions<'e, '_>,
    ) -> Result<Handle<'e>, TpmError> {
        let key = esys.load(parent, sessions.hmac()?, &self.device.private, self.device.key.bytes())?;
        if self.device.has_pin() {
            let pin = self.pin.as_ref().ok_or(TpmError::PinMissing)?;
            if self.is_rejected.load(Ordering::Relaxed) {
                return Err(TpmError::WrongPin);
            }
            key.set_authorization(&*pin.expose())?;
        }
        Ok(key)
    }

    /// Returns a session that satisfies the policy of the device's key, for one use of it.
    fn authorize<'s, 'e>(
        &self,
        esys: &'e Esys,
        sessions: &'s Sessions<'e, '_>,
        approved: Option<&Approved<'_>>,
    ) -> Result<&'s Handle<'e>, TpmError> {
        let policy = &self.device.policy;
        if policy.digest().is_none() {
            return sessions.hmac();
        }
        let session = sessions.policy()?;
        if let Some(state) = &policy.state {
            esys.policy_pcr(session, &state.list())?;
        }
        if let Some(Approved { approval, name, ticket }) = approved {
            let reference = policy_ref(&approval.values().list());
            esys.policy_authorize(session, approval.policy(), &reference, name, ticket)?;
        }
        if policy.has_pin {
            esys.policy_auth_value(session)?;
        }
        Ok(session)
    }

    /// Compares the present state with what the device's key requires, to explain a rejection.
    fn approved(&self, esys: &Esys) -> Result<Option<Approved<'_>>, TpmError> {
        match &self.device.policy.state {
            None => Ok(None),
            Some(StatePolicy::Values(values)) => expect_values(esys, values).map(|()| None),
            Some(StatePolicy::Approved(list, approver)) => self.approval(esys, list, approver).map(Some),
        }
    }

    fn approval(&self, esys: &Esys, list: &PcrList, approver: &Approver) -> Result<Approved<'_>, TpmError> {
        let present = esys.read_pcr(list)?;
        let candidates = || self.approvals.iter().filter(|approval| approval.values().covers(list));
        let mut fitting = candidates().filter(|approval| *approval.values() == present).peekable();
        if fitting.peek().is_none() {
            let changed = candidates().map(|approval| present.changed(approval.values()));
            let registers = changed.min_by_key(Vec::len).unwrap_or_else(|| list.numbers().to_vec());
            return Err(TpmError::NotApproved { registers, approvals: candidates().count() });
        }
        let key = esys.load_external(&approver.public())?;
        let verified = fitting.find_map(|approval| {
            let ticket = esys.verify(&key, &approval.digest(), &approval.signature()).ok()?;
            Some(Approved { approval, name: approver.name(), ticket })
        });
        verified.ok_or(TpmError::ForgedApproval)
    }

    /// Turns a rejected authorization into the error for a wrong PIN, if the key has a PIN.
    fn explain(&self, error: TpmError) -> TpmError {
        match error {
            TpmError::Authorization { .. } if self.device.has_pin() => {
                self.is_rejected.store(true, Ordering::Relaxed);
                TpmError::WrongPin
            }
            error => error,
        }
    }
}

impl Parent {
    /// Opens the parent, if the device's key was created under it.
    pub(super) fn open<'e>(&self, esys: &'e Esys) -> Result<Handle<'e>, TpmError> {
        let parent = match self.handle {
            // There may be nothing at this handle on another TPM, or on this one after it was
            // cleared.
            Some(handle) => esys.existing(handle).map_err(|error| match error {
                TpmError::Command { .. } => TpmError::AnotherTpm,
                error => error,
            })?,
            None => esys.create_primary(&primary_template())?,
        };
        if parent.name()? == self.name { Ok(parent) } else { Err(TpmError::AnotherTpm) }
    }
}

/// The two sessions of a transaction, each started on first use.
pub(super) struct Sessions<'e, 's> {
    esys: &'e Esys,
    salt: &'s Handle<'e>,
    hmac: OnceCell<Handle<'e>>,
    policy: OnceCell<Handle<'e>>,
}

impl<'e, 's> Sessions<'e, 's> {
    pub(super) fn new(esys: &'e Esys, salt: &'s Handle<'e>) -> Self {
        Self { esys, salt, hmac: OnceCell::new(), policy: OnceCell::new() }
    }

    pub(super) fn hmac(&self) -> Result<&Handle<'e>, TpmError> {
        self.started(&self.hmac, Session::Hmac)
    }

    fn policy(&self) -> Result<&Handle<'e>, TpmError> {
        self.started(&self.policy, Session::Policy)
    }

    fn started<'c>(&self, cell: &'c OnceCell<Handle<'e>>, kind: Session) -> Result<&'c Handle<'e>, TpmError> {
        if let Some(session) = cell.get() {
            return Ok(session);
        }
        let session = self.esys.start_session(self.salt, kind)?;
        Ok(cell.get_or_init(|| session))
    }
}

fn fulfil_bounds(esys: &Esys, session: &Handle<'_>, stanza: &Tpm2Parameters) -> Result<(), TpmError> {
    let refused = |error, refusal| if matches!(error, TpmError::Policy { .. }) { refusal } else { error };
    if let Some(values) = stanza.bounds.pcr_values() {
        esys.policy_pcr(session, &values.list())?;
    }
    if let Some(limit) = stanza.bounds.epoch() {
        let counter = esys.counter(stanza.counter)?;
        esys.policy_counter_at_most(session, &counter, limit)
            .map_err(|error| refused(error, TpmError::Epoch { limit }))?;
    }
    if let Some(limit) = stanza.bounds.clock() {
        esys.policy_clock_below(session, limit).map_err(|error| refused(error, TpmError::Clock { limit }))?;
    }
    Ok(())
}

fn expect_values(esys: &Esys, values: &PcrValues) -> Result<(), TpmError> {
    match values.changed(&esys.read_pcr(&values.list())?) {
        changed if changed.is_empty() => Ok(()),
        changed => Err(TpmError::PcrChanged(changed)),
    }
}

/// Derives an object's authorization value from a PIN.
///
/// The value must not end with a zero byte, because TPMs strip those.
pub(super) fn pin_value(pin: &[u8]) -> Secret<32> {
    let digest = super::kdf::hmac_sha256(pin, &[b"ovseal/v1/pin"]);
    Secret::from_fn(|bytes| {
        bytes.copy_from_slice(digest.expose());
        bytes[31] |= 1;
    })
}
