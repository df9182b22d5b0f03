//! How often each of them allocates at a request.

use std::alloc::System;

use jwt_sessions_benches::alike::runtime;
use jwt_sessions_benches::rounds::measure_by;
use jwt_sessions_benches::tokens::ALGORITHMS;
use jwt_sessions_benches::{Effort, Results};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    measure_by(|| (ALLOCATOR.stats().allocations + ALLOCATOR.stats().reallocations) as u64);
    let mut results = Results::new("peers-allocations", Effort::asked());
    for alg in ALGORITHMS {
        let runtime = runtime();
        results.keep_allocations(alg.name, jwt_sessions_peers::cases(alg, &runtime));
    }
    results.write();
}
