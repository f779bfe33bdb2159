//! The TPM's PCRs, clock, counters and properties.

use std::ptr::null_mut;

use super::esys::{Esys, Handle, NONE, OWNER, PASSWORD, call, empty};
use super::types::{CapabilityData, Digest, DigestList, NvBuffer, PcrSelectionList, TimeInfo};
use crate::tpm2::error::TpmError;
use crate::tpm2::pcr::{PcrList, PcrValues};
use crate::tpm2::policy::CounterIndex;

/// `TPM2_PT_FIXED`: the first of the properties that never change.
pub(in crate::tpm2) const FIXED: u32 = 0x100;

impl Esys {
    /// Reads PCRs of the SHA-256 bank.
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
        // A TPM without the bank returns no values, and a policy without values would require
        // nothing.
        let value = values.get().digests.first().filter(|_| values.get().count == 1);
        value.and_then(|value| value.as_slice().try_into().ok()).ok_or(TpmError::NoPcr(number))
    }

    /// Reads the TPM's clock in milliseconds.
    pub(in crate::tpm2) fn clock(&self) -> Result<u64, TpmError> {
        let mut time = null_mut();
        call!(self, "ReadClock", read_clock(NONE, NONE, NONE, &raw mut time))?;
        Ok(self.received::<TimeInfo>(time)?.get().clock)
    }

    /// Reads at most `count` properties, starting with `first`.
    pub(in crate::tpm2) fn properties(&self, first: u32, count: u32) -> Result<Vec<(u32, u32)>, TpmError> {
        let list = self.capability(TPM_PROPERTIES, first, count)?;
        let (pairs, _) = list[1..].as_chunks::<2>();
        Ok(pairs.iter().take(list[0] as usize).map(|&[property, value]| (property, value)).collect())
    }

    /// Reads the hash algorithms of the PCR banks in use.
    pub(in crate::tpm2) fn pcr_banks(&self) -> Result<Vec<u16>, TpmError> {
        let list = self.capability(PCRS, 0, 16)?;
        let bytes: Vec<u8> = list[1..].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let (selections, _) = bytes.as_chunks::<8>();
        let used =
            selections.iter().take(list[0] as usize).filter(|[_, _, _, bitmap @ ..]| bitmap[..3] != [0; 3]);
        Ok(used.map(|&[a, b, ..]| u16::from_ne_bytes([a, b])).collect())
    }

    /// Lists at most `count` handles, starting with `first`.
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

    /// Defines a counter. It must be incremented before it can be read.
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

    /// Opens the counter at `index`, which was incremented before.
    ///
    /// The index's name proves that it is a counter, which cannot be written. Any other index could
    /// show any number.
    pub(in crate::tpm2) fn counter(&self, index: CounterIndex) -> Result<Handle<'_>, TpmError> {
        let missing = TpmError::NoCounter(index.0);
        match self.existing(index.0) {
            Ok(counter) if counter.name()? == index.name() => Ok(counter),
            Ok(_) | Err(TpmError::Command { .. }) => Err(missing),
            Err(error) => Err(error),
        }
    }

    /// Increments a counter. A session, if given, protects the command in transit.
    pub(in crate::tpm2) fn increment(
        &self,
        counter: &Handle<'_>,
        session: Option<&Handle<'_>>,
    ) -> Result<(), TpmError> {
        let session = session.map_or(PASSWORD, |session| session.tr);
        call!(self, "NV_Increment", nv_increment(counter.tr, counter.tr, session, NONE, NONE))
    }

    /// Reads a counter. A session, if given, protects the answer in transit.
    pub(in crate::tpm2) fn read_counter(
        &self,
        counter: &Handle<'_>,
        session: Option<&Handle<'_>>,
    ) -> Result<u64, TpmError> {
        let session = session.map_or(PASSWORD, |session| session.tr);
        let mut data = null_mut();
        call!(self, "NV_Read", nv_read(counter.tr, counter.tr, session, NONE, NONE, 8, 0, &raw mut data))?;
        let data = self.received::<NvBuffer>(data)?;
        data.get().as_slice().try_into().map(u64::from_be_bytes).map_err(|_| TpmError::Nonsense("NV_Read"))
    }
}

/// `TPM_CAP_HANDLES`, `TPM_CAP_PCRS` and `TPM_CAP_TPM_PROPERTIES`.
const HANDLES: u32 = 1;
const PCRS: u32 = 5;
const TPM_PROPERTIES: u32 = 6;
