//! An ONNX model with more than 2 GiB of weights in two files, some at offsets beyond 2 GiB.
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

mod common;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use common::protobuf::{field, number};
use common::{core, runtime};
use ovseal::{KeyFile, Model, ModelName, ModelOptions, OpenOptions, SealOptions, Trust};
use ovseal_openvino::{Compilation, ElementType, Opening, Tensor};

const ROWS: usize = 32_768;
const COLUMNS: usize = 1024;
const TABLE: usize = 4 * ROWS * COLUMNS; // 128 MiB

/// The offset of the first table in a file.
const OFFSET: usize = 4096;

/// The number of tables in each file.
const FILES: [(&str, usize); 2] = [("large.bin", 16), ("data/small.bin", 1)];

const FLOAT: usize = 1;
const INT64: usize = 7;

/// Writes the model: `y` is the sum of row `row` of all tables. Each table has one number, in its
/// last row, and zeros, which take no space on disk.
fn write(folder: &Path) {
    let mut graph = Vec::new();
    let mut sum: Vec<u8> = Vec::new();
    let places = FILES.iter().flat_map(|(file, count)| (0..*count).map(move |index| (*file, index)));
    for (table, (file, index)) in places.enumerate() {
        let (name, row) = (format!("table{table}"), format!("row{table}"));
        let offset = OFFSET + index * TABLE;
        let entry =
            |key: &[u8], value: &str| field(13, &[field(1, key), field(2, value.as_bytes())].concat());
        let data = [
            entry(b"location", file),
            entry(b"offset", &offset.to_string()),
            entry(b"length", &TABLE.to_string()),
        ];
        let head = [number(1, ROWS), number(1, COLUMNS), number(2, FLOAT), field(8, name.as_bytes())];
        let tensor = [head.concat(), data.concat(), number(14, 1)].concat();
        graph.extend(field(5, &tensor));
        graph.extend(node(&[name.as_bytes(), b"row"], row.as_bytes(), b"Gather"));
        sum.extend(field(1, row.as_bytes()));
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let out = File::options().create(true).truncate(false).write(true).open(path).unwrap();
        out.set_len((offset + TABLE) as u64).unwrap();
        let place = offset + TABLE - 4 * COLUMNS + 4 * table;
        out.write_all_at(&number_of(table).to_le_bytes(), place as u64).unwrap();
    }
    graph.extend(field(1, &[sum, field(2, b"y"), field(4, b"Sum")].concat()));
    graph.extend([field(2, b"tables"), value(11, b"row", INT64, &[1])].concat());
    graph.extend(value(12, b"y", FLOAT, &[1, COLUMNS]));
    let opset = field(8, &[field(1, b""), number(2, 17)].concat());
    fs::write(folder.join("model.onnx"), [number(1, 9), opset, field(7, &graph)].concat()).unwrap();
}

fn number_of(table: usize) -> f32 {
    table as f32 + 0.5
}

fn node(inputs: &[&[u8]], output: &[u8], operator: &[u8]) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|name| field(1, name)).collect();
    field(1, &[inputs, field(2, output), field(4, operator)].concat())
}

fn value(direction: usize, name: &[u8], element_type: usize, shape: &[usize]) -> Vec<u8> {
    let dimensions: Vec<u8> = shape.iter().flat_map(|extent| field(1, &number(1, *extent))).collect();
    let tensor = [number(1, element_type), field(2, &dimensions)].concat();
    field(direction, &[field(1, name), field(2, &field(1, &tensor))].concat())
}

#[test]
fn more_than_2_gib_of_weights_in_several_files_compute_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let model = Model::find(&folder.path().join("model.onnx"), ModelOptions::default()).unwrap();
    assert!(model.total_length() > 17 << 27 && model.parts().any(|part| part.length > 1 << 31));
    let (key, container) = (KeyFile::generate().unwrap(), folder.path().join("m.ovseal"));
    let options = SealOptions::new(ModelName::parse("tables").unwrap()).recipient(&key);
    options.seal(&model, &container).unwrap();
    let opened = OpenOptions::new(Trust::AnySender).open(&container, &[&key]).unwrap();
    fs::remove_file(container).unwrap();

    let core = core();
    let compilation = Compilation::on("CPU");
    let compiled = core.compile_sealed(&opened, &compilation, Opening::Auto).unwrap();
    let mut request = compiled.create_request().unwrap();
    let mut row = Tensor::new(&runtime(), ElementType::I64, &[1]).unwrap();
    row.bytes_mut().copy_from_slice(&(ROWS as i64 - 1).to_ne_bytes());
    request.set_input("row", row).unwrap();
    request.infer().unwrap();
    let output = request.output(0).unwrap();
    let numbers: Vec<f32> =
        output.bytes().chunks_exact(4).map(|number| f32::from_ne_bytes(number.try_into().unwrap())).collect();
    let tables = FILES.iter().map(|(_, count)| count).sum();
    let expected: Vec<f32> = (0..tables).map(number_of).collect();
    assert_eq!((&numbers[..tables], numbers.len()), (&expected[..], COLUMNS));
    assert!(numbers[tables..].iter().all(|number| *number == 0.0));
}
