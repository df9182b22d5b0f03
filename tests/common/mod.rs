//! What several test files use.

pub(crate) mod demo;
pub(crate) mod device;
