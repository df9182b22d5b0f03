//! Settings from the environment: every bad one is refused at start, by name, and never with its value.

mod duration;
mod environment;
mod error;
mod keys;
mod vars;

pub use self::environment::Settings;
pub use self::error::SettingsError;
