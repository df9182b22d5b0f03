//! What must hold when a fault is over.

use std::time::{Duration, Instant};

use jwt_sessions::Refreshed;
use jwt_sessions::session::{Outcome, Refused};
use tokio::time::sleep;

use super::client::{Client, Jar};
use super::lateness::Lateness;
use super::load::Shared;
use super::token::Lineage;

/// Every client is still logged in; what it ended stays ended; no session has two tokens that are both of use.
pub(crate) async fn all(shared: &Shared, clients: Vec<Client>) {
    let (mut kept, mut orphans, mut ended) = (Vec::new(), Vec::new(), Vec::new());
    for mut client in clients {
        // Who was away hears only now that the session is gone, where the fault took it.
        let is_served = client.jar.is_some() && client.refresh().await;
        if client.jar.is_none() {
            client.login().await;
        }
        if !is_served && !client.refresh().await {
            shared.tally.wrong(format!("{} could not refresh at the end", client.subject));
        }
        ended.append(&mut client.ended);
        if let Some(mut jar) = client.jar.take() {
            // Others are the successors of what the client has.
            let newest = Lineage::of(&jar.refresh).generation;
            let replaced = jar.lost.drain(..).filter(|token| Lineage::of(token).generation < newest);
            orphans.extend(replaced.map(|token| (jar.session, token)));
            kept.push((client.subject, jar.session));
        }
    }
    let instance = &shared.instances[0];
    for (subject, session) in &kept {
        let listed = instance.list(subject).await.unwrap();
        if !listed.iter().any(|listed| listed.id == *session) {
            shared.tally.wrong(format!("{session} of {subject} is in use and not listed"));
        }
    }
    if shared.is_durable {
        known_everywhere(shared, &ended).await;
    }
    for jar in &ended {
        let answer = instance.refresh(&jar.refresh).await.unwrap();
        let is_over = matches!(answer, Refreshed::Refused(Refused::SessionEnded(Outcome::Ended)));
        if !is_over && shared.is_durable {
            shared.tally.wrong(format!("a session that was ended: {answer:?}"));
        }
    }
    println!(
        "  checked: {} sessions living, {} ended, {} lost tokens that were replaced",
        kept.len(),
        ended.len(),
        orphans.len()
    );
    // Last, because it ends the session: with a token that was replaced, nobody goes on beside the client.
    let wrong = std::mem::take(&mut shared.tally.counts().wrong);
    for (session, token) in orphans {
        let answer = instance.refresh(&token).await.unwrap();
        if !matches!(answer, Refreshed::Refused(Refused::SessionEnded(_))) {
            shared.tally.counts().wrong.push(format!("{session} forked: {answer:?}"));
        }
    }
    // The alarms of these are right.
    let mut counts = shared.tally.counts();
    counts.wrong.retain(|what| what.contains("forked"));
    counts.wrong.extend(wrong);
}

/// Every instance refuses the access tokens of what was ended on any, also while the feed could not be read: within a second,
/// and most of it is over.
async fn known_everywhere(shared: &Shared, ended: &[Jar]) {
    let (begun, lateness) = (Instant::now(), Lateness::begin());
    for instance in &shared.instances {
        for jar in ended {
            while instance.verifier().verify(&jar.access).is_ok() {
                if begun.elapsed() > Duration::from_secs(1) + lateness.most() {
                    return shared.tally.wrong(format!("the end of {} is not known everywhere", jar.session));
                }
                sleep(Duration::from_millis(5)).await;
            }
        }
    }
}
