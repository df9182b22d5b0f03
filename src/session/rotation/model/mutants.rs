//! The rules, each with one change. A search must find what each breaks, by the name of a property.
//!
//! A change stands around the true decision: it alters what is asked or what comes of it.
//!
//! Four changes break nothing here, and only the table's own tests tell them. That row 4 asks for the lineage of the
//! next generation: while at most one write is lost, there is no other. That row 5 notes the token as seen: its access
//! token tells the same a moment later. That row 5 cuts for a lost cut: cuts are durable, and not lost. That row 9
//! notes the predecessor as seen: `seen` is only ever compared with the newest generation, which is then another.

use std::time::Duration;

use super::server::{Confirm, Decide, Rules, confirm};
use super::world::Record;
use crate::session::rotation::{Answer, Decision, Operation, Outcome, Presented, Reuse, Rotation, Write};
use crate::session::rotation::{decide, refuse, reused};
use crate::store::{Row, Swap};
use crate::token::Timestamp;

/// The rules with another decision.
pub(super) const fn deciding(decide: Decide) -> Rules {
    Rules { decide, confirm, hopes: false }
}

/// The rules with another confirmation.
pub(super) const fn confirming(confirm: Confirm) -> Rules {
    Rules { decide, confirm, hopes: false }
}

/// A mutant: the row, the token, the operation, the moment, the policy, and what the table says.
macro_rules! mutants {
    ($($name:ident = |
        $row:ident, $token:ident, $asked:ident, $now:ident, $policy:ident, $true:ident
    | $body:expr;)*) => {
        $(
            #[allow(unused_variables, reason = "one form for all")]
            pub(super) fn $name(
                $row: &Row,
                $token: Presented,
                $asked: Operation,
                $now: Timestamp,
                $policy: &Rotation,
            ) -> Decision {
                let $true = decide($row, $token, $asked, $now, $policy);
                $body
            }
        )*
    };
}

const BRIDGED: Decision = Decision { outcome: Outcome::Bridged, write: Write::Nothing, answer: Answer::AccessOnly };
const REPLAYED: Decision = Decision { outcome: Outcome::Replayed, write: Write::Nothing, answer: Answer::Both };
const EVER: Duration = Duration::from_secs(1000);

const fn written(outcome: Outcome, swap: Swap, answer: Answer) -> Decision {
    Decision { outcome, write: Write::Swap(swap), answer }
}

/// The newest generation replaced by the next, with that predecessor.
fn next(row: &Row, previous: u64) -> Swap {
    Swap { seen: row.generation, ..Swap::new((row.generation, row.previous), row.generation + 1, previous) }
}

/// The row as the token says.
fn taken_over(row: &Row, token: Presented) -> Swap {
    let Presented { generation, previous, .. } = token;
    Swap { seen: generation, ..Swap::new((row.generation, row.previous), generation, previous) }
}

/// The row as it is, but for its age.
fn slid(row: &Row) -> Swap {
    Swap::new((row.generation, row.previous), row.generation, row.previous)
}

fn instead(decision: Decision, of: Outcome, other: Decision) -> Decision {
    if decision.outcome == of { other } else { decision }
}

