//! One of the servers that are asked over HTTP: `server KIND`, for refreshes `server KIND FILE COUNT`.
//!
//! Prints its address, and ends when its stdin does. For refreshes it first opens as many sessions, and writes their refresh
//! tokens to FILE, one a line.

use std::io::Write as _;
use std::time::Duration;
use std::{env, fs};

use axum::Router;
use axum::routing::get;
use jwt_sessions::clock::Clock;
use jwt_sessions::store::{MemoryStore, PostgresStore, SessionStore, SqliteStore};
use jwt_sessions::{Client, Opened, Sessions, session_router};
use jwt_sessions_benches::apps;
use jwt_sessions_benches::sessions::sessions;
use jwt_sessions_benches::tokens::ALGORITHMS;
use sqlx::postgres::PgPoolOptions;
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() {
    jwt_sessions_peers::choose_backends();
    let arguments: Vec<_> = env::args().skip(1).collect();
    let (alg, kind) = (ALGORITHMS[0], arguments[0].as_str());
    let app = match kind {
        "bare" => apps::bare(),
        "from-fn" => apps::empty_from_fn(),
        "hand-written" => apps::hand_written(alg),
        "ours" => {
            let clock = Clock::system();
            let sessions = sessions(alg.keys(), MemoryStore::new(clock.clone()), clock).build().unwrap();
            sessions.ready().await;
            apps::ours(sessions.verifier())
        }
        "axum-jwt-auth" => jwt_sessions_peers::axum_jwt_auth(alg),
        "aliri_axum" => jwt_sessions_peers::aliri_axum(alg),
        "sqlite" => {
            let store = SqliteStore::open(format!("{}.db", arguments[1]), Clock::system()).await.unwrap();
            refreshing(store, &arguments).await
        }
        "postgres" => {
            let url = env::var("DATABASE_URL").unwrap();
            let pool = PgPoolOptions::new().max_connections(16).connect(&url).await.unwrap();
            refreshing(PostgresStore::new(pool), &arguments).await
        }
        other => panic!("no such server: {other}"),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    let served = std::future::IntoFuture::into_future(axum::serve(listener, app));
    let ended = async { tokio::io::stdin().read_to_end(&mut Vec::new()).await };
    tokio::select! {
        served = served => served.unwrap(),
        _ = ended => {}
    }
}

async fn refreshing(store: impl SessionStore, arguments: &[String]) -> Router {
    store.migrate().await.unwrap();
    let sessions = sessions(ALGORITHMS[0].keys(), store, Clock::system());
    let sessions = sessions.store_timeout(Duration::from_secs(30)).build().unwrap();
    sessions.ready().await;
    let mut file = fs::File::create(&arguments[1]).unwrap();
    let mut left = 0..arguments[2].parse::<u32>().unwrap();
    let mut opening = JoinSet::new();
    for number in left.by_ref().take(64) {
        opening.spawn(open(sessions.clone(), number));
    }
    while let Some(token) = opening.join_next().await {
        writeln!(file, "{}", token.unwrap()).unwrap();
        if let Some(number) = left.next() {
            opening.spawn(open(sessions.clone(), number));
        }
    }
    Router::new().route("/health", get(async || "ok")).merge(session_router(sessions))
}

async fn open<S: SessionStore>(sessions: Sessions<S>, number: u32) -> String {
    let opened = sessions.open(format!("u{number:012}"), Client::default()).await.unwrap();
    let Opened::Tokens(tokens) = opened else { panic!("{opened:?}") };
    tokens.refresh_token().to_owned()
}
