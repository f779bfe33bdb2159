//! Parses keys. Valid input must round-trip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ovseal::{Passphrase, PublicKeyIdentity, PublicKeyRecipient, Publisher, PublisherKey};

fuzz_target!(|bytes: &[u8]| {
    let _ = Passphrase::from_bytes(bytes);
    let _ = PublicKeyIdentity::parse_file(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(recipient) = PublicKeyRecipient::parse(text) {
        assert!(recipient.to_string().eq_ignore_ascii_case(text));
    }
    if let Ok(publisher) = Publisher::parse(text) {
        assert_eq!(Publisher::parse(&publisher.encode()).as_ref(), Ok(&publisher));
    }
    let _ = PublisherKey::parse(text);
});
