//! Just enough protobuf to write an ONNX model.

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    [bytes, vec![value as u8]].concat()
}

/// Returns a field with an integer.
pub(crate) fn number(number: usize, value: usize) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

/// Returns the bytes before the contents of a field.
pub(crate) fn key_and_length(number: usize, length: usize) -> Vec<u8> {
    [varint(number << 3 | 2), varint(length)].concat()
}

/// Returns a field with bytes, a string or a message.
pub(crate) fn field(number: usize, content: &[u8]) -> Vec<u8> {
    [key_and_length(number, content.len()), content.to_vec()].concat()
}
