//! Tokens and services of Node and of this crate take one another's place.
//!
//! `tests/run.sh` installs the Node packages.

#[path = "interop/node.rs"]
mod node;
#[path = "interop/tokens.rs"]
mod tokens;
