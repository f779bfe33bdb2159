//! Models that a device compiled and exported.

use ovseal_format::manifest::PartKind;
use ovseal_format::part_path::PartPath;

use super::source::Part;

/// The origin of a compiled model: its device and OpenVINO version.
///
/// The plugins for CPU (OpenVINO 2026.4 and later), NPU and HETERO record it in the model. Nothing
/// depends on it: the runtime makes its own checks when it imports the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompiledBlob {
    /// The device, such as `CPU`.
    pub device: Option<String>,
    /// The version of OpenVINO, such as `2026.4.1`.
    pub openvino: Option<String>,
    /// The instruction set for which the model was compiled, in the device's own words.
    pub processor: Option<String>,
    /// The time of compilation, in seconds since 1970, taken from the sealed file's modification
    /// time.
    pub time: Option<u64>,
}

impl CompiledBlob {
    /// Reads the origin recorded in a compiled model of `length` bytes.
    ///
    /// `read` fills a buffer with the bytes at an offset. Its errors are returned.
    pub(crate) fn read<E>(
        length: u64,
        mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut start = vec![0; length.min(START) as usize];
        read(0, &mut start)?;
        if let Some(known) = Self::of_cpu(&start).or_else(|| Self::of_xml(&start)) {
            return Ok(known);
        }
        let Some(footer) = length.checked_sub(NPU_FOOTER as u64) else { return Ok(Self::default()) };
        let mut end = [0; NPU_FOOTER];
        read(footer, &mut end)?;
        let Some(metadata) = npu_metadata(&end).filter(|at| at.saturating_add(NPU_VERSIONS as u64) <= footer)
        else {
            return Ok(Self::default());
        };
        let mut versions = [0; NPU_VERSIONS];
        read(metadata, &mut versions)?;
        Ok(Self::of_npu(&versions))
    }

    /// Parses a magic word, a version of the frame, and `name=value` pairs.
    ///
    /// Source: the plugin `intel_cpu` of OpenVINO 2026.4.
    fn of_cpu(start: &[u8]) -> Option<Self> {
        let rest = start.strip_prefix(CPU_WORD)?.get(size_of::<u32>()..)?;
        let (length, rest) = rest.split_first_chunk()?;
        let text = rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        let pairs = || std::str::from_utf8(text).unwrap_or_default().split(';');
        let value = |name| pairs().find_map(|pair| pair.strip_prefix(name)).map(str::to_owned);
        Some(Self {
            device: Some("CPU".into()),
            openvino: value("ov="),
            processor: value("isa="),
            time: None,
        })
    }

    /// Recognizes the XML of HETERO, which describes the submodels of the divided model.
    fn of_xml(start: &[u8]) -> Option<Self> {
        let start = start.strip_prefix(b"<?xml version=\"1.0\"?>")?.trim_ascii_start();
        start.starts_with(b"<hetero ").then(|| Self { device: Some("HETERO".into()), ..Self::default() })
    }

    /// Parses the version of the metadata, then the three numbers of OpenVINO's version.
    ///
    /// Source: the plugin `intel_npu` of OpenVINO, for metadata 2.0 and later.
    fn of_npu(versions: &[u8; NPU_VERSIONS]) -> Self {
        let [_, _, major_of_metadata, _, numbers @ ..] = versions;
        let number = |at: usize| u16::from_le_bytes([numbers[at], numbers[at + 1]]);
        let version = || format!("{}.{}.{}", number(0), number(2), number(4));
        let openvino = (*major_of_metadata >= 2).then(version);
        Self { device: Some("NPU".into()), openvino, ..Self::default() }
    }
}

/// Returns whether a file is a compiled model, judging by its name or its first bytes.
pub(super) fn is_compiled(path: &PartPath, start: &[u8]) -> bool {
    path.extension() == "blob" || start.starts_with(CPU_WORD)
}

/// Returns the manifest's hints for the compilation time of each compiled model, in the order of
/// CBOR.
pub(crate) fn time_hints(parts: &[Part]) -> impl Iterator<Item = (String, String)> {
    let compiled = parts.iter().enumerate().filter(|(_, (entry, _))| entry.kind == PartKind::Compiled);
    let hint =
        |(number, (_, source)): (usize, &Part)| Some((time_hint(number), source.modified()?.to_string()));
    compiled.filter_map(hint).take(MOST_HINTS)
}

