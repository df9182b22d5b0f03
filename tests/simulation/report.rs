//! The tables.

use std::fmt::Write as _;

use super::rule::{Millis, SECOND};
use super::thief::Behaviour;
use super::world::{Outcome, Robbery};

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

    /// The mean number of seconds for which thieves of a behaviour, or all, held access.
    pub(crate) fn mean_held(&self, behaviour: Option<Behaviour>) -> f64 {
        mean(&self.sorted(behaviour, |robbery| robbery.held))
    }

    /// The share of robberies after which the session was ended.
    pub(crate) fn noticed(&self) -> f64 {
        let noticed = self.robbed.robberies.iter().filter(|robbery| robbery.noticed).count();
        noticed as f64 / self.robbed.robberies.len() as f64
    }

    fn sorted(&self, behaviour: Option<Behaviour>, held: fn(&Robbery) -> Millis) -> Vec<Millis> {
        let of = self.robbed.robberies.iter().filter(|robbery| behaviour.is_none_or(|one| one == robbery.behaviour));
        let mut all: Vec<_> = of.map(held).collect();
        all.sort_unstable();
        all
    }
}

/// Both tables, in Markdown.
pub(crate) fn tables(rules: &[Measured]) -> String {
    let mut text = String::from(
        "| rule | never logged out | refusals per user | thief, mean s | p99 s | max s | to expiry: mean s | p99 s | max s | noticed |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for rule in rules {
        let refusals = rule.honest.refused.iter().sum::<u64>() as f64 / rule.honest.refused.len() as f64;
        let ends = numbers(&rule.sorted(None, |robbery| robbery.held));
        let expires = numbers(&rule.sorted(None, |robbery| robbery.held_to_expiry));
        let (share, noticed) = (rule.never_logged_out(), rule.noticed());
        writeln!(text, "| {} | {share:.4} | {refusals:.2} | {ends} | {expires} | {noticed:.3} |", rule.name).unwrap();
    }
    let names: Vec<_> = Behaviour::ALL.iter().map(|behaviour| behaviour.name()).collect();
    writeln!(text, "\n| thief, mean s (max s) | {} |\n|---|---|---|---|---|---|---|", names.join(" | ")).unwrap();
    for rule in rules {
        write!(text, "| {} |", rule.name).unwrap();
        for behaviour in Behaviour::ALL {
            let all = rule.sorted(Some(behaviour), |robbery| robbery.held);
            write!(text, " {:.0} ({:.0}) |", mean(&all), seconds(all.last())).unwrap();
        }
        text.push('\n');
    }
    text
}

fn numbers(sorted: &[Millis]) -> String {
    let p99 = sorted.get((sorted.len() * 99).div_ceil(100).saturating_sub(1));
    format!("{:.0} | {:.0} | {:.0}", mean(sorted), seconds(p99), seconds(sorted.last()))
}

fn mean(all: &[Millis]) -> f64 {
    all.iter().sum::<Millis>() as f64 / all.len().max(1) as f64 / SECOND as f64
}

fn seconds(one: Option<&Millis>) -> f64 {
    one.copied().unwrap_or_default() as f64 / SECOND as f64
}
