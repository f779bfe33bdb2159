//! NumPy's file format for arrays, versions 1 to 3 (NEP 1): numbers in C order, little-endian.
//!
//! A library would decode the values. Here they stay raw bytes between the file and the runtime.

use std::io::{self, Read};

use ovseal_openvino::ElementType;

/// The maximum length of a header. NumPy's own limit is 10,000.
const HEADER_LIMIT: usize = 10_000;
const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// An array.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Array {
    pub(super) element_type: ElementType,
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<u8>,
}

/// The types that both NumPy and OpenVINO have, with NumPy's letter and size.
const TYPES: [(ElementType, &str); 12] = [
    (ElementType::Boolean, "b1"),
    (ElementType::I8, "i1"),
    (ElementType::I16, "i2"),
    (ElementType::I32, "i4"),
    (ElementType::I64, "i8"),
    (ElementType::U8, "u1"),
    (ElementType::U16, "u2"),
    (ElementType::U32, "u4"),
    (ElementType::U64, "u8"),
    (ElementType::F16, "f2"),
    (ElementType::F32, "f4"),
    (ElementType::F64, "f8"),
];

/// Reads an array that ends where `reader` ends.
///
/// # Errors
/// Any error of the reader, or `InvalidData` if the file is not an array of numbers in C order.
pub(super) fn read(reader: &mut impl Read) -> io::Result<Array> {
    read_array(reader).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => invalid(),
        _ => error,
    })
}

fn read_array(reader: &mut impl Read) -> io::Result<Array> {
    let header = read_header(reader)?;
    let (element_type, shape) = parse_header(&header).ok_or_else(invalid)?;
    let length = length(element_type, &shape).ok_or_else(invalid)?;
    let mut data = Vec::new();
    reader.take((length as u64).saturating_add(1)).read_to_end(&mut data)?;
    if data.len() == length { Ok(Array { element_type, shape, data }) } else { Err(invalid()) }
}

/// Returns whether NumPy has such a type.
pub(super) fn has_type(element_type: ElementType) -> bool {
    letter(element_type).is_some()
}

/// Encodes an array as a file. Returns `None` if NumPy has no such type.
pub(super) fn write(element_type: ElementType, shape: &[usize], data: &[u8]) -> Option<Vec<u8>> {
    let letter = letter(element_type)?;
    let order = if letter.ends_with('1') { '|' } else { '<' };
    let extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    let mut header =
        format!("{{'descr': '{order}{letter}', 'fortran_order': False, 'shape': ({extents}), }}");
    // Magic, version and length take ten bytes; the data begins at a multiple of 64.
    let padding = (10 + header.len() + 1).next_multiple_of(64) - (10 + header.len() + 1);
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let length = u16::try_from(header.len()).ok()?.to_le_bytes();
    Some([&MAGIC[..], &[1, 0], &length, header.as_bytes(), data].concat())
}

fn read_header(reader: &mut impl Read) -> io::Result<String> {
    let mut start = [0; 8];
    reader.read_exact(&mut start)?;
    let mut length = [0; 4];
    let width = if start[6] == 1 { 2 } else { 4 };
    reader.read_exact(&mut length[..width])?;
    let length = u32::from_le_bytes(length) as usize;
    if !start.starts_with(MAGIC) || !(1..=3).contains(&start[6]) || length > HEADER_LIMIT {
        return Err(invalid());
    }
    let mut header = vec![0; length];
    reader.read_exact(&mut header)?;
    String::from_utf8(header).map_err(|_| invalid())
}

/// Parses the header, a Python dictionary that NumPy always writes in the same way.
fn parse_header(header: &str) -> Option<(ElementType, Vec<usize>)> {
    let value = |key: &str| Some(header.split_once(&format!("'{key}':"))?.1.trim_start());
    let descr = value("descr")?.strip_prefix('\'')?.split('\'').next()?;
    let letter = descr.trim_start_matches(['<', '|', '=']);
    let (element_type, _) = TYPES.into_iter().find(|(_, found)| *found == letter)?;
    let extents = value("shape")?.strip_prefix('(')?.split(')').next()?;
    let extents = extents.split(',').map(str::trim).filter(|extent| !extent.is_empty());
    let shape = extents.map(|extent| extent.parse().ok()).collect::<Option<_>>()?;
    value("fortran_order")?.starts_with("False").then_some((element_type, shape))
}

fn letter(element_type: ElementType) -> Option<&'static str> {
    TYPES.into_iter().find_map(|(found, letter)| (found == element_type).then_some(letter))
}

fn length(element_type: ElementType, shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(element_type.bits() / 8, |length, &extent| length.checked_mul(extent))
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not an array of numbers in C order, as numpy.save writes it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_survives_writing_and_reading() {
        for (element_type, _) in TYPES {
            for shape in [vec![], vec![3], vec![2, 0], vec![1, 2, 3]] {
                let data = vec![1; length(element_type, &shape).unwrap()];
                let file = write(element_type, &shape, &data).unwrap();
                assert_eq!(file.len() % 64, data.len() % 64);
                assert_eq!(read(&mut &file[..]).unwrap(), Array { element_type, shape, data });
            }
        }
    }

    #[test]
    fn truncated_and_longer_files_are_rejected() {
        let file = write(ElementType::F32, &[2, 3], &[7; 24]).unwrap();
        for length in 0..file.len() {
            let error = read(&mut &file[..length]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length} bytes");
        }
        let error = read(&mut &[&file[..], &[0]].concat()[..]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn fortran_order_big_endian_and_huge_shapes_are_rejected() {
        let file = write(ElementType::F32, &[2], &[7; 8]).unwrap();
        for (from, to) in [
            ("False", "True "),
            ("'<f4'", "'>f4'"),
            ("'<f4'", "'<c8'"),
            ("(2, )", "(99999999999999999999, )"),
        ] {
            let text = String::from_utf8_lossy(&file[10..]).replacen(from, to, 1);
            assert_eq!(parse_header(&text), None, "{to}");
        }
        assert_eq!(length(ElementType::F32, &[usize::MAX, 2]), None);
        let longest = write(ElementType::U8, &[usize::MAX], &[]).unwrap();
        assert_eq!(read(&mut &longest[..]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
