use std::time::{Duration, Instant};

use jwt_sessions::store::{SessionStore, StoreErrorKind, connect};
use sqlx::{AssertSqlSafe, Executor};

use crate::lateness::Lateness;
use crate::servers::free_port;
use crate::servers::mysql::MySql;
use crate::{session, words};

#[tokio::test]
async fn a_url_leads_to_the_store() {
    let server = MySql::shared();
    let database = server.database().await;
    let create = format!(
        "CREATE USER '{database}'@'%' IDENTIFIED BY 'p@ss/w?rd'; GRANT ALL ON {database}.* TO '{database}'@'%'"
    );
    server.connection("").await.execute(AssertSqlSafe(create)).await.unwrap();
    let place = format!("{database}:p%40ss%2Fw%3Frd@127.0.0.1:{}/{database}", server.port);
    for (n, scheme) in ["mysql", "mariadb", "MySQL"].into_iter().enumerate() {
        let store = connect(&format!("{scheme}://{place}?charset=utf8mb4&ssl-mode=DISABLED")).await.unwrap();
        store.migrate().await.unwrap();
        store.create(&session(u128::try_from(n).unwrap(), "alice")).await.unwrap();
    }
    assert_eq!(connect(&format!("mysql://{place}")).await.unwrap().list("alice").await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_url_that_leads_nowhere_is_refused_in_time_without_being_repeated() {
    let server = MySql::shared();
    let here = format!("127.0.0.1:{}", server.port);
    let nobody = free_port();
    let refused = [
        (format!("mysql://root:hunter2@{here}"), StoreErrorKind::Configuration),
        (format!("mysql://root:hunter2@{here}/"), StoreErrorKind::Configuration),
        (format!("mysql://root:hunter2@{here}/mysql?sslmod=hunter2"), StoreErrorKind::Configuration),
        ("mysql://root:hunter2@127.0.0.1:port/mysql".to_owned(), StoreErrorKind::Configuration),
        ("mysql:hunter2".to_owned(), StoreErrorKind::Configuration),
        (format!("mysql://root:hunter2@{here}/mysql"), StoreErrorKind::Configuration),
        (format!("mysql://root:hunter2@{here}/mysql?ssl-mode=hunter2"), StoreErrorKind::Configuration),
        (format!("mariadb://root:hunter2@127.0.0.1:{nobody}/app"), StoreErrorKind::Timeout),
    ];
    for (url, kind) in refused {
        let (begun, lateness) = (Instant::now(), Lateness::begin());
        let error = connect(&url).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(5) + lateness.most(), "{url}");
        let words = words(&error);
        assert!(!words.contains("hunter2"), "{url}: {words}");
        assert_eq!(error.kind(), kind, "{url}: {words}");
    }
}
