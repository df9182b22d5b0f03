//! A Cluster whose replica lags, under a connection that reads from replicas.

use std::time::Duration;

use jwt_sessions::store::{Created, RedisStore, RevokeReason, SessionStore};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_read_routing::RandomReplicaStrategy;
use redis::cmd;

use crate::servers::redis::Redis;
use crate::servers::{free_port, until};
use crate::{session, with};

/// One master that has all slots, and its replica.
struct Followed {
    master: Redis,
    replica: Redis,
}

impl Followed {
    async fn start() -> Self {
        let bus = free_port().to_string();
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port"];
        let master = Redis::start(&[options.as_slice(), &[&bus]].concat()).await;
        let replica = Redis::start(&[options.as_slice(), &[&free_port().to_string()]].concat()).await;
        let (mut leads, mut follows) = (master.connection().await, replica.connection().await);
        let cluster = |word: &str| {
            let mut cluster = cmd("CLUSTER");
            cluster.arg(word);
            cluster
        };
        cluster("ADDSLOTSRANGE").arg(0).arg(16383).exec_async(&mut leads).await.unwrap();
        cluster("MEET").arg("127.0.0.1").arg(master.port).arg(&bus).exec_async(&mut follows).await.unwrap();
        let id: String = cluster("MYID").query_async(&mut leads).await.unwrap();
        until("the meeting", async || cluster("REPLICATE").arg(&id).exec_async(&mut follows).await).await;
        for node in [&mut leads, &mut follows] {
            until("the replica", async || {
                // From where to where, the master, and then those that read.
                let slots: Vec<Vec<redis::Value>> = cluster("SLOTS").query_async(node).await.unwrap();
                let is_followed = slots.len() == 1 && slots.iter().all(|range| range.len() == 4);
                if is_followed { Ok(()) } else { Err(slots) }
            })
            .await;
        }
        Self { master, replica }
    }

    /// Has the replica answer, with what it knows by now, and hear nothing more of its master.
    async fn lags(&self) {
        let mut connection = self.replica.connection().await;
        cmd("CLIENT").arg("PAUSE").arg(600_000).arg("WRITE").exec_async(&mut connection).await.unwrap();
    }

    async fn reads_from_replicas(&self) -> ClusterConnection {
        let builder = ClusterClientBuilder::new([self.master.url()]).read_routing_strategy(RandomReplicaStrategy);
        builder.build().unwrap().get_async_connection().await.unwrap()
    }
}

#[tokio::test]
async fn whom_a_replica_does_not_know_yet_is_logged_out_and_cleaned_up_all_the_same() {
    let cluster = Followed::start().await;
    let mut connection = cluster.reads_from_replicas().await;
    let store = RedisStore::cluster(connection.clone());
    store.migrate().await.unwrap();
    cluster.lags().await;
    let (alice, bob) = (session("alice", 1), with(session("bob", 2), |bob| bob.idle = Duration::from_millis(1)));
    store.create(&alice).await.unwrap();
    let Created::Opened { row, .. } = store.create(&bob).await.unwrap() else { panic!() };
    while store.load("alice", alice.id).await.unwrap().unwrap().now <= row.idle_until() {}
    // What the application itself reads over this connection is the replica's.
    let keys: Vec<String> =
        cmd("KEYS").arg("*:index").query_async(&mut cluster.master.connection().await).await.unwrap();
    assert_eq!(keys.len(), 2, "{keys:?}");
    for key in keys {
        let known: u64 = cmd("ZCARD").arg(key).query_async(&mut connection).await.unwrap();
        assert_eq!(known, 0);
    }

    assert_eq!(store.revoke_all(row.idle_until().after(Duration::from_millis(1))).await.unwrap(), 1);
    let ended = store.load("alice", alice.id).await.unwrap().unwrap().row;
    assert_eq!(ended.revoked.map(|revoked| revoked.reason), Some(RevokeReason::Revoked));
    assert_eq!(store.purge(10).await.unwrap(), 1);
    assert!(store.load("bob", bob.id).await.unwrap().is_none());
}
