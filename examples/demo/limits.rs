//! How often a registration, a login and a refresh may be tried.
//!
//! | route | limit |
//! |---|---|
//! | `/register` | 60 a minute per address |
//! | `/login`, `/reauthenticate` | 60 a minute per address, 10 a minute per account |
//! | `/refresh`, `/rotate` | 120 a minute per address |
//!
//! An account is the same one whether its username or its address names it; a name that is nobody's counts like an account,
//! or else being limited would tell who has one. An address is what the connection comes from, or, behind proxies of ours,
//! what the outermost of them saw: `TRUSTED_PROXIES` says how many there are, or all people would be one.

use std::fmt;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any_service;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota};
use tower::Layer;
use tower_governor::governor::{GovernorConfig, GovernorConfigBuilder};
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};

use crate::accounts::{Accounts, key};
use crate::answers::{Refusal, whole_body};
use crate::credentials::Credentials;

/// The router of the sessions' routes, with limits around those that are worth attacking.
///
/// # Errors
///
/// [`Unlimited`] when a limit is none, which no constant here is.
pub(crate) fn sessions(auth: Router, accounts: Accounts, proxies: usize) -> Result<Router, Unlimited> {
    let per_account = from_fn_with_state(PerAccount::new(accounts), PerAccount::check);
    let login = any_service(per_address(60, proxies)?.layer(per_account.layer(auth.clone())));
    let refresh = any_service(per_address(120, proxies)?.layer(auth.clone()));
    Ok(Router::new()
        .route("/login", login.clone())
        .route("/reauthenticate", login)
        .route("/refresh", refresh.clone())
        .route("/rotate", refresh)
        .fallback_service(auth))
}

/// The limit of `/register`: whoever may make accounts without end may also fill the file with them.
///
/// # Errors
///
/// As [`sessions`].
pub(crate) fn registrations(proxies: usize) -> Result<AddressLayer, Unlimited> {
    per_address(60, proxies)
}

/// A limit of nothing is no limit.
#[derive(Debug)]
pub(crate) struct Unlimited;

impl fmt::Display for Unlimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rate limit is zero")
    }
}

impl std::error::Error for Unlimited {}

/// A limit per address.
pub(crate) type AddressLayer = GovernorLayer<Address, NoOpMiddleware, Body>;

/// `a_minute` at once, and then as many spread over each minute.
fn per_address(a_minute: u32, proxies: usize) -> Result<AddressLayer, Unlimited> {
    let config: Arc<GovernorConfig<Address, NoOpMiddleware>> = GovernorConfigBuilder::default()
        .period(MINUTE.checked_div(a_minute).ok_or(Unlimited)?)
        .burst_size(a_minute)
        .methods(vec![Method::POST])
        .key_extractor(Address { proxies })
        .finish()
        .ok_or(Unlimited)?
        .into();
    forget(Arc::downgrade(config.limiter()), |limiter| limiter.retain_recent());
    Ok(GovernorLayer::new(config).error_handler(|error| match error {
        // Rounded down there, and so up here.
        GovernorError::TooManyRequests { wait_time, .. } => Refusal::too_many_requests(wait_time + 1).into_response(),
        _ => Refusal::unavailable().into_response(),
    }))
}

/// Where a request comes from: one IPv4 address, or the /64 that a customer of IPv6 has all of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    proxies: usize,
}

impl KeyExtractor for Address {
    type Key = IpAddr;

    fn extract<T>(&self, request: &Request<T>) -> Result<IpAddr, GovernorError> {
        let ConnectInfo(peer) =
            request.extensions().get::<ConnectInfo<SocketAddr>>().ok_or(GovernorError::UnableToExtractKey)?;
        let from = self.forwarded(request.headers()).unwrap_or(peer.ip());
        Ok(match from.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address => address,
        })
    }
}

impl Address {
    /// What the outermost proxy of ours saw. What stands before it in the header, anybody may have written.
    fn forwarded(self, headers: &HeaderMap) -> Option<IpAddr> {
        let lines = headers.get_all("x-forwarded-for").iter();
        // Bytes: what is no text before our proxy's entry does not take that entry away.
        let entries: Vec<_> = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).collect();
        let ours = entries.len().checked_sub(self.proxies)?;
        let entry = std::str::from_utf8(entries.get(ours)?).ok()?.trim();
        // Some proxies write the port with it.
        let with_port = || entry.parse::<SocketAddr>().map(|address| address.ip());
        entry.parse().or_else(|_| with_port()).ok()
    }
}

/// The limit of an account. It needs the body, which it reads and puts back.
#[derive(Clone)]
struct PerAccount {
    accounts: Accounts,
    /// By a hash with a random key: of one size whatever was sent, and no list of who logs in.
    limiter: Arc<DefaultKeyedRateLimiter<u64>>,
    hasher: std::hash::RandomState,
}

impl PerAccount {
    fn new(accounts: Accounts) -> Self {
        let limiter = Arc::new(DefaultKeyedRateLimiter::keyed(Quota::per_minute(LOGINS_A_MINUTE)));
        forget(Arc::downgrade(&limiter), |limiter| limiter.retain_recent());
        Self { accounts, limiter, hasher: std::hash::RandomState::new() }
    }

