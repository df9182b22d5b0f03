//! The example `check_tokens`, fed as its users feed it: one verdict a line, in order, and the verdict is the layer's.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside the test functions fail their test"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_sessions::auth::Verifier;
use jwt_sessions::clock::Clock;
use jwt_sessions::token::{Algorithm, KeySet, Signer, SigningKey, Timestamp};
use serde_json::{Value, json};

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuv";
const NOW: i64 = 1_000_000;
const CLAIMS: &str = r#"{"iss":"https://id.example","aud":"api","sub":"alice","iat":1000000,"exp":1000060}"#;

fn start() -> Child {
    let me = std::env::current_exe().unwrap();
    let built = me.parent().unwrap().parent().unwrap().join("examples/check_tokens");
    let built = built.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(built.exists(), "run `cargo build --examples` first: `cargo test --test check_tokens` alone builds none");
    let mut command = Command::new(built);
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The lines that it prints for this input.
fn printed(input: Vec<u8>) -> Vec<String> {
    let mut program = start();
    let mut stdin = program.stdin.take().unwrap();
    // Beside the reading: either pipe holds only so much.
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = program.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The verdicts on these lines, each of which must get one.
fn verdicts(lines: &[String]) -> Vec<Value> {
    let printed = printed((lines.join("\n") + "\n").into_bytes());
    assert_eq!(printed.len(), lines.len(), "one a line");
    printed.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn verdict(line: String) -> Value {
    verdicts(&[line]).remove(0)
}

fn signed(claims: &str) -> String {
    Signer::new(SigningKey::secret(Algorithm::HS256, SECRET).unwrap(), "at+jwt").sign(claims).unwrap()
}

fn oct() -> Value {
    json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET)})
}

/// The public JWK of a key in `tests/keys`, without what it says about itself.
fn bare(algorithm: Algorithm, pem: &str) -> Value {
    let set = KeySet::new(SigningKey::pem(algorithm, pem).unwrap()).public_jwks();
    let mut jwk = serde_json::from_str::<Value>(&set).unwrap()["keys"][0].take();
    jwk.as_object_mut().unwrap().retain(|name, _| !["alg", "use", "kid"].contains(&name.as_str()));
    jwk
}

/// A case that is accepted, with these members changed.
fn case(changes: Value) -> String {
    let mut case = json!({
        "id": "one", "token": signed(CLAIMS), "keys": {"keys": [oct()]}, "algorithms": ["HS256"],
        "issuer": "https://id.example", "audience": "api", "typ": "at+jwt", "leeway": 0, "now": NOW,
    });
    for (name, value) in changes.as_object().unwrap() {
        case[name] = value.clone();
    }
    case.to_string()
}

/// The verdict and the reason, as one word where it is no error.
fn outcome(found: &Value) -> String {
    match (found["verdict"].as_str().unwrap(), found["reason"].as_str()) {
        ("accept", None) => "accept".to_owned(),
        ("reject", Some(reason)) => reason.to_owned(),
        ("error", Some(reason)) => format!("error: {reason}"),
        _ => panic!("{found}"),
    }
}

fn check(rows: &[(&str, Value, &str)]) {
    let lines: Vec<_> = rows.iter().map(|(_, changes, _)| case(changes.clone())).collect();
    for (found, (name, _, expected)) in verdicts(&lines).iter().zip(rows) {
        assert_eq!(outcome(found), *expected, "{name}");
        assert_eq!(found["id"], "one", "{name}");
        assert_eq!(found["claims"].is_object(), *expected == "accept", "{name}");
        assert_eq!(found.as_object().unwrap().len(), 4, "{name}");
    }
}

