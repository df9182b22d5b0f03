//! What a test's own thread logs.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "a helper of tests, outside of any test function")]

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once};

use tracing::callsite::rebuild_interest_cache;
use tracing::level_filters::LevelFilter;

/// Log lines, in the order that they came.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

/// Until this is dropped, its thread's lines are kept.
pub(crate) struct Kept(());

thread_local! {
    static HERE: RefCell<Option<Lines>> = const { RefCell::new(None) };
}

impl Lines {
    /// Keeps every line of every level that this thread logs until the guard is dropped.
    ///
    /// One subscriber for the whole process, and not one a thread: whether anybody wants the lines of a place in the
    /// code is remembered for all threads, and a thread without a subscriber that gets there first would answer no.
    pub(crate) fn here() -> (Self, Kept) {
        static ONE: Once = Once::new();
        ONE.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(LevelFilter::TRACE)
                .with_ansi(false)
                .with_writer(|| HERE.with_borrow(|here| here.clone().unwrap_or_default()))
                .finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
        // For the places that another thread reached while the subscriber was being set.
        rebuild_interest_cache();
        let lines = Self::default();
        HERE.set(Some(lines.clone()));
        (lines, Kept(()))
    }

    /// What was logged since this was last asked.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        HERE.set(None);
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
