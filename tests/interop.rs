//! Tokens and services of Node and of this crate take one another's place.
//!
//! `tests/run.sh` installs the Node packages.

#[path = "interop/express.rs"]
mod express;
#[path = "interop/node.rs"]
mod node;
#[path = "interop/tokens.rs"]
mod tokens;
