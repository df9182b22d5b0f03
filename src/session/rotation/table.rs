//! The table of the crate's `DESIGN.md`, stated once more as rows of which the first that fits decides, and compared
//! with [`decide`] for all small numbers, around every boundary in time, for every policy and operation.

use super::*;
use crate::store::{NewSession, Revocation, RevokeReason};
use crate::token::SessionId;

/// Milliseconds.
const W: i64 = 2_000;
const IDLE: i64 = 100_000;
const NOW: i64 = 1_000_000_000;
const OURS: SecretHash = SecretHash::from_bytes([9; 32]);
const FORGED: SecretHash = SecretHash::from_bytes([8; 32]);

const NEW: [Operation; 2] = [Operation::Rotate, Operation::Reauthenticate];
const ALL: [Operation; 3] = [Operation::Refresh, Operation::Rotate, Operation::Reauthenticate];

struct Policy {
    rotation: Rotation,
    horizon: i64,
}

fn policies() -> Vec<Policy> {
    let of = |rotation: Rotation, horizon| Policy { rotation: rotation.window(millis(W)), horizon };
    let longer = millis(5 * W);
    vec![
        of(Rotation::balanced(), IDLE),
        of(Rotation::strict(), 3 * W),
        of(Rotation::lenient(), IDLE),
        of(Rotation::dangerous_manual(), IDLE),
        of(Rotation::balanced().lost_response_horizon(longer), 5 * W),
        of(Rotation::strict().lost_response_horizon(longer), 5 * W),
    ]
}

fn millis(span: i64) -> Duration {
    Duration::from_millis(span.unsigned_abs())
}

/// Every boundary in time, and a clock that was set back.
fn ages() -> Vec<i64> {
    let bounds = [0, W, 3 * W, 5 * W, IDLE / 4];
    bounds.into_iter().flat_map(|bound| [bound, bound + 1]).chain([-W, IDLE - 1, IDLE]).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Living,
    Revoked,
    Expired,
    Forged,
}

/// All that a decision depends on.
struct Question<'a> {
    row: Row,
    g: u64,
    p: u64,
    age: i64,
    state: State,
    operation: Operation,
    policy: &'a Policy,
}

/// What a row of the table says: its number and name, generation, previous, seen and cut as they are afterwards, and
/// the answer.
type Says = (u8, Outcome, Option<(u64, u64, u64, u64)>, Answer);

impl Question<'_> {
    fn token(&self) -> Presented {
        let secret_hash = if self.state == State::Forged { FORGED } else { OURS };
        Presented { generation: self.g, previous: self.p, secret_hash }
    }

    fn decide(&self) -> Decision {
        decide(&self.row, self.token(), self.operation, Timestamp::from_millis(NOW), &self.policy.rotation)
    }

    /// The table, top to bottom. Nothing here is shared with the code.
    #[rustfmt::skip]
    fn table(&self) -> Says {
        use Outcome::*;
        let Row { generation, previous, seen, cut, .. } = self.row;
        let (g, p, e, l) = (self.g, self.p, self.age.max(0), self.policy.horizon);
        let (refresh, rotate) = (self.operation == Operation::Refresh, self.operation != Operation::Refresh);
        let (manual, lenient) = (self.policy.rotation.manual, self.policy.rotation.preset == Preset::Lenient);
        let dead = self.state == State::Revoked || self.state == State::Expired || self.age >= IDLE;
        let lost = e <= l && (seen < generation || lenient);
        let new = generation + 1;
        let (newest, next) = (g == generation, g == new);
        let (both, access, no) = (Answer::Both, Answer::AccessOnly, Answer::Refusal);
        let retry = Answer::Retry(millis((3 * W - e).max(0)));
        let how = if g == previous { Reuse::Recent } else if g > previous { Reuse::Orphan } else { Reuse::Stale };
        let rows: [(bool, Says); 18] = [
            (self.state == State::Forged,                   (1, Unknown, None, no)),
            (dead,                                          (2, Ended, None, no)),
            (g < cut,                                       (3, Superseded, None, no)),
            (g > new,                                       (4, AheadOfStore, None, no)),
            (next && p != generation && p != previous && p != g,
                                                            (4, AheadOfStore, None, no)),
            (next && refresh && p == g,                     (5, FastForwarded, Some((g, p, g, g)), access)),
            (next && refresh,                               (5, FastForwarded, Some((g, p, g, cut)), access)),
            (next && rotate,                                (5, FastForwarded, Some((g + 1, g + 1, g, g + 1)), both)),
            (newest && p != previous,                       (6, Reused(Reuse::Fork), None, no)),
            (newest && rotate,                              (7, Cut, Some((g + 1, g + 1, seen.max(g), g + 1)), both)),
            (newest && previous < generation && e <= 3 * W, (8, Held, None, access)),
            (newest && manual && e <= IDLE / 4,             (8, Held, None, access)),
            (newest,                                        (9, Rotated, Some((g + 1, g, seen.max(g), cut)), both)),
            (g == previous && rotate && (e <= 3 * W || lost),
                                                            (14, TryAgain, None, retry)),
            (g == previous && e <= W,                       (10, Replayed, None, both)),
            (g == previous && e <= 3 * W,                   (11, Bridged, None, access)),
            (g == previous && lost,                         (12, Reissued, Some((new, previous, seen, cut)), both)),
            (true,                                          (13, Reused(how), None, no)),
        ];
        rows.into_iter().find_map(|(fits, says)| fits.then_some(says)).unwrap()
    }
}

