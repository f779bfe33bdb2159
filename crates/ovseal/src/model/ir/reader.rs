//! Reads the constants and the graphs of a topology.

use super::constant::Constant;
use super::graph::{Graph, Kind, Layer};
use super::markup::{Attributes, Element, Markup, Piece};
use super::{IrError, IrFault};

/// Reads the constants, and the graphs that use them: the network first, then the bodies.
pub(super) fn read(topology: &[u8]) -> Result<(Vec<Constant>, Vec<Graph>), IrError> {
    let mut reader = Reader::default();
    let mut markup = Markup::new(topology)?;
    while let Some(piece) = markup.next()? {
        match piece {
            Piece::Begin(element) => reader.begin(&element)?,
            Piece::End => drop(reader.places.pop()),
        }
    }
    Ok((reader.constants, reader.graphs))
}

#[derive(Default)]
struct Reader {
    constants: Vec<Constant>,
    graphs: Vec<Graph>,
    /// The open elements, the innermost last.
    places: Vec<Place>,
}

/// An open element, and the names of its known children so far.
struct Place {
    role: Role,
    seen: Vec<&'static str>,
}

/// The role of an element. Fields are indexes of a graph, and of a layer in that graph.
#[derive(Clone, Copy)]
enum Role {
    /// `net`, or the body of a layer.
    Graph(usize),
    Layers(usize),
    Edges(usize),
    Layer(usize, usize),
    Outputs(usize, usize),
    PreProcess,
    Channel,
    /// `rt_info` of a graph, or an element inside it.
    Information,
    /// An element that does not affect memory, or an element inside it.
    Other,
}

impl Reader {
    fn begin(&mut self, element: &Element<'_>) -> Result<(), IrError> {
        let fault = |fault| IrError { line: element.line, fault };
        let role = match self.places.last_mut() {
            None if element.name().eq_ignore_ascii_case("net") => self.new_graph(false),
            None => return Err(fault(IrFault::Root)),
            Some(parent) => {
                parent.note(element.name()).map_err(fault)?;
                let role = parent.role;
                self.child(role, element)?
            }
        };
        self.places.push(Place { role, seen: Vec::new() });
        Ok(())
    }

    fn child(&mut self, parent: Role, element: &Element<'_>) -> Result<Role, IrError> {
        let fault = |fault| IrError { line: element.line, fault };
        Ok(match (parent, element.name()) {
            (Role::Graph(graph), "layers") => Role::Layers(graph),
            (Role::Graph(graph), "edges") => Role::Edges(graph),
            (Role::Graph(_), "pre-process") => Role::PreProcess,
            (Role::PreProcess, "channel") => Role::Channel,
            // OpenVINO checks neither the position nor the size of mean images.
            (Role::Channel, "mean") if element.attributes()?.has("size") => {
                return Err(fault(IrFault::NotUnderstood("a mean image")));
            }
            (Role::Layers(graph), "layer") => self.layer(graph, &element.attributes()?).map_err(fault)?,
            (Role::Edges(graph), "edge") => self.edge(graph, &element.attributes()?).map_err(fault)?,
            (Role::Layer(graph, layer), "data") => self.data(graph, layer, element)?,
            (Role::Layer(graph, layer), "output") => Role::Outputs(graph, layer),
            (Role::Outputs(graph, layer), "port") => {
                self.output(graph, layer, &element.attributes()?);
                Role::Other
            }
            (Role::Layer(graph, layer), "body" | "then_body" | "else_body") => {
                self.body(graph, layer).map_err(fault)?
            }
            (Role::Graph(_), "rt_info") => Role::Information,
            (Role::Information, name) => information(name, &element.attributes()?).map_err(fault)?,
            _ => Role::Other,
        })
    }

    fn new_graph(&mut self, is_body: bool) -> Role {
        self.graphs.push(Graph::new(is_body));
        Role::Graph(self.graphs.len() - 1)
    }

