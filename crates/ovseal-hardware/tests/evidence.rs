//! Evidence through doubles of the files of Gramine and the kernel, mounted with FUSE.
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

mod doubles;

use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use dcap_qvl::verify::QuoteVerifier;
use dcap_qvl::{QuoteCollateralV3, QuotePolicy, TcbStatus};
use doubles::Mounted;
use doubles::gramine::Gramine;
use doubles::tsm::{Driver, Tsm};
use fuser::Errno;
use ovseal_hardware::evidence::{Evidence, EvidenceError, EvidenceKind, EvidenceSource};

const SGX_QUOTE: &[u8] = include_bytes!("data/sgx_quote");
const SGX_COLLATERAL: &[u8] = include_bytes!("data/sgx_quote_collateral.json");
const TDX_QUOTE: &[u8] = include_bytes!("data/tdx_quote");
const TDX_COLLATERAL: &[u8] = include_bytes!("data/tdx_quote_collateral.json");

/// Offsets of the verifier's data in the two quotes.
const SGX_OFFSET: usize = 368;
const TDX_OFFSET: usize = 568;

/// 25 June 2025, a date on which the collateral was valid.
const THEN: u64 = 1_750_809_600;

fn report_data(quote: &[u8], offset: usize) -> [u8; 64] {
    quote[offset..offset + 64].try_into().unwrap()
}

/// Replaces the verifier's data in `quote`. This invalidates its signature, which only a verifier
/// checks.
fn quote_with(quote: &[u8], offset: usize, data: &[u8]) -> Vec<u8> {
    let mut quote = quote.to_vec();
    quote[offset..offset + 64].copy_from_slice(data);
    quote
}

fn tdx(report: impl Fn(&[u8]) -> Result<(Vec<u8>, Vec<u8>), Errno> + Send + Sync + 'static) -> Driver {
    Driver { name: "tdx_guest", report: Box::new(report), has_auxiliary: false, is_meddled_with: false }
}

/// Returns a driver that answers each request with a quote for it.
fn working() -> Driver {
    tdx(|data| Ok((quote_with(TDX_QUOTE, TDX_OFFSET, data), Vec::new())))
}

fn collect(tsm: &Tsm, data: &[u8; 64]) -> Result<Evidence, EvidenceError> {
    let mounted = Mounted::new(tsm.clone());
    let evidence = EvidenceSource::Tsm(mounted.path().into()).collect(data);
    assert_eq!(tsm.count(), 0, "the request's entry was left behind");
    evidence
}

fn is_verified(evidence: &Evidence, collateral: &[u8]) -> bool {
    let collateral: QuoteCollateralV3 = serde_json::from_slice(collateral).unwrap();
    let policy = QuotePolicy::strict(THEN)
        .allow_status(TcbStatus::ConfigurationAndSWHardeningNeeded)
        .allow_smt(true)
        .allow_cached_keys(true)
        .allow_dynamic_platform(true);
    let verifier = QuoteVerifier::new_prod();
    verifier.verify_with_policy(&evidence.bytes, &collateral, THEN, &policy).is_ok()
}

#[test]
fn an_independent_verifier_accepts_a_genuine_tdx_quote_from_the_kernel() {
    let asked = report_data(TDX_QUOTE, TDX_OFFSET);
    let tsm = Tsm::new(Some(tdx(|_| Ok((TDX_QUOTE.to_vec(), Vec::new())))));
    let mut evidence = collect(&tsm, &asked).unwrap();
    assert_eq!((evidence.kind, evidence.report_data()), (EvidenceKind::TdxQuote, Some(&asked)));
    assert!(is_verified(&evidence, TDX_COLLATERAL));
    evidence.bytes[TDX_OFFSET] ^= 1;
    assert!(!is_verified(&evidence, TDX_COLLATERAL));
}

#[test]
fn an_independent_verifier_accepts_a_genuine_sgx_quote_from_gramine() {
    let asked = report_data(SGX_QUOTE, SGX_OFFSET);
    let mounted = Mounted::new(Gramine::new(Some(Box::new(|_| Ok(SGX_QUOTE.to_vec()))), &[]));
    let mut evidence = EvidenceSource::Gramine(mounted.path().into()).collect(&asked).unwrap();
    assert_eq!((evidence.kind, evidence.report_data()), (EvidenceKind::SgxQuote, Some(&asked)));
    assert!(is_verified(&evidence, SGX_COLLATERAL));
    evidence.bytes[SGX_OFFSET] ^= 1;
    assert!(!is_verified(&evidence, SGX_COLLATERAL));
}

#[test]
fn concurrent_requests_get_their_own_answers() {
    let tsm = Tsm::new(Some(working()));
    let quote: doubles::gramine::Quote = Box::new(|data| Ok(quote_with(SGX_QUOTE, SGX_OFFSET, data)));
    let (kernel, enclave) = (Mounted::new(tsm.clone()), Mounted::new(Gramine::new(Some(quote), &[])));
    let sources = [EvidenceSource::Tsm(kernel.path().into()), EvidenceSource::Gramine(enclave.path().into())];
    std::thread::scope(|scope| {
        for number in 0..8u8 {
            let sources = &sources;
            scope.spawn(move || {
                for round in 0..20 {
                    let data = [number * 20 + round; 64];
                    for source in sources {
                        assert_eq!(source.collect(&data).unwrap().report_data(), Some(&data));
                    }
                }
            });
        }
    });
    assert_eq!(tsm.count(), 0);
}

