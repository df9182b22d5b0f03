//! The searches: what the true rules keep, what they do not promise, and what each changed rule breaks.
//!
//! The larger bounds are behind `--ignored`; `--nocapture` shows how many worlds there were.

#![allow(clippy::print_stdout, reason = "how far a search went is its result")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use stateright::{Checker, HasDiscoveries, Model};

use super::mutants::{self, confirming, deciding};
use super::properties::{
    CUT, ENDED, FORK, HONEST, KIN, NEXT, NOTICED, ORDER, OUTSIDER, REPEATS, SIGHT, UNENDED, WINDOW,
};
use super::protocol::{Protocol, Rotates, bit};
use super::server::Rules;
use crate::session::rotation::{Outcome, Reuse, Rotation};

const TRUE: Rules = Rules::TRUE;

/// One honest client with so many requests on their way; failovers lose the last write, any number of times.
fn honest(rules: Rules, rotation: Rotation, window: u8, tabs: usize) -> Protocol {
    Protocol { tabs, losable: 1, ..Protocol::new(rules, rotation, window) }
}

/// One honest client and a thief; both rotate and refresh, and the store loses nothing.
fn theft(rules: Rules, rotation: Rotation, window: u8) -> Protocol {
    Protocol { thief: true, rotates: Rotates::Alone, ..Protocol::new(rules, rotation, window) }
}

/// The same with refreshes only and one failover, and without the quiet.
fn theft_and_failover(rules: Rules, rotation: Rotation, window: u8) -> Protocol {
    Protocol { losable: 1, failovers: 1, rotates: Rotates::Never, hushes: false, ..theft(rules, rotation, window) }
}

/// Searches all there is; nothing may be broken. Answers which rows of the table were reached.
fn holds(name: &str, protocol: Protocol) -> u32 {
    let reached = Arc::clone(&protocol.reached);
    let checker = protocol.checker().spawn_bfs().join();
    println!("{name}: {} worlds, {} steps deep", checker.unique_state_count(), checker.max_depth());
    checker.assert_properties();
    reached.load(Ordering::Relaxed)
}

/// Searches until that property is broken; whether it was.
fn breaks(protocol: Protocol, property: &'static str) -> bool {
    let until = HasDiscoveries::AllOf(BTreeSet::from([property]));
    protocol.checker().finish_when(until).spawn_bfs().join().discovery(property).is_some()
}

fn bits(outcomes: &[Outcome]) -> u32 {
    outcomes.iter().fold(0, |all, outcome| all | bit(*outcome))
}

/// What an honest client alone meets.
const GOOD: [Outcome; 6] =
    [Outcome::FastForwarded, Outcome::Held, Outcome::Rotated, Outcome::Replayed, Outcome::Bridged, Outcome::Reissued];

#[test]
fn an_honest_client_is_never_refused_whatever_is_lost_and_however_often() {
    for (window, tabs) in [(1, 1), (2, 1), (1, 2), (1, 3)] {
        let protocol = honest(TRUE, Rotation::balanced(), window, tabs);
        assert_eq!(holds(&format!("honest, W = {window}, {tabs} tabs"), protocol), bits(&GOOD));
    }
    assert_eq!(holds("honest, lenient", honest(TRUE, Rotation::lenient(), 1, 2)), bits(&GOOD));
}

#[test]
fn an_honest_client_is_never_refused_when_the_stores_clock_is_set_back() {
    holds("clock set back", Protocol { clock_sets: 1, ..honest(TRUE, Rotation::balanced(), 1, 2) });
}

/// A limit: a clock that is set ahead takes its step from what a request may travel.
#[test]
fn a_clock_that_is_set_ahead_by_half_a_window_may_refuse_an_honest_client() {
    let protocol = Protocol { clock_sets: 1, clock_by: 1, ..honest(TRUE, Rotation::balanced(), 2, 2) };
    assert!(breaks(protocol, HONEST));
}

#[test]
fn an_honest_client_that_rotates_alone_goes_on() {
    let protocol = Protocol { rotates: Rotates::Alone, ..honest(TRUE, Rotation::balanced(), 1, 2) };
    assert_eq!(holds("/rotate alone", protocol) & bits(&[Outcome::Cut]), bits(&[Outcome::Cut]));
}

