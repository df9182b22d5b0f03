//! Three instances behind one nginx are one application to whoever uses it: `sh examples/cluster/run.sh`, with real servers.
//!
//! Requests go to the instances strictly in turn, so that no two in a row of one device land on the same.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside the test functions fail their test"
)]

mod common;
#[path = "common/lateness.rs"]
mod lateness;
#[path = "cluster/running.rs"]
mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::device::{Answer, Channel, Device, PASSWORD, client, generation, read, register_at, until};
use lateness::Lateness;
use reqwest::{Client, Method};
use running::{Cluster, gone_soon, kill};
use serde_json::json;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn three_instances_over_postgresql_are_one_application() {
    walk("postgres").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_instances_over_redis_are_one_application() {
    walk("redis").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_instances_over_one_file_are_one_application() {
    walk("sqlite").await;
}

#[test]
fn it_ends_with_whoever_started_it() {
    let cluster = Cluster::start_below_a_shell("sqlite");
    let (folder, processes) = (cluster.folder.clone(), cluster.processes());
    kill(cluster.pid());
    Cluster::leaves_nothing(&folder, &processes);
}

#[test]
fn a_script_that_is_killed_leaves_no_process() {
    let cluster = Cluster::start("sqlite");
    let processes = cluster.processes();
    kill(cluster.pid());
    processes.into_iter().for_each(|(_, pid)| gone_soon(pid));
    // It had no chance to.
    std::fs::remove_dir_all(&cluster.folder).unwrap();
}

async fn walk(store: &str) {
    let cluster = Cluster::start(store);
    for name in ["alice", "bob", "carol"] {
        assert_eq!(register_at(&cluster.origin, name).await.status, 201);
    }
    every_instance_knows_a_session(&cluster).await;
    each_step_may_be_another_instances(&cluster).await;
    one_token_at_two_instances_at_once_has_one_successor(&cluster).await;
    two_tabs_stay_logged_in(&cluster).await;
    the_list_of_devices_shows_where_clients_are(&cluster).await;
    what_one_instance_ends_the_others_refuse_within_a_second(&cluster, store).await;
    a_killed_instance_costs_nobody_an_answer(&cluster).await;

    let (folder, processes) = (cluster.folder.clone(), cluster.processes());
    assert_eq!(cluster.end().code(), Some(143));
    Cluster::leaves_nothing(&folder, &processes);
}

async fn every_instance_knows_a_session(cluster: &Cluster) {
    let alice = login(cluster, "alice").await;
    let mut answered = BTreeSet::new();
    for _ in 0..6 {
        let me = alice.get("/me").await;
        assert_eq!((me.status, &me.json["username"]), (200, &json!("alice")));
        answered.insert(instance(&me));
        assert_eq!(alice.get("/ready").await.status, 200);
    }
    assert_eq!(answered, BTreeSet::from(cluster.instances()));
}

/// A session rotates at its first refresh, and then not for three windows.
async fn each_step_may_be_another_instances(cluster: &Cluster) {
    let mut rotated_by = BTreeSet::new();
    for _ in 0..3 {
        let mut device = login(cluster, "bob").await;
        let first = device.refresh.clone();
        let rotated = device.refresh().await;
        assert_eq!((rotated.status, generation(&device.refresh)), (200, generation(&first) + 1));
        rotated_by.insert(instance(&rotated));
        let mut held_by = BTreeSet::new();
        for _ in 0..3 {
            let held = device.refresh().await;
            assert_eq!((held.status, generation(&device.refresh)), (200, generation(&first) + 1));
            held_by.insert(instance(&held));
            assert_eq!(device.get("/me").await.status, 200);
            // One more, so that the next refresh is another's.
            assert_eq!(device.get("/feed").await.json["viewer"], "bob");
            assert_eq!(device.get("/me").await.status, 200);
        }
        assert_eq!(held_by.len(), 3, "{held_by:?}");
    }
    assert!(rotated_by.len() > 1, "{rotated_by:?}");
}

async fn one_token_at_two_instances_at_once_has_one_successor(cluster: &Cluster) {
    for _ in 0..5 {
        let device = login(cluster, "carol").await;
        let (mut here, mut there) = (device.clone(), device.clone());
        let (one, other) = tokio::join!(here.refresh_with(&device.refresh), there.refresh_with(&device.refresh));
        here.keep(&one);
        there.keep(&other);
        assert_ne!(instance(&one), instance(&other));
        assert_eq!((one.status, other.status, &here.refresh), (200, 200, &there.refresh));
        assert_eq!(generation(&here.refresh), generation(&device.refresh) + 1);
        for access in [&here.access, &there.access] {
            assert_eq!(device.me_with(access).await.status, 200);
        }
    }
}

/// They share a jar, and know nothing of one another.
async fn two_tabs_stay_logged_in(cluster: &Cluster) {
    let device = login(cluster, "alice").await;
    let mut tabs = JoinSet::new();
    for _ in 0..2 {
        let mut tab = device.clone();
        tabs.spawn(async move {
            for _ in 0..10 {
                assert_eq!(tab.refresh().await.status, 200);
                assert_eq!(tab.get("/me").await.status, 200);
            }
        });
    }
    tabs.join_all().await;
}

async fn the_list_of_devices_shows_where_clients_are(cluster: &Cluster) {
    let elsewhere = Client::builder().local_address(Some([127, 0, 0, 2].into())).build().unwrap();
    let login = elsewhere.post(format!("{}/auth/login?delivery=body", cluster.origin));
    // What a client says of itself does not count.
    let login = login.header("x-forwarded-for", "192.0.2.1");
    let tokens = read(login.json(&json!({ "username": "carol", "password": PASSWORD }))).await;
    let list = client(false).get(format!("{}/auth/sessions", cluster.origin));
    let list = read(list.bearer_auth(tokens.json["access_token"].as_str().unwrap())).await;
    let current = list.json["sessions"].as_array().unwrap().iter().find(|session| session["current"] == true);
    assert_eq!(current.unwrap()["ip"], "127.0.0.2");
}

async fn what_one_instance_ends_the_others_refuse_within_a_second(cluster: &Cluster, store: &str) {
    let (mut first, second) = (login(cluster, "alice").await, login(cluster, "alice").await);
    let ended = first.clone();
    assert_eq!(first.send(Method::POST, "/auth/logout", None).await.status, 200);
    refused_everywhere(cluster, &ended, &format!("{store}: a logout")).await;
    assert_eq!(ended.refresh_with(&ended.refresh).await.error(), (401, "session_ended"));
    for _ in 0..3 {
        assert_eq!(second.get("/me").await.status, 200, "it is another device");
    }

    assert_eq!(first.login("alice").await.status, 200);
    let ended = first.clone();
    assert_eq!(second.send(Method::POST, "/auth/logout-all", None).await.status, 200);
    refused_everywhere(cluster, &ended, &format!("{store}: a logout everywhere")).await;
    assert_eq!(ended.refresh_with(&ended.refresh).await.error(), (401, "session_ended"));
}

/// Asks until all three instances refuse the access token that `ended` has, and says how long each took.
async fn refused_everywhere(cluster: &Cluster, ended: &Device, what: &str) {
    let (begun, lateness) = (Instant::now(), Lateness::begin());
    let mut after = BTreeMap::new();
    while after.len() < 3 {
        let me = ended.me_with(&ended.access).await;
        let now = begun.elapsed();
        match me.error() {
            (401, "session_ended") => drop(after.entry(instance(&me)).or_insert(now)),
            (200, _) if !after.contains_key(&instance(&me)) => {}
            other => panic!("{what}: {other:?} from {}", instance(&me)),
        }
        assert!(now < Duration::from_secs(60), "{what}: refused by {after:?} alone");
    }
    assert_eq!(after.keys().cloned().collect::<BTreeSet<_>>(), BTreeSet::from(cluster.instances()));
    eprintln!("{what} is heard after {:?}", after.values().collect::<Vec<_>>());
    let limit = Duration::from_secs(1) + lateness.most();
    assert!(after.values().all(|after| *after < limit), "{what}: {after:?}, and {limit:?} is allowed");
}

/// In the middle of requests: nginx sends them to another one.
async fn a_killed_instance_costs_nobody_an_answer(cluster: &Cluster) {
    let (answered, is_killed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let mut tasks = JoinSet::new();
    for name in ["alice", "bob", "carol"] {
        let (mut device, answered, is_killed) = (login(cluster, name).await, answered.clone(), is_killed.clone());
        tasks.spawn(async move {
            let (mut instances, mut last) = (BTreeSet::new(), 0);
            while last < 10 {
                let (after, answers) =
                    (is_killed.load(Ordering::Acquire), [device.refresh().await, device.get("/me").await]);
                answered.fetch_add(1, Ordering::AcqRel);
                for answer in answers {
                    assert_eq!(answer.status, 200, "{}", answer.text);
                    if after {
                        instances.insert(instance(&answer));
                    }
                }
                last += usize::from(after);
            }
            instances
        });
    }
    until("ten are answered", async || (answered.load(Ordering::Acquire) >= 10).then_some(())).await;
    cluster.kill_instance(1);
    is_killed.store(true, Ordering::Release);
    let answered: BTreeSet<_> = tasks.join_all().await.into_iter().flatten().collect();
    let [one, _, three] = cluster.instances();
    assert_eq!(answered, BTreeSet::from([one, three]));
}

async fn login(cluster: &Cluster, name: &str) -> Device {
    let mut device = Device::of(&cluster.origin, Channel::Cookie);
    let answer = device.login(name).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    device
}

/// The address of the instance that answered: the last of those that nginx asked.
fn instance(answer: &Answer) -> String {
    answer.header("x-instance").rsplit(", ").next().unwrap().to_owned()
}
