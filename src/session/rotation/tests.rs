//! The table, row by row.

use super::*;
use crate::store::{NewSession, Revocation, RevokeReason};
use crate::token::SessionId;

const W: u64 = 30;
const IDLE: u64 = 7 * 24 * 3600;
const ROTATED_AT: i64 = 1_000_000;

/// A row with generation 7 that replaced 6; everything below 3 is cut off, and 6 is the newest that was seen.
fn row() -> Row {
    let session = NewSession::new(
        SessionId::from_bytes([1; 16]),
        "alice",
        hash(),
        Duration::from_secs(IDLE),
        Duration::from_secs(90 * 24 * 3600),
        Timestamp::from_secs(0),
    );
    Row { generation: 7, previous: 6, seen: 6, cut: 3, ..Row::opened(&session, Timestamp::from_secs(ROTATED_AT)) }
}

fn hash() -> SecretHash {
    SecretHash::from_bytes([9; 32])
}

struct Case {
    row: Row,
    g: u64,
    p: u64,
    after: f64,
    operation: Operation,
    rotation: Rotation,
}

/// A refresh with the newest token, long after its rotation.
fn case() -> Case {
    Case { row: row(), g: 7, p: 6, after: 3600.0, operation: Operation::Refresh, rotation: Rotation::balanced() }
}

impl Case {
    fn decide(&self) -> Decision {
        let token = Presented { generation: self.g, previous: self.p, secret_hash: hash() };
        let now = self.row.rotated_at.after(Duration::from_secs_f64(self.after));
        decide(&self.row, token, self.operation, now, &self.rotation)
    }

    fn outcome(&self) -> Outcome {
        self.decide().outcome
    }

    fn swap(&self) -> Swap {
        match self.decide().write {
            Write::Swap(swap) => swap,
            other => panic!("writes {other:?}"),
        }
    }
}

fn with(row: Row, g: u64, p: u64, after: f64) -> Case {
    Case { row, g, p, after, ..case() }
}

#[test]
fn row_1_another_secret_is_an_unknown_session_and_revokes_nothing() {
    let token = Presented { generation: 1, previous: 1, secret_hash: SecretHash::from_bytes([8; 32]) };
    let decision = decide(&row(), token, Operation::Refresh, Timestamp::from_secs(ROTATED_AT), &Rotation::balanced());
    assert_eq!(decision, refuse(Outcome::Unknown));
}

#[test]
fn row_2_revoked_expired_and_idle_sessions_have_ended() {
    let revoked = Revocation::new(Timestamp::from_secs(ROTATED_AT), RevokeReason::Logout);
    assert_eq!(with(Row { revoked: Some(revoked), ..row() }, 7, 6, 0.0).outcome(), Outcome::Ended);
    assert_eq!(with(row(), 7, 6, IDLE as f64 - 0.001).outcome(), Outcome::Rotated);
    assert_eq!(with(row(), 7, 6, IDLE as f64).outcome(), Outcome::Ended);
    let short = Row { expires_at: Timestamp::from_secs(ROTATED_AT + 100), ..row() };
    assert_eq!(with(short, 7, 6, 99.999).outcome(), Outcome::Rotated);
    assert_eq!(with(short, 7, 6, 100.0).decide(), refuse(Outcome::Ended));
}

#[test]
fn row_3_what_was_cut_off_is_refused_and_revokes_nothing() {
    assert_eq!(with(row(), 2, 1, 3600.0).decide(), refuse(Outcome::Superseded));
    assert_eq!(with(row(), 3, 2, 3600.0).outcome(), Outcome::Reused(Reuse::Stale), "the cut itself is not cut off");
}

#[test]
fn row_4_a_token_that_the_store_cannot_have_forgotten_is_ahead_of_it() {
    assert_eq!(with(row(), 9, 8, 3600.0).decide(), refuse(Outcome::AheadOfStore));
    assert_eq!(with(row(), 9, 7, 3600.0).outcome(), Outcome::AheadOfStore);
    assert_eq!(with(row(), 8, 5, 3600.0).decide(), refuse(Outcome::AheadOfStore), "its lineage is another");
}

#[test]
fn row_5_a_lost_last_write_is_caught_up_with() {
    // Rotated, reissued and cut, each forgotten by the store.
    for (p, cut) in [(7, 0), (6, 0), (8, 8)] {
        let case = with(row(), 8, p, 3600.0);
        assert_eq!((case.outcome(), case.decide().answer), (Outcome::FastForwarded, Answer::AccessOnly), "{p}");
        assert_eq!(case.swap(), Swap { seen: 8, cut, ..Swap::new((7, 6), 8, p) }, "{p}");
    }
}