#[test]
fn every_expectation_is_compared() {
    let other_claims = |name: &str, value: Value| {
        let mut claims: Value = serde_json::from_str(CLAIMS).unwrap();
        claims[name] = value;
        json!({ "token": signed(&claims.to_string()) })
    };
    check(&[
        ("as it is", json!({}), "accept"),
        ("more members", json!({"comment": {"a": [1]}, "issuers": "x"}), "accept"),
        ("another issuer", json!({"issuer": "https://id.example/"}), "issuer"),
        ("any issuer", json!({"issuer": null}), "accept"),
        ("an issuer without a name", json!({"issuer": ""}), "issuer"),
        ("another audience", json!({"audience": "app"}), "audience"),
        ("one of two audiences", json!({"audience": ["app", "api"]}), "accept"),
        ("none of two audiences", json!({"audience": ["app", "ap"]}), "audience"),
        ("any audience", json!({"audience": null}), "accept"),
        ("one of no audiences", json!({"audience": []}), "audience"),
        ("an audience without a name", json!({"audience": ""}), "audience"),
        ("another type", json!({"typ": "rt+jwt"}), "type"),
        ("the type as a media type", json!({"typ": "application/AT+JWT"}), "accept"),
        ("any type", json!({"typ": null}), "accept"),
        ("a type without a name", json!({"typ": ""}), "type"),
        ("no algorithm", json!({"algorithms": []}), "algorithm"),
        ("another algorithm", json!({"algorithms": ["HS384"]}), "algorithm"),
        ("an unknown algorithm", json!({"algorithms": ["none", "ES256K", "hs256"]}), "algorithm"),
        ("an unknown one beside it", json!({"algorithms": ["none", "HS256", "RS256", "HS256"]}), "accept"),
        ("no key", json!({"keys": {"keys": []}}), "unknown_key"),
        ("no token", json!({"token": ""}), "malformed"),
        ("a token of a mebibyte", json!({"token": "a".repeat(1 << 20)}), "too_long"),
        ("at its end", json!({"now": NOW + 60}), "expired"),
        ("a moment before its end", json!({"now": NOW as f64 + 59.999}), "accept"),
        ("at the end of time", json!({"now": 1e300}), "expired"),
        ("at the end of another time", json!({"now": u64::MAX}), "expired"),
        ("at the beginning of time", json!({"now": 0}), "issued_in_future"),
        ("by the real clock", json!({"now": null}), "expired"),
        ("within the leeway", json!({"now": NOW + 69, "leeway": 10}), "accept"),
        ("at its end", json!({"now": NOW + 70, "leeway": 10}), "expired"),
        ("within a fraction", json!({"now": NOW + 60, "leeway": 0.5}), "accept"),
        ("within an hour", json!({"now": NOW + 3659, "leeway": 3600}), "accept"),
        ("beyond an hour", json!({"now": NOW + 3660, "leeway": 3600}), "expired"),
        ("within the largest leeway", json!({"now": null, "leeway": 1e300}), "accept"),
        ("another's token", other_claims("sub", json!("bob")), "accept"),
        ("nobody's token", other_claims("sub", Value::Null), "claim_type"),
        ("not yet", other_claims("nbf", json!(NOW + 1)), "not_yet_valid"),
    ]);
}

