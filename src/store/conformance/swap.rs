use std::time::Duration;

use super::suite::{MILLISECOND, Suite, promised, random, same};
use crate::store::{RevokeReason, Row, SessionStore, Swap};
use crate::token::SecretHash;

impl<S: SessionStore> Suite<S> {
    /// A won swap writes what [`Swap::apply`] says, and answers it with the moment it was made.
    pub async fn a_swap_writes_exactly_what_it_says(&self) {
        let session = self.session(&self.subject("swapped"));
        let opened = self.open(&session).await;
        self.pass(&session, opened.rotated_at).await;

        let rotated = self.swap_wins(&session, &Swap { seen: 1, ..Swap::new((1, 1), 2, 1) }).await;
        let expected = Row { generation: 2, previous: 1, seen: 1, rotated_at: rotated.now, ..opened };
        same(&expected, &rotated.row, "a rotation");
        promised(rotated.now > opened.rotated_at, "now is the moment of the swap");
        same(&expected, &self.row(&session).await, "a rotation, as it is loaded");

        self.pass(&session, rotated.now).await;
        let swap = Swap { seen: 2, cut: 3, authenticated: true, ..Swap::new((2, 1), 3, 3) };
        let cut = self.swap_wins(&session, &swap).await;
        let expected =
            Row { generation: 3, previous: 3, seen: 2, cut: 3, rotated_at: cut.now, auth_time: cut.now, ..opened };
        same(&expected, &cut.row, "a cut after credentials were shown");
        same(&expected, &self.row(&session).await, "a cut, as it is loaded");
    }

    /// A swap loses, and writes nothing, when the row has another generation, previous or secret hash, was seen although that
    /// forbids it, or was ended.
    pub async fn a_swap_demands_everything(&self) {
        let session = self.session(&self.subject("demands"));
        self.open(&session).await;
        self.swap_wins(&session, &Swap::new((1, 1), 2, 1)).await;
        let fits = Swap::new((2, 1), 3, 2);

        for expected in [(1, 1), (1, 2), (2, 2), (3, 1), (2, 0), (3, 2)] {
            self.swap_loses(&session, &Swap { expected, ..fits }, "generation and previous are others").await;
        }
        let mut stranger = session.clone();
        stranger.secret_hash = SecretHash::from_bytes(random());
        self.swap_loses(&stranger, &fits, "the secret hash is another").await;

        // Seen is 1 here, below the generation; a swap that does not forbid it wins in any case.
        let unless_seen = Swap { unless_seen: true, seen: 3, ..fits };
        self.swap_wins(&session, &unless_seen).await;
        let unless_seen = Swap { unless_seen: true, ..Swap::new((3, 2), 4, 3) };
        self.swap_loses(&session, &unless_seen, "the generation was seen").await;
        self.swap_wins(&session, &Swap { unless_seen: false, ..unless_seen }).await;

        let fits = Swap::new((4, 3), 5, 4);
        let ended = self.store.revoke(&session.subject, session.id, RevokeReason::Logout).await;
        promised(matches!(ended, Ok(true)), "a living session is revoked");
        self.swap_loses(&session, &fits, "the session was revoked").await;
    }

    /// `seen` and `cut` become the larger of what they are and what a swap says.
    pub async fn seen_and_cut_never_fall(&self) {
        let session = self.session(&self.subject("larger"));
        self.open(&session).await;
        self.swap_wins(&session, &Swap { seen: 2, cut: 2, ..Swap::new((1, 1), 2, 2) }).await;
        let row = self.swap_wins(&session, &Swap { seen: 1, cut: 1, ..Swap::new((2, 2), 3, 2) }).await.row;
        promised((row.seen, row.cut) == (2, 2), "neither seen nor cut is lowered by a swap");
        let row = self.swap_wins(&session, &Swap::new((3, 2), 4, 2)).await.row;
        promised((row.seen, row.cut) == (2, 2), "a swap that names neither seen nor cut leaves both");
        let row = self.swap_wins(&session, &Swap { seen: 4, cut: 3, ..Swap::new((4, 2), 5, 4) }).await.row;
        promised((row.seen, row.cut) == (4, 3), "seen and cut are raised by a swap");
    }

    /// `quiet_for` demands that more than this has passed since the last rotation, or that no predecessor is honoured.
    pub async fn a_quiet_row_is_demanded(&self) {
        let session = self.session(&self.subject("quiet"));
        let hours = Some(Duration::from_secs(90_000));
        self.open(&session).await;
        self.swap_wins(&session, &Swap { quiet_for: hours, ..Swap::new((1, 1), 2, 1) }).await;
        self.swap_loses(&session, &Swap { quiet_for: hours, ..Swap::new((2, 1), 3, 2) }, "the row is not quiet").await;

        let short = Duration::from_millis(20);
        let waits = Swap { quiet_for: Some(short), ..Swap::new((2, 1), 3, 2) };
        let rotated_at = self.row(&session).await.rotated_at;
        if let Some(clock) = &self.clock {
            clock.set(rotated_at.after(short));
            self.swap_loses(&session, &waits, "the row was quiet for this long, but not for longer").await;
        }
        self.pass(&session, rotated_at.after(short)).await;
        let swapped = self.swap_wins(&session, &waits).await;
        promised(swapped.row.rotated_at > rotated_at.after(short), "rotated_at is the moment of the swap");
        let again = Swap { quiet_for: Some(MILLISECOND * 60_000), ..Swap::new((3, 2), 4, 3) };
        self.swap_loses(&session, &again, "the row was rotated just now").await;
    }
}