    async fn check(State(this): State<Self>, request: Request, next: Next) -> Response {
        if request.method() != Method::POST {
            return next.run(request).await;
        }
        let (head, body) = request.into_parts();
        let body = match whole_body(body).await {
            Ok(body) => body,
            Err(refusal) => return refusal.into_response(),
        };
        // A body without a name is refused by the router, and costs no password check.
        if let Some(credentials) = Credentials::from_body(&head.headers, &body)
            && let Err(refusal) = this.take(&credentials.username).await
        {
            return refusal.into_response();
        }
        next.run(Request::from_parts(head, body.into())).await
    }

    async fn take(&self, name: &str) -> Result<(), Refusal> {
        // Two kinds, so that nobody can spend an account's tries by registering its id as a username.
        let who = match self.accounts.by_name(name).await? {
            Some((account, _)) => (true, account.id),
            None => (false, key(name)),
        };
        self.limiter.check_key(&self.hasher.hash_one(who)).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Refusal::too_many_requests(wait.as_secs() + 1)
        })
    }
}

/// Drops what is as good as new once a minute, for as long as somebody holds the limiter: an attacker with many names or
/// addresses fills the memory of one minute and no more.
fn forget<L: Send + Sync + 'static>(limiter: Weak<L>, retain: impl Fn(&L) + Send + 'static) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(MINUTE).await;
            let Some(limiter) = limiter.upgrade() else { return };
            retain(&limiter);
        }
    });
}

