//! keyscan finds leaked secrets in bytes.

mod byteset;
mod engine;

pub use byteset::ByteSet;
