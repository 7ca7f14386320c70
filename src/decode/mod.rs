//! Derived text: what a unit says in another encoding, with a map back to its bytes.

pub(crate) mod wide;
