//! Over HTTP: protected routes and refreshes, ours and others', asked by wrk in turn.
//!
//! The server that is asked has one core, wrk and PostgreSQL have another. What is compared is the processor time that the
//! server takes for a request: it says what a machine carries, and other work on it disturbs it least.

use std::path::{Path, PathBuf};

use jwt_sessions_benches::tokens::{ALGORITHMS, AUDIENCE, ISSUER, REFRESH_SECRET, SECRET};
use jwt_sessions_benches::{Effort, Results};
use jwt_sessions_peers::postgres::Postgres;
use jwt_sessions_peers::serving::{Server, Turn, summary};
use serde_json::json;

fn main() {
    let effort = Effort::asked();
    let scratch = tempfile::tempdir().unwrap();
    let mut results = Results::new("http", effort);
    protected(effort, &mut results);
    refreshes(effort, scratch.path(), &mut results);
    results.write();
}

/// `(name in the table, program, its arguments)`.
type Contestant = (&'static str, &'static str, &'static [&'static str]);

const PROTECTED: [Contestant; 11] = [
    ("bare axum", OURS, &["bare"]),
    ("axum, an empty `from_fn`", OURS, &["from-fn"]),
    ("jwt-sessions, seen before", OURS, &["ours"]),
    ("axum, hand-written over jsonwebtoken", OURS, &["hand-written"]),
    ("aliri_axum", OURS, &["aliri_axum"]),
    ("axum-jwt-auth", OURS, &["axum-jwt-auth"]),
    ("bare Express", NODE, &["resource.mjs", "express-bare"]),
    ("Express, jsonwebtoken, secret as a string", NODE, &["resource.mjs", "express-strings"]),
    ("Express, jsonwebtoken, secret as a KeyObject", NODE, &["resource.mjs", "express-keys"]),
    ("Fastify, @fastify/jwt", NODE, &["resource.mjs", "fastify"]),
    ("Fastify, @fastify/jwt, its cache on", NODE, &["resource.mjs", "fastify-cache"]),
];

fn protected(effort: Effort, results: &mut Results) {
    let servers = PROTECTED.map(|(name, program, arguments)| (name, start(program, arguments, &[])));
    let authorization = format!("Authorization: Bearer {}", ALGORITHMS[0].token(1));
    let mut turns = PROTECTED.map(|_| Vec::new());
    let (rounds, span) = (effort.pick(1, 5), effort.pick("1s", "3s"));
    // The first round warms up.
    for round in 0..=rounds {
        for place in 0..servers.len() {
            let at = (place + round) % servers.len();
            let (name, server) = &servers[at];
            let script = file("wrk/done.lua");
            let wrk = ["-t1", "-c16", "-d", span, "-s", &script, "-H", &authorization, &server.url("/me")];
            let turn = server.asked_by(&wrk);
            assert_eq!(turn.failures, 0, "{name}");
            if round > 0 {
                turns[at].push(turn);
            }
        }
    }
    keep("a protected route", PROTECTED.map(|(name, ..)| name).into_iter().zip(turns), results);
}

const REFRESHES: [(Contestant, [&str; 2]); 4] = [
    (("jwt-sessions, PostgreSQL", OURS, &["postgres"]), ["/refresh", "refresh_token"]),
    (("jwt-sessions, SQLite", OURS, &["sqlite"]), ["/refresh", "refresh_token"]),
    (("the Express tutorial, PostgreSQL", NODE, &["refresh.mjs", "tutorial"]), ["/refresh", "refreshToken"]),
    (("the same tuned, PostgreSQL", NODE, &["refresh.mjs", "tuned"]), ["/refresh", "refreshToken"]),
];

fn refreshes(effort: Effort, scratch: &Path, results: &mut Results) {
    let postgres = Postgres::start(scratch);
    let rounds = effort.pick(1, 5);
    // One is slow, and no rotation of the others is long enough to be measured alone.
    let amounts = REFRESHES.map(|((_, program, _), _)| match program {
        OURS => effort.pick(500, 6_000),
        _ => effort.pick(200, 1_500),
    });
    let mut servers = Vec::new();
    for (at, ((name, program, arguments), _)) in REFRESHES.into_iter().enumerate() {
        let tokens = scratch.join(format!("tokens{at}"));
        let count = (amounts[at] * (rounds + 1)).to_string();
        let (tokens, url) = (tokens.to_str().unwrap().to_owned(), postgres.database(&format!("app{at}")));
        let all: Vec<_> = arguments.iter().copied().chain([tokens.as_str(), &count]).collect();
        servers.push((name, start(program, &all, &[("DATABASE_URL", &url)]), tokens));
    }
    let mut turns = REFRESHES.map(|_| Vec::new());
    for round in 0..=rounds {
        for place in 0..servers.len() {
            let at = (place + round) % servers.len();
            let (name, server, tokens) = &servers[at];
            let (first, count) = ((amounts[at] * round + 1).to_string(), amounts[at].to_string());
            let [path, member] = REFRESHES[at].1;
            let (script, url) = (file("wrk/refresh.lua"), server.url(path));
            let wrk = ["-t1", "-c16", "-d", "120s", "-s", &script, &url, "--", tokens, &first, &count, member];
            let turn = server.asked_by(&wrk);
            assert_eq!(turn.failures, 0, "{name}");
            if round > 0 {
                turns[at].push(turn);
            }
        }
    }
    keep("a refresh", REFRESHES.map(|((name, ..), _)| name).into_iter().zip(turns), results);
}

fn keep(group: &str, turns: impl IntoIterator<Item = (&'static str, Vec<Turn>)>, results: &mut Results) {
    jwt_sessions_benches::results::say(&format!(
        "\n{group}\n{:<50}{:>14}{:>14}{:>12}\n",
        "", "CPU µs each", "a second", "p99 µs"
    ));
    for (name, turns) in turns {
        let (cpu, rate, late) = summary(&turns);
        jwt_sessions_benches::results::say(&format!("{name:<50}{cpu:>14.1}{rate:>14.0}{late:>12.0}\n"));
        results.keep(group, name, json!({ "cpu_us": cpu, "rate": rate, "p99_us": late }));
    }
}

fn start(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
    let keys = [
        ("ACCESS_TOKEN_SECRET", SECRET),
        ("REFRESH_TOKEN_SECRET", REFRESH_SECRET),
        ("ISSUER", ISSUER),
        ("AUDIENCE", AUDIENCE),
        ("NODE_ENV", "production"),
    ];
    let variables: Vec<_> = keys.iter().chain(variables).copied().collect();
    if program == NODE {
        let script = file(&format!("node/{}", arguments[0]));
        let arguments: Vec<_> = std::iter::once(script.as_str()).chain(arguments[1..].iter().copied()).collect();
        return Server::start(Path::new("node"), &arguments, &variables);
    }
    // Built beside this one.
    let beside = std::env::current_exe().unwrap().with_file_name("server");
    Server::start(&beside, arguments, &variables)
}

/// A file of the folder that has these benchmarks.
fn file(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name).to_str().unwrap().to_owned()
}

const OURS: &str = "server";
const NODE: &str = "node";
