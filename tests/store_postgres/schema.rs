//! The tables: made once, never in place of another's.

use std::error::Error as _;

use jwt_sessions::store::{PostgresStore, SessionStore, StoreErrorKind, connect};
use sqlx::postgres::PgPool;
use tokio::task::JoinSet;

use super::servers::postgres::{PASSWORD, Postgres};
use super::{fresh, number, open, ready, run, session};

#[tokio::test(flavor = "multi_thread")]
async fn ten_instances_may_start_at_once() {
    let server = Postgres::shared();
    let database = server.database("").await;
    let mut starting = JoinSet::new();
    for _ in 0..10 {
        let pool = server.pool(&database, 2);
        starting.spawn(async move { PostgresStore::new(pool).migrate().await });
    }
    for started in starting.join_all().await {
        started.unwrap();
    }
    let store = ready(server.pool(&database, 2)).await;
    open(&store, &session(1, "alice")).await;
    store.migrate().await.unwrap();
    assert!(store.load("alice", session(1, "alice").id).await.unwrap().is_some());
}

/// The definitions of all tables and views, and the rows of those that another program may have made.
async fn contents(pool: &PgPool) -> String {
    sqlx::query_scalar(
        "SELECT COALESCE(string_agg(relname || relkind::text || attname || format_type(atttypid, atttypmod), ',' ORDER BY relname, attnum), '')
         FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace",
    )
    .fetch_one(pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn what_another_made_is_refused_and_left_alone() {
    let server = Postgres::shared();
    let another = [
        "CREATE TABLE jwt_sessions (id text PRIMARY KEY, token text)",
        "CREATE TABLE jwt_sessions_meta (version integer, notes text)",
        "CREATE TABLE jwt_sessions_meta (only_row boolean, version integer, revoked_before bigint)",
        "CREATE VIEW jwt_sessions_feed AS SELECT 1 AS n",
        "CREATE SEQUENCE jwt_sessions_subjects",
        "CREATE TYPE jwt_sessions AS (n integer)",
        "CREATE TYPE jwt_sessions_epoch AS ENUM ('now')",
    ];
    for sql in another {
        let database = server.database("").await;
        let pool = server.pool(&database, 2);
        run(&pool, sql).await;
        let before = contents(&pool).await;
        let refused = PostgresStore::new(pool.clone()).migrate().await.unwrap_err();
        let source = refused.source().unwrap().to_string();
        assert_eq!(refused.kind(), StoreErrorKind::Foreign, "{sql}: {source}");
        assert!(source.contains("did not make"), "{sql}: {source}");
        assert_eq!(contents(&pool).await, before, "{sql}");
        let by_url = connect(&server.url(&database)).await.unwrap();
        assert_eq!(by_url.migrate().await.unwrap_err().kind(), StoreErrorKind::Foreign, "{sql}");
    }
}

#[tokio::test]
async fn a_newer_versions_tables_are_refused() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    open(&store, &session(1, "alice")).await;
    run(&pool, "UPDATE jwt_sessions_meta SET version = 2; ALTER TABLE jwt_sessions ADD COLUMN moon text").await;
    let refused = store.migrate().await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Foreign);
    assert!(refused.source().unwrap().to_string().contains("newer version (schema 2"));
    assert_eq!(number(&pool, "SELECT count(*) FROM jwt_sessions").await, 1);
}

/// The application's role may read and write; somebody else made the tables.
#[tokio::test]
async fn a_role_that_may_make_no_tables_uses_those_that_are_there() {
    let server = Postgres::shared();
    let (_, pool) = fresh(&server).await;
    let database: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&pool).await.unwrap();
    let role = format!("role_of_{database}");
    let grants = format!(
        "CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}';
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
         REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    );
    run(&pool, grants).await;
    let options = server.options(&database).username(&role);
    let store = ready(sqlx::postgres::PgPoolOptions::new().max_connections(10).connect_lazy_with(options)).await;
    jwt_sessions::store::conformance::Suite::new(store).alone().run().await;
}
