//! The figures of one program.

use std::fs;

use serde_json::Value;

pub(crate) struct Figures {
    pub(crate) quick: bool,
    /// Group, name and figure.
    all: Vec<(String, String, Value)>,
}

impl Figures {
    pub(crate) fn of(program: &str) -> Self {
        let file = jwt_sessions_benches::results::folder().join(format!("{program}.json"));
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut read: Value = serde_json::from_str(&text).unwrap();
        let all = serde_json::from_value(read["figures"].take()).unwrap();
        Self { quick: read["quick"] != false, all }
    }

    /// The names of a group, in the order that they were measured in.
    pub(crate) fn names(&self, group: &str) -> Vec<&str> {
        self.all.iter().filter(|figure| figure.0 == group).map(|figure| figure.1.as_str()).collect()
    }

    fn figure(&self, group: &str, name: &str) -> Option<&Value> {
        self.all.iter().find(|figure| figure.0 == group && figure.1 == name).map(|figure| &figure.2)
    }

    /// A number that stands for itself.
    pub(crate) fn number(&self, group: &str, name: &str) -> Option<f64> {
        self.figure(group, name)?.as_f64()
    }

    /// One of several numbers.
    pub(crate) fn part(&self, group: &str, name: &str, part: &str) -> Option<f64> {
        self.figure(group, name)?[part].as_f64()
    }

    pub(crate) fn text(&self, group: &str, name: &str) -> &str {
        self.figure(group, name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The nanoseconds over the bare route. A layer of another axum is compared with that one's route.
    pub(crate) fn over(&self, alg: &str, name: &str) -> Option<f64> {
        let over = self.part(alg, name, "over")?;
        let other = if name == "jwt-authorizer" { self.part(alg, BARE_07, "over")? } else { 0.0 };
        Some(over - other)
    }
}

pub(crate) const BARE_07: &str = "the bare route, axum 0.7";
