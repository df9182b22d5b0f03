//! Rotating JWT sessions for axum and Tower.

pub mod auth;
pub mod clock;
pub mod session;
pub mod settings;
pub mod site;
pub mod store;
pub mod token;

pub use self::session::*;
pub use self::settings::Settings;
