use std::time::Duration;

use mongodb::Client;
use mongodb::options::ClientOptions;

use super::store::MongoStore;
use crate::store::{StoreError, StoreErrorKind};

impl MongoStore {
    /// A store over a client of its own, which connects when it is first needed.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Configuration`] for a URL that the driver does not understand. Why is not said: what the driver says
    /// repeats parts of it.
    pub(in crate::store) async fn connect(url: &str) -> Result<Self, StoreError> {
        let mut options = ClientOptions::parse(url).await.map_err(|_| unreadable(url))?;
        // The driver's own is longer than anybody waits.
        options.server_selection_timeout.get_or_insert(SELECTION);
        let database = options.default_database.clone().unwrap_or_else(|| DATABASE.to_owned());
        let client = Client::with_options(options).map_err(|_| unreadable(url))?;
        Ok(Self::new(client.database(&database)))
    }
}

fn unreadable(url: &str) -> StoreError {
    let is_srv = url.get(..12).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mongodb+srv:"));
    StoreError::new(StoreErrorKind::Configuration).because(if is_srv {
        "the driver does not understand the URL after `mongodb+srv:`, or cannot resolve its name; it needs the feature \
         `dns-resolver` of the crate `mongodb`"
    } else {
        "the driver does not understand the URL after `mongodb:`"
    })
}

const SELECTION: Duration = Duration::from_secs(5);
const DATABASE: &str = "jwt_sessions";