/// A limit: an answer of `/refresh` that is stored after the one of `/rotate` puts back what was cut off. The session
/// lives, and nobody has it any more.
#[test]
fn beside_a_refresh_a_rotation_may_leave_the_jar_behind() {
    let rotates = Rotates::Whenever;
    let protocol = || Protocol { rotates, losable: 0, ..honest(TRUE, Rotation::balanced(), 1, 2) };
    assert!(breaks(protocol(), HONEST));
    assert!(!breaks(protocol(), UNENDED));
}

/// A limit: where a failover loses a refresh, a `/rotate` that left before it makes another token of that generation,
/// and the refreshed one is a fork.
#[test]
fn beside_a_refresh_that_a_failover_loses_a_rotation_may_end_the_session() {
    let rotates = Rotates::Whenever;
    let protocol = Protocol { rotates, failovers: 1, ..honest(TRUE, Rotation::balanced(), 1, 2) };
    assert!(breaks(protocol, UNENDED));
}

#[test]
fn a_theft_is_noticed() {
    let thefts = [Outcome::Reused(Reuse::Recent), Outcome::Cut, Outcome::Superseded, Outcome::TryAgain];
    for (name, rotation) in [("balanced", Rotation::balanced()), ("strict", Rotation::strict())] {
        let reached = holds(&format!("theft, {name}"), theft(TRUE, rotation, 1));
        assert_eq!(reached & bits(&thefts), bits(&thefts));
    }
}

#[test]
fn a_theft_is_noticed_by_the_lenient_too() {
    holds("theft, lenient", theft(TRUE, Rotation::lenient(), 1));
}

#[test]
fn after_a_failover_the_second_line_ends_the_session() {
    let reached = holds("theft, failover", theft_and_failover(TRUE, Rotation::balanced(), 1));
    assert_ne!(reached & bits(&[Outcome::Reused(Reuse::Fork)]), 0);
}

#[test]
#[ignore = "minutes"]
fn the_same_within_wider_bounds() {
    let balanced = Rotation::balanced();
    for (window, tabs) in [(2, 2), (3, 2), (2, 3), (1, 4)] {
        holds(&format!("honest, W = {window}, {tabs} tabs"), honest(TRUE, balanced, window, tabs));
    }
    let back = Protocol { clock_sets: 2, ..honest(TRUE, balanced, 2, 2) };
    holds("clock set back, W = 2", back);
    for (window, tabs) in [(2, 1), (3, 1), (1, 2), (2, 2)] {
        holds(&format!("theft, W = {window}, {tabs} tabs"), Protocol { tabs, ..theft(TRUE, balanced, window) });
    }
    let failover = theft_and_failover(TRUE, balanced, 1);
    holds("theft, failover, the quiet", Protocol { hushes: true, ..failover.clone() });
    holds("theft, failover, /rotate", Protocol { rotates: Rotates::Alone, ..failover });
    holds("theft, failover, W = 2", theft_and_failover(TRUE, balanced, 2));
}

type Mutant = (&'static str, Protocol, &'static str);

