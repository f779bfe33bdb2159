//! Following the pointers of a skeleton results in the model.
//!
//! This decoder shares nothing with the crate's own except the table of messages.

use proptest::prelude::*;

use super::*;
use crate::model::onnx::walk::Message;

/// A decoded message, with its fields in order.
#[derive(Debug, PartialEq)]
enum Tree {
    Leaf(Vec<u8>),
    Message(Vec<(u64, Tree)>),
    /// A tensor's data, and its fields except those for the location of the data.
    Tensor(Vec<(u64, Vec<u8>)>, Option<Vec<u8>>),
}

/// The files to which locations of external data can refer. Addresses also point into their memory.
struct Memory<'m>(Vec<(&'m str, &'m [u8])>);

impl Memory<'_> {
    fn find(&self, location: &str, offset: u64, length: Option<u64>) -> Vec<u8> {
        if location != "*/_ORT_MEM_ADDR_/*" {
            let bytes = self.0.iter().find(|(name, _)| *name == location).unwrap().1;
            let rest = &bytes[offset as usize..];
            return rest[..length.unwrap_or(rest.len() as u64) as usize].to_vec();
        }
        let mut places = self.0.iter().filter_map(|(_, bytes)| {
            let start = (offset as usize).checked_sub(bytes.as_ptr().addr())?;
            bytes.get(start..start + length.unwrap() as usize)
        });
        places.next().expect("every address lies in the model or a companion").to_vec()
    }
}

/// Returns the number and value of each field. A variable-length number stays encoded.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = take_number(&mut bytes);
        let length = match key & 7 {
            0 => bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1,
            1 => 8,
            5 => 4,
            _ => take_number(&mut bytes) as usize,
        };
        let (value, rest) = bytes.split_at(length);
        found.push((key >> 3, value.to_vec()));
        bytes = rest;
    }
    found
}

fn take_number(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    number
}

fn expand(message: Message, bytes: &[u8], memory: &Memory<'_>) -> Tree {
    if message == Message::Tensor {
        return expand_tensor(fields(bytes), memory);
    }
    let inner = fields(bytes).into_iter().map(|(number, value)| match message.field(number) {
        Some(inner) => (number, expand(inner, &value, memory)),
        None => (number, Tree::Leaf(value)),
    });
    Tree::Message(inner.collect())
}

fn expand_tensor(fields: Vec<(u64, Vec<u8>)>, memory: &Memory<'_>) -> Tree {
    let (located, plain): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|(number, _)| [9, 13, 14].contains(number));
    let last = |wanted| located.iter().rfind(|(number, _)| *number == wanted).map(|(_, value)| value.clone());
    if last(14).is_none_or(|value| value == [0]) {
        return Tree::Tensor(plain, last(9));
    }
    let entries = located.iter().filter(|(number, _)| *number == 13);
    let entries: Vec<(String, String)> = entries.map(|(_, entry)| texts(entry)).collect();
    let value = |key| entries.iter().find(|entry| entry.0 == key).map(|entry| entry.1.as_str());
    let offset = value("offset").map_or(0, |offset| offset.parse().unwrap());
    let length = value("length").map(|length| length.parse().unwrap());
    Tree::Tensor(plain, Some(memory.find(value("location").unwrap(), offset, length)))
}

fn texts(entry: &[u8]) -> (String, String) {
    let mut values = fields(entry).into_iter().map(|(_, value)| String::from_utf8(value).unwrap());
    (values.next().unwrap(), values.next().unwrap())
}

/// Generates encoded tensors of bytes, with their data inside or outside the model.
fn any_tensor() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![0..9usize, 1000..1050usize, 2000..2100usize];
    (0..5u8, length, 0..3000usize, any::<bool>()).prop_map(|(kind, length, offset, flag)| {
        let said = [shape(&[length as u64], 2), field(12, &vec![b'd'; offset % 9])].concat();
        let file = if flag { "a" } else { "d/b" };
        let (offset_text, length_text) = (offset.to_string(), length.to_string());
        let place = [("location", file), ("offset", &offset_text), ("length", &length_text)];
        let rest = (SIZE - length).to_string();
        match kind {
            0 => [said, field(9, &pattern(length, offset))].concat(),
            1 => [field(9, &pattern(length, offset)), number(14, 0), said].concat(),
            2 if length > 0 => [tensor(&place), said, number(14, 1)].concat(),
            3 => [number(14, 1), said, tensor(&[("offset", &rest), ("location", file)])].concat(),
            _ => [said, field(5, &pattern(length, offset))].concat(),
        }
    })
}

fn pattern(length: usize, start: usize) -> Vec<u8> {
    (start..start + length).map(|index| (index * 31 % 251) as u8).collect()
}

/// Length of each companion.
const SIZE: usize = 8000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_skeleton_is_equal_to_its_model(tensors in prop::collection::vec((0..10usize, any_tensor()), 0..12)) {
        let model = tensors.iter().flat_map(|(place, tensor)| places(tensor)[*place].clone());
        let model: Vec<u8> = number(1, 9).into_iter().chain(model).collect();
        let (a, b) = (pattern(SIZE, 1), pattern(SIZE, 5));
        let made = Skeleton::new(&path("net.onnx"), &model, &[(&path("a"), &a), (&path("d/b"), &b)]).unwrap();

        let memory = Memory(vec![("a", &a), ("d/b", &b), ("net.onnx", &model)]);
        let expanded = expand(Message::Model, made.as_ref(), &memory);
        prop_assert_eq!(expanded, expand(Message::Model, &model, &memory));
        let kept = model.len() - made.pointers().iter().filter(|at| at.companion.is_none()).map(|at| at.length).sum::<usize>();
        prop_assert!(made.as_ref().len() <= kept + 140 * tensors.len());
    }

    #[test]
    fn changed_bytes_never_point_outside(
        place in 0..10usize,
        tensor in any_tensor(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut model = places(&tensor)[place].clone();
        for (index, byte) in changes {
            let index = index.index(model.len());
            model[index] = byte;
        }
        let a = pattern(SIZE, 1);
        let Ok(made) = Skeleton::new(&path("net.onnx"), &model, &[(&path("a"), &a)]) else { return Ok(()) };
        let tag = b"*/_ORT_MEM_ADDR_/*";
        let tags = made.as_ref().windows(tag.len()).filter(|window| window == tag).count();
        prop_assert_eq!(tags, made.pointers().len());
        for pointer in made.pointers() {
            let bytes = if pointer.companion.is_some() { &a } else { &model };
            prop_assert!(bytes.get(pointer.offset..pointer.offset + pointer.length).is_some());
        }
    }
}
