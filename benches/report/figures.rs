//! The figures of one program.

use std::fs;

use serde_json::Value;

pub(crate) struct Figures {
    pub(crate) quick: bool,
    all: Value,
}

impl Figures {
    pub(crate) fn of(program: &str) -> Self {
        let file = jwt_sessions_benches::results::folder().join(format!("{program}.json"));
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut read: Value = serde_json::from_str(&text).unwrap();
        Self { quick: read["quick"] != false, all: read["figures"].take() }
    }

    /// The names of a group, in the order that they were measured in.
    pub(crate) fn names(&self, group: &str) -> Vec<&str> {
        self.all[group].as_object().map(|group| group.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    /// A number that stands for itself.
    pub(crate) fn number(&self, group: &str, name: &str) -> Option<f64> {
        self.all[group][name].as_f64()
    }

    /// One of several numbers.
    pub(crate) fn part(&self, group: &str, name: &str, part: &str) -> Option<f64> {
        self.all[group][name][part].as_f64()
    }

    pub(crate) fn text(&self, group: &str, name: &str) -> &str {
        self.all[group][name].as_str().unwrap_or_default()
    }

    /// The nanoseconds over the bare route. A layer of another axum is compared with that one's route.
    pub(crate) fn over(&self, alg: &str, name: &str) -> Option<f64> {
        let over = self.part(alg, name, "over")?;
        let other = if name == "jwt-authorizer" { self.part(alg, BARE_07, "over")? } else { 0.0 };
        Some(over - other)
    }
}

pub(crate) const BARE_07: &str = "the bare route, axum 0.7";