fn all_mutants() -> Vec<Mutant> {
    let balanced = Rotation::balanced();
    let alone = |decide| honest(deciding(decide), balanced, 1, 2);
    let stolen = |decide| theft(deciding(decide), balanced, 1);
    let failed = |decide| theft_and_failover(deciding(decide), balanced, 1);
    let two_lost = |protocol: Protocol| Protocol { losable: 2, failovers: 1, ..protocol };
    macro_rules! mutant {
        ($name:ident, $of:expr, $property:expr) => {
            (stringify!($name), $of(mutants::$name), $property)
        };
    }
    vec![
        mutant!(any_secret_opens, alone, OUTSIDER),
        mutant!(a_wrong_secret_revokes, alone, OUTSIDER),
        mutant!(an_ended_session_answers, stolen, ENDED),
        mutant!(what_was_cut_off_is_theft, stolen, CUT),
        mutant!(what_was_cut_off_is_answered, stolen, CUT),
        mutant!(a_token_ahead_revokes, |decide| two_lost(honest(deciding(decide), balanced, 1, 1)), REPEATS),
        mutant!(
            a_token_far_ahead_is_caught_up_with,
            |decide| two_lost(honest(deciding(decide), balanced, 1, 1)),
            REPEATS
        ),
        mutant!(nothing_is_caught_up_with, alone, HONEST),
        mutant!(catching_up_forgets_the_lineage, alone, HONEST),
        mutant!(the_newest_needs_no_lineage, failed, FORK),
        mutant!(a_rotation_cuts_nothing, stolen, CUT),
        mutant!(a_cut_keeps_its_predecessor, stolen, ORDER),
        mutant!(nothing_is_held, alone, HONEST),
        mutant!(everything_is_held, stolen, NOTICED),
        mutant!(holding_moves_the_window, alone, WINDOW),
        mutant!(two_windows_are_held, alone, HONEST),
        mutant!(no_predecessor_is_kept, alone, HONEST),
        mutant!(a_token_serves_once, alone, HONEST),
        mutant!(the_predecessor_is_good_for_ever, stolen, NOTICED),
        mutant!(a_replay_moves_the_window, alone, WINDOW),
        mutant!(a_replay_forks, alone, HONEST),
        mutant!(a_replay_counts_as_seen, alone, HONEST),
        mutant!(a_replay_until_three_windows, alone, HONEST),
        mutant!(no_bridge, alone, HONEST),
        mutant!(a_bridge_reissues, alone, HONEST),
        mutant!(a_bridge_for_ever, stolen, NEXT),
        mutant!(a_bridge_of_two_windows, alone, HONEST),
        mutant!(a_rotation_with_the_predecessor_cuts, stolen, CUT),
        mutant!(a_lost_answer_is_theft, alone, HONEST),
        mutant!(what_was_seen_is_issued_anew, stolen, NEXT),
        mutant!(no_horizon, |decide| theft(deciding(decide), Rotation::strict(), 1), NEXT),
        mutant!(issuing_anew_honours_the_orphan, stolen, KIN),
        mutant!(issuing_anew_keeps_the_generation, stolen, WINDOW),
        mutant!(a_late_predecessor_is_only_refused, stolen, NEXT),
        mutant!(an_orphan_is_only_refused, stolen, NEXT),
        mutant!(an_orphan_is_answered, stolen, KIN),
        mutant!(an_old_token_is_only_refused, stolen, NEXT),
        mutant!(an_old_token_is_answered, stolen, NEXT),
        mutant!(sights_are_ignored, |rule| theft(confirming(rule), balanced, 1), NEXT),
        mutant!(any_sight_is_of_the_newest, |rule| honest(confirming(rule), balanced, 1, 2), HONEST),
        mutant!(a_predecessor_in_use_is_theft, |rule| honest(confirming(rule), balanced, 1, 2), UNENDED),
        mutant!(a_generation_ahead_is_theft, |rule| honest(confirming(rule), balanced, 1, 2), UNENDED),
        mutant!(an_orphan_in_use_is_ignored, |rule| theft(confirming(rule), balanced, 1), SIGHT),
    ]
}

/// Each rule, changed in one place, breaks a property that the true rules keep within the same bounds.
#[test]
fn each_changed_rule_is_caught_by_name() {
    for (name, protocol, property) in all_mutants() {
        assert!(breaks(protocol, property), "{name} is not caught by {property:?}");
    }
}

/// Losing two writes at once is not promised to be harmless. What the store does about an honest client must be right
/// all the same. (With a thief it is not: of the token before the last, `prv` has the generation and not the line.)
#[test]
fn a_store_that_lost_two_writes_catches_up_with_nothing_that_was_never_written() {
    let protocol = Protocol { losable: 2, failovers: 1, ..honest(TRUE, Rotation::balanced(), 1, 1) };
    let kept = [REPEATS, OUTSIDER, ORDER, WINDOW];
    let checker = protocol.checker().finish_when(HasDiscoveries::AllOf(BTreeSet::from(kept))).spawn_bfs().join();
    println!("two writes lost: {} worlds", checker.unique_state_count());
    for property in kept {
        assert!(checker.discovery(property).is_none(), "{property}");
    }
}
