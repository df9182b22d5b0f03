use jwt_sessions::store::conformance::Suite;
use jwt_sessions::store::{MySqlStore, SessionStore};
use sqlx::mysql::MySqlPoolOptions;
use sqlx::{AssertSqlSafe, Executor};

use crate::ready;
use crate::servers::mysql::MySql;

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_is_kept() {
    let server = MySql::shared();
    let database = server.database().await;
    Suite::new(ready(&server, &database, 16).await).alone().run().await;
}

/// Two instances of an application, each with a pool of its own.
#[tokio::test(flavor = "multi_thread")]
async fn two_instances_keep_the_contract_as_one() {
    let server = MySql::shared();
    let database = server.database().await;
    let (one, other) = (ready(&server, &database, 8).await, ready(&server, &database, 8).await);
    Suite::new(one).shared_with(other).alone().run().await;
}

/// An application sets its connections as it likes: what quotes, blanks and backslashes mean, what is checked, how
/// transactions see one another, which zone it is in, and which characters it speaks.
#[tokio::test(flavor = "multi_thread")]
async fn the_contract_is_kept_however_the_connections_are_set() {
    let server = MySql::shared();
    for set in [
        "SET SESSION sql_mode = ''",
        "SET SESSION sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,NO_UNSIGNED_SUBTRACTION,TRADITIONAL'",
        "SET SESSION sql_mode = 'ORACLE', tx_isolation = 'SERIALIZABLE', time_zone = '-08:00', NAMES latin1",
    ] {
        let database = server.database().await;
        let pool = MySqlPoolOptions::new()
            .max_connections(16)
            .after_connect(move |conn, _| Box::pin(async move { conn.execute(AssertSqlSafe(set)).await.map(drop) }))
            .connect_lazy_with(server.options(&database));
        let store = MySqlStore::new(pool);
        store.migrate().await.unwrap();
        Suite::new(store).alone().run().await;
    }
}