#[test]
fn a_key_is_used_with_one_algorithm_or_refused() {
    let keys = |keys: &[Value], algorithms: &[&str]| json!({"keys": {"keys": keys}, "algorithms": algorithms});
    let with = |mut key: Value, name: &str, value: &str| {
        key[name] = json!(value);
        key
    };
    let rsa = bare(Algorithm::RS256, include_str!("keys/rsa.pem"));
    let ec = bare(Algorithm::ES256, include_str!("keys/p256.pem"));
    let private: Value = serde_json::from_str(include_str!("keys/rfc7515_a3.json")).unwrap();
    let short = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(&SECRET[..31])});
    let pem = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(include_str!("keys/rsa_public.pem"))});
    let other = with(with(oct(), "kid", "other"), "k", &URL_SAFE_NO_PAD.encode(SECRET.to_uppercase()));
    let hs512 = with(oct(), "alg", "HS512");
    check(&[
        ("by its type", keys(&[rsa.clone(), ec.clone(), oct()], &["RS256", "HS256", "ES256"]), "accept"),
        ("by its own alg", keys(&[with(oct(), "alg", "HS256")], &["HS512", "HS384", "HS256"]), "accept"),
        ("its own alg is not allowed", keys(std::slice::from_ref(&hs512), &["HS256"]), "unknown_key"),
        ("its own alg is another", keys(&[hs512], &["HS256", "HS512"]), "unknown_key"),
        ("its own alg is unknown", keys(&[with(oct(), "alg", "A256KW")], &["HS256"]), "unknown_key"),
        ("nothing is allowed for its type", keys(&[oct(), rsa.clone()], &["HS256"]), "accept"),
        ("for encryption", keys(&[with(oct(), "use", "enc")], &["HS256"]), "unknown_key"),
        ("of an unknown type", keys(&[json!({"kty": "AKP", "pub": "AA"}), oct()], &["HS256"]), "accept"),
        ("one of two, without a kid", keys(&[with(oct(), "kid", "mine"), other], &["HS256"]), "unknown_key"),
        (
            "several remain",
            keys(&[oct(), rsa], &["HS256", "RS256", "PS256"]),
            "error: `keys`: several algorithms are allowed for a key that does not say which is its own",
        ),
        (
            "a short secret",
            keys(&[short], &["HS256"]),
            "error: `keys`: the secret is too short: HS256 takes at least 32 bytes, HS384 48 and HS512 64; `openssl rand \
             -base64 48` makes a good one",
        ),
        (
            "a PEM as secret",
            keys(&[pem], &["HS256"]),
            "error: `keys`: the secret is a PEM text, which belongs to an asymmetric algorithm",
        ),
        (
            "a private key",
            keys(&[private], &["ES256"]),
            "error: `keys`: the key is a private one, and only its public half is needed",
        ),
        (
            "no point",
            keys(&[with(ec.clone(), "y", ec["x"].as_str().unwrap())], &["ES256"]),
            "error: `keys`: the public key is not a safe point of its curve",
        ),
        (
            "of another type than its alg",
            keys(&[with(ec, "alg", "RS256")], &["RS256"]),
            "error: `keys`: the key is of another type than its algorithm",
        ),
        (
            "one name twice",
            keys(&[oct(), oct()], &["HS256"]),
            "error: `keys`: two keys of one algorithm have the same kid, or one of them has none",
        ),
        ("no set", json!({"keys": oct()}), "error: `keys`: the key cannot be read"),
        ("null", json!({"keys": null}), "error: `keys`: the key cannot be read"),
    ]);
    let twice = case(json!({})).replace(r#"{"keys":["#, r#"{"keys":[],"keys":["#);
    assert_eq!(outcome(&verdict(twice)), "error: `keys`: the key cannot be read", "a member twice");
}

