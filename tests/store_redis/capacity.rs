//! What it takes: figures, for a quiet machine. Nothing is compared.
#![allow(clippy::print_stdout, reason = "what was measured is the result")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jwt_sessions::store::{SessionStore, Swap, Swapped};
use jwt_sessions::token::SessionId;
use redis::cmd;
use tokio::task::JoinSet;

use crate::servers::redis::Redis;
use crate::{ready, session, with};

const SESSIONS: u32 = 10_000;

#[tokio::test]
#[ignore = "prints the memory of a session"]
async fn bytes_of_a_session() {
    let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
    let packed = ["--hash-max-listpack-value", "512"];
    for (what, of_one, agent, options) in [
        ("one session a subject, no device", 1, None, &[][..]),
        ("one session a subject, with its device", 1, Some(agent), &[]),
        ("one session a subject, with its device, hash-max-listpack-value 512", 1, Some(agent), &packed),
        ("five sessions a subject, no device", 5, None, &[]),
    ] {
        let server = Redis::start(options).await;
        let store = ready(&server).await;
        let used = async || -> u64 {
            let info: String = cmd("INFO").arg("memory").query_async(&mut server.connection().await).await.unwrap();
            info.lines().find_map(|line| line.strip_prefix("used_memory_dataset:")).unwrap().parse().unwrap()
        };
        store.create(&session("warm", 0)).await.unwrap();
        let before = used().await;
        for n in 0..SESSIONS {
            let mut session = session(&format!("01890a5d-ac96-774b-bcce-{:012}", n / of_one), n);
            session.device.user_agent = agent.map(str::to_owned);
            store.create(&session).await.unwrap();
        }
        println!("{what}: {} bytes a session", (used().await - before) / u64::from(SESSIONS));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints rotations a second"]
async fn rotations_a_second() {
    for (what, options) in [
        ("in memory", &[][..]),
        ("appendfsync everysec", &["--appendonly", "yes", "--appendfsync", "everysec"]),
        ("appendfsync always", &["--appendonly", "yes", "--appendfsync", "always"]),
    ] {
        let server = Redis::start(options).await;
        let store = ready(&server).await;
        for tasks in [32, 256] {
            let (count, begun) = (Arc::new(AtomicU64::new(0)), Instant::now());
            let mut running = JoinSet::new();
            for n in 0..tasks {
                let (store, count) = (store.clone(), Arc::clone(&count));
                running.spawn(async move {
                    let mut session = session(&format!("subject {n}"), n);
                    session.id = SessionId::from_bytes([u8::try_from(tasks % 251).unwrap(); 16]);
                    store.create(&session).await.unwrap();
                    let mut last = (1, 1);
                    while begun.elapsed() < Duration::from_secs(4) {
                        let next = (last.0 + 1, last.0);
                        let rotate = with(Swap::new(last, next.0, next.1), |swap| swap.seen = last.0);
                        let swapped = store.swap(&session.subject, session.id, &session.secret_hash, &rotate).await;
                        assert!(matches!(swapped.unwrap(), Swapped::Won(_)));
                        last = next;
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            while let Some(ended) = running.join_next().await {
                ended.unwrap();
            }
            let rate = count.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
            println!("{what}, {tasks} tasks: {rate:.0} rotations a second");
        }
    }
}
