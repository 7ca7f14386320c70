//! What the targets for the formats of git read.

#[allow(dead_code, reason = "no target makes all of it")]
#[path = "../../../tests/common/pack.rs"]
mod pack;
#[path = "../../../tests/common/formats.rs"]
mod shared;

pub(crate) use shared::read;
