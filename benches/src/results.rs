//! What a run leaves behind, for the terminal and for the report.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::rounds::{Case, Effort, Taken, quantile};

/// The figures of one program, written to `target/benchmarks/NAME.json`.
pub struct Results {
    name: &'static str,
    effort: Effort,
    /// Group, name and figure, in the order that they came in: tables are read from the top.
    figures: Vec<(String, String, Value)>,
}

impl Results {
    /// Those of the program of that name.
    pub fn new(name: &'static str, effort: Effort) -> Self {
        Self { name, effort, figures: Vec::new() }
    }

    /// Keeps a figure under its group and name.
    pub fn keep(&mut self, group: &str, name: &str, figure: impl Into<Value>) {
        self.figures.push((group.to_owned(), name.to_owned(), figure.into()));
    }

    /// Keeps what was measured in turn, and prints it as a table. The first case is what the others are compared with.
    pub fn keep_taken(&mut self, group: &str, taken: &[Taken]) {
        let Some(base) = taken.first() else { return };
        let mut table = format!("\n{group}\n{:<58}{:>12}{:>12}{:>22}\n", "", "ns", "over first", "quartiles");
        for one in taken {
            let (low, high) = (quantile(&one.rounds, 0.25), quantile(&one.rounds, 0.75));
            let (median, over) = (one.median(), one.over(base));
            let _ = writeln!(table, "{:<58}{median:>12.0}{over:>12.0}{:>22}", one.name, format!("{low:.0}..{high:.0}"));
            self.keep(group, &one.name, json!({ "ns": median, "over": over, "low": low, "high": high }));
        }
        say(&table);
    }

    /// Keeps how often each case allocates, once it was tried: the program's meter counts allocations.
    pub fn keep_allocations<'a>(&mut self, group: &str, cases: impl IntoIterator<Item = Case<'a>>) {
        for mut case in cases {
            let each = (0..5).map(|_| case.run(32) as f64 / 32.0).last().unwrap_or_default();
            self.keep_number(&format!("allocations, {group}"), &case.name, each, "allocations");
        }
    }

    /// Keeps one number and prints it.
    pub fn keep_number(&mut self, group: &str, name: &str, number: f64, unit: &str) {
        say(&format!("{group}: {name}: {number:.1} {unit}\n"));
        self.keep(group, name, number);
    }

    /// Writes them down.
    pub fn write(self) {
        let folder = folder();
        fs::create_dir_all(&folder).unwrap();
        let all = json!({ "quick": self.effort.quick, "figures": self.figures });
        fs::write(folder.join(format!("{}.json", self.name)), serde_json::to_string_pretty(&all).unwrap()).unwrap();
    }
}

/// Where results are kept: in the project's `target`, or where `BENCH_RESULTS` says.
pub fn folder() -> PathBuf {
    std::env::var_os("BENCH_RESULTS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/benchmarks"), PathBuf::from)
}

/// Prints to the terminal.
#[allow(clippy::print_stdout, reason = "a benchmark talks to who runs it")]
pub fn say(text: &str) {
    print!("{text}");
}
