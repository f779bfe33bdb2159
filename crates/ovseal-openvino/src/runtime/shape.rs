//! Shapes, which may be only partly known.

use std::fmt;

use openvino_sys as ov;

use super::openvino_error::{OpenVinoError, Operation, check};

/// The extent of a tensor along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Known.
    Fixed(usize),
    /// Chosen at each inference, within inclusive limits.
    Dynamic {
        /// The smallest extent.
        minimum: usize,
        /// The largest extent, if there is a limit.
        maximum: Option<usize>,
    },
}

impl Dimension {
    /// Any extent.
    pub const ANY: Self = Self::Dynamic { minimum: 0, maximum: None };
}

/// The shape of an input or output.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartialShape {
    /// The number of axes is known; a scalar has none.
    Ranked(Vec<Dimension>),
    /// The number of axes is unknown.
    Unranked,
}

impl PartialShape {
    /// Creates a shape of known extents.
    #[must_use]
    pub fn fixed(extents: &[usize]) -> Self {
        Self::Ranked(extents.iter().copied().map(Dimension::Fixed).collect())
    }

    /// Returns the extents, if all of them are known.
    #[must_use]
    pub fn extents(&self) -> Option<Vec<usize>> {
        let Self::Ranked(dimensions) = self else { return None };
        let extent = |dimension: &Dimension| match dimension {
            Dimension::Fixed(extent) => Some(*extent),
            Dimension::Dynamic { .. } => None,
        };
        dimensions.iter().map(extent).collect()
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Fixed(extent) => write!(formatter, "{extent}"),
            Self::ANY => formatter.write_str("?"),
            Self::Dynamic { minimum, maximum: None } => write!(formatter, "{minimum}.."),
            Self::Dynamic { minimum, maximum: Some(maximum) } => write!(formatter, "{minimum}..{maximum}"),
        }
    }
}

impl fmt::Display for PartialShape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Ranked(dimensions) = self else { return formatter.write_str("[...]") };
        let texts: Vec<String> = dimensions.iter().map(Dimension::to_string).collect();
        write!(formatter, "[{}]", texts.join(","))
    }
}

/// A partial shape in the runtime's memory.
pub(crate) struct RawPartialShape(pub(crate) ov::ov_partial_shape_t);

impl RawPartialShape {
    /// Takes ownership of the shape that `call` writes to its argument.
    pub(crate) fn create(
        operation: Operation,
        call: impl FnOnce(*mut ov::ov_partial_shape_t) -> ov::ov_status_e,
    ) -> Result<Self, OpenVinoError> {
        let nowhere = ov::ov_dimension_t { min: 0, max: 0 };
        let mut shape = Self(ov::ov_partial_shape_t { rank: nowhere, dims: std::ptr::null_mut() });
        check(operation, call(&mut shape.0))?;
        Ok(shape)
    }

    pub(crate) fn new(operation: Operation, dimensions: &[Dimension]) -> Result<Self, OpenVinoError> {
        let raw: Vec<ov::ov_dimension_t> = dimensions.iter().copied().map(raw_dimension).collect();
        let rank = saturated(raw.len());
        // SAFETY: `raw` has as many dimensions as `rank` says; the call copies them.
        Self::create(operation, |place| unsafe { ov::ov_partial_shape_create(rank, raw.as_ptr(), place) })
    }

    pub(crate) fn read(&self) -> PartialShape {
        let rank = self.0.rank;
        if rank.min != rank.max {
            return PartialShape::Unranked;
        }
        let count = usize::try_from(rank.max).unwrap_or(0);
        if count == 0 || self.0.dims.is_null() {
            return PartialShape::Ranked(Vec::new());
        }
        // SAFETY: a shape of fixed rank holds as many dimensions, in memory that lives as long as
        // `self`.
        let raw = unsafe { std::slice::from_raw_parts(self.0.dims, count) };
        PartialShape::Ranked(raw.iter().copied().map(dimension).collect())
    }
}

impl Drop for RawPartialShape {
    fn drop(&mut self) {
        // SAFETY: the dimensions are null or allocated by the runtime for this shape, which is not
        // used again.
        unsafe { ov::ov_partial_shape_free(&mut self.0) };
    }
}

/// A shape of known extents in the runtime's memory.
pub(crate) struct RawShape(pub(crate) ov::ov_shape_t);

impl RawShape {
    /// Takes ownership of the shape that `call` writes to its argument.
    pub(crate) fn create(
        operation: Operation,
        call: impl FnOnce(*mut ov::ov_shape_t) -> ov::ov_status_e,
    ) -> Result<Self, OpenVinoError> {
        let mut shape = Self(ov::ov_shape_t { rank: 0, dims: std::ptr::null_mut() });
        check(operation, call(&mut shape.0))?;
        Ok(shape)
    }

    pub(crate) fn new(operation: Operation, extents: &[usize]) -> Result<Self, OpenVinoError> {
        // The C interface accepts the shape of a scalar but cannot create it.
        if extents.is_empty() {
            return Ok(Self(ov::ov_shape_t { rank: 0, dims: std::ptr::null_mut() }));
        }
        let raw: Vec<i64> = extents.iter().copied().map(saturated).collect();
        let rank = saturated(raw.len());
        // SAFETY: `raw` has as many extents as `rank` says; the call copies them.
        Self::create(operation, |place| unsafe { ov::ov_shape_create(rank, raw.as_ptr(), place) })
    }

    pub(crate) fn read(&self) -> Vec<usize> {
        let count = usize::try_from(self.0.rank).unwrap_or(0);
        if count == 0 || self.0.dims.is_null() {
            return Vec::new();
        }
        // SAFETY: a shape holds as many extents as its rank says, in memory that lives as long as
        // `self`.
        let raw = unsafe { std::slice::from_raw_parts(self.0.dims, count) };
        raw.iter().map(|extent| usize::try_from(*extent).unwrap_or(0)).collect()
    }
}

impl Drop for RawShape {
    fn drop(&mut self) {
        // SAFETY: the extents are null or allocated by the runtime for this shape, which is not
        // used again.
        unsafe { ov::ov_shape_free(&mut self.0) };
    }
}

fn raw_dimension(dimension: Dimension) -> ov::ov_dimension_t {
    let (min, max) = match dimension {
        Dimension::Fixed(extent) => (saturated(extent), saturated(extent)),
        Dimension::Dynamic { minimum, maximum } => (saturated(minimum), maximum.map_or(-1, saturated)),
    };
    ov::ov_dimension_t { min, max }
}

fn dimension(raw: ov::ov_dimension_t) -> Dimension {
    let minimum = usize::try_from(raw.min).unwrap_or(0);
    match usize::try_from(raw.max) {
        Ok(maximum) if maximum == minimum => Dimension::Fixed(minimum),
        Ok(maximum) => Dimension::Dynamic { minimum, maximum: Some(maximum) },
        Err(_) => Dimension::Dynamic { minimum, maximum: None },
    }
}

/// Converts an extent. No extent exceeds 2^63, because the runtime rejects values near it.
fn saturated(extent: usize) -> i64 {
    i64::try_from(extent).unwrap_or(i64::MAX)
}
