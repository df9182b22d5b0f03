use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::ended::Ended;
use super::feed::Heard;
use super::sights::Sights;
use super::worker::Job;
use crate::auth::{Noted, SessionWatch, Sight};
use crate::store::Seen;
use crate::token::{Registered, SessionId};

/// What the layer asks of the sessions at each request, without I/O: whether this one was ended or cut off. The first
/// sight of a generation goes to the confirmation queue.
pub(crate) struct Watch {
    ended: Arc<Ended>,
    heard: Arc<Heard>,
    jobs: mpsc::Sender<Job>,
    sights: Arc<Sights>,
}

impl Watch {
    pub(crate) fn new(ended: Arc<Ended>, heard: Arc<Heard>, jobs: mpsc::Sender<Job>, sights: Arc<Sights>) -> Self {
        Self { ended, heard, jobs, sights }
    }

    /// That a generation was seen in use; whether the queue has taken it. Lossy on purpose: where the queue is full it is forgotten
    /// and counted, and the next request tries again.
    pub(crate) fn saw(&self, subject: &str, session: SessionId, generation: u64) -> bool {
        let taken = !self.sights.is_first(session, generation)
            || self.jobs.try_send(Job::Seen(Seen::new(subject, session, generation))).is_ok();
        if !taken {
            self.sights.lose(session, generation);
        }
        taken
    }

    pub(crate) fn jobs(&self) -> &mpsc::Sender<Job> {
        &self.jobs
    }

    /// How many sights there was no room for.
    pub(crate) fn lost(&self) -> u64 {
        self.sights.lost()
    }
}

impl SessionWatch for Watch {
    fn sight(&self, token: &Registered, noted: &Noted) -> Sight {
        // The verifier demands a subject alone; a token without the other two is of no session that could be living.
        let (Some(subject), Some(session), Some(generation)) = (&token.subject, token.session, token.generation) else {
            return Sight::Ended;
        };
        if self.ended.covers(session, generation, token.issued_at) {
            return Sight::Ended;
        }
        if !self.heard.may_serve() {
            return Sight::Unready;
        }
        let round = self.sights.round();
        if noted.get() != round && self.saw(subject, session, generation) {
            noted.set(round);
        }
        Sight::Live
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("lost", &self.lost()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::session::feed::Stance;
    use crate::token::Timestamp;

    /// A watch whose queue has that much room, and the queue's other end.
    fn watch(room: usize) -> (Watch, mpsc::Receiver<Job>) {
        let clock = Clock::manual(Timestamp::from_secs(1_000_000));
        let (ended, heard) = (Arc::new(Ended::new(clock.clone())), Arc::new(Heard::new(clock, Stance::Serve)));
        let (jobs, queue) = mpsc::channel(room);
        (Watch::new(ended, heard, jobs, Arc::new(Sights::new())), queue)
    }

    /// The access token of the session of that number.
    fn token(number: u64) -> Registered {
        // Spread as random ids are.
        let id = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        Registered {
            subject: Some("alice".to_owned()),
            expires_at: Timestamp::from_secs(1_000_900),
            not_before: None,
            issued_at: Some(Timestamp::from_secs(1_000_000)),
            token_id: None,
            session: Some(SessionId::from_bytes(id.to_be_bytes())),
            generation: Some(1),
            auth_time: None,
            scope: None,
        }
    }

    fn sent(queue: &mut mpsc::Receiver<Job>) -> usize {
        std::iter::from_fn(|| queue.try_recv().ok()).count()
    }

    #[test]
    fn a_sight_is_sent_until_the_queue_has_taken_it_and_then_no_more() {
        let (watch, mut queue) = watch(1);
        let (alice, bob) = ((token(1), Noted::default()), (token(2), Noted::default()));
        for _ in 0..3 {
            assert_eq!(watch.sight(&alice.0, &alice.1), Sight::Live);
            assert_eq!(watch.sight(&bob.0, &bob.1), Sight::Live);
        }
        assert_eq!((sent(&mut queue), watch.lost()), (1, 3), "Bob's had no room, three times");
        watch.sight(&alice.0, &alice.1);
        watch.sight(&bob.0, &bob.1);
        assert_eq!(sent(&mut queue), 1, "Bob's, now that there is room");
        watch.sight(&alice.0, &alice.1);
        watch.sight(&bob.0, &bob.1);
        assert_eq!((sent(&mut queue), watch.lost()), (0, 3));
    }

    #[test]
    fn many_tokens_in_turn_are_sent_once_each() {
        let (watch, mut queue) = watch(20_000);
        let tokens: Vec<_> = (0..10_000).map(|number| (token(number), Noted::default())).collect();
        for _ in 0..3 {
            tokens.iter().for_each(|(token, noted)| assert_eq!(watch.sight(token, noted), Sight::Live));
        }
        assert_eq!(sent(&mut queue), tokens.len());
        watch.sights.forget();
        for _ in 0..3 {
            tokens.iter().for_each(|(token, noted)| assert_eq!(watch.sight(token, noted), Sight::Live));
        }
        assert_eq!(sent(&mut queue), tokens.len(), "what is in use is sent once more");
    }

    #[test]
    fn a_sight_that_was_lost_behind_the_queue_is_sent_again() {
        let (watch, mut queue) = watch(8);
        let (token, noted) = (token(1), Noted::default());
        watch.sight(&token, &noted);
        assert_eq!(sent(&mut queue), 1);
        watch.sights.lose(token.session.unwrap(), 1);
        watch.sight(&token, &noted);
        watch.sight(&token, &noted);
        assert_eq!(sent(&mut queue), 1);
    }
}
