use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Waker};

use tokio::task::JoinSet;

use super::suite::{MILLISECOND, Suite, answered, promised, same};
use crate::store::{Created, NewSession, RevokeReason, Row, SessionStore, Swap, Swapped};

impl<S: SessionStore> Suite<S> {
    /// Of 64 swaps that expect the same, one wins, and all others get the row as the winner left it.
    pub async fn one_swap_wins(&self) {
        let session = self.session(&self.subject("race"));
        self.open(&session).await;
        for generation in 1..5 {
            let swap = Swap::new((generation, (generation - 1).max(1)), generation + 1, generation);
            let swapped = self.at_once(RACERS, |store, _| {
                let (session, swap) = (session.clone(), swap);
                async move { store.swap(&session.subject, session.id, &session.secret_hash, &swap).await }
            });
            let (mut won, mut lost) = (Vec::new(), Vec::new());
            for swapped in swapped.await {
                match answered("swap", swapped) {
                    Swapped::Won(loaded) => won.push(loaded),
                    Swapped::Lost(Some(loaded)) => lost.push(loaded),
                    Swapped::Lost(None) => panic!("swap: a loser must get the row"),
                }
            }
            promised(won.len() == 1, "of swaps that expect the same, exactly one wins");
            promised(lost.len() == RACERS - 1, "all others lose");
            for (winner, loser) in won.iter().flat_map(|winner| lost.iter().map(move |loser| (winner, loser))) {
                same(&winner.row, &loser.row, "a loser gets the row as the winner left it");
                promised(loser.now >= winner.now, "a loser's present is not before the winner's");
            }
        }
    }

    /// Rotations that race with a revocation: once it is answered, none wins.
    pub async fn ended_is_ended_during_a_race(&self) {
        for _ in 0..ROUNDS {
            let session = self.session(&self.subject("ending"));
            self.open(&session).await;
            let answers = self.at_once(RACERS, |store, racer| {
                let session = session.clone();
                async move {
                    if racer == RACERS / 2 {
                        let revoked = store.revoke(&session.subject, session.id, RevokeReason::Logout).await;
                        return Some(answered("revoke", revoked));
                    }
                    let swap = Swap::new((1, 1), 2, 1);
                    answered("swap", store.swap(&session.subject, session.id, &session.secret_hash, &swap).await);
                    None
                }
            });
            let ended = answers.await.into_iter().flatten().all(|ended| ended);
            promised(ended, "rotations never keep a session from being ended");
            let row = self.row(&session).await;
            promised(row.revoked.is_some(), "a rotation never takes a revocation back");
            let swap = Swap::new((row.generation, row.previous), row.generation + 1, row.generation);
            self.swap_loses(&session, &swap, "the session was revoked").await;
        }
    }

    /// Logins that race with [`revoke_subject`](SessionStore::revoke_subject): each is refused, or ended by it, or its
    /// credentials were read later.
    pub async fn a_login_and_a_logout_of_all_agree(&self) {
        for _ in 0..ROUNDS {
            let subject = self.subject("login");
            let read_at = self.open(&self.session(&subject)).await.created_at.before(MILLISECOND);
            let answers = self.at_once(RACERS, |store, racer| {
                let session = NewSession { credentials_read_at: read_at, ..self.session(&subject) };
                async move {
                    if racer == RACERS / 2 {
                        let ended = store.revoke_subject(&session.subject, None, RevokeReason::LogoutAll).await;
                        answered("revoke_subject", ended);
                    } else {
                        answered("create", store.create(&session).await);
                    }
                }
            });
            answers.await;
            let listed = answered("list", self.store.list(&subject).await);
            promised(listed.is_empty(), "no login that began before a logout of all is living after it");
        }
    }

