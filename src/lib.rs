//! Rotating JWT sessions for axum and Tower.

pub mod auth;
pub mod clock;
pub mod site;
pub mod store;
pub mod token;
