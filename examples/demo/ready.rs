//! Whether this instance should get requests, for what hands them out.

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use jwt_sessions::Sessions;
use jwt_sessions::session::FeedState;
use jwt_sessions::store::AnyStore;
use serde_json::{Value, json};

/// `GET /ready`: 200 while this instance hears from the store which sessions the others end, else 503. Without it the
/// instance goes on (`Stance::Serve`); one that hears is the better choice, where there is one.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(sessions: Sessions<AnyStore>) -> Router<S> {
    Router::new().route("/ready", get(async move || answer(sessions.feed_state())))
}

fn answer(feed: FeedState) -> (StatusCode, Json<Value>) {
    let ready = feed == FeedState::Current;
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(json!({ "ready": ready })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_that_does_not_hear_from_the_store_is_not_ready() {
        for (feed, status) in [(FeedState::Loading, 503), (FeedState::Current, 200), (FeedState::Behind, 503)] {
            assert_eq!(answer(feed).0, status, "{feed:?}");
        }
    }
}
