//! What happens, and when.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::rule::{Access, Answer, Millis, Token};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Sender {
    Tab(usize, u64),
    Thief,
}

pub(crate) enum Event {
    /// The access token's life is over, by the page's timer.
    Period(u64),
    /// The timer of a tab fires.
    Timer(usize, u64),
    /// The network is there again.
    Online,
    /// A request to refresh reaches the server.
    Asked(Sender, Token),
    /// Its answer reaches the client.
    Answered(Sender, Answer),
    /// A tab has waited long enough.
    TimedOut(usize, u64),
    /// The page makes a request with the access token that the jar holds.
    Use,
    /// A request with an access token reaches the server.
    Used(Access),
    Login,
    Theft(u64),
    ThiefActs(u64),
    /// What was seen in use is confirmed.
    Confirm,
    /// The store fails over.
    FailOver,
    End,
}

/// What is to come.
#[derive(Default)]
pub(crate) struct Queue {
    due: BinaryHeap<Reverse<Due>>,
    /// How many were ever put there.
    count: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, when: Millis, user: usize, event: Event) {
        self.count += 1;
        self.due.push(Reverse(Due(when, self.count, user, event)));
    }

    /// The next event: when, of whom, and what.
    pub(crate) fn pop(&mut self) -> Option<(Millis, usize, Event)> {
        self.due.pop().map(|Reverse(Due(when, _, user, event))| (when, user, event))
    }
}

/// An event, ordered by when it comes and, of one moment, by when it was put there.
struct Due(Millis, u64, usize, Event);

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}
