//! What is kept is judged by the time of each request.

use super::*;

#[test]
fn what_is_kept_is_judged_by_the_time_of_each_request() {
    let issuer = Issuer::new();
    let token = issuer.token("alice", &format!(r#","nbf":{},"iat":{}"#, NOW - 30, NOW + 59));
    let verifier = issuer.builder().leeway(Duration::from_secs(5)).build().unwrap();
    known(&verifier, &token);
    let mut met = HashSet::new();
    // Never a step back of more than a minute, which would empty it.
    for second in (-40..=0).rev().chain(-40..70) {
        issuer.at(NOW + second);
        assert!(verifier.knows(&token) || second > 64, "{second}");
        let fresh = issuer.builder().leeway(Duration::from_secs(5)).build().unwrap();
        let (again, anew) = (outcome(&verifier, &token), outcome(&fresh, &token));
        assert_eq!(again, anew, "{second}");
        met.insert(again.err());
    }
    assert_eq!(met.len(), 4, "taken, expired, too early by nbf, and by iat: {met:?}");
}

#[test]
fn a_kept_token_counts_to_the_millisecond_whatever_the_tick_says() {
    let issuer = Issuer::new();
    let verifier = issuer.verifier();
    let (begins, ends) = (NOW + 10, NOW + 60);
    let token = issuer.token("alice", &format!(r#","nbf":{begins}"#));
    for edge in [begins, ends] {
        for (off, lag) in (-30..=30).flat_map(|off| [-10, 0, 10].map(|lag| (off, lag))) {
            issuer.at(NOW + 30);
            known(&verifier, &token);
            let now = 1000 * edge + off;
            issuer.clock.set(Timestamp::from_millis(now));
            let judged = verifier.check_known(token.as_bytes(), Timestamp::from_millis(now + lag)).unwrap();
            let counts = (1000 * begins..1000 * ends).contains(&now);
            assert_eq!(judged.is_ok(), counts, "{off} ms from {edge}, {lag}");
        }
    }
}

#[test]
fn a_token_that_expires_while_it_is_kept_is_refused_and_forgotten() {
    let issuer = Issuer::new();
    let verifier = issuer.verifier();
    let token = issuer.token("alice", "");
    known(&verifier, &token);
    issuer.clock.set(Timestamp::from_millis((NOW + 60) * 1000 - 1));
    assert!(outcome(&verifier, &token).is_ok() && verifier.knows(&token));
    issuer.at(NOW + 60);
    assert_eq!(outcome(&verifier, &token), Err(Some(TokenErrorKind::Expired)));
    assert!(!verifier.knows(&token));
}

#[test]
fn a_clock_that_is_set_back_by_more_than_a_minute_empties_it() {
    let issuer = Issuer::new();
    let verifier = issuer.verifier();
    let (alice, bob) = (issuer.token("alice", ""), issuer.token("bob", ""));
    known(&verifier, &alice);
    issuer.at(NOW - 60);
    assert!(verifier.knows(&alice));
    issuer.clock.set(Timestamp::from_millis((NOW - 60) * 1000 - 1));
    assert!(!verifier.knows(&alice));
    // It goes on from there.
    known(&verifier, &bob);
    issuer.at(NOW);
    assert!(verifier.knows(&bob));
}
