//! All layers in one run, in turn: ours, the hand-written one and the published ones.

use jwt_sessions_benches::alike::runtime;
use jwt_sessions_benches::cases::Ladder;
use jwt_sessions_benches::rounds::measure;
use jwt_sessions_benches::tokens::ALGORITHMS;
use jwt_sessions_benches::{Effort, Results};

fn main() {
    let effort = Effort::asked();
    let mut results = Results::new("peers", effort);
    for alg in ALGORITHMS {
        let runtime = runtime();
        let ladder = Ladder::new(alg, effort, &runtime);
        let mut cases = ladder.cases(alg, &runtime);
        cases.extend(jwt_sessions_peers::cases(alg, &runtime));
        results.keep_taken(alg.name, &measure(effort, &mut cases));
    }
    for (name, note) in jwt_sessions_peers::NOTES {
        results.keep("notes", name, note);
    }
    results.write();
}