/// Returns the name of the hint with the time of the part with this number.
pub(crate) fn time_hint(number: usize) -> String {
    format!("compiled:{number}")
}

fn npu_metadata(footer: &[u8; NPU_FOOTER]) -> Option<u64> {
    let (length, word) = footer.split_first_chunk()?;
    (word == NPU_WORD).then(|| u64::from_le_bytes(*length))
}

/// Limit on the length of a record at the beginning.
const START: u64 = 4096;

const CPU_WORD: &[u8] = b"RR_UPCVO";

const NPU_WORD: &[u8] = b"OVNPU";

/// Length of the offset of the metadata, and of the word after it.
const NPU_FOOTER: usize = size_of::<u64>() + NPU_WORD.len();

const NPU_VERSIONS: usize = size_of::<u32>() + 3 * size_of::<u16>();

/// Limit on these hints: a manifest has at most 32 hints, one of which identifies the writer.
const MOST_HINTS: usize = 31;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn read(bytes: &[u8]) -> CompiledBlob {
        let read = |offset: u64, buffer: &mut [u8]| {
            let start = offset as usize;
            buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
            Ok::<(), Infallible>(())
        };
        CompiledBlob::read(bytes.len() as u64, read).unwrap()
    }

    fn cpu(text: &str) -> Vec<u8> {
        let length = (text.len() as u64).to_le_bytes();
        [CPU_WORD, &[1, 0, 0, 0], &length, text.as_bytes(), &[9; 70]].concat()
    }

    fn npu(payload: usize, metadata: u16, version: [u16; 3]) -> Vec<u8> {
        let versions = version.map(u16::to_le_bytes).concat();
        let metadata = [[7, 0], metadata.to_le_bytes()].concat();
        let length = (payload as u64).to_le_bytes();
        [&vec![5; payload][..], &metadata, &versions, &[0; 30], &length, NPU_WORD].concat()
    }

    #[test]
    fn a_compiled_model_records_its_device_and_openvino_version() {
        let blob = read(&cpu("meta=1.0;ov=2026.4.1;isa=Intel AVX-512"));
        assert_eq!(
            [blob.device.as_deref(), blob.openvino.as_deref(), blob.processor.as_deref()],
            [Some("CPU"), Some("2026.4.1"), Some("Intel AVX-512")]
        );
        let blob = read(&npu(100, 2, [2026, 4, 1]));
        assert_eq!([blob.device.as_deref(), blob.openvino.as_deref()], [Some("NPU"), Some("2026.4.1")]);
        let blob = read(b"<?xml version=\"1.0\"?><hetero name=\"m\">");
        assert_eq!([blob.device.as_deref(), blob.openvino.as_deref()], [Some("HETERO"), None]);
    }

    #[test]
    fn a_compiled_model_without_a_sound_record_has_an_unknown_origin() {
        let mut too_long = cpu("ov=1");
        too_long[12..20].copy_from_slice(&u64::MAX.to_le_bytes());
        let mut beyond = npu(100, 2, [1, 2, 3]);
        let at = beyond.len() - NPU_FOOTER;
        beyond[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        for bytes in
            [&too_long[..], &beyond, &cpu("ov=1")[..15], b"", b"OVNPU", b"<?xml version=\"1.0\"?><net>"]
        {
            assert_eq!(read(bytes), CompiledBlob::default(), "{bytes:?}");
        }
        assert_eq!(read(&npu(0, 1, [1, 2, 3])).openvino, None, "older metadata has another layout");
    }

    #[test]
    fn a_compiled_model_is_recognized_by_its_extension_or_first_bytes() {
        let is = |path: &str, start: &[u8]| is_compiled(&PartPath::parse(path).unwrap(), start);
        assert!(is("m.blob", b"") && is("m.BLOB", b"any") && is("m", &cpu("ov=1")));
        assert!(!is("blob", b"") && !is("m.bin", b"OVCPU_RR") && !is("m.xml", b"<net>"));
    }
}
