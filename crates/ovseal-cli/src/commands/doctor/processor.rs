//! The processor's support for encryption.

use ovseal::AeadProvider;
use ovseal_memory::{AesHardware, protections};

use super::{DoctorArgs, Finding};
use crate::ui::text::plural;

pub(super) fn findings(_: &DoctorArgs) -> Vec<Finding> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let library = AeadProvider::detect().name();
    vec![
        Finding::new("cores", cores, format!("cores: {}", plural(cores, "core"))),
        Finding::new("aes", aes_names(protections().aes), aes_text(protections().aes)),
        Finding::new("aead_library", library, format!("AES-256-GCM from: {library}")),
    ]
}

fn aes_names(aes: AesHardware) -> Vec<&'static str> {
    let all = [(aes.aes, "aes"), (aes.vaes, "vaes"), (aes.avx512, "avx512")];
    all.into_iter().filter(|(present, _)| *present).map(|(_, name)| name).collect()
}

fn aes_text(aes: AesHardware) -> String {
    match aes_names(aes).as_slice() {
        [] => "AES instructions: none, opening will be slow".into(),
        names => format!("AES instructions: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_without_aes_is_reported_as_slow() {
        let none = AesHardware { aes: false, vaes: false, avx512: false };
        assert_eq!(aes_text(none), "AES instructions: none, opening will be slow");
        let some = AesHardware { aes: true, vaes: true, avx512: false };
        assert_eq!(aes_text(some), "AES instructions: aes, vaes");
    }
}