#[test]
fn row_5_a_rotation_catches_up_and_cuts_in_one_write() {
    let case = Case { g: 8, p: 7, operation: Operation::Rotate, ..case() };
    assert_eq!((case.outcome(), case.decide().answer), (Outcome::FastForwarded, Answer::Both));
    assert_eq!(case.swap(), Swap { seen: 8, cut: 9, ..Swap::new((7, 6), 9, 9) });
}

#[test]
fn row_5_a_step_up_catches_up_cuts_and_notes_the_credentials_in_one_write() {
    let case = Case { g: 8, p: 6, operation: Operation::Reauthenticate, ..case() };
    assert_eq!((case.outcome(), case.decide().answer), (Outcome::FastForwarded, Answer::Both));
    assert_eq!(case.swap(), Swap { seen: 8, cut: 9, authenticated: true, ..Swap::new((7, 6), 9, 9) });
}

#[test]
fn row_6_a_newest_token_of_another_lineage_is_a_fork() {
    for p in [5, 7] {
        assert_eq!(with(row(), 7, p, 3600.0).decide(), reused(Reuse::Fork), "{p}");
    }
}

#[test]
fn row_7_a_rotation_replaces_both_at_once_whatever_the_time() {
    for after in [0.0, 1.0, 3600.0] {
        let case = Case { operation: Operation::Rotate, after, ..case() };
        assert_eq!((case.outcome(), case.decide().answer), (Outcome::Cut, Answer::Both));
        assert_eq!(case.swap(), Swap { seen: 7, cut: 8, ..Swap::new((7, 6), 8, 8) });
    }
    let case = Case { operation: Operation::Reauthenticate, ..case() };
    assert_eq!(case.swap(), Swap { seen: 7, cut: 8, authenticated: true, ..Swap::new((7, 6), 8, 8) });
}

#[test]
fn row_8_two_rotations_never_happen_within_three_windows() {
    for after in [0.0, 1.0, 89.0, 90.0] {
        let held = Decision { outcome: Outcome::Held, write: Write::Nothing, answer: Answer::AccessOnly };
        assert_eq!(with(row(), 7, 6, after).decide(), held, "{after}");
    }
    assert_eq!(with(row(), 7, 6, 90.001).outcome(), Outcome::Rotated);
}

#[test]
fn row_8_the_first_refresh_after_a_login_or_a_cut_is_not_held() {
    let fresh = Row { generation: 8, previous: 8, seen: 0, cut: 8, ..row() };
    assert_eq!(with(fresh, 8, 8, 0.0).outcome(), Outcome::Rotated);
}

#[test]
fn row_8_the_manual_policy_holds_for_a_quarter_of_the_idle_life() {
    let manual = |after| Case { rotation: Rotation::dangerous_manual(), after, ..case() }.outcome();
    assert_eq!(manual(IDLE as f64 / 4.0), Outcome::Held);
    assert_eq!(manual(IDLE as f64 / 4.0 + 1.0), Outcome::Rotated);
    let fresh = Row { generation: 1, previous: 1, seen: 0, cut: 0, ..row() };
    assert_eq!(Case { rotation: Rotation::dangerous_manual(), ..with(fresh, 1, 1, 3600.0) }.outcome(), Outcome::Held);
}

#[test]
fn row_9_the_ordinary_refresh_goes_one_generation_further() {
    assert_eq!(case().decide().answer, Answer::Both);
    let quiet_for = Some(Duration::from_secs(3 * W));
    assert_eq!(case().swap(), Swap { quiet_for, seen: 7, ..Swap::new((7, 6), 8, 7) });
}

#[test]
fn what_is_hoped_for_is_what_the_table_would_write() {
    for operation in [Operation::Refresh, Operation::Rotate, Operation::Reauthenticate] {
        let case = Case { operation, ..case() };
        let token = Presented { generation: 7, previous: 6, secret_hash: hash() };
        let (outcome, swap) = hoped_for(token, operation, &case.rotation).unwrap();
        assert_eq!((outcome, swap), (case.outcome(), case.swap()));
        assert_eq!(case.decide().answer, Answer::Both);
    }
    let token = Presented { generation: 7, previous: 6, secret_hash: hash() };
    assert!(hoped_for(token, Operation::Refresh, &Rotation::dangerous_manual()).is_none());
}

#[test]
fn what_is_hoped_for_is_lost_wherever_the_table_says_otherwise() {
    for (after, wins) in [(0.0, false), (90.0, false), (90.001, true)] {
        let token = Presented { generation: 7, previous: 6, secret_hash: hash() };
        let (_, swap) = hoped_for(token, Operation::Refresh, &Rotation::balanced()).unwrap();
        let now = row().rotated_at.after(Duration::from_secs_f64(after));
        assert_eq!(swap.apply(&row(), now).is_some(), wins, "{after}");
    }
}

