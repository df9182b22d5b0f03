//! What it carries on this machine, beside the server's own benchmark with the same statement, in turns:
//! `cargo test --release --features postgres --test store_postgres -- --ignored --nocapture capacity`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jwt_sessions::store::{AnyStore, SessionStore, Swap, Swapped, connect};
use jwt_sessions::token::SessionId;
use sqlx::postgres::PgPool;
use tokio::task::JoinSet;

use super::servers::postgres::{PASSWORD, Postgres, program};
use super::servers::tree::children;
use super::{HASH, number, ready, run};

/// Each has as many rows of its own.
const ROWS: u64 = 100_000;
const ROUNDS: usize = 7;
const SECONDS: u64 = 3;

// What the store's statement for one rotation does. Only that the tool does not know the generation.
#[rustfmt::skip]
const SCRIPT: &str = "\\set n random(1, 100000)
UPDATE jwt_sessions
SET generation = generation + 1, previous = generation, seen = GREATEST(seen, :n::bigint * 0),
    rotated_at = floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
WHERE subject = (:n::text)::bytea AND id = decode(lpad(:n::text, 32, '0'), 'hex')
    AND revoked_at IS NULL AND expires_at > floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
    AND idle > floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - rotated_at
    AND secret_hash = decode(repeat('07', 32), 'hex') AND generation > :n::bigint * 0 AND previous > :n::bigint * 0
    AND (:n::bigint > 0 OR seen < generation)
    AND (:n::bigint > 0 OR floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - rotated_at > 90000)
RETURNING id, secret_hash, generation, previous, seen, cut, rotated_at, created_at, auth_time, idle, expires_at, revoked_at,
    revoke_reason, rotated_at AS now,
    CASE WHEN floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - rotated_at > 50
        THEN ('waited since ' || rotated_at)::boolean END;
";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures, and takes three minutes"]
async fn capacity() {
    let server = Postgres::start();
    drop(server.connect("postgres").await);
    let pool = server.pool("postgres", 1);
    drop(ready(pool.clone()).await);
    // No checkpoint in the midst of a run.
    for step in ["ALTER SYSTEM SET max_wal_size = '8GB'", "ALTER SYSTEM SET checkpoint_timeout = '1h'"] {
        run(&pool, step).await;
    }
    run(
        &pool,
        "INSERT INTO jwt_sessions
         SELECT 1, 1, 0, 0, x, x, x, 3600000, x + 86400000, NULL, decode(lpad(i::text, 32, '0'), 'hex'),
             decode(repeat('07', 32), 'hex'), i::text::bytea
         FROM generate_series(1, 200000) AS i, (SELECT (extract(epoch FROM now()) * 1000)::bigint AS x) AS present",
    )
    .await;
    for step in ["SELECT pg_reload_conf()", "VACUUM ANALYZE jwt_sessions", "CHECKPOINT"] {
        run(&pool, step).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("rotation.sql");
    fs::write(&script, SCRIPT).unwrap();
    let store = connect(&server.url("postgres")).await.unwrap();
    let generations: Arc<[AtomicU64]> = (0..ROWS).map(|_| AtomicU64::new(1)).collect();

    let pairs = [(1, 1), (8, 8), (32, 32), (32, 128)];
    let mut ratios = vec![[Vec::new(), Vec::new()]; pairs.len()];
    for round in 0..=ROUNDS {
        for (pair, (clients, tasks)) in pairs.into_iter().enumerate() {
            let began = processor(&server);
            let tool = pgbench(&server, &script, clients);
            let between = processor(&server);
            let before = transactions(&pool).await;
            let ours = rotations(&store, &generations, tasks).await;
            let (ended, statements) = (processor(&server), transactions(&pool).await - before);
            let costs = [(between - began) / tool, (ended - between) / ours].map(|cost| cost * 1e6 / SECONDS as f64);
            eprintln!(
                "pgbench, {clients} clients: {tool:.0}/s, {:.0} us; {tasks} tasks: {ours:.0}/s, {:.0} us, {:.1} a statement",
                costs[0],
                costs[1],
                ours * SECONDS as f64 / statements as f64
            );
            // The first round is for warming up.
            if round > 0 {
                ratios[pair][0].push(ours / tool);
                ratios[pair][1].push(costs[0] / costs[1]);
            }
        }
    }
    for ((clients, tasks), ratios) in pairs.into_iter().zip(ratios) {
        for (what, mut ratios) in
            ["rotations a second", "rotations for the same time of the processor"].into_iter().zip(ratios)
        {
            ratios.sort_by(f64::total_cmp);
            let (least, median, most) = (ratios[0], ratios[ROUNDS / 2], ratios[ROUNDS - 1]);
            eprintln!("{tasks} tasks to pgbench with {clients} clients, {what}: {median:.2} ({least:.2} to {most:.2})");
        }
    }
}

async fn transactions(pool: &PgPool) -> i64 {
    // The others tell of theirs once a second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    number(pool, "SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'").await
}

/// Seconds of the processor's time that the server, this process and what it started have had.
fn processor(server: &Postgres) -> f64 {
    let time = |pid: u32, fields: std::ops::Range<usize>| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let behind_the_name = stat.rsplit(')').next().unwrap_or_default();
        let numbers = behind_the_name.split_whitespace().map(|number| number.parse().unwrap_or(0.0));
        numbers.collect::<Vec<f64>>().get(fields).map_or(0.0, |times| times.iter().sum())
    };
    let server = server.process().pid();
    let living: f64 = children(server).into_iter().map(|pid| time(pid, 11..13)).sum();
    // Of those that have ended, too.
    (living + time(server, 11..15) + time(std::process::id(), 11..15)) / 100.0
}

