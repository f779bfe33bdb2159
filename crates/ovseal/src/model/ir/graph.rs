//! Which constants decide while a model is compiled.
//!
//! OpenVINO computes, before there is an input, whatever follows from constants and from shapes. A zero in
//! the place of what failed to decrypt does harm where it is computed with as an integer: a remainder by
//! zero ends the process. So a constant decides if integers follow from it in that way.

use std::collections::HashMap;

use super::IrFault;
use super::constant::Constant;
use super::element_type::ElementType;

/// The layers of a network, or of the body of one, and who reads what of whom.
pub(super) struct Graph {
    is_body: bool,
    pub(super) layers: Vec<Layer>,
    numbers: HashMap<u64, usize>,
    /// From the layer with one id to that with another.
    pub(super) edges: Vec<(u64, u64)>,
}

pub(super) struct Layer {
    pub(super) kind: Kind,
    /// An output holds integers, booleans or texts, or what it holds is not said.
    pub(super) has_integer_output: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// With its number among all constants; without one as long as its `data` was not read.
    Constant(Option<usize>),
    Parameter,
    ShapeOf,
    Convert,
    /// Of its second input OpenVINO wants the type only.
    ConvertLike,
    Result,
    WithBody,
    Other,
}

impl Graph {
    pub(super) fn new(is_body: bool) -> Self {
        Self { is_body, layers: Vec::new(), numbers: HashMap::new(), edges: Vec::new() }
    }

    /// Adds a layer and returns its number. No two have one id.
    pub(super) fn add(&mut self, id: u64, kind: Kind) -> Result<usize, IrFault> {
        let number = self.layers.len();
        if self.numbers.insert(id, number).is_some() {
            return Err(IrFault::NotUnderstood("a second layer of this id"));
        }
        self.layers.push(Layer { kind, has_integer_output: false });
        Ok(number)
    }

    /// The numbers of the layers that read each layer. Edges from or to nowhere are OpenVINO's to refuse.
    fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.layers.len()];
        for (from, to) in &self.edges {
            if let (Some(&from), Some(&to)) = (self.numbers.get(from), self.numbers.get(to)) {
                readers[from].push(to);
            }
        }
        readers
    }

    /// The layers that can be computed when the model is compiled, each after those that it reads.
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
            // What a body is given may be a constant.
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

    /// Whether integers follow from each layer when the model is compiled; `None` for those not computed then.
    fn followed_by_integers(&self, readers: &[Vec<usize>]) -> Vec<Option<bool>> {
        let mut follows = vec![None; self.layers.len()];
        for number in self.computed(readers).into_iter().rev() {
            let layer = &self.layers[number];
            // What follows from the results of a body stands in another graph.
            let is_result = self.is_body && layer.kind == Kind::Result;
            let itself = layer.has_integer_output || layer.kind == Kind::WithBody || is_result;
            follows[number] = Some(itself || self.any_follows(&readers[number], &follows));
        }
        follows
    }

    /// Tells if integers follow from one of `readers`; nothing is known of what a body does.
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
            // Waits for an input, and no shape has so many extents.
            None => !self.layers[*reader].has_integer_output && self.layers[*reader].kind != Kind::WithBody,
        };
        let is_small = constant.range().end - constant.range().start <= MOST_OF_A_SHAPE;
        bits > 8 || is_small || !readers.iter().all(is_weight)
    }
}

/// Tells of each constant whether it decides.
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

/// Integers of a byte or less are weights, unless there are as few as in a shape.
const MOST_OF_A_SHAPE: u64 = 64;