mutants! {
    // Row 1.
    any_secret_opens = |row, token, asked, now, policy, truth|
        decide(row, Presented { secret_hash: row.secret_hash, ..token }, asked, now, policy);
    a_wrong_secret_revokes = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Unknown, reused(Reuse::Stale));
    // Row 2.
    an_ended_session_answers = |row, token, asked, now, policy, truth| {
        let answered = decide(&Row { revoked: None, ..*row }, token, asked, now, policy);
        if row.revoked.is_none() { truth } else { Decision { write: Write::Nothing, ..answered } }
    };
    // Row 3.
    what_was_cut_off_is_theft = |row, token, asked, now, policy, truth|
        decide(&Row { cut: 0, ..*row }, token, asked, now, policy);
    what_was_cut_off_is_answered = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Superseded, BRIDGED);
    // Row 4.
    a_token_ahead_revokes = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::AheadOfStore, reused(Reuse::Fork));
    a_token_far_ahead_is_caught_up_with = |row, token, asked, now, policy, truth| {
        let swap = taken_over(row, token);
        let far = token.generation > row.generation + 1;
        if far { written(Outcome::FastForwarded, swap, Answer::AccessOnly) } else { truth }
    };
    // Row 5.
    nothing_is_caught_up_with = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::FastForwarded, refuse(Outcome::AheadOfStore));
    catching_up_forgets_the_lineage = |row, token, asked, now, policy, truth|
        match truth.write {
            Write::Swap(swap) if truth.outcome == Outcome::FastForwarded =>
                Decision { write: Write::Swap(Swap { previous: row.generation, ..swap }), ..truth },
            _ => truth,
        };
    // Row 6.
    the_newest_needs_no_lineage = |row, token, asked, now, policy, truth| {
        let same = Presented { previous: row.previous, ..token };
        if token.generation == row.generation { decide(row, same, asked, now, policy) } else { truth }
    };
    // Row 7.
    a_rotation_cuts_nothing = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Cut, written(Outcome::Cut, next(row, row.generation), Answer::Both));
    a_cut_keeps_its_predecessor = |row, token, asked, now, policy, truth| {
        let swap = Swap { cut: row.generation + 1, ..next(row, row.generation) };
        instead(truth, Outcome::Cut, written(Outcome::Cut, swap, Answer::Both))
    };
    // Row 8.
    nothing_is_held = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Held, written(Outcome::Rotated, next(row, row.generation), Answer::Both));
    everything_is_held = |row, token, asked, now, policy, truth| {
        let held = Decision { outcome: Outcome::Held, write: Write::Nothing, answer: Answer::AccessOnly };
        instead(truth, Outcome::Rotated, held)
    };
    holding_moves_the_window = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Held, written(Outcome::Held, slid(row), Answer::AccessOnly));
    two_windows_are_held = |row, token, asked, now, policy, truth| {
        let late = now.since(row.rotated_at) > policy.window * 2;
        let rotated = written(Outcome::Rotated, next(row, row.generation), Answer::Both);
        if late { instead(truth, Outcome::Held, rotated) } else { truth }
    };
    // Row 9.
    no_predecessor_is_kept = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Rotated, written(Outcome::Rotated, next(row, row.generation + 1), Answer::Both));
    // Row 10.
    a_token_serves_once = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Replayed, reused(Reuse::Recent));
    the_predecessor_is_good_for_ever = |row, token, asked, now, policy, truth| {
        let honoured = token.generation == row.previous && row.previous < row.generation;
        if honoured && truth.outcome != Outcome::Ended { REPLAYED } else { truth }
    };
    a_replay_moves_the_window = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Replayed, written(Outcome::Replayed, slid(row), Answer::Both));
    a_replay_forks = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Replayed, written(Outcome::Replayed, next(row, row.previous), Answer::Both));
    a_replay_counts_as_seen = |row, token, asked, now, policy, truth| {
        let swap = Swap { seen: row.generation, ..slid(row) };
        instead(truth, Outcome::Replayed, written(Outcome::Replayed, swap, Answer::Both))
    };
    a_replay_until_three_windows = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Bridged, REPLAYED);
    // Row 11.
    no_bridge = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Bridged, reused(Reuse::Recent));
    a_bridge_reissues = |row, token, asked, now, policy, truth| {
        let swap = Swap::new((row.generation, row.previous), row.generation + 1, row.previous);
        instead(truth, Outcome::Bridged, written(Outcome::Reissued, swap, Answer::Both))
    };
    a_bridge_for_ever = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Reused(Reuse::Recent), BRIDGED);
    a_bridge_of_two_windows = |row, token, asked, now, policy, truth| {
        let late = now.since(row.rotated_at) > policy.window * 2;
        if late { instead(truth, Outcome::Bridged, reused(Reuse::Recent)) } else { truth }
    };
    // Row 11'.
    a_rotation_with_the_predecessor_cuts = |row, token, asked, now, policy, truth| {
        let swap = Swap { cut: row.generation + 1, ..next(row, row.generation + 1) };
        instead(truth, Outcome::TryAgain, written(Outcome::Cut, swap, Answer::Both))
    };
    // Row 12.
    a_lost_answer_is_theft = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Reissued, reused(Reuse::Recent));
    what_was_seen_is_issued_anew = |row, token, asked, now, policy, truth| {
        let unseen = decide(&Row { seen: 0, ..*row }, token, asked, now, policy);
        match unseen.write {
            Write::Swap(swap) => Decision { write: Write::Swap(Swap { unless_seen: false, ..swap }), ..unseen },
            _ => unseen,
        }
    };
    no_horizon = |row, token, asked, now, policy, truth|
        decide(row, token, asked, now, &policy.lost_response_horizon(EVER));
    issuing_anew_honours_the_orphan = |row, token, asked, now, policy, truth| {
        let swap = Swap { seen: 0, ..next(row, row.generation) };
        instead(truth, Outcome::Reissued, written(Outcome::Reissued, swap, Answer::Both))
    };
    issuing_anew_keeps_the_generation = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Reissued, written(Outcome::Reissued, slid(row), Answer::Both));
    // Row 13.
    a_late_predecessor_is_only_refused = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Reused(Reuse::Recent), refuse(truth.outcome));
    an_orphan_is_only_refused = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Reused(Reuse::Orphan), refuse(truth.outcome));
    an_orphan_is_answered = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Reused(Reuse::Orphan), BRIDGED);
    an_old_token_is_only_refused = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Reused(Reuse::Stale), refuse(truth.outcome));
    an_old_token_is_answered = |row, token, asked, now, policy, truth|
        instead(truth, Outcome::Reused(Reuse::Stale), BRIDGED);
}

pub(super) fn sights_are_ignored(_: &mut Record, _: u8) -> bool {
    false
}

pub(super) fn any_sight_is_of_the_newest(row: &mut Record, seen: u8) -> bool {
    let betrayed = confirm(row, seen);
    row.seen = row.generation;
    betrayed
}

pub(super) fn a_predecessor_in_use_is_theft(row: &mut Record, seen: u8) -> bool {
    confirm(row, seen) || (seen == row.previous && row.previous < row.generation)
}

pub(super) fn a_generation_ahead_is_theft(row: &mut Record, seen: u8) -> bool {
    confirm(row, seen) || seen > row.generation
}

pub(super) fn an_orphan_in_use_is_ignored(row: &mut Record, seen: u8) -> bool {
    let _ = confirm(row, seen);
    false
}
