//! HKDF (RFC 5869) over SHA-512, as the format uses it.

use aws_lc_rs::hkdf;

/// A length of output for `aws-lc-rs`, which wants a type for it.
pub(crate) struct OutputLength(pub(crate) usize);

impl hkdf::KeyType for OutputLength {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand: fills `output`, whose length must not pass 255 · 64 bytes.
#[expect(clippy::expect_used, reason = "the message says why it cannot fail")]
pub(crate) fn expand(prk: &hkdf::Prk, info: &[&[u8]], output: &mut [u8]) {
    prk.expand(info, OutputLength(output.len()))
        .and_then(|okm| okm.fill(output))
        .expect("every length of this format is far below HKDF's limit");
}

/// HKDF: extract, then expand.
pub(crate) fn extract_and_expand(salt: &[u8], secret: &[u8], info: &[&[u8]], output: &mut [u8]) {
    expand(&hkdf::Salt::new(hkdf::HKDF_SHA512, salt).extract(secret), info, output);
}