    /// Enters a body. OpenVINO would ignore the body of a layer of another known kind, so such a
    /// layer must not have one.
    fn body(&mut self, graph: usize, layer: usize) -> Result<Role, IrFault> {
        let kind = &mut self.graphs[graph].layers[layer].kind;
        if !matches!(kind, Kind::Other | Kind::WithBody) {
            return Err(IrFault::NotUnderstood("a body in this layer"));
        }
        *kind = Kind::WithBody;
        Ok(self.new_graph(true))
    }

    fn layer(&mut self, graph: usize, attributes: &Attributes<'_>) -> Result<Role, IrFault> {
        let name = attributes.text("type")?;
        let kind = match name {
            "Const" => Kind::Constant(None),
            // OpenVINO ignores the case of an operation's name, but would give such a constant no
            // bytes.
            _ if ["const", "constant"].iter().any(|other| name.eq_ignore_ascii_case(other)) => {
                return Err(IrFault::NotUnderstood("this spelling of a constant"));
            }
            "Parameter" => Kind::Parameter,
            "ShapeOf" => Kind::ShapeOf,
            "Convert" => Kind::Convert,
            "ConvertLike" => Kind::ConvertLike,
            "Result" => Kind::Result,
            _ => Kind::Other,
        };
        let layer = self.graphs[graph].add(attributes.number("id")?, kind)?;
        Ok(Role::Layer(graph, layer))
    }

    fn edge(&mut self, graph: usize, attributes: &Attributes<'_>) -> Result<Role, IrFault> {
        let edge = (attributes.number("from-layer")?, attributes.number("to-layer")?);
        self.graphs[graph].edges.push(edge);
        Ok(Role::Other)
    }

    fn data(&mut self, graph: usize, layer: usize, element: &Element<'_>) -> Result<Role, IrError> {
        let layer: &mut Layer = &mut self.graphs[graph].layers[layer];
        if let Kind::Constant(number) = &mut layer.kind {
            *number = Some(self.constants.len());
            self.constants.push(Constant::parse(element.line, &element.attributes()?)?);
        }
        Ok(Role::Other)
    }

    fn output(&mut self, graph: usize, layer: usize, port: &Attributes<'_>) {
        let is_float = port.text("precision").is_ok_and(|name| FLOATS.contains(&name));
        self.graphs[graph].layers[layer].has_integer_output |= !is_float;
    }
}

/// Rejects a path to the weights, from which plugins open files.
fn information(name: &str, attributes: &Attributes<'_>) -> Result<Role, IrFault> {
    let is_other = |name: &str| name != WEIGHTS_PATH;
    let is_harmless = !attributes.has("name") || attributes.text("name").is_ok_and(is_other);
    if !is_other(name) || !is_harmless {
        return Err(IrFault::NotUnderstood("a path to the weights"));
    }
    Ok(Role::Information)
}

impl Place {
    /// Rejects a second child where OpenVINO reads only the first.
    fn note(&mut self, name: &str) -> Result<(), IrFault> {
        if matches!(self.role, Role::Other) {
            return Ok(());
        }
        let Some(&known) = SINGLE.iter().find(|single| **single == name) else { return Ok(()) };
        if self.seen.contains(&known) {
            return Err(IrFault::NotUnderstood("a second element with this name"));
        }
        self.seen.push(known);
        Ok(())
    }
}

/// Name under which OpenVINO keeps the path to the weights in memory. It never writes this name.
const WEIGHTS_PATH: &str = "__weights_path";

/// Elements that a parent may have only once.
const SINGLE: [&str; 9] =
    ["layers", "edges", "pre-process", "data", "output", "body", "then_body", "else_body", "mean"];

/// Precisions of ports with fractional numbers.
const FLOATS: [&str; 9] = ["FP64", "FP32", "FP16", "BF16", "NF4", "F8E4M3", "F8E5M2", "F4E2M1", "F8E8M0"];