#[test]
fn a_report_of_sev_snp_includes_the_hosts_data() {
    let report = |data: &[u8]| {
        let mut report = vec![0; 1184];
        report[80..144].copy_from_slice(data);
        Ok((report, b"certificates".to_vec()))
    };
    let driver = Driver { name: "sev_guest", has_auxiliary: true, ..tdx(report) };
    let evidence = collect(&Tsm::new(Some(driver)), &[7; 64]).unwrap();
    assert_eq!((evidence.kind, &evidence.auxiliary[..]), (EvidenceKind::SnpReport, &b"certificates"[..]));
    assert_eq!(evidence.report_data(), Some(&[7; 64]));
}

#[test]
fn another_programs_write_is_detected() {
    let meddled = Tsm::new(Some(Driver { is_meddled_with: true, ..working() }));
    assert!(matches!(collect(&meddled, &[7; 64]), Err(EvidenceError::Interference)));
}

#[test]
fn evidence_for_another_request_is_rejected() {
    let replayed = Tsm::new(Some(tdx(|_| Ok((TDX_QUOTE.to_vec(), Vec::new())))));
    assert!(matches!(collect(&replayed, &[7; 64]), Err(EvidenceError::Interference)));
    let mounted = Mounted::new(Gramine::new(Some(Box::new(|_| Ok(SGX_QUOTE.to_vec()))), &[]));
    let replayed = EvidenceSource::Gramine(mounted.path().into()).collect(&[7; 64]);
    assert!(matches!(replayed, Err(EvidenceError::Interference)));
}

#[test]
fn evidence_that_is_too_short_or_of_another_version_is_rejected() {
    for bytes in [&TDX_QUOTE[..TDX_OFFSET + 63], &[], &[6, 0, 1]] {
        let tsm = Tsm::new(Some(tdx(move |_| Ok((bytes.to_vec(), Vec::new())))));
        assert!(matches!(collect(&tsm, &[7; 64]), Err(EvidenceError::Malformed { provider: "the kernel" })));
    }
}

#[test]
fn a_busy_driver_is_tried_again_but_not_forever() {
    for (busy, succeeds) in [(2, true), (u32::MAX, false)] {
        let left = AtomicU32::new(busy);
        let driver = tdx(move |data| {
            match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)) {
                Ok(_) => Err(Errno::EBUSY),
                Err(_) => Ok((quote_with(TDX_QUOTE, TDX_OFFSET, data), Vec::new())),
            }
        });
        let outcome = collect(&Tsm::new(Some(driver)), &[7; 64]);
        assert_eq!(outcome.is_ok(), succeeds, "{outcome:?}");
        if let Err(error) = outcome {
            assert!(matches!(error, EvidenceError::File { source, .. } if source.raw_os_error() == Some(16)));
        }
    }
}

#[test]
fn a_failing_driver_is_reported() {
    let timeout = Tsm::new(Some(tdx(|_| Err(Errno::ETIMEDOUT))));
    let error = collect(&timeout, &[7; 64]).unwrap_err();
    assert!(matches!(error, EvidenceError::File { source, .. } if source.raw_os_error() == Some(110)));
}

#[test]
fn an_interface_without_a_provider_is_reported() {
    assert!(matches!(collect(&Tsm::new(None), &[7; 64]), Err(EvidenceError::NoProvider { .. })));
    let unknown = Tsm::new(Some(Driver { name: "arm_cca_guest", ..working() }));
    let error = collect(&unknown, &[7; 64]).unwrap_err();
    assert!(matches!(error, EvidenceError::UnknownProvider(name) if name == "arm_cca_guest"));
    let without_attestation = Mounted::new(Gramine::new(None, &[]));
    let error = EvidenceSource::Gramine(without_attestation.path().into()).collect(&[7; 64]).unwrap_err();
    assert!(matches!(error, EvidenceError::NoProvider { path } if path.ends_with("quote")));
    let nothing = tempfile::tempdir().unwrap();
    let error = EvidenceSource::Tsm(nothing.path().join("absent")).collect(&[7; 64]).unwrap_err();
    assert!(matches!(error, EvidenceError::File { .. }));
}

#[test]
fn the_double_fails_as_the_kernel_does() {
    let mounted = Mounted::new(Tsm::new(Some(working())));
    let entry = mounted.path().join("entry");
    fs::create_dir(&entry).unwrap();
    let error = |outcome: std::io::Result<Vec<u8>>| outcome.unwrap_err().raw_os_error();
    assert_eq!(error(fs::read(entry.join("outblob"))), Some(22), "EINVAL before anything is written");
    let mut file = fs::OpenOptions::new().write(true).open(entry.join("inblob")).unwrap();
    assert_eq!(file.write(&[0; 65]).unwrap_err().raw_os_error(), Some(27), "EFBIG");
    drop(file);
    let generation = || fs::read_to_string(entry.join("generation")).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(entry.join("inblob")).unwrap();
    let before = generation();
    file.write_all(&[1; 64]).unwrap();
    assert_eq!(generation(), before, "configfs takes the data when the file is closed");
    drop(file);
    assert_ne!(generation(), before);
    assert_eq!(fs::read(entry.join("outblob")).unwrap(), quote_with(TDX_QUOTE, TDX_OFFSET, &[1; 64]));
}
