use ovseal_hardware::evidence::{EvidenceError, EvidenceSource};

/// Evidence that answers the verifier's nonce; none where there is no trusted environment.
fn evidence(nonce: &[u8; 64]) -> Result<Option<Vec<u8>>, EvidenceError> {
    let source = EvidenceSource::detect();
    source.map(|source| Ok(source.collect(nonce)?.bytes)).transpose()
}