const MINUTE: Duration = Duration::from_secs(60);
const LOGINS_A_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, StatusCode, header};
    use axum::routing::post;
    use tower::ServiceExt;

    use super::*;
    use crate::accounts::Registered;
    use crate::database::Database;

    struct Site {
        router: Router,
        _folder: tempfile::TempDir,
    }

    impl Site {
        /// Routes that answer 200 with what they were sent, mounted as the demo mounts the real ones.
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let accounts = Accounts::new(Database::open(&folder.path().join("accounts.db")).unwrap());
            let made = accounts.register("alice".into(), "alice@example.org".into(), "hash".into()).await.unwrap();
            assert!(matches!(made, Registered::Created(_)));
            let echo = || post(|body: String| async { body });
            let auth = ["/login", "/refresh", "/reauthenticate", "/rotate", "/logout"]
                .into_iter()
                .fold(Router::new(), |router, path| router.route(path, echo()));
            let register = Router::new().route("/register", echo()).route_layer(registrations(0).unwrap());
            Self {
                router: Router::new().nest("/auth", sessions(auth, accounts, 0).unwrap()).merge(register),
                _folder: folder,
            }
        }

        async fn send(&self, method: Method, path: &str, from: &str, body: String) -> Response {
            self.send_request(from, Request::builder().method(method).uri(path).body(Body::from(body)).unwrap()).await
        }

        async fn send_request(&self, from: &str, mut request: Request) -> Response {
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(from.parse().unwrap()));
            self.router.clone().oneshot(request).await.unwrap()
        }

        async fn login(&self, from: &str, name: &str) -> Response {
            let body = format!(r#"{{"username":"{name}","password":"p"}}"#);
            let request = Request::post("/auth/login").header(header::CONTENT_TYPE, "application/json");
            self.send_request(from, request.body(body.into()).unwrap()).await
        }

        async fn send_form(&self, path: &str, from: &str, body: String) -> Response {
            let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            self.send_request(from, request.body(body.into()).unwrap()).await
        }
    }

    fn is_refused(response: &Response) -> bool {
        let seconds = response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap().parse::<u64>());
        match response.status() {
            StatusCode::OK => false,
            StatusCode::TOO_MANY_REQUESTS => (1..=60).contains(&seconds.unwrap().unwrap()) || panic!("when?"),
            other => panic!("{other}"),
        }
    }

    /// Sends until it is refused, and checks that this is after `a_minute` and what came back meanwhile. The limiters have
    /// no clock that a test may set, and a busy machine takes its time.
    async fn is_limited(a_minute: u32, send: impl AsyncFn(u32) -> Response) -> Response {
        let begun = std::time::Instant::now();
        let mut passed = 0;
        loop {
            let response = send(passed).await;
            if is_refused(&response) {
                assert!(passed >= a_minute, "refused after {passed}");
                return response;
            }
            passed += 1;
            let back = begun.elapsed().as_secs_f64() * f64::from(a_minute) / 60.0;
            assert!(f64::from(passed) <= f64::from(a_minute) + back + 1.0, "{passed} passed");
        }
    }

    #[tokio::test]
    async fn an_account_is_tried_10_times_a_minute_by_whichever_name_from_wherever() {
        let site = Site::new().await;
        let names = ["alice", "ALICE", "alice@example.org", "Alice@Example.org"];
        is_limited(10, async |number| {
            let name = names[number as usize % names.len()];
            if number % 2 == 0 {
                return site.login(&format!("10.0.0.{number}:1"), name).await;
            }
            let form = format!("email={}&password=p", name.replace('@', "%40"));
            site.send_form("/auth/reauthenticate", "10.0.1.1:1", form).await
        })
        .await;
        assert!(!is_refused(&site.login("10.0.1.1:1", "bob").await));
    }

    #[tokio::test]
    async fn a_form_that_is_json_for_others_counts_for_the_account_that_it_opens() {
        let site = Site::new().await;
        is_limited(10, async |number| {
            let form =
                format!(r#"{{"username":"zz{number}","password":"x","a":"&username=alice&password={number}&b="}}"#);
            site.send_form("/auth/login", "10.0.0.1:1", form).await
        })
        .await;
        assert!(is_refused(&site.login("10.0.0.2:1", "alice").await));
        assert!(!is_refused(&site.login("10.0.0.2:1", "zz1").await));
    }

    #[tokio::test]
    async fn a_name_that_is_nobodys_is_limited_like_an_account() {
        let site = Site::new().await;
        let names = ["nobody", "NOBODY"];
        is_limited(10, async |number| site.login(&format!("10.0.0.{number}:1"), names[number as usize % 2]).await)
            .await;
    }

    #[tokio::test]
    async fn an_address_logs_in_60_times_and_refreshes_120_times_a_minute() {
        let site = Site::new().await;
        let refused =
            is_limited(60, async |number| site.login(&format!("10.0.0.1:{number}"), &format!("user{number}")).await)
                .await;
        let body = axum::body::to_bytes(refused.into_body(), 1000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["error"], &body["retryable"]), (&"too_many_requests".into(), &true.into()));
        assert!(!is_refused(&site.login("10.0.0.2:1", "somebody").await));

        is_limited(120, async |number| {
            let path = if number % 2 == 0 { "/auth/refresh" } else { "/auth/rotate" };
            let from = if number % 3 == 0 { "10.0.0.1:1" } else { "[::ffff:10.0.0.1]:1" };
            site.send(Method::POST, path, from, String::new()).await
        })
        .await;
        assert!(!is_refused(&site.send(Method::POST, "/auth/logout", "10.0.0.1:1", String::new()).await));
    }

    #[tokio::test]
    async fn an_address_registers_60_times_a_minute() {
        let site = Site::new().await;
        is_limited(60, async |number| {
            site.send(Method::POST, "/register", &format!("10.0.0.1:{number}"), String::new()).await
        })
        .await;
        assert!(!is_refused(&site.send(Method::POST, "/register", "10.0.0.2:1", String::new()).await));
        assert!(!is_refused(&site.login("10.0.0.1:1", "somebody").await));
    }

    #[tokio::test]
    async fn ipv6_neighbours_are_one_address() {
        let site = Site::new().await;
        is_limited(60, async |number| site.login(&format!("[2001:db8::{number:x}]:1"), &format!("user{number}")).await)
            .await;
        assert!(!is_refused(&site.login("[2001:db8:0:1::1]:1", "other").await));
    }

    #[test]
    fn a_forwarded_address_counts_as_far_as_our_own_proxies_wrote_it() {
        let from = |proxies: usize, lines: &[&str]| {
            let mut request = Request::new(());
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>("10.0.0.1:1".parse().unwrap()));
            for line in lines {
                request.headers_mut().append("x-forwarded-for", HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            Address { proxies }.extract(&request).unwrap().to_string()
        };
        assert_eq!(from(0, &["192.0.2.1"]), "10.0.0.1");
        assert_eq!(from(1, &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(from(1, &["1.1.1.1, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(from(1, &["1.1.1.1", "192.0.2.1"]), "192.0.2.1");
        assert_eq!(from(1, &["ü, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(from(2, &["1.1.1.1, 192.0.2.1", "10.0.0.2"]), "192.0.2.1");
        assert_eq!(from(1, &["2001:db8::1"]), "2001:db8::");
        assert_eq!(from(1, &["1.1.1.1, 203.0.113.7:51234"]), "203.0.113.7");
        assert_eq!(from(1, &["[2001:db8::1]:443"]), "2001:db8::");
        assert_eq!(from(1, &["[::ffff:203.0.113.7]:443"]), "203.0.113.7");
        for lines in [&[][..], &["nobody"], &["192.0.2.1,"], &["192.0.2.1:"], &["192.0.2.1:65536"]] {
            assert_eq!(from(1, lines), "10.0.0.1", "{lines:?}");
        }
    }

    #[tokio::test]
    async fn the_body_arrives_whole_and_other_routes_and_methods_are_left_alone() {
        let site = Site::new().await;
        let sent = r#"{"username":"alice","password":"p","remember":true}"#;
        let response = site.send(Method::POST, "/auth/login", "10.0.0.1:1", sent.into()).await;
        assert_eq!(axum::body::to_bytes(response.into_body(), 1000).await.unwrap(), sent);
        let large = " ".repeat(16 * 1024 + 1);
        let response = site.send(Method::POST, "/auth/login", "10.0.0.1:1", large).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let response = site.send(Method::GET, "/auth/login", "10.0.0.1:1", String::new()).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        let response = site.send(Method::POST, "/auth/nowhere", "10.0.0.1:1", String::new()).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
