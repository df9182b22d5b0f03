use http::{HeaderMap, HeaderName, HeaderValue};

use crate::session::Outcome;

/// `Session-Outcome`, an item of RFC 9651: `replayed`, or `reused; cause=stale`.
const SESSION_OUTCOME: HeaderName = HeaderName::from_static("session-outcome");

/// Says the outcome in the response, whoever wrote that.
pub(super) fn tell(headers: &mut HeaderMap, outcome: Outcome) {
    let (name, cause) = (outcome.name(), outcome.cause());
    let value = match cause {
        Some(cause) => HeaderValue::try_from(format!("{name}; cause={cause}")),
        None => Ok(HeaderValue::from_static(name)),
    };
    // Both are words of ours: any header takes them.
    if let Ok(value) = value {
        headers.insert(SESSION_OUTCOME, value);
    }
}
