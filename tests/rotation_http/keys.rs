use jwt_sessions::Keys;
use jwt_sessions::token::{Algorithm, KeySet, SigningKey, VerifyingKey};

use super::common::{ACCESS, ACCESS_SECRET, REFRESH, REFRESH_SECRET, World, payload};
use super::{HOUR, refresh, renew};

const NEW_ACCESS: &str = "new-access-secret-0123456789-abcdefghij";
const NEW_REFRESH: &str = "new-refresh-secret-0123456789-abcdefghij";

/// A set that signs with the first secret and verifies with all.
fn set(secrets: &[&str]) -> KeySet {
    let signing = KeySet::new(SigningKey::secret(Algorithm::HS256, secrets[0]).unwrap());
    let verifying = |secret: &&str| VerifyingKey::secret(Algorithm::HS256, secret).unwrap();
    secrets[1..].iter().map(verifying).fold(signing, |set, key| set.and(key).unwrap())
}

fn kid(token: &str) -> String {
    use base64::Engine as _;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_secret_of_access_tokens_logs_nobody_out() {
    let before = World::new();
    let old = before.login("alice").await;
    let both = before.with_keys(Keys::new(set(&[NEW_ACCESS, ACCESS_SECRET]), set(&[REFRESH_SECRET])).unwrap());
    assert!(both.takes(old.get(ACCESS)).await);
    let mut jar = old.clone();
    renew(&both, &mut jar).await;
    assert!(both.takes(jar.get(ACCESS)).await);
    assert_ne!(kid(jar.get(ACCESS)), kid(old.get(ACCESS)));

    // The old one is withdrawn before its tokens have expired, after a leak: a refresh makes good for it.
    let after = before.with_keys(Keys::new(set(&[NEW_ACCESS]), set(&[REFRESH_SECRET])).unwrap());
    assert!(!after.takes(old.get(ACCESS)).await && after.takes(jar.get(ACCESS)).await);
    let mut late = old.clone();
    renew(&after, &mut late).await;
    assert!(after.takes(late.get(ACCESS)).await);
}

#[tokio::test]
async fn a_new_secret_of_refresh_tokens_logs_nobody_out_while_the_old_one_verifies() {
    let before = World::new();
    let old = before.login("alice").await;
    let both = before.with_keys(Keys::new(set(&[ACCESS_SECRET]), set(&[NEW_REFRESH, REFRESH_SECRET])).unwrap());
    let (mut jar, mut again) = (old.clone(), old.clone());
    renew(&both, &mut jar).await;
    renew(&both, &mut again).await;
    assert_eq!(jar.get(REFRESH), again.get(REFRESH));
    assert_ne!(kid(jar.get(REFRESH)), kid(old.get(REFRESH)));
    // An instance with the old settings cannot read the new one yet, and takes it from nobody.
    let answer = refresh(&before, &jar).await;
    assert_eq!((answer.said(), answer.cookies().len()), ((401, "invalid_token".into()), 0));
    // A replay there says the same in a token of the old key.
    let mut other = old.clone();
    renew(&before, &mut other).await;
    assert_eq!(payload(other.get(REFRESH)), payload(jar.get(REFRESH)));

    both.wait(HOUR);
    let after = before.with_keys(Keys::new(set(&[ACCESS_SECRET]), set(&[NEW_REFRESH])).unwrap());
    renew(&after, &mut jar).await;
    assert!(after.takes(jar.get(ACCESS)).await);
}

#[tokio::test]
async fn a_refresh_token_of_a_secret_that_is_gone_ends_nothing_and_is_good_again_with_it() {
    let before = World::new();
    let mut jar = before.login("alice").await;
    let after = before.with_keys(Keys::new(set(&[ACCESS_SECRET]), set(&[NEW_REFRESH])).unwrap());
    let answer = refresh(&after, &jar).await;
    assert_eq!((answer.said(), answer.cookies().len()), ((401, "invalid_token".into()), 0));
    assert!(after.lives("alice", jar.session()).await);
    renew(&before, &mut jar).await;
}
