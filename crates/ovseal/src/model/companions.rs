//! The files that a topology needs, and checks that they match it.

use ovseal_format::manifest::PartKind;

use super::ModelError;
use super::ir::Topology;
use super::onnx::{self, Reference};
use super::paddle;
use super::source::Part;

/// Returns the extension of the weights next to a topology of this kind.
pub(super) const fn weights_extension(kind: PartKind) -> Option<&'static str> {
    match kind {
        PartKind::Ir => Some("bin"),
        PartKind::Paddle => Some("pdiparams"),
        _ => None,
    }
}

/// Checks that weights match their topology, to the extent that its kind allows.
pub(super) fn check_weights(kind: PartKind, topology: &Part, weights: &Part) -> Result<(), ModelError> {
    match kind {
        PartKind::Ir => check_ir(topology, weights),
        PartKind::Paddle => check_paddle(weights),
        _ => Ok(()),
    }
}

/// Checks that the constants of an IR are consistent and lie inside its weights.
pub(super) fn check_ir(topology: &Part, weights: &Part) -> Result<(), ModelError> {
    let refused = |source| ModelError::Ir { path: topology.1.path().into(), source };
    let bytes = topology.1.read(0, topology.0.length)?;
    let network = Topology::parse(&bytes).map_err(refused)?;
    network.check_length(weights.0.length).map_err(refused)?;
    network.string_tables().try_for_each(|(constant, table)| {
        let table = weights.1.read(table.start, table.end - table.start)?;
        constant.check(&table).map_err(refused)
    })
}

fn check_paddle((entry, source): &Part) -> Result<(), ModelError> {
    let path = source.path();
    let reader = source.open().map_err(ModelError::read(path))?;
    let read = |offset, count| {
        let mut bytes = vec![0; count];
        reader.read_exact_at(&mut bytes, offset).map(|()| bytes)
    };
    paddle::check_parameters(entry.length, read)
        .map_err(|source| ModelError::Paddle { path: path.into(), source })
}

/// Reads the references of an ONNX model to other files.
pub(super) fn references((entry, source): &Part) -> Result<Vec<Reference>, ModelError> {
    let path = source.path();
    let reader = source.open().map_err(ModelError::read(path))?;
    let read = |buffer: &mut [u8], offset| reader.read_exact_at(buffer, offset);
    onnx::references_of_file(entry.length, read).map_err(ModelError::onnx(path))
}
