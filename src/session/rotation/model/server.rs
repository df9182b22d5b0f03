//! The server and its store: `hoped_for`, `decide` and `Swap::apply` themselves, asked as `Sessions` asks them.
//!
//! A swap is atomic and a loser decides again, so that a presentation is one step here.

use std::time::Duration;

use super::world::{Asked, Record, Token};
use crate::session::rotation::{Answer, Decision, Operation, Outcome, Presented, Rotation, Write, decide, hoped_for};
use crate::store::{NewSession, Revocation, RevokeReason, Row};
use crate::token::{SecretHash, SessionId, Timestamp};

pub(super) type Decide = fn(&Row, Presented, Operation, Timestamp, &Rotation) -> Decision;
/// What a confirmed generation does to a row, and whether it betrays an orphan in use.
pub(super) type Confirm = fn(&mut Record, u8) -> bool;

/// What is searched: the rules as they are, or with one of them changed.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) decide: Decide,
    pub(super) confirm: Confirm,
    /// Whether the ordinary case is hoped for before the row is read.
    pub(super) hopes: bool,
}

impl Rules {
    pub(super) const TRUE: Self = Self { decide, confirm, hopes: true };
}

/// The rule of [`SessionStore::confirm`](crate::store::SessionStore::confirm), which each store has in its own
/// language.
pub(super) fn confirm(row: &mut Record, seen: u8) -> bool {
    if row.revoked {
        return false;
    }
    if seen == row.generation {
        row.seen = seen;
    }
    row.previous < seen && seen < row.generation && row.cut <= seen
}

/// What came of a presentation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Served {
    pub(super) outcome: Outcome,
    pub(super) answer: Answer,
    pub(super) row: Record,
    /// Whether a failover cannot take the write back.
    pub(super) durable: bool,
    /// Whether what was hoped for is what would have been decided.
    pub(super) as_hoped: bool,
}

impl Served {
    pub(super) fn refused(&self) -> bool {
        self.answer == Answer::Refusal
    }
}

#[derive(Clone)]
pub(super) struct Server {
    pub(super) rules: Rules,
    pub(super) rotation: Rotation,
    template: Row,
}

const NOW: i64 = 1_000_000;
const OURS: SecretHash = SecretHash::from_bytes([9; 32]);
const FORGED: SecretHash = SecretHash::from_bytes([8; 32]);
/// Never reached here: the table's tests have the idle and the absolute end.
const IDLE: Duration = Duration::from_secs(4 * 100);

impl Server {
    pub(super) fn new(rules: Rules, rotation: Rotation) -> Self {
        let id = SessionId::from_bytes([1; 16]);
        let life = Duration::from_secs(1_000_000);
        let session = NewSession::new(id, "alice", OURS, IDLE, life, Timestamp::from_secs(0));
        Self { rules, rotation, template: Row::opened(&session, Timestamp::from_secs(NOW)) }
    }

    /// Presents a token with the session's secret. A tick is a second.
    pub(super) fn serve(&self, record: Record, token: Token, asked: Asked) -> Served {
        let now = Timestamp::from_secs(NOW);
        let row = self.row(&record);
        let presented = presented(token, OURS);
        let decision = (self.rules.decide)(&row, presented, asked.into(), now, &self.rotation);
        let Decision { outcome, write, answer } = decision;
        if self.rules.hopes
            && let Some((hoped, swap)) = hoped_for(presented, asked.into(), &self.rotation)
            && let Some(after) = swap.apply(&row, now)
        {
            let as_hoped = (hoped, Write::Swap(swap), Answer::Both) == (outcome, write, answer);
            return Served {
                outcome: hoped,
                answer: Answer::Both,
                row: written(&after),
                durable: swap.cut > 0,
                as_hoped,
            };
        }
        let (row, durable) = match write {
            Write::Nothing => (record, false),
            Write::Revoke => (Record { revoked: true, ..record }, true),
            // Nobody is between here; a swap that its own row refuses would be 503 for ever.
            Write::Swap(swap) => match swap.apply(&row, now) {
                Some(after) => (written(&after), swap.cut > 0),
                None => panic!("{decision:?} is not to be written to {record:?}"),
            },
        };
        let stuck = self.rules.hopes && outcome == Outcome::Rotated;
        Served { outcome, answer, row, durable, as_hoped: !stuck || self.rotation.manual }
    }

    /// Presents a token that was signed with a stolen key, without the session's secret: whether nothing came of it.
    pub(super) fn ignores(&self, record: Record, token: Token) -> bool {
        let decision = (self.rules.decide)(
            &self.row(&record),
            presented(token, FORGED),
            Operation::Refresh,
            Timestamp::from_secs(NOW),
            &self.rotation,
        );
        decision.write == Write::Nothing && decision.answer == Answer::Refusal
    }

    pub(super) fn answers(&self, record: Record, token: Token) -> bool {
        !self.serve(record, token, Asked::Refresh).refused()
    }

    fn row(&self, record: &Record) -> Row {
        let age = Duration::from_secs(record.age.unsigned_abs().into());
        let now = Timestamp::from_secs(NOW);
        Row {
            generation: record.generation.into(),
            previous: record.previous.into(),
            seen: record.seen.into(),
            cut: record.cut.into(),
            rotated_at: if record.age < 0 { now.after(age) } else { now.before(age) },
            revoked: record.revoked.then(|| Revocation::new(now, RevokeReason::Reused)),
            ..self.template
        }
    }
}

fn presented(token: Token, secret_hash: SecretHash) -> Presented {
    Presented { generation: token.generation.into(), previous: token.previous.into(), secret_hash }
}

fn written(row: &Row) -> Record {
    let small = |value: u64| u8::try_from(value).unwrap();
    Record {
        generation: small(row.generation),
        previous: small(row.previous),
        seen: small(row.seen),
        cut: small(row.cut),
        age: 0,
        revoked: row.revoked.is_some(),
    }
}
