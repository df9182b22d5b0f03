//! The instruments of the benchmarks: what is measured, and how.
//!
//! Nothing here is an absolute claim. Machines differ and are noisy, so that the cases of one run are measured in turn, a few
//! milliseconds each and many rounds, and compared with one another: medians, and ratios of them.
//!
//! A benchmark that meets what it does not expect panics: a figure of something else would be worse than none.

pub mod alike;
pub mod apps;
pub mod cases;
pub mod people;
pub mod results;
pub mod rounds;
pub mod sessions;
pub mod tokens;

pub use self::results::Results;
pub use self::rounds::{Case, Effort, Taken};
