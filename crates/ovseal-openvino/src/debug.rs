//! `Debug` for objects of the runtime: their names only, since topology and tensors are not for logs.

use std::fmt::{Debug, Formatter, Result};

use crate::cache::{CacheSlot, Cached};
use crate::compiled::CompiledModel;
use crate::core::Core;
use crate::model::Model;
use crate::request::InferRequest;
use crate::sealed::Decrypted;
use crate::tensor::{Tensor, TensorView};

macro_rules! opaque {
    ($($name:literal $type:ty;)*) => {$(
        impl Debug for $type {
            fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
                formatter.write_str(concat!($name, "(..)"))
            }
        }
    )*};
}

opaque! {
    "CacheSlot" CacheSlot<'_>;
    "Cached" Cached;
    "CompiledModel" CompiledModel;
    "Core" Core;
    "Decrypted" Decrypted;
    "InferRequest" InferRequest;
    "Model" Model;
    "Tensor" Tensor;
    "TensorView" TensorView<'_>;
}
