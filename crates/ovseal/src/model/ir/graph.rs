//! The constants that OpenVINO computes with while it compiles a model.
//!
//! Before there is an input, OpenVINO computes everything that depends only on constants and
//! shapes. Where a chunk fails to decrypt, the bytes are zero. That is harmful in integer
//! arithmetic: a remainder by zero ends the process. So a constant *decides* if integers are
//! computed from it.

use std::collections::HashMap;

use super::IrFault;
use super::constant::Constant;
use super::element_type::ElementType;

/// The layers of a network or body, and the edges between them.
pub(super) struct Graph {
    is_body: bool,
    pub(super) layers: Vec<Layer>,
    numbers: HashMap<u64, usize>,
    /// Ids of the layers at the beginning and end of each edge.
    pub(super) edges: Vec<(u64, u64)>,
}

pub(super) struct Layer {
    pub(super) kind: Kind,
    /// True if an output holds integers, booleans or strings, or has no precision.
    pub(super) has_integer_output: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A constant, with its index among all constants after its `data` has been read.
    Constant(Option<usize>),
    Parameter,
    ShapeOf,
    Convert,
    /// A conversion for which OpenVINO needs only the type of the second input.
    ConvertLike,
    Result,
    WithBody,
    Other,
}

impl Graph {
    pub(super) fn new(is_body: bool) -> Self {
        Self { is_body, layers: Vec::new(), numbers: HashMap::new(), edges: Vec::new() }
    }

    /// Adds a layer and returns its index. Fails if another layer has the same id.
    pub(super) fn add(&mut self, id: u64, kind: Kind) -> Result<usize, IrFault> {
        let number = self.layers.len();
        if self.numbers.insert(id, number).is_some() {
            return Err(IrFault::NotUnderstood("a second layer with this id"));
        }
        self.layers.push(Layer { kind, has_integer_output: false });
        Ok(number)
    }

    /// Returns the readers of each layer. Skips edges without a layer, which OpenVINO rejects.
    fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.layers.len()];
        for (from, to) in &self.edges {
            if let (Some(&from), Some(&to)) = (self.numbers.get(from), self.numbers.get(to)) {
                readers[from].push(to);
            }
        }
        readers
    }

    /// Returns the layers that can be computed at compile time, each after those that it reads.
    fn computed(&self, readers: &[Vec<usize>]) -> Vec<usize> {
        let mut missing = vec![0_usize; self.layers.len()];
        readers.iter().flatten().for_each(|&reader| missing[reader] += 1);
        for (layer, missing) in self.layers.iter().zip(&mut missing) {
            if layer.kind == Kind::ConvertLike {
                *missing = 1.min(*missing);
            }
        }
        let is_known = |number: &usize| match self.layers[*number].kind {
            Kind::ShapeOf => true,
            // The input of a body may be a constant.
            Kind::Parameter => self.is_body,
            _ => missing[*number] == 0,
        };
        let mut order: Vec<usize> = (0..self.layers.len()).filter(is_known).collect();
        let mut next = 0;
        while let Some(&number) = order.get(next) {
            next += 1;
            for &reader in &readers[number] {
                let was_missing = missing[reader];
                missing[reader] = was_missing.saturating_sub(1);
                if was_missing == 1 && self.layers[reader].kind != Kind::ShapeOf {
                    order.push(reader);
                }
            }
        }
        order
    }

    /// Returns, for each layer, whether integers are computed from it at compile time; `None` if
    /// the layer itself is not computed then.
    fn followed_by_integers(&self, readers: &[Vec<usize>]) -> Vec<Option<bool>> {
        let mut follows = vec![None; self.layers.len()];
        for number in self.computed(readers).into_iter().rev() {
            let layer = &self.layers[number];
            // The layers that read a body's results are in a different graph, so they are assumed
            // to compute integers.
            let is_result = self.is_body && layer.kind == Kind::Result;
            let itself = layer.has_integer_output || layer.kind == Kind::WithBody || is_result;
            follows[number] = Some(itself || self.any_follows(&readers[number], &follows));
        }
        follows
    }

    /// Returns whether integers may be computed by one of `readers`. A body may compute anything.
    fn any_follows(&self, readers: &[usize], follows: &[Option<bool>]) -> bool {
        let is_body = |reader: usize| self.layers[reader].kind == Kind::WithBody;
        readers.iter().any(|&reader| follows[reader] == Some(true) || is_body(reader))
    }

    fn decides(&self, constant: &Constant, readers: &[usize], follows: &[Option<bool>]) -> bool {
        let ElementType::Integer(bits) = constant.element_type else {
            return constant.holds_strings() || self.any_follows(readers, follows);
        };
        let is_weight = |reader: &usize| match follows[*reader] {
            Some(follows) => self.layers[*reader].kind == Kind::Convert && !follows,
            // The layer needs an input, and the constant has too many elements for a shape.
            None => !self.layers[*reader].has_integer_output && self.layers[*reader].kind != Kind::WithBody,
        };
        let is_small = constant.range().end - constant.range().start <= MOST_OF_A_SHAPE;
        bits > 8 || is_small || !readers.iter().all(is_weight)
    }
}

/// Returns whether each constant decides.
pub(super) fn deciding(constants: &[Constant], graphs: &[Graph]) -> Vec<bool> {
    let mut decides = vec![false; constants.len()];
    for graph in graphs {
        let readers = graph.readers();
        let follows = graph.followed_by_integers(&readers);
        for (layer, readers) in graph.layers.iter().zip(&readers) {
            if let Kind::Constant(Some(number)) = layer.kind {
                decides[number] = graph.decides(&constants[number], readers, &follows);
            }
        }
    }
    decides
}

/// Largest size of a shape in bytes. Integers of up to 8 bits that take more can be weights.
const MOST_OF_A_SHAPE: u64 = 64;
