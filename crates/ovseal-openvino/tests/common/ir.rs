//! Small networks whose constants each start a new chunk.

use std::fmt::Write;

/// A network built layer by layer. A layer is named `l` and its number.
#[derive(Default)]
pub(crate) struct Ir {
    layers: String,
    edges: String,
    weights: Vec<u8>,
    count: usize,
}

/// An element type of a topology, its name as a port's precision, and the bytes of the number 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Type(pub(crate) &'static str, pub(crate) &'static str, pub(crate) &'static [u8]);

pub(crate) const F32: Type = Type("f32", "FP32", &[0, 0, 0x80, 0x3F]);
pub(crate) const I32: Type = Type("i32", "I32", &[1, 0, 0, 0]);
pub(crate) const I64: Type = Type("i64", "I64", &[1, 0, 0, 0, 0, 0, 0, 0]);

/// The number of elements of a constant: more than in a shape, fewer than in a chunk.
pub(crate) const ELEMENTS: usize = 200;

impl Ir {
    /// Adds a constant of ones that starts a new chunk.
    pub(crate) fn ones(&mut self, element_type: Type, elements: usize) -> usize {
        let Type(name, precision, one) = element_type;
        let offset = self.weights.len().next_multiple_of(CHUNK);
        self.weights.resize(offset, 0);
        // `one` of a packed type is a byte with two elements.
        let bytes = if name.ends_with('4') && one.len() == 1 { elements / 2 } else { elements * one.len() };
        self.weights.extend(one.iter().cycle().take(bytes));
        let shape = if elements == 1 { String::new() } else { elements.to_string() };
        let data = format!("element_type=\"{name}\" shape=\"{shape}\" offset=\"{offset}\" size=\"{bytes}\"");
        self.layer("Const", "opset1", &data, &[], precision)
    }

    /// Adds an input.
    pub(crate) fn input(&mut self, element_type: Type, elements: usize) -> usize {
        let data = format!("element_type=\"{}\" shape=\"{elements}\"", element_type.0);
        self.layer("Parameter", "opset1", &data, &[], element_type.1)
    }

    /// Adds a conversion.
    pub(crate) fn convert(&mut self, from: usize, to: Type) -> usize {
        self.layer("Convert", "opset1", &format!("destination_type=\"{}\"", to.0), &[from], to.1)
    }

    /// Adds any layer with one output.
    pub(crate) fn layer(
        &mut self,
        kind: &str,
        set: &str,
        data: &str,
        from: &[usize],
        precision: &str,
    ) -> usize {
        let number = self.count;
        self.count += 1;
        let layers = &mut self.layers;
        write!(layers, "<layer id=\"{number}\" name=\"l{number}\" type=\"{kind}\" version=\"{set}\">")
            .unwrap();
        write!(layers, "<data {data}/><input>").unwrap();
        for (port, from) in from.iter().enumerate() {
            write!(layers, "<port id=\"{port}\"/>").unwrap();
            let from = format!("from-layer=\"{from}\" from-port=\"{OUTPUT}\"");
            write!(self.edges, "<edge {from} to-layer=\"{number}\" to-port=\"{port}\"/>").unwrap();
        }
        writeln!(
            layers,
            "</input><output><port id=\"{OUTPUT}\" precision=\"{precision}\"/></output></layer>"
        )
        .unwrap();
        number
    }

    /// Adds an `If` with a constant condition and a constant of ones in both branches.
    pub(crate) fn chosen_ones(&mut self, element_type: Type, elements: usize) -> usize {
        let condition = self.ones(Type("boolean", "BOOL", &[1]), 1);
        let mut inside = Self { weights: std::mem::take(&mut self.weights), ..Self::default() };
        let constant = inside.ones(element_type, elements);
        let body;
        (body, self.weights) = inside.end(constant);
        let body = &body[START.len()..body.len() - END.len()];
        let chosen = self.layer("If", "opset8", "", &[condition], element_type.1);
        self.layers.truncate(self.layers.trim_end().len() - "</layer>".len());
        let map = format!("<output external_port_id=\"{OUTPUT}\" internal_layer_id=\"1\"/>");
        for branch in ["then", "else"] {
            write!(self.layers, "<{branch}_port_map>{map}</{branch}_port_map>").unwrap();
            write!(self.layers, "<{branch}_body>{body}</{branch}_body>").unwrap();
        }
        writeln!(self.layers, "</layer>").unwrap();
        chosen
    }

    /// Ends the network with this layer's output, and returns topology and weights.
    pub(crate) fn end(mut self, last: usize) -> (String, Vec<u8>) {
        let number = self.count;
        let from = format!("from-layer=\"{last}\" from-port=\"{OUTPUT}\"");
        write!(self.layers, "<layer id=\"{number}\" name=\"y\" type=\"Result\" version=\"opset1\">").unwrap();
        write!(self.layers, "<input><port id=\"0\"/></input></layer>").unwrap();
        write!(self.edges, "<edge {from} to-layer=\"{number}\" to-port=\"0\"/>").unwrap();
        let Self { layers, edges, weights, .. } = self;
        (format!("{START}<layers>\n{layers}</layers><edges>{edges}</edges>{END}"), weights)
    }
}

/// The number of every layer's output port, higher than those of the inputs.
const OUTPUT: usize = 9;

const START: &str = "<?xml version=\"1.0\"?><net name=\"n\" version=\"11\">";
const END: &str = "</net>";

const CHUNK: usize = 1 << 16;
