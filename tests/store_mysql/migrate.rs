use jwt_sessions::store::{MySqlStore, SessionStore, StoreErrorKind};
use sqlx::{AssertSqlSafe, Executor, Row};
use tokio::task::JoinSet;

use crate::servers::mysql::MySql;
use crate::{open, ready, session, words};

const TABLES: [&str; 4] = ["jwt_sessions", "jwt_sessions_feed", "jwt_sessions_meta", "jwt_sessions_subjects"];

/// The tables and procedures of a database, as they were made.
async fn contents(server: &MySql, database: &str) -> Vec<String> {
    let mut conn = server.connection(database).await;
    let tables =
        sqlx::query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1");
    let mut contents = Vec::new();
    for table in tables.fetch_all(&mut conn).await.unwrap() {
        let show = format!("SHOW CREATE TABLE {}", table.get::<String, _>(0));
        contents.push(conn.fetch_one(AssertSqlSafe(show)).await.unwrap().get(1));
    }
    let routines = "SELECT CONCAT(ROUTINE_NAME, ROUTINE_DEFINITION, CREATED) FROM information_schema.ROUTINES
        WHERE ROUTINE_SCHEMA = DATABASE()";
    contents
        .extend(sqlx::query(routines).fetch_all(&mut conn).await.unwrap().iter().map(|row| row.get::<String, _>(0)));
    contents
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_instances_migrate_at_once() {
    let server = MySql::shared();
    let database = server.database().await;
    let mut starts = JoinSet::new();
    for _ in 0..10 {
        let store = MySqlStore::new(server.pool(&database, 1));
        starts.spawn(async move { store.migrate().await });
    }
    while let Some(start) = starts.join_next().await {
        start.unwrap().unwrap();
    }
    let before = contents(&server, &database).await;
    assert_eq!(before.len(), 5);
    let store = ready(&server, &database, 1).await;
    open(&store, &session(1, "alice")).await;
    store.migrate().await.unwrap();
    assert!(store.load("alice", crate::id(1)).await.unwrap().is_some());
    assert_eq!(contents(&server, &database).await.len(), before.len());
}

/// Each statement that makes a table is committed at once: a migration may end anywhere.
#[tokio::test]
async fn a_migration_that_was_cut_off_is_completed_by_the_next() {
    let server = MySql::shared();
    for missing in [
        &["DROP PROCEDURE jwt_sessions_swap_1"][..],
        &["DELETE FROM jwt_sessions_meta"],
        &["DELETE FROM jwt_sessions_meta", "DROP PROCEDURE jwt_sessions_swap_1"],
        &["DROP TABLE jwt_sessions_meta", "DROP PROCEDURE jwt_sessions_swap_1", "DROP TABLE jwt_sessions_feed"],
    ] {
        let database = server.database().await;
        let store = ready(&server, &database, 1).await;
        open(&store, &session(1, "alice")).await;
        let mut conn = server.connection(&database).await;
        for step in missing {
            conn.execute(*step).await.unwrap();
        }
        store.migrate().await.unwrap();
        assert_eq!(contents(&server, &database).await.len(), 5);
        open(&store, &session(2, "alice")).await;
        assert_eq!(store.list("alice").await.unwrap().len(), 2, "{missing:?}");
    }
}

#[tokio::test]
async fn another_programs_table_is_refused_and_left_alone() {
    let server = MySql::shared();
    let tables = TABLES.map(|table| format!("CREATE TABLE {table} (id INT PRIMARY KEY, data TEXT)"));
    let view = "CREATE VIEW jwt_sessions AS SELECT 1 AS one".to_owned();
    let procedure = "CREATE PROCEDURE jwt_sessions_swap_1() SELECT 1".to_owned();
    for foreign in tables.into_iter().chain([view, procedure]) {
        let database = server.database().await;
        server.connection(&database).await.execute(AssertSqlSafe(foreign.as_str())).await.unwrap();
        let before = contents(&server, &database).await;
        let error = MySqlStore::new(server.pool(&database, 1)).migrate().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Foreign, "{foreign}: {}", words(&error));
        assert_eq!(contents(&server, &database).await, before, "{foreign}");
    }
}

#[tokio::test]
async fn a_newer_versions_tables_are_refused_and_left_alone() {
    let server = MySql::shared();
    let database = server.database().await;
    let store = ready(&server, &database, 1).await;
    let mut conn = server.connection(&database).await;
    conn.execute("UPDATE jwt_sessions_meta SET version = 2").await.unwrap();
    conn.execute("ALTER TABLE jwt_sessions ADD COLUMN later BIGINT NULL, DROP COLUMN label").await.unwrap();
    let before = contents(&server, &database).await;
    let error = store.migrate().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Foreign);
    assert!(words(&error).contains("newer version (schema 2, known is 1)"), "{}", words(&error));
    assert_eq!(contents(&server, &database).await, before);
}

/// The tables can be made by somebody else: then the application needs to read and write rows, and to call.
#[tokio::test]
async fn few_privileges_are_enough_when_the_tables_are_there() {
    let server = MySql::shared();
    let database = server.database().await;
    let mut conn = server.connection(&database).await;
    for step in [
        format!("CREATE USER {database}@'%' IDENTIFIED BY 'hunter2'"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON {database}.* TO {database}@'%'"),
    ] {
        conn.execute(AssertSqlSafe(step)).await.unwrap();
    }
    let options = server.options(&database).username(&database).password("hunter2");
    let store = MySqlStore::new(MySql::pool_with(options, 2));
    let error = store.migrate().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Configuration, "{}", words(&error));
    assert!(!words(&error).contains("hunter2"), "{}", words(&error));
    ready(&server, &database, 1).await;
    store.migrate().await.unwrap();
    jwt_sessions::store::conformance::Suite::new(store).alone().run().await;
}
