//! The tables.

use std::fmt::Write as _;

use super::rule::{Millis, SECOND};
use super::scene::{Outcome, Robbery};
use super::thief::Behaviour;

/// What was measured of one rule.
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    /// The run without thieves.
    pub(crate) honest: Outcome,
    /// The run in which each user was robbed.
    pub(crate) robbed: Outcome,
}

impl Measured {
    /// The share of honest users of whom no refresh token was ever refused.
    pub(crate) fn never_logged_out(&self) -> f64 {
        let never = self.honest.refused.iter().filter(|refused| **refused == 0).count();
        never as f64 / self.honest.refused.len() as f64
    }

    /// The share of robberies after which the session was ended.
    pub(crate) fn noticed(&self) -> f64 {
        let noticed = self.robbed.robberies.iter().filter(|robbery| robbery.noticed).count();
        noticed as f64 / self.robbed.robberies.len() as f64
    }

    /// The mean number of seconds for which thieves held access.
    pub(crate) fn mean_held(&self) -> f64 {
        mean(&self.sorted(|_| true, held))
    }

    /// The same for one behaviour, where the victim was there.
    pub(crate) fn mean_held_by(&self, behaviour: Behaviour) -> f64 {
        mean(&self.sorted(|robbery| robbery.behaviour == behaviour && !robbery.away, held))
    }

    fn sorted(&self, which: impl Fn(&Robbery) -> bool, measure: fn(&Robbery) -> Millis) -> Vec<Millis> {
        let mut all: Vec<_> = self.robbed.robberies.iter().filter(|robbery| which(robbery)).map(measure).collect();
        all.sort_unstable();
        all
    }
}

fn held(robbery: &Robbery) -> Millis {
    robbery.held
}

/// All tables, in Markdown.
pub(crate) fn tables(rules: &[Measured]) -> String {
    let mut text = String::new();
    let mut table = |head: &str, row: &dyn Fn(&Measured) -> String| {
        writeln!(text, "| rule | {head} |\n|---|{}", "---|".repeat(head.split(" | ").count())).unwrap();
        for rule in rules {
            writeln!(text, "| {} | {} |", rule.name, row(rule)).unwrap();
        }
        text.push('\n');
    };
    table(
        "honest users never logged out | refusals per honest user | mean s | median s | p99 s | max s | noticed",
        &|rule| {
            let refusals = rule.honest.refused.iter().sum::<u64>() as f64 / rule.honest.refused.len() as f64;
            let (share, noticed, times) =
                (rule.never_logged_out(), rule.noticed(), times(&rule.sorted(|_| true, held)));
            format!("{share:.4} | {refusals:.2} | {times} | {noticed:.4}")
        },
    );
    table("victim there: mean s | median s | p99 s | max s | to expiry: mean s | median s | p99 s | max s", &|rule| {
        let there = times(&rule.sorted(|robbery| !robbery.away, held));
        format!("{there} | {}", times(&rule.sorted(|_| true, |robbery| robbery.held_to_expiry)))
    });
    let names: Vec<_> = Behaviour::ALL.iter().map(|behaviour| behaviour.name()).collect();
    table(&names.join(" | "), &|rule| {
        let cells = Behaviour::ALL.iter().map(|one| {
            let all = rule.sorted(|robbery| robbery.behaviour == *one && !robbery.away, held);
            format!("{:.0} ({:.0})", mean(&all), seconds(all.last()))
        });
        cells.collect::<Vec<_>>().join(" | ")
    });
    text
}

fn times(sorted: &[Millis]) -> String {
    let at = |percent: usize| seconds(sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)));
    format!("{:.0} | {:.0} | {:.0} | {:.0}", mean(sorted), at(50), at(99), at(100))
}

fn mean(all: &[Millis]) -> f64 {
    all.iter().sum::<Millis>() as f64 / all.len().max(1) as f64 / SECOND as f64
}

fn seconds(one: Option<&Millis>) -> f64 {
    one.copied().unwrap_or_default() as f64 / SECOND as f64
}