#[test]
fn rows_10_and_11_a_predecessor_is_honoured_for_a_window_and_bridged_for_two_more() {
    let at = |after| with(row(), 6, 5, after).decide();
    let replayed = Decision { outcome: Outcome::Replayed, write: Write::Nothing, answer: Answer::Both };
    let bridged = Decision { outcome: Outcome::Bridged, write: Write::Nothing, answer: Answer::AccessOnly };
    assert_eq!((at(0.0), at(30.0)), (replayed, replayed));
    assert_eq!((at(30.001), at(90.0)), (bridged, bridged));
}

#[test]
fn row_11_a_rotation_with_the_predecessor_is_asked_to_come_again() {
    let at = |after| Case { operation: Operation::Rotate, ..with(row(), 6, 5, after) }.decide();
    let retry = |rest: f64| Decision {
        outcome: Outcome::TryAgain,
        write: Write::Nothing,
        answer: Answer::Retry(Duration::from_secs_f64(rest)),
    };
    assert_eq!((at(0.0), at(30.0), at(89.0)), (retry(90.0), retry(60.0), retry(1.0)));
    assert_eq!(at(3600.0), retry(0.0));
}

#[test]
fn row_11_a_rotation_with_a_predecessor_that_was_replaced_and_seen_long_ago_is_theft() {
    let seen = Row { seen: 7, ..row() };
    for operation in [Operation::Rotate, Operation::Reauthenticate] {
        let at = |after| Case { operation, ..with(seen, 6, 5, after) }.decide();
        assert_eq!(at(90.0).outcome, Outcome::TryAgain);
        assert_eq!(at(90.001), reused(Reuse::Recent));
    }
}

#[test]
fn row_12_a_lost_answer_is_issued_anew_unless_its_token_was_seen() {
    let lost = with(row(), 6, 5, 3600.0);
    assert_eq!((lost.outcome(), lost.decide().answer), (Outcome::Reissued, Answer::Both));
    assert_eq!(lost.swap(), Swap { unless_seen: true, ..Swap::new((7, 6), 8, 6) });
    let seen = Row { seen: 7, ..row() };
    assert_eq!(with(seen, 6, 5, 3600.0).decide(), reused(Reuse::Recent));
}

#[test]
fn row_12_the_presets_differ_in_how_long_and_whether_seen_counts() {
    let seen = Row { seen: 7, ..row() };
    let at = |rotation, row, after| Case { rotation, ..with(row, 6, 5, after) }.outcome();
    assert_eq!(at(Rotation::strict(), row(), 90.0), Outcome::Bridged);
    assert_eq!(at(Rotation::strict(), row(), 90.001), Outcome::Reused(Reuse::Recent));
    assert_eq!(at(Rotation::lenient(), seen, 3600.0), Outcome::Reissued);
    let lenient = Case { rotation: Rotation::lenient(), ..with(seen, 6, 5, 3600.0) };
    assert!(!lenient.swap().unless_seen);
    let horizon = Rotation::balanced().lost_response_horizon(Duration::from_secs(600));
    assert_eq!(at(horizon, row(), 600.0), Outcome::Reissued);
    assert_eq!(at(horizon, row(), 600.001), Outcome::Reused(Reuse::Recent));
}

#[test]
fn row_13_everything_else_is_theft() {
    let reissued = Row { generation: 9, previous: 6, seen: 6, ..row() };
    for (g, reuse) in [(8, Reuse::Orphan), (7, Reuse::Orphan), (5, Reuse::Stale), (3, Reuse::Stale)] {
        for operation in [Operation::Refresh, Operation::Rotate] {
            let case = Case { operation, ..with(reissued, g, g - 1, 0.0) };
            assert_eq!(case.decide(), reused(reuse), "{g}");
        }
    }
    let cut = Row { generation: 8, previous: 8, cut: 8, ..row() };
    assert_eq!(with(cut, 7, 6, 0.0).outcome(), Outcome::Superseded);
}

#[test]
fn a_clock_that_was_set_back_makes_no_token_older() {
    let later = Timestamp::from_secs(ROTATED_AT + 60);
    let ahead = Row { rotated_at: later, ..row() };
    let at = |g, p| {
        let token = Presented { generation: g, previous: p, secret_hash: hash() };
        decide(&ahead, token, Operation::Refresh, Timestamp::from_secs(ROTATED_AT), &Rotation::strict()).outcome
    };
    assert_eq!((at(7, 6), at(6, 5)), (Outcome::Held, Outcome::Replayed));
}

#[test]
fn cookies_are_taken_away_only_where_the_session_is_surely_over() {
    let clears = [Outcome::Unknown, Outcome::Ended, Outcome::Reused(Reuse::Stale)];
    let keeps = [Outcome::Superseded, Outcome::AheadOfStore, Outcome::TryAgain];
    assert!(clears.into_iter().all(Outcome::clears));
    assert!(!keeps.into_iter().any(Outcome::clears));
}
