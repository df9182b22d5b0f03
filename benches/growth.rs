//! Whether anything grows: with the sessions, the ended ones, the keys, or the age of a session. `cargo bench --bench growth`.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_sessions::Verifier;
use jwt_sessions::clock::Clock;
use jwt_sessions::store::MemoryStore;
use jwt_sessions::token::{KeySet, VerifyingKey};
use jwt_sessions_benches::alike::{bearer, each, runtime, same};
use jwt_sessions_benches::apps::{bare, choose_backend, ours};
use jwt_sessions_benches::cases::BARE;
use jwt_sessions_benches::people::People;
use jwt_sessions_benches::rounds::{measure, meter};
use jwt_sessions_benches::sessions::{Fed, sessions};
use jwt_sessions_benches::tokens::{ALGORITHMS, AUDIENCE, Alg, Fresh, ISSUER};
use jwt_sessions_benches::{Case, Effort, Results};
use tokio::runtime::Runtime;

fn main() {
    choose_backend();
    let effort = Effort::asked();
    let mut results = Results::new("growth", effort);
    let sizes: &[usize] = effort.pick(&[1_000, 10_000], &[1_000, 10_000, 100_000, 1_000_000]);
    let runtime = runtime();

    let mut cases: Vec<_> = sizes.iter().map(|size| among(*size, &runtime)).collect();
    results.keep_taken("a refresh, by sessions in the store", &measure(effort, &mut cases));
    drop(cases);

    let mut cases = vec![same(BARE, &runtime, bare(), bearer(&ALGORITHMS[0].token(1)))];
    cases.extend(sizes.iter().map(|size| beside(*size, &runtime)));
    results.keep_taken("a request, by sessions that ended", &measure(effort, &mut cases));
    drop(cases);

    for alg in [ALGORITHMS[0], ALGORITHMS[2]] {
        let mut cases = vec![same(BARE, &runtime, bare(), bearer(&alg.token(1)))];
        for keys in [1, 10, 100] {
            cases.extend(with_keys(alg, keys, &runtime));
        }
        results.keep_taken(&format!("a request, by keys, {}", alg.name), &measure(effort, &mut cases));
    }

    let mut cases: Vec<_> = [1, 100, effort.pick(200, 10_000)].iter().map(|age| after(*age, &runtime)).collect();
    results.keep_taken("a refresh, by refreshes made before", &measure(effort, &mut cases));
    results.write();
}

/// Somebody refreshes among so many.
fn among(size: usize, runtime: &Runtime) -> Case<'_> {
    const ACTING: usize = 512;
    let mut people = runtime.block_on(People::new(size, ACTING));
    Case::prepared(&size.to_string(), ACTING, move |times| {
        people.later();
        runtime.block_on(async {
            let begun = meter();
            for at in 0..times {
                people.rotate(at).await;
            }
            meter() - begun
        })
    })
}

/// A request where so many sessions were ended.
fn beside(size: usize, runtime: &Runtime) -> Case<'_> {
    let clock = Clock::system();
    let verifier = runtime.block_on(async {
        let store = Fed::new(MemoryStore::new(clock.clone()), size as u64);
        let sessions = sessions(ALGORITHMS[0].keys(), store, clock).build().unwrap();
        sessions.ready().await;
        sessions.verifier()
    });
    same(&size.to_string(), runtime, ours(verifier), bearer(&ALGORITHMS[0].token(1)))
}

/// Requests where so many keys verify, and the token's is the last of them.
fn with_keys(alg: Alg, count: usize, runtime: &Runtime) -> [Case<'_>; 2] {
    // Among several a key is found by its name, so that the secret has one here, too.
    let key = alg.signing_key().kid("signs");
    let others = (1..count).map(|number| other_key(alg, number));
    let keys = KeySet::verifying(others.chain([key.verifying().clone()])).unwrap();
    let verifier = Verifier::builder(keys).issuer(ISSUER).audience(AUDIENCE).session().build().unwrap();
    let mut tokens = Fresh::new(key);
    let token = tokens.take(1).remove(0);
    let hit = same(&format!("{count}, seen before"), runtime, ours(verifier.clone()), bearer(&token));
    let fresh = move |times| tokens.take(times).iter().map(|token| bearer(token)).collect();
    [hit, each(&format!("{count}, first sight"), 128, runtime, ours(verifier), fresh)]
}

/// A key that is none of the token's: the others come first, so that the token's is the last.
fn other_key(alg: Alg, number: usize) -> VerifyingKey {
    if alg.ours.is_symmetric() {
        return VerifyingKey::secret(alg.ours, format!("another-secret-of-32-bytes-{number:06}")).unwrap();
    }
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    VerifyingKey::jwk(alg.ours, &format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#)).unwrap()
}

/// A refresh of a session that was refreshed so often. The first is always of a new session.
fn after(age: usize, runtime: &Runtime) -> Case<'_> {
    // Few at a time, so that the age stays about what it is.
    const TIMES: usize = 4;
    let mut people = runtime.block_on(People::new(1, 1));
    runtime.block_on(async {
        for _ in 1..age {
            people.later();
            people.rotate(0).await;
        }
    });
    let mut opened = 1;
    Case::prepared(&age.to_string(), TIMES, move |times| {
        runtime.block_on(async {
            let first = people.tokens.len();
            if age == 1 {
                for _ in 0..times {
                    people.open(opened).await;
                    opened += 1;
                }
            }
            let begun = meter();
            for at in 0..times {
                people.later();
                people.rotate(if age == 1 { first + at } else { 0 }).await;
            }
            meter() - begun
        })
    })
}
