//! Numbers for inputs without `--input`, the same in every run.

use ovseal_openvino::ElementType;

/// A generator of the numbers for one input, element after element.
///
/// Floats are in [0,1) and integers from 0 to 99. Booleans alternate, starting with false.
pub(super) struct Seeded {
    /// The size of an element in bytes.
    size: usize,
    bits: Bits,
    encode: Encode,
}

/// A source of 64 bits for each element.
enum Bits {
    Alternating(u64),
    Random(SplitMix64),
}

/// A function from 64 bits to an element, little-endian.
type Encode = fn(u64) -> [u8; 8];

impl Seeded {
    /// Creates the generator for the input with this index. `None` for a type without whole bytes.
    pub(super) fn new(element_type: ElementType, input: u64) -> Option<Self> {
        let bits = match element_type {
            ElementType::Boolean => Bits::Alternating(0),
            _ => Bits::Random(SplitMix64(input)),
        };
        Some(Self { size: element_type.bits() / 8, bits, encode: encoder(element_type)? })
    }

    /// Fills `data` with the next numbers. Its length is a multiple of the element size.
    pub(super) fn fill(&mut self, data: &mut [u8]) {
        for element in data.chunks_exact_mut(self.size) {
            let bytes = (self.encode)(self.bits.next());
            element.copy_from_slice(&bytes[..self.size]);
        }
    }

    /// Returns the first `length` bytes for an input, in pieces.
    pub(super) fn pieces(
        element_type: ElementType,
        input: u64,
        length: usize,
    ) -> impl Iterator<Item = Vec<u8>> {
        let numbers = Self::new(element_type, input).into_iter();
        numbers.flat_map(move |mut numbers| {
            (0..length).step_by(PIECE).map(move |start| {
                let mut piece = vec![0; PIECE.min(length - start)];
                numbers.fill(&mut piece);
                piece
            })
        })
    }
}

impl Bits {
    fn next(&mut self) -> u64 {
        match self {
            Self::Alternating(last) => std::mem::replace(last, 1 - *last),
            Self::Random(random) => random.next(),
        }
    }
}

/// The size of a piece in bytes: whole elements of every type.
const PIECE: usize = 64 * 1024;

fn encoder(element_type: ElementType) -> Option<Encode> {
    Some(match element_type {
        ElementType::Boolean => u64::to_le_bytes,
        ElementType::F64 => |bits| ((bits >> 11) as f64 / (1u64 << 53) as f64).to_le_bytes(),
        ElementType::F32 => |bits| widened((((bits >> 40) as f32) / (1u32 << 24) as f32).to_le_bytes()),
        ElementType::Bf16 => |bits| widened(((eight_bits(bits).to_bits() >> 16) as u16).to_le_bytes()),
        ElementType::F16 => |bits| widened(half(eight_bits(bits)).to_le_bytes()),
        ElementType::I8 | ElementType::I16 | ElementType::I32 | ElementType::I64 => {
            |bits| (bits % 100).to_le_bytes()
        }
        ElementType::U8 | ElementType::U16 | ElementType::U32 | ElementType::U64 => {
            |bits| (bits % 100).to_le_bytes()
        }
        _ => return None,
    })
}

fn widened<const N: usize>(bytes: [u8; N]) -> [u8; 8] {
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(&bytes);
    wide
}

/// Returns a multiple of 1/256 in [0,1), which every float type represents exactly.
fn eight_bits(bits: u64) -> f32 {
    (bits >> 56) as f32 / 256.0
}

/// Returns the binary16 of a multiple of 1/256 in [0,1). Such numbers are zero or normal, so the
/// result is exact.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    if bits == 0 { 0 } else { (((bits >> 23) - 112) << 10 | (bits >> 13) & 0x3ff) as u16 }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled<const N: usize>(element_type: ElementType, input: u64) -> [u8; N] {
        let mut data = [9; N];
        Seeded::new(element_type, input).unwrap().fill(&mut data);
        data
    }

    #[test]
    fn the_generator_returns_the_published_first_numbers() {
        let mut random = SplitMix64(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn floats_are_in_the_unit_interval_and_differ() {
        let data = filled::<4000>(ElementType::F32, 0);
        let floats: Vec<f32> = data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert!(floats.iter().all(|float| (0.0..1.0).contains(float)));
        assert!(floats.iter().any(|&float| float > 0.9) && floats.iter().any(|&float| float < 0.1));
    }

    #[test]
    fn halves_are_exact() {
        assert_eq!(
            [half(0.0), half(1.0 / 256.0), half(0.5), half(255.0 / 256.0)],
            [0, 0x1c00, 0x3800, 0x3bf8]
        );
    }

    #[test]
    fn integers_are_below_a_hundred_and_booleans_alternate() {
        let data = filled::<800>(ElementType::I64, 3);
        assert!(data.as_chunks().0.iter().all(|bytes| (0..100).contains(&i64::from_le_bytes(*bytes))));
        assert_eq!(filled(ElementType::Boolean, 0), [0, 1, 0, 1]);
    }

    #[test]
    fn types_without_whole_bytes_have_no_generator() {
        assert!(Seeded::new(ElementType::U4, 0).is_none());
    }

    #[test]
    fn pieces_are_the_bytes_that_one_fill_writes() {
        for element_type in [ElementType::F64, ElementType::U8, ElementType::Boolean] {
            let whole = filled::<{ 2 * PIECE + 8 }>(element_type, 5);
            let pieces: Vec<Vec<u8>> = Seeded::pieces(element_type, 5, whole.len()).collect();
            assert!(pieces.len() == 3 && pieces.concat() == whole, "{element_type}");
        }
    }
}
