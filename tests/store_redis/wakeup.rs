//! Who waits for the feed is woken.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use jwt_sessions::store::{RedisStore, RevokeReason, SessionStore};
use redis::cmd;
use tokio::time::timeout;

use crate::servers::redis::{Redis, Watched};
use crate::servers::{PATIENCE, until};
use crate::{ready, session};

async fn is_woken(store: &RedisStore) {
    timeout(PATIENCE, store.woken()).await.unwrap();
}

async fn is_pending(mut woken: Pin<&mut impl Future<Output = ()>>) -> bool {
    poll_fn(|cx| Poll::Ready(woken.as_mut().poll(cx).is_pending())).await
}

/// Waits until this many listeners wait for what is appended: from then on they miss nothing.
async fn listeners(server: &Redis, count: usize) {
    let mut connection = server.connection().await;
    until("the listeners", async || {
        let info: String = cmd("INFO").arg("clients").query_async(&mut connection).await.unwrap();
        if info.lines().any(|line| line == format!("blocked_clients:{count}")) { Ok(()) } else { Err(info) }
    })
    .await;
}

/// Has a session ended by another instance.
async fn ends(server: &Redis, n: u32) {
    let (other, alice) = (ready(server).await, session("alice", n));
    other.create(&alice).await.unwrap();
    assert!(other.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap());
}

#[tokio::test]
async fn the_server_wakes_who_reads_the_feed() {
    let mut server = Redis::start(&[]).await;
    let deaf = ready(&server).await;
    let store = deaf.clone().wake_by(server.client());
    // It has begun to listen.
    is_woken(&store).await;
    for n in 0..3 {
        let alice = session("alice", n);
        store.create(&alice).await.unwrap();
        let mut woken = pin!(store.woken());
        assert!(is_pending(woken.as_mut()).await);
        deaf.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap();
        timeout(PATIENCE, woken).await.unwrap();
        if n == 1 {
            // It listens again, to a server that was away.
            server.kill();
            server.restart().await;
            is_woken(&store).await;
            until("the new connection", async || deaf.list("alice").await).await;
        }
    }
    assert!(is_pending(pin!(deaf.woken())).await);
}

/// Each of them has a reader of its own, and none takes the wake-up of another; also not one that comes while nobody waits.
#[tokio::test]
async fn what_is_ended_wakes_every_clone_of_a_store() {
    let server = Redis::start(&[]).await;
    let one = ready(&server).await.wake_by(server.client());
    let other = one.clone();
    // For having begun to listen.
    is_woken(&one).await;
    is_woken(&other).await;
    listeners(&server, 1).await;
    for n in 0..3 {
        assert!(is_pending(pin!(one.woken())).await && is_pending(pin!(other.woken())).await);
        ends(&server, n).await;
        is_woken(&one).await;
        is_woken(&other).await;
    }
    // Waiting at the same time.
    let (mut waits, mut too) = (pin!(one.woken()), pin!(other.woken()));
    assert!(is_pending(waits.as_mut()).await && is_pending(too.as_mut()).await);
    ends(&server, 3).await;
    timeout(PATIENCE, async { tokio::join!(waits, too) }).await.unwrap();
}

/// A runtime that ends takes its listener with it; the next starts another.
#[test]
fn a_store_that_outlives_its_first_runtime_is_woken_in_the_next() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (server, watched) = first.block_on(async { (Redis::start(&[]).await, Watched::start().await) });
    let stores = first.block_on(async {
        let stores = [ready(&server).await.wake_by(server.client()), RedisStore::sentinel(watched.client())];
        for store in &stores {
            is_woken(store).await;
        }
        stores
    });
    drop(first);
    runtime().block_on(async {
        for (server, store) in [&server, &watched.master].into_iter().zip(&stores) {
            is_woken(store).await;
            listeners(server, 1).await;
            assert!(is_pending(pin!(store.woken())).await);
            ends(server, 1).await;
            is_woken(store).await;
        }
    });
}

#[tokio::test]
async fn the_listener_ends_with_the_last_clone() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await.wake_by(server.client());
    let other = store.clone();
    is_woken(&store).await;
    listeners(&server, 1).await;
    drop(store);
    ends(&server, 1).await;
    is_woken(&other).await;
    listeners(&server, 1).await;
    drop(other);
    listeners(&server, 0).await;
}
