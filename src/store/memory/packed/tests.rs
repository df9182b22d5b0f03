use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

/// Small numbers, which most are, and any.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..5_u64, 0..1_000_000_u64, any::<u64>(), Just(u64::MAX), Just(u64::from(u32::MAX) + 1)]
}

fn moment() -> impl Strategy<Value = Timestamp> {
    let millis =
        prop_oneof![1_600_000_000_000..1_900_000_000_000_i64, -3..3_i64, any::<i64>(), Just(i64::MAX), Just(i64::MIN),];
    millis.prop_map(Timestamp::from_millis)
}

fn span() -> impl Strategy<Value = Duration> {
    let days = (0..10_000_u64).prop_map(|days| Duration::from_secs(days * 86_400));
    let exactly = (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos));
    let secs = prop_oneof![0..100_000_u64, any::<u64>()].prop_map(Duration::from_secs);
    prop_oneof![
        days,
        secs,
        any::<u32>().prop_map(|millis| Duration::from_millis(millis.into())),
        exactly,
        Just(Duration::MAX)
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let reason = (0..RevokeReason::ALL.len()).prop_map(|at| RevokeReason::ALL[at]);
    let revoked = option::of((moment(), reason).prop_map(|(at, reason)| Revocation::new(at, reason)));
    let numbers = (number(), number(), number(), number());
    let times = (moment(), moment(), moment(), moment(), span());
    (any::<[u8; 16]>(), any::<[u8; 32]>(), numbers, times, revoked).prop_map(|(id, hash, numbers, times, revoked)| {
        Row {
            id: SessionId::from_bytes(id),
            secret_hash: SecretHash::from_bytes(hash),
            generation: numbers.0,
            previous: numbers.1,
            seen: numbers.2,
            cut: numbers.3,
            rotated_at: times.0,
            created_at: times.1,
            auth_time: times.2,
            expires_at: times.3,
            idle: times.4,
            revoked,
        }
    })
}

fn device() -> impl Strategy<Value = Device> {
    let parts = ["Mozilla/5.0 (", "X11; Linux x86_64", ".0.0.0 Safari/537.36", "Mozilla", "\u{ff}", "\0", ""];
    let pieces = vec(prop_oneof![(0..parts.len()).prop_map(move |at| parts[at].to_owned()), any::<String>()], 0..5);
    let ip = option::of(any::<IpAddr>());
    (option::of(pieces.prop_map(|pieces| pieces.concat())), ip, option::of(any::<String>()))
        .prop_map(|(user_agent, ip, label)| Device { user_agent, ip, label })
}

fn subject() -> impl Strategy<Value = String> {
    let uuid = any::<u128>().prop_map(uuid);
    prop_oneof![uuid, "[0-9a-f]{0,80}", "[0-9A-Fa-f-]{36}", any::<String>(), Just("ä".repeat(512))]
}

fn uuid(number: u128) -> String {
    let digits = format!("{number:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x5e55_1045),
        ..ProptestConfig::with_cases(2000)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_value_comes_back(row in row(), other in row(), device in device(), subject in subject(), padding in 0..40_usize) {
        let mut bytes = pack(&Name::new(&subject), &row, &device);
        bytes.resize(bytes.len() + padding, 0);
        let packed = Packed::new(&bytes).unwrap();
        prop_assert!(packed.name == Name::new(&subject));
        prop_assert_eq!(packed.id, row.id);
        prop_assert_eq!(format!("{:?}", packed.row().unwrap()), format!("{row:?}"));
        prop_assert!(packed.row().unwrap().secret_hash.matches(&row.secret_hash));
        prop_assert_eq!(packed.device().unwrap(), device.clone());

        let other = Row { id: row.id, secret_hash: row.secret_hash, ..other };
        prop_assert_eq!(packed.with(&other), pack(&Name::new(&subject), &other, &device));
    }

    #[test]
    fn two_subjects_have_two_names(one in subject(), other in subject()) {
        prop_assert_eq!(Name::new(&one) == Name::new(&other), one == other);
        // What differs in nothing but the way an id is written is another subject, too.
        for like in [one.to_uppercase(), one.replace('-', ""), one.replacen('-', "", 1), format!("0{one}")] {
            prop_assert_eq!(Name::new(&one) == Name::new(&like), one == like);
        }
    }

    #[test]
    fn bytes_that_are_no_session_are_none(bytes in vec(any::<u8>(), 0..200), end in 0..200_usize, row in row()) {
        let read = |bytes: &[u8]| Packed::new(bytes).map(|packed| (packed.row(), packed.device()));
        read(&bytes);
        let whole = pack(&Name::new("alice"), &row, &Device::default());
        read(&whole[..end.min(whole.len())]);
    }
}

#[test]
fn what_a_browser_says_of_itself_takes_a_tenth() {
    let browsers = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    ];
    for browser in browsers {
        let short = abbreviated(browser);
        assert_eq!(whole(&short).as_deref(), Some(browser));
        assert!(short.len() <= 30, "{} of {}: {browser}", short.len(), browser.len());
    }
    assert_eq!(abbreviated("curl/8.15.0"), b"curl/8.15.0");
}