/// Every row with generations up to three that keeps `cut <= previous <= generation`.
fn rows() -> Vec<Row> {
    let life = millis(10 * IDLE);
    let session =
        NewSession::new(SessionId::from_bytes([1; 16]), "alice", OURS, millis(IDLE), life, Timestamp::default());
    let opened = Row::opened(&session, Timestamp::from_millis(NOW));
    let mut rows = Vec::new();
    for generation in 1..=3 {
        for previous in 1..=generation {
            for seen in 0..=generation {
                for cut in 0..=previous {
                    rows.push(Row { generation, previous, seen, cut, ..opened });
                }
            }
        }
    }
    rows
}

/// Asks everything of every row, in that state.
fn ask(state: State, mut check: impl FnMut(&Question<'_>)) {
    let policies = policies();
    for row in rows() {
        for age in ages() {
            let now = Timestamp::from_millis(NOW);
            let rotated_at = Timestamp::from_millis(NOW - age);
            let revoked = (state == State::Revoked).then(|| Revocation::new(now, RevokeReason::Logout));
            let expires_at = if state == State::Expired { now } else { row.expires_at };
            let row = Row { rotated_at, revoked, expires_at, ..row };
            for g in 0..=row.generation + 3 {
                for p in 0..=g {
                    for policy in &policies {
                        for operation in ALL {
                            check(&Question { row, g, p, age, state, operation, policy });
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_decision_is_the_table() {
    let mut met = std::collections::BTreeSet::new();
    for state in [State::Living, State::Revoked, State::Expired, State::Forged] {
        ask(state, |question| {
            let (number, outcome, becomes, answer) = question.table();
            let decision = question.decide();
            let about =
                || format!("row {number}: {:?} {} {} {:?}", question.row, question.g, question.p, question.operation);
            assert_eq!((decision.outcome, decision.answer), (outcome, answer), "{}", about());
            let written = match decision.write {
                Write::Swap(swap) => {
                    assert_eq!(swap.expected, (question.row.generation, question.row.previous), "{}", about());
                    assert_eq!(swap.authenticated, question.operation == Operation::Reauthenticate, "{}", about());
                    let row = swap.apply(&question.row, Timestamp::from_millis(NOW)).unwrap();
                    assert_eq!(row.rotated_at.as_millis(), NOW, "{}", about());
                    Some((row.generation, row.previous, row.seen, row.cut))
                }
                Write::Nothing | Write::Revoke => None,
            };
            assert_eq!(written, becomes, "{}", about());
            assert_eq!(decision.write == Write::Revoke, matches!(number, 6 | 13), "{}", about());
            met.insert(number);
        });
    }
    assert_eq!(met, (1..=14).collect(), "every row is met, 11' as 14");
}

#[test]
fn every_write_keeps_the_order_and_makes_a_new_generation() {
    ask(State::Living, |question| {
        if let Write::Swap(swap) = question.decide().write {
            let (before, after) = (&question.row, swap.apply(&question.row, Timestamp::from_millis(NOW)).unwrap());
            assert!(after.cut <= after.previous && after.previous <= after.generation, "{before:?} {after:?}");
            assert!(after.seen <= after.generation, "{before:?} {after:?}");
            assert!(after.previous >= before.previous && after.seen >= before.seen && after.cut >= before.cut);
            // The window is the generation's: it never moves by itself.
            assert!(after.generation > before.generation, "{before:?} {after:?}");
            assert_eq!((after.id, after.idle, after.expires_at), (before.id, before.idle, before.expires_at));
        }
    });
}

#[test]
fn what_is_hoped_for_wins_only_where_the_table_says_the_same() {
    ask(State::Living, |question| {
        let rotation = &question.policy.rotation;
        let Some((outcome, swap)) = hoped_for(question.token(), question.operation, rotation) else {
            assert!(rotation.manual && question.operation == Operation::Refresh);
            return;
        };
        let decision = question.decide();
        let wins = swap.apply(&question.row, Timestamp::from_millis(NOW)).is_some();
        assert_eq!(wins, decision.outcome == outcome, "{:?} {} {}", question.row, question.g, question.p);
        if wins {
            assert_eq!(decision, Decision { outcome, write: Write::Swap(swap), answer: Answer::Both });
        }
    });
}

#[test]
fn a_swap_is_refused_by_every_row_but_the_one_it_was_decided_on() {
    let rows = rows();
    ask(State::Living, |question| {
        // One policy and moment is enough: a swap is compared with rows, not with times.
        if question.age != 3 * W + 1 || question.policy.horizon != IDLE || question.policy.rotation.manual {
            return;
        }
        let Write::Swap(swap) = question.decide().write else { return };
        for other in &rows {
            let other = Row { rotated_at: question.row.rotated_at, ..*other };
            let same = (other.generation, other.previous) == (question.row.generation, question.row.previous);
            let seen = swap.unless_seen && other.seen >= other.generation;
            let applies = swap.apply(&other, Timestamp::from_millis(NOW)).is_some();
            assert_eq!(applies, same && !seen, "{swap:?} {other:?}");
        }
    });
}

#[test]
fn the_two_operations_that_rotate_differ_in_the_credentials_alone() {
    ask(State::Living, |question| {
        let [one, other] = NEW.map(|operation| Question { operation, ..*question }.decide());
        assert_eq!((one.outcome, one.answer), (other.outcome, other.answer));
        let plain = match other.write {
            Write::Swap(swap) => Write::Swap(Swap { authenticated: false, ..swap }),
            write => write,
        };
        assert_eq!(one.write, plain);
    });
}
