//! An application's hook that remembers.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "a helper of tests, outside of any test function")]

use std::sync::{Arc, Mutex};

use jwt_sessions::session::{Event, Events};

/// Every event, as `name` or `name:cause`.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    /// What was heard since this was last asked.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Events for Recorder {
    fn event(&self, event: &Event<'_>) {
        let cause = event.kind.cause().map(|cause| format!(":{cause}")).unwrap_or_default();
        self.0.lock().unwrap().push(format!("{}{cause}", event.kind.name()));
    }
}
