use ovseal_hardware::evidence::{EvidenceError, EvidenceSource};

/// Returns evidence that answers the verifier's nonce, or `None` without a trusted environment.
fn evidence(nonce: &[u8; 64]) -> Result<Option<Vec<u8>>, EvidenceError> {
    let source = EvidenceSource::detect();
    source.map(|source| Ok(source.collect(nonce)?.bytes)).transpose()
}
