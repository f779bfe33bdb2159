//! `Debug` for objects that hold plaintext, which shows only the type's name. Topologies and
//! tensors must not appear in logs.

use std::fmt::{Debug, Formatter, Result};

use crate::cache::{CacheSlot, Cached};
use crate::load::Decrypted;
use crate::loader::Loaded;
use crate::runtime::{CompiledModel, Core, InferRequest, Network, Tensor, TensorView};

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
    "CacheSlot" CacheSlot;
    "Cached" Cached;
    "CompiledModel" CompiledModel;
    "Core" Core;
    "Decrypted" Decrypted;
    "InferRequest" InferRequest;
    "Loaded" Loaded;
    "Network" Network;
    "Tensor" Tensor;
    "TensorView" TensorView<'_>;
}
