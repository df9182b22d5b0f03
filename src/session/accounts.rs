use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::Serialize;

/// The application's accounts: who somebody is, and what they may do.
///
/// Two methods; [`accounts`] makes one of two async functions. An application where people log in elsewhere names
/// [`NoLogin`] as its credentials, and opens sessions itself with [`Sessions::open`](super::Sessions::open).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the accounts of an application",
    note = "write `accounts(login, grant)` with two async functions, or implement `Accounts`"
)]
pub trait Accounts: Send + Sync + 'static {
    /// What people log in with, as it stands in the body of `POST /login`, JSON or form. Use strings: a type that also
    /// takes objects lets a query language in.
    type Credentials: DeserializeOwned + Send + 'static;
    /// The application's own claims: they serialize to a JSON object without the registered names.
    type Claims: Serialize + Send;
    /// What breaks; it becomes a 503, and its text goes to the log alone.
    type Error: Into<Box<dyn StdError + Send + Sync>>;

    /// Whose credentials these are; none when they are wrong. Take the same time for unknown people as for known ones: a
    /// password hash is what an attacker can measure.
    ///
    /// # Errors
    ///
    /// When the accounts cannot be asked.
    fn login(&self, credentials: Self::Credentials) -> impl Future<Output = Result<Option<Login>, Self::Error>> + Send;

    /// What that subject may do now; none when the account is gone or disabled. Asked at login and at each refresh, so that
    /// a role that was taken away is gone with the next access token.
    ///
    /// # Errors
    ///
    /// When the accounts cannot be asked.
    fn grant(&self, subject: &str) -> impl Future<Output = Result<Option<Grant<Self::Claims>>, Self::Error>> + Send;
}

/// Who logged in, and for how long.
///
/// ```
/// use jwt_sessions::Login;
///
/// let plain = Login::from("alice");
/// // "Remember me" was not ticked: cookies that end with the browser, a shorter idle life.
/// let shared_computer = Login::new("alice").remember(false);
/// # let _ = (plain, shared_computer);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Login {
    pub(crate) subject: String,
    pub(crate) remember: bool,
    pub(crate) idle: Option<Duration>,
    pub(crate) absolute: Option<Duration>,
    pub(crate) label: Option<String>,
}

impl Login {
    /// That subject, for as long as the settings allow.
    pub fn new(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), remember: true, idle: None, absolute: None, label: None }
    }

    /// Whether the session outlives the browser; if not, its cookies end with it and the idle life is the shorter one of
    /// the settings.
    pub fn remember(mut self, remember: bool) -> Self {
        self.remember = remember;
        self
    }

    /// Shortens the idle life. It never lengthens it, and never goes below six rotation windows.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// Shortens the absolute life. It never lengthens it.
    pub fn absolute(mut self, absolute: Duration) -> Self {
        self.absolute = Some(absolute);
        self
    }

    /// Names the device for the list of devices; at most 128 bytes are kept.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }
}

impl From<String> for Login {
    fn from(subject: String) -> Self {
        Self::new(subject)
    }
}

impl From<&str> for Login {
    fn from(subject: &str) -> Self {
        Self::new(subject)
    }
}

/// What a subject may do: the application's own claims and the scopes.
#[derive(Clone)]
#[must_use]
pub struct Grant<C> {
    pub(crate) claims: C,
    pub(crate) scopes: Vec<String>,
}

impl<C> Grant<C> {
    /// Those claims, no scope.
    pub fn new(claims: C) -> Self {
        Self { claims, scopes: Vec::new() }
    }

    /// One scope more: printable ASCII without blank, quote and backslash (RFC 6749 section 3.3).
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }
}

// Claims may be personal: they are not for logs.
impl<C> fmt::Debug for Grant<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

/// The credentials of an application where people log in elsewhere: there are none, and the router has no `/login`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum NoLogin {}

impl<'de> Deserialize<'de> for NoLogin {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("nobody logs in here"))
    }
}

/// Makes [`Accounts`] of two async functions: `login(credentials) -> Result<Option<subject>, _>` and
/// `grant(subject: String) -> Result<Option<Grant<Claims>>, _>`.
///
/// A subject is a `String`, a `&str` or a [`Login`]. Closures carry what the functions need, a database pool for example.
pub fn accounts<L, G, C, A, T>(login: L, grant: G) -> FnAccounts<L, G, fn(C, A) -> T>
where
    FnAccounts<L, G, fn(C, A) -> T>: Accounts,
{
    FnAccounts { login, grant, types: PhantomData }
}

/// Makes [`Accounts`] of `grant(subject: String) -> Result<Option<Grant<Claims>>, _>` alone, for an application where
/// people log in elsewhere.
pub fn accounts_elsewhere<G, T>(grant: G) -> FnAccounts<(), G, fn() -> T>
where
    FnAccounts<(), G, fn() -> T>: Accounts,
{
    FnAccounts { login: (), grant, types: PhantomData }
}

/// [`Accounts`] made of functions.
pub struct FnAccounts<L, G, T> {
    login: L,
    grant: G,
    types: PhantomData<T>,
}

impl<L, G, T> fmt::Debug for FnAccounts<L, G, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FnAccounts")
    }
}

impl<L, LF, G, GF, C, A, T, E> Accounts for FnAccounts<L, G, fn(C, A) -> T>
where
    L: Fn(C) -> LF + Send + Sync + 'static,
    LF: Future<Output = Result<Option<A>, E>> + Send,
    G: Fn(String) -> GF + Send + Sync + 'static,
    GF: Future<Output = Result<Option<Grant<T>>, E>> + Send,
    C: DeserializeOwned + Send + 'static,
    A: Into<Login> + 'static,
    T: Serialize + Send + 'static,
    E: Into<Box<dyn StdError + Send + Sync>> + 'static,
{
    type Credentials = C;
    type Claims = T;
    type Error = E;

    async fn login(&self, credentials: C) -> Result<Option<Login>, E> {
        Ok((self.login)(credentials).await?.map(Into::into))
    }

    async fn grant(&self, subject: &str) -> Result<Option<Grant<T>>, E> {
        (self.grant)(subject.to_owned()).await
    }
}

impl<G, GF, T, E> Accounts for FnAccounts<(), G, fn() -> T>
where
    G: Fn(String) -> GF + Send + Sync + 'static,
    GF: Future<Output = Result<Option<Grant<T>>, E>> + Send,
    T: Serialize + Send + 'static,
    E: Into<Box<dyn StdError + Send + Sync>> + 'static,
{
    type Credentials = NoLogin;
    type Claims = T;
    type Error = E;

    async fn login(&self, credentials: NoLogin) -> Result<Option<Login>, E> {
        match credentials {}
    }

    async fn grant(&self, subject: &str) -> Result<Option<Grant<T>>, E> {
        (self.grant)(subject.to_owned()).await
    }
}
