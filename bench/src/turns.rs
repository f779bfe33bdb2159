//! Methods, and the order in which they take turns.

use serde::{Deserialize, Serialize};

use crate::Result;

/// A method that is measured repeatedly. `C` is the state that all methods share, `S` a sample.
pub(crate) struct Method<'m, C, S> {
    /// Its name.
    pub(crate) name: String,
    /// The state of the page cache, if it is controlled.
    pub(crate) cache: Option<Cache>,
    every: u32,
    measure: Measure<'m, C, S>,
}

/// Prepares everything outside the measurement, then measures once.
type Measure<'m, C, S> = Box<dyn FnMut(&mut C) -> Result<S> + 'm>;

/// The state of the page cache when the clock starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cache {
    /// All files are in it.
    Warm,
    /// None of them is.
    Cold,
}

impl<'m, C, S> Method<'m, C, S> {
    /// Creates a method that takes its turn in every round.
    pub(crate) fn new(name: impl Into<String>, measure: impl FnMut(&mut C) -> Result<S> + 'm) -> Self {
        Self { name: name.into(), cache: None, every: 1, measure: Box::new(measure) }
    }

    /// Makes the method take its turn only in every third round, because it waits for the disk.
    pub(crate) fn seldom(self) -> Self {
        Self { every: 3, ..self }
    }

    /// Makes the method take turns with those whose page cache is in the same state.
    pub(crate) fn with_cache(self, cache: Cache) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// Measures once, if it is the method's turn.
    pub(crate) fn take_turn(&mut self, round: u32, context: &mut C) -> Result<Option<S>> {
        if !round.is_multiple_of(self.every) {
            return Ok(None);
        }
        let sample = (self.measure)(context).map_err(|error| format!("{}: {error}", self.name))?;
        Ok(Some(sample))
    }
}

/// Returns the indices of the methods by the state of the page cache.
pub(crate) fn groups<C, S>(methods: &[Method<'_, C, S>]) -> Vec<Vec<usize>> {
    let of = |cache| (0..methods.len()).filter(|&index| methods[index].cache == cache).collect();
    [None, Some(Cache::Warm), Some(Cache::Cold)].map(of).into()
}

/// Returns the order of this many methods in a round.
///
/// Every pair of rounds starts with a different method, and its second round runs in reverse order.
/// So of any two methods, each goes first equally often.
pub(crate) fn order(methods: usize, round: u32, rounds: u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..methods).collect();
    order.rotate_left(methods * (round & !1) as usize / rounds as usize);
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_holds_all_methods_in_another_order() {
        let rounds: Vec<_> = (0..3).map(|round| order(6, round, 3)).collect();
        assert_eq!(rounds, [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [4, 5, 0, 1, 2, 3]]);
    }

    #[test]
    fn seldom_methods_have_no_sample_in_other_rounds() {
        let mut method = Method::new("a", |_: &mut ()| Ok(7)).seldom();
        let samples = (0..4).map(|round| method.take_turn(round, &mut ()).unwrap());
        assert_eq!(samples.collect::<Vec<_>>(), [Some(7), None, None, Some(7)]);
    }
}
