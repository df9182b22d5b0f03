//! One path through the crate, as often as it is told, for `run.sh` to count: `instructions seen-before 1000`.

use axum::Router;
use axum::body::Body;
use http::Request;
use jwt_sessions::clock::Clock;
use jwt_sessions::store::MemoryStore;
use jwt_sessions_benches::alike::{Credential, bearer, cookie, request, runtime};
use jwt_sessions_benches::apps;
use jwt_sessions_benches::people::People;
use jwt_sessions_benches::sessions::{Fed, sessions};
use jwt_sessions_benches::tokens::ALGORITHMS;
use tokio::runtime::Runtime;
use tower::Service;

fn main() {
    let [path, times] = std::env::args().skip(1).collect::<Vec<_>>().try_into().expect("a path and a number");
    let (times, runtime) = (times.parse().expect("a number"), runtime());
    apps::choose_backend();
    let alg = ALGORITHMS[0];
    let same = |credential| vec![credential; times];
    match &*path {
        "bare" => asked(&runtime, apps::bare(), same(bearer(&alg.token(0)))),
        "seen-before" => asked(&runtime, ours(&runtime), same(bearer(&alg.token(0)))),
        "seen-before-by-cookie" => asked(&runtime, ours(&runtime), same(cookie(&alg.token(0)))),
        "first-sight" => {
            let tokens = alg.tokens(1, times);
            asked(&runtime, ours(&runtime), tokens.iter().map(|token| bearer(token)).collect());
        }
        "refresh" => {
            let mut people = runtime.block_on(People::new(times, times));
            people.later();
            runtime.block_on(people.rotate(0));
            people.later();
            counted(|| {
                runtime.block_on(async {
                    for at in 0..times {
                        people.rotate(at).await
                    }
                })
            });
        }
        other => panic!("no path is called {other}"),
    }
}

/// Our layer with all that sessions bring: the set of those that ended, and the queue of what is seen.
fn ours(runtime: &Runtime) -> Router {
    runtime.block_on(async {
        let clock = Clock::system();
        let sessions =
            sessions(ALGORITHMS[0].keys(), Fed::new(MemoryStore::new(clock.clone()), 0), clock).build().unwrap();
        sessions.ready().await;
        apps::ours(sessions.verifier())
    })
}

fn asked(runtime: &Runtime, mut app: Router, credentials: Vec<Credential>) {
    let mut ask = async |request: Request<Body>| assert!(app.call(request).await.unwrap().status().is_success());
    // Once before, for all that is made at the first time.
    runtime.block_on(ask(request(&bearer(&ALGORITHMS[0].token(0)))));
    let requests: Vec<_> = credentials.iter().map(request).collect();
    counted(|| {
        runtime.block_on(async {
            for request in requests {
                ask(request).await
            }
        })
    });
}

/// What is counted is found by this name.
#[inline(never)]
fn counted(work: impl FnOnce()) {
    work();
}
