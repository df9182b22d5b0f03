use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::ended::Ended;
use super::feed::Heard;
use super::sights::Sights;
use super::worker::Job;
use crate::auth::{SessionWatch, Sight};
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

    /// That a generation was seen in use. Lossy on purpose: where the queue is full it is forgotten and counted, and the
    /// next request tries again.
    pub(crate) fn saw(&self, subject: &str, session: SessionId, generation: u64) {
        if self.sights.is_first(session, generation)
            && self.jobs.try_send(Job::Seen(Seen::new(subject, session, generation))).is_err()
        {
            self.sights.lose(session, generation);
        }
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
    fn sight(&self, token: &Registered) -> Sight {
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
        self.saw(subject, session, generation);
        Sight::Live
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("lost", &self.lost()).finish_non_exhaustive()
    }
}
