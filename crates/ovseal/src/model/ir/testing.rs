//! Small topologies for tests.

use std::fmt::Write;

/// Formats the layer of a constant.
pub(super) fn constant(element_type: &str, shape: &str, offset: usize, size: usize) -> String {
    format!(
        "<layer id=\"0\" name=\"c\" type=\"Const\" version=\"opset1\"><data element_type=\"{element_type}\" \
         shape=\"{shape}\" offset=\"{offset}\" size=\"{size}\"/></layer>"
    )
}

/// Formats a topology with these layers.
pub(super) fn net(layers: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<net name=\"n\" version=\"11\">\n<layers>\n{layers}\n</layers>\n</net>\n"
    )
}

/// Formats a topology with these layers and edges. The id of a layer is its index.
///
/// A layer is its type and the precision of its output. The type of a constant is
/// `Const:element type:number of elements`. Constants follow each other in the weights.
pub(super) fn graph(layers: &[(&str, &str)], edges: &[(usize, usize)]) -> String {
    let (mut text, mut offset) = (String::new(), 0);
    for (id, (kind, precision)) in layers.iter().enumerate() {
        let mut kind = kind.split(':');
        let name = kind.next().unwrap();
        write!(text, "<layer id=\"{id}\" name=\"l{id}\" type=\"{name}\" version=\"opset1\">").unwrap();
        if let (Some(element_type), Some(count)) = (kind.next(), kind.next()) {
            let bytes = super::element_type::ElementType::parse(element_type).unwrap();
            let size = bytes.bytes(count.parse().unwrap()).unwrap();
            write!(text, "<data element_type=\"{element_type}\" shape=\"{count}\" ").unwrap();
            write!(text, "offset=\"{offset}\" size=\"{size}\"/>").unwrap();
            offset += size;
        }
        write!(text, "<output><port id=\"0\" precision=\"{precision}\"/></output></layer>").unwrap();
    }
    let mut edged = String::from("</layers><edges>");
    for (from, to) in edges {
        write!(edged, "<edge from-layer=\"{from}\" from-port=\"0\" to-layer=\"{to}\" to-port=\"1\"/>")
            .unwrap();
    }
    net(&text).replace("</layers>", &(edged + "</edges>"))
}
