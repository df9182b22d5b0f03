//! What the layer costs over the bare route: `cargo bench --bench layer`.

use jwt_sessions_benches::alike::runtime;
use jwt_sessions_benches::cases::Ladder;
use jwt_sessions_benches::rounds::measure;
use jwt_sessions_benches::tokens::{ALGORITHMS, LENGTH};
use jwt_sessions_benches::{Effort, Results};

fn main() {
    let effort = Effort::asked();
    let mut results = Results::new("layer", effort);
    for alg in ALGORITHMS {
        assert!(!alg.ours.is_symmetric() || alg.token(1).len() == LENGTH);
        let runtime = runtime();
        let ladder = Ladder::new(alg, effort, &runtime);
        let taken = measure(effort, &mut ladder.cases(alg, &runtime));
        results.keep_taken(alg.name, &taken);
    }
    results.write();
}