/// Rotations a second by the server's own tool.
fn pgbench(server: &Postgres, script: &Path, clients: u32) -> f64 {
    let port = server.options("postgres").get_port().to_string();
    let done = Command::new(program("pgbench"))
        .args(["-n", "-M", "prepared", "-j", "2", "-h", "127.0.0.1", "-U", "root", "-p", &port])
        .args(["-c", &clients.to_string(), "-T", &SECONDS.to_string(), "-f"])
        .arg(script)
        .arg("postgres")
        .env("PGPASSWORD", PASSWORD)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.unwrap_or_else(|| panic!("{said} {}", String::from_utf8_lossy(&done.stderr)))
}

/// Rotations a second by so many tasks, each over rows of its own.
async fn rotations(store: &AnyStore, generations: &Arc<[AtomicU64]>, tasks: u64) -> f64 {
    let (begun, mut running) = (Instant::now(), JoinSet::new());
    let until = begun + Duration::from_secs(SECONDS);
    for task in 0..tasks {
        let (store, generations) = (store.clone(), Arc::clone(generations));
        running.spawn(async move {
            let share = ROWS / tasks;
            let mut done = 0_u64;
            while Instant::now() < until {
                // Far apart, as somebody's rows are.
                let n = task * share + done * 7919 % share;
                let generation = generations[usize::try_from(n).unwrap()].fetch_add(1, Ordering::Relaxed);
                let number = (ROWS + 1 + n).to_string();
                let id: u128 = u128::from_str_radix(&number, 16).unwrap();
                let swap = Swap::new((generation, (generation - 1).max(1)), generation + 1, generation);
                let swapped = store.swap(&number, SessionId::from_bytes(id.to_be_bytes()), &HASH, &swap).await.unwrap();
                assert!(matches!(swapped, Swapped::Won(_)), "{swapped:?}");
                done += 1;
            }
            done
        });
    }
    let mut done = 0;
    while let Some(task) = running.join_next().await {
        done += task.unwrap();
    }
    f64::from(u32::try_from(done).unwrap()) / begun.elapsed().as_secs_f64()
}
