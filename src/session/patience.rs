use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::{StoreError, StoreErrorKind};

/// How long an operation may still wait for the store: the time that is set is for all of its calls together, so that whoever
/// asked has an answer by then. What the application's accounts take in between is neither counted nor cut off.
///
/// Cloning it shares what is left.
#[derive(Clone)]
pub(crate) struct Patience(Arc<AtomicU64>);

impl Patience {
    pub(super) fn new(whole: Duration) -> Self {
        Self(Arc::new(AtomicU64::new(micros(whole))))
    }

    /// Waits for a call, or for several that follow one another, but not for longer than is left.
    pub(super) async fn wait<T, E: From<StoreError>>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let left = self.0.load(Ordering::Relaxed);
        let begun = Instant::now();
        let answer = tokio::time::timeout(Duration::from_micros(left), call).await;
        self.0.store(left.saturating_sub(micros(begun.elapsed())), Ordering::Relaxed);
        answer.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Timeout).into()))
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