#[test]
fn a_line_that_is_no_case_is_an_error_and_the_run_goes_on() {
    let without = |name: &str| {
        let mut case: Value = serde_json::from_str(&case(json!({}))).unwrap();
        case.as_object_mut().unwrap().remove(name);
        case.to_string()
    };
    let one = json!("one");
    let mut rows = vec![
        (String::new(), Value::Null, "the line is not one JSON object".to_owned()),
        (" \t\r".into(), Value::Null, "the line is not one JSON object".into()),
        ("nonsense".into(), Value::Null, "the line is not one JSON object".into()),
        ("[]".into(), Value::Null, "the line is not one JSON object".into()),
        ("null".into(), Value::Null, "the line is not one JSON object".into()),
        (case(json!({})) + "{}", Value::Null, "the line is not one JSON object".into()),
        ("{}".into(), Value::Null, "`id` is missing".into()),
        (case(json!({"id": 1})), Value::Null, "`id` is not a string".into()),
        (case(json!({})).replacen('{', r#"{"id":"two","#, 1), Value::Null, "`id` is there twice".into()),
        (case(json!({})).replacen('{', r#"{"now":1,"#, 1), one.clone(), "`now` is there twice".into()),
        (case(json!({})).replacen('{', r#"{"n\u006fw":1,"#, 1), one.clone(), "`now` is there twice".into()),
        (
            case(json!({"leeway": 7})).replace(":7", ":1e400"),
            one.clone(),
            not("leeway", "a number of seconds from 0 on"),
        ),
        (case(json!({"now": 7})).replace(":7", ":NaN"), Value::Null, "the line is not one JSON object".into()),
        (case(json!({"token": "7"})).replace("\"7\"", r#""\ud800""#), one.clone(), not("token", "a string")),
    ];
    for name in ["token", "keys", "algorithms", "issuer", "audience", "typ", "leeway", "now"] {
        rows.push((without(name), one.clone(), format!("`{name}` is missing")));
    }
    for (name, value, what) in [
        ("token", json!(null), "a string"),
        ("algorithms", json!(null), "an array of strings"),
        ("algorithms", json!("HS256"), "an array of strings"),
        ("algorithms", json!(["HS256", 1]), "an array of strings"),
        ("issuer", json!(["a"]), "a string or null"),
        ("issuer", json!(false), "a string or null"),
        ("audience", json!({"api": 1}), "a string, an array of strings or null"),
        ("audience", json!(["api", null]), "a string, an array of strings or null"),
        ("typ", json!(1), "a string or null"),
        ("leeway", json!(-1), "a number of seconds from 0 on"),
        ("leeway", json!("0"), "a number of seconds from 0 on"),
        ("leeway", json!(null), "a number of seconds from 0 on"),
        ("now", json!(-0.5), "a number of seconds from 0 on, or null"),
        ("now", json!("now"), "a number of seconds from 0 on, or null"),
        ("now", json!([1]), "a number of seconds from 0 on, or null"),
    ] {
        rows.push((case(json!({ name: value })), one.clone(), not(name, what)));
    }
    // After each, one that is in order.
    let lines: Vec<_> = rows.iter().flat_map(|(line, ..)| [line.clone(), case(json!({"id": "next"}))]).collect();
    for (pair, (line, id, reason)) in verdicts(&lines).chunks(2).zip(&rows) {
        let expected = json!({"id": id, "verdict": "error", "reason": reason, "claims": null});
        assert_eq!(pair[0], expected, "{line}");
        assert_eq!((&pair[1]["id"], outcome(&pair[1])), (&json!("next"), "accept".to_owned()), "after {line}");
    }
}

fn not(name: &str, what: &str) -> String {
    format!("`{name}` is not {what}")
}

#[test]
fn bytes_that_are_no_text_are_an_error_and_the_last_line_needs_no_end() {
    let good = case(json!({"id": "\u{1f511} \"quoted\"\n"}));
    let input = [b"\xff\xfe\n".as_slice(), good.as_bytes(), b"\r\n", &good.as_bytes()[..good.len() - 1], b"\xc0}\n"];
    let lines = printed([&input.concat()[..], good.as_bytes()].concat());
    let found: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let no_text = json!({"id": null, "verdict": "error", "reason": "the line is not UTF-8", "claims": null});
    assert_eq!((&found[0], &found[2]), (&no_text, &no_text));
    for good in [&found[1], &found[3]] {
        assert_eq!((&good["id"], &good["verdict"]), (&json!("\u{1f511} \"quoted\"\n"), &json!("accept")));
    }
    assert_eq!(found.len(), 4);
    assert!(printed(Vec::new()).is_empty(), "no case, no verdict");
}

#[test]
fn claims_are_what_was_signed_to_the_byte() {
    let claims = r#"{ "exp" :1e10,"big":12345678901234567890123,"u64":18446744073709551615,"one":1.0,"zero":-0.0,"hundred":1e2,"text":"\u0061\/\n","z":1,"a":{"b":[ ]}}"#;
    let expect_nothing = json!({"token": signed(claims), "issuer": null, "audience": null, "typ": null});
    let line = printed(case(expect_nothing).into_bytes()).remove(0);
    assert_eq!(line, format!(r#"{{"id":"one","verdict":"accept","reason":null,"claims":{claims}}}"#));
    // A payload of several lines stays one line.
    let claims = "{\r\n \"exp\": 1e10,\n\t\"text\": \"a\\nb\"}";
    let expect_nothing = json!({"token": signed(claims), "issuer": null, "audience": null, "typ": null});
    let found = verdict(case(expect_nothing));
    assert_eq!(found["claims"], json!({"exp": 1e10, "text": "a\nb"}));
}

#[test]
fn the_order_is_kept_over_many_lines_and_key_sets() {
    let sets = ["HS256", "HS384", "HS512"].map(|name| json!({"keys": [{"kty": "oct", "alg": name, "k": oct()["k"]}]}));
    let allowed = json!({"algorithms": ["HS256", "HS384", "HS512"]});
    let lines: Vec<_> = (0..3000)
        .map(|i| {
            let mut changes = allowed.clone();
            changes["id"] = json!(i.to_string());
            changes["keys"] = sets[i / 7 % 3].clone();
            case(changes)
        })
        .collect();
    for (i, found) in verdicts(&lines).iter().enumerate() {
        let expected = if i / 7 % 3 == 0 { "accept" } else { "unknown_key" };
        assert_eq!((&found["id"], &*outcome(found)), (&json!(i.to_string()), expected));
    }
}

#[test]
fn the_same_keys_are_judged_anew_for_every_list_of_algorithms() {
    let lists = [json!(["HS256"]), json!(["HS256", "HS512"]), json!(["HS512"]), json!(["HS256"]), json!([])];
    let lines: Vec<_> = lists.iter().map(|list| case(json!({ "algorithms": list }))).collect();
    let found: Vec<_> = verdicts(&lines).iter().map(outcome).collect();
    let several = "error: `keys`: several algorithms are allowed for a key that does not say which is its own";
    assert_eq!(found, ["accept", several, "algorithm", "accept", "algorithm"]);
}

#[test]
fn a_verdict_comes_before_the_next_case_is_sent() {
    let mut program = start();
    let (mut stdin, stdout) = (program.stdin.take().unwrap(), BufReader::new(program.stdout.take().unwrap()));
    let (sender, verdicts) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || stdout.lines().try_for_each(|line| sender.send(line.unwrap())));
    for id in ["a", "b", "c"] {
        writeln!(stdin, "{}", case(json!({ "id": id }))).unwrap();
        let line = verdicts.recv_timeout(Duration::from_secs(30)).expect("it waits for more");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["id"], id);
    }
    drop(stdin);
    assert!(program.wait().unwrap().success());
    reader.join().unwrap().unwrap();
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let mut program = start();
    let mut stdin = program.stdin.take().unwrap();
    let lines = (case(json!({})) + "\n").repeat(20_000);
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).is_err());
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("accept"));
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(writer.join().unwrap(), "it read all the same: nothing was shown");
}

#[test]
fn the_verdict_is_the_layers() {
    let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
    let verifier = Verifier::builder(KeySet::new(key.clone())).issuer("https://id.example").audience("api");
    let verifier = verifier.clock(Clock::manual(Timestamp::from_secs(NOW))).build().unwrap();
    let good = signed(CLAIMS);
    let mut tokens: Vec<String> =
        [("1000060", "1000000"), ("alice", "bob"), ("\"api\"", "[1]"), ("https", "http"), ("exp", "x")]
            .iter()
            .map(|(old, new)| signed(&CLAIMS.replace(old, new)))
            .collect();
    tokens.push(Signer::new(key, "rt+jwt").sign(CLAIMS).unwrap());
    tokens.extend((0..good.len()).map(|cut| good[..cut].to_owned()));
    tokens.extend((0..good.len()).map(|place| format!("{}!{}", &good[..place], &good[place + 1..])));
    tokens.push(good);
    let lines: Vec<_> = tokens.iter().map(|token| case(json!({ "token": token }))).collect();
    for (found, token) in verdicts(&lines).iter().zip(&tokens) {
        let expected = match verifier.verify(token) {
            Ok(_) => "accept",
            Err(refusal) => refusal.token_error().unwrap().name(),
        };
        assert_eq!(outcome(found), expected, "{token}");
    }
}
