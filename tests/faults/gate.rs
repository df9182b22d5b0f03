//! Where clients wait, so that all of them go at one moment.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closed,
    Over,
}

pub(crate) struct Gate {
    state: watch::Sender<State>,
    waiting: AtomicUsize,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { state: watch::Sender::new(State::Open), waiting: AtomicUsize::new(0) }
    }

    /// Waits while it is closed; whether it is over.
    pub(crate) async fn passed(&self) -> bool {
        let mut state = self.state.subscribe();
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let now = state.wait_for(|state| *state != State::Closed).await.map_or(State::Over, |state| *state);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        now == State::Over
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.state.borrow() != State::Open
    }

    /// Waits until it is not open, but not for longer.
    pub(crate) async fn closed_within(&self, patience: Duration) {
        let mut state = self.state.subscribe();
        // Either will do.
        let _ = tokio::time::timeout(patience, state.wait_for(|state| *state != State::Open)).await;
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    pub(crate) fn close(&self) {
        self.state.send_replace(State::Closed);
    }

    pub(crate) fn open(&self) {
        self.state.send_replace(State::Open);
    }

    pub(crate) fn end(&self) {
        self.state.send_replace(State::Over);
    }
}
