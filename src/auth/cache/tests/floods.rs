//! Whatever comes, and however much of it, memory and what is in use stay as they are.

use super::*;

#[test]
fn it_is_bounded_in_number_and_in_bytes() {
    let issuer = Issuer::new();
    for (asked, most) in [(1, 256), (2, 256), (31, 256), (300, 300), (1_000, 1_000)] {
        let verifier = issuer.builder().cached_tokens(asked).build().unwrap();
        for number in 0..3_000 {
            known(&verifier, &issuer.token(&format!("user {number}"), ""));
        }
        let (count, bytes) = verifier.known();
        assert!(count <= most && count >= most * 8 / 10, "{asked}: {count}");
        assert!(bytes <= most as u64 * ROOM, "{asked}: {bytes}");
    }
    let large = issuer.builder().cached_tokens(300).build().unwrap();
    let padding = format!(r#","padding":"{}""#, "x".repeat(1_800));
    for number in 0..1_000 {
        known(&large, &issuer.token(&format!("user {number}"), &padding));
    }
    let (count, bytes) = large.known();
    assert!((30..=70).contains(&count), "a large token takes the place of several: {count}");
    assert!(bytes <= 300 * ROOM, "{bytes}");
}

#[test]
fn zero_keeps_nothing_and_what_is_above_4_kib_is_not_kept() {
    let issuer = Issuer::new();
    let none = issuer.builder().cached_tokens(0).build().unwrap();
    let token = issuer.token("alice", "");
    known(&none, &token);
    assert!(!none.knows(&token));
    assert_eq!(none.known(), (0, 0));

    let verifier = issuer.verifier();
    let mut met = [0, 0];
    for length in 2_800..3_000 {
        let token = issuer.token("alice", &format!(r#","padding":"{}""#, "x".repeat(length)));
        known(&verifier, &token);
        assert_eq!(verifier.knows(&token), token.len() <= 4096, "{}", token.len());
        met[usize::from(token.len() <= 4096)] += 1;
    }
    assert!(met.iter().all(|count| *count > 0), "{met:?}");
}

/// The share of requests with a hot token that find it, in percent, while `flood` runs before each of them.
fn found_of_hot(verifier: &Verifier, hot: &[String], mut flood: impl FnMut(usize)) -> usize {
    let (mut found, rounds) = (0, 10 * hot.len());
    for (round, token) in hot.iter().cycle().take(rounds).enumerate() {
        flood(round);
        found += usize::from(verifier.knows(token));
        outcome(verifier, token).unwrap();
    }
    100 * found / rounds
}

fn in_use(verifier: &Verifier, tokens: &[String]) {
    tokens.iter().cycle().take(3 * tokens.len()).for_each(|token| drop(outcome(verifier, token).unwrap()));
}

#[test]
fn valid_tokens_that_come_once_evict_nothing_that_is_in_use() {
    let issuer = Issuer::new();
    let hot: Vec<_> = (0..400).map(|number| issuer.token(&format!("hot {number}"), "")).collect();
    let verifier = || issuer.builder().cached_tokens(1_000).build().unwrap();
    let flood = |verifier: &Verifier, round: usize, times: usize| {
        for number in 0..times {
            outcome(verifier, &issuer.token(&format!("flood {round} {number}"), "")).unwrap();
        }
    };

    let flooded = verifier();
    in_use(&flooded, &hot);
    let found = found_of_hot(&flooded, &hot, |round| flood(&flooded, round, 5));
    assert!(found >= 99, "{found} %");
    // But for the few whose hash another one's slot says.
    assert!(flooded.known().0 <= hot.len() + 20, "{}", flooded.known().0);

    // They came before anybody else, and go on: the others are let in all the same.
    let before = verifier();
    (0..1_000).for_each(|round| flood(&before, 100_000 + round, 5));
    let found = found_of_hot(&before, &hot, |round| flood(&before, round, 1));
    assert!(found >= 70, "{found} %, and each must miss twice of ten times");
}

#[test]
fn garbage_evicts_nothing_and_takes_no_memory() {
    let issuer = Issuer::new();
    let hot: Vec<_> = (0..400).map(|number| issuer.token(&format!("hot {number}"), "")).collect();
    let verifier = issuer.builder().cached_tokens(1_000).build().unwrap();
    in_use(&verifier, &hot);
    let found = found_of_hot(&verifier, &hot, |round| {
        // Some of it has the end of a good one, and so its hash.
        let token = &hot[round % hot.len()];
        for bad in [format!("a{token}"), format!("{round}.{round}.{round}"), token[..token.len() - 1].to_owned()] {
            outcome(&verifier, &bad).unwrap_err();
        }
    });
    assert!(found >= 99, "{found} %");
    assert!(verifier.known().0 <= hot.len());
}

#[test]
fn a_flood_of_tokens_that_come_twice_takes_no_memory_and_changes_no_answer() {
    let issuer = Issuer::new();
    let hot: Vec<_> = (0..400).map(|number| issuer.token(&format!("hot {number}"), "")).collect();
    let verifier = issuer.builder().cached_tokens(1_000).build().unwrap();
    in_use(&verifier, &hot);
    let found = found_of_hot(&verifier, &hot, |round| {
        let token = issuer.token(&format!("flood {round}"), "");
        for _ in 0..2 {
            outcome(&verifier, &token).unwrap();
        }
    });
    assert!(found >= 95, "{found} %");
    let (count, bytes) = verifier.known();
    assert!(count <= 1_000 && bytes <= 1_000 * ROOM, "{count}, {bytes}");
}