    /// Logins at the same time never leave more living sessions than the limit.
    pub async fn the_limit_holds_in_a_race(&self) {
        let subject = self.subject("crowd");
        let answers = self.at_once(RACERS, |store, _| {
            let session = NewSession { limit: 5, ..self.session(&subject) };
            async move { matches!(store.create(&session).await, Ok(Created::Opened { .. })) }
        });
        promised(answers.await.into_iter().all(|opened| opened), "a login is not refused because of the limit");
        let listed = answered("list", self.store.list(&subject).await);
        promised(listed.len() == 5, "the limit holds for logins at the same time");
    }

    /// A call that its caller stops waiting for is made whole or not at all.
    pub async fn a_dropped_call_leaves_no_half(&self) {
        let swap = Swap { seen: 2, cut: 3, authenticated: true, ..Swap::new((1, 1), 3, 3) };
        // Dropped after one step, or two: where a store waits for something is its own affair.
        for steps in 0..4 {
            // Another each time: of a session that has ended already, nothing shows whether a later call ended it.
            let subject = self.subject("dropped");
            let [session, other] = [(); 2].map(|()| NewSession { limit: 1, ..self.session(&subject) });
            self.open(&session).await;
            let swapped = self.store.swap(&subject, session.id, &session.secret_hash, &swap);
            dropped(swapped, self.store.create(&other), steps).await;

            // A login of the same subject that is answered comes after those that are still under way, in most stores.
            self.open(&self.session(&subject)).await;
            let row = self.agreed(&session, &other).await;
            let whole = (row.generation, row.previous, row.seen, row.cut) == (3, 3, 2, 3);
            let none = (row.generation, row.previous, row.seen, row.cut) == (1, 1, 0, 0);
            promised(whole || none, "a dropped swap is made whole or not at all");
            let limited = row.revoked.is_none_or(|revoked| revoked.reason == RevokeReason::Limit);
            promised(limited, "a dropped call does only what it says");
        }
    }

    /// The row of `session`, once it was ended for `other` and that is there, or neither. Asked again for a while: between two
    /// questions a call that was dropped may be made.
    async fn agreed(&self, session: &NewSession, other: &NewSession) -> Row {
        let mut asked = 0;
        loop {
            let created = answered("load", self.store.load(&other.subject, other.id).await);
            let row = self.row(session).await;
            if created.is_some() == row.revoked.is_some() {
                return row;
            }
            asked += 1;
            let promise = "a dropped create ends the one beyond the limit and opens its own, or neither";
            promised(asked < ASKED, promise);
            tokio::task::yield_now().await;
        }
    }

    /// Runs `count` tasks at once, every second one by the other way to the store, and gives their answers.
    pub(super) async fn at_once<T, F>(&self, count: usize, race: impl Fn(Arc<S>, usize) -> F) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let start = Arc::new(tokio::sync::Barrier::new(count));
        let mut racers = JoinSet::new();
        for racer in 0..count {
            let store = if racer % 2 == 0 { &self.store } else { &self.other };
            let (start, run) = (Arc::clone(&start), race(Arc::clone(store), racer));
            racers.spawn(async move {
                start.wait().await;
                run.await
            });
        }
        let mut answers = Vec::with_capacity(count);
        while let Some(answer) = racers.join_next().await {
            answers.push(answer.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())));
        }
        answers
    }
}

/// Takes some steps of two calls in turn, for whose end nobody waits.
async fn dropped(one: impl Future, other: impl Future, steps: usize) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut one_is_done, mut other_is_done) = (false, false);
    for _ in 0..steps {
        one_is_done = one_is_done || is_ready(one.as_mut());
        other_is_done = other_is_done || is_ready(other.as_mut());
        tokio::task::yield_now().await;
    }
}

/// Takes one step, whose end nobody will be woken for.
fn is_ready(call: Pin<&mut impl Future>) -> bool {
    call.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

pub(super) const RACERS: usize = 64;
const ROUNDS: usize = 8;
/// Questions, each of which a server answers: seconds in all, which no call that was dropped takes.
const ASKED: usize = 10_000;
