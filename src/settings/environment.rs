use std::fmt;
use std::time::Duration;

use super::error::SettingsError;
use super::keys;
use super::vars::Vars;
use crate::session::{Accounts, Keys, Rotation, Sessions, SessionsBuilder};
use crate::site::Site;
use crate::store::{AnyStore, SessionStore};

/// What the environment says.
///
/// | variable | what | default |
/// |---|---|---|
/// | `ACCESS_TOKEN_SECRET` or `JWT_ACCESS_TOKEN_SECRET` | at least 32 bytes | required, or the next |
/// | `ACCESS_TOKEN_KEY_FILE` | PEM files, separated by commas: the first signs (PKCS#8 or an `RSA PRIVATE KEY`), the others verify | |
/// | `ACCESS_TOKEN_EXPIRY` | the life of an access token, at most `1h` | `15m` |
/// | `REFRESH_TOKEN_SECRET` or `JWT_REFRESH_TOKEN_SECRET` | at least 32 bytes, nothing of the other one | required |
/// | `REFRESH_TOKEN_EXPIRY` or `SESSION_IDLE` | how long a session may go unused | `7d` |
/// | `SESSION_ABSOLUTE` | how long a session may live at all, at most `400d` | `90d` |
/// | `SESSION_STORE` | a URL: `memory:`, `sqlite:FILE`, `postgres://…`, `mysql://…`, `redis://…`, `rediss://…`, `mongodb://…` ([`connect`](crate::store::connect())) | required |
/// | `PUBLIC_ORIGIN` | where browsers find the application: `https://app.example` | required with cookies |
/// | `COOKIES` | `on`, or `off`: tokens in headers and bodies alone | `on` |
/// | `COOKIE_ACCESS`, `COOKIE_REFRESH` | the cookies' names | `__Host-Http-access`, `__Host-Http-refresh`; over plain http `access-PORT`, `refresh-PORT` |
/// | `ISSUER` | `iss` of all tokens | `PUBLIC_ORIGIN` |
/// | `AUDIENCE` | `aud` of access tokens | `ISSUER` |
/// | `ROTATION_PRESET` | `strict`, `balanced` or `lenient` | `balanced` |
/// | `ROTATION_WINDOW` | how long a replaced refresh token gets its successor again, 1 to 60 seconds | `30s` |
/// | `LOST_RESPONSE_HORIZON` | how long a lost answer may be asked for again | three windows for `strict`, else the idle life |
///
/// Spans of time are written `15m`, `1h`, `7d`, `1y`, `1.5h` or `2 days`; a bare number is seconds.
///
/// ```
/// use jwt_sessions::Settings;
///
/// let refused = Settings::from_vars([("ACCESS_TOKEN_SECRET", "secret")]).unwrap_err();
/// assert_eq!(refused.variable(), "ACCESS_TOKEN_SECRET");
/// ```
#[derive(Clone)]
#[must_use]
pub struct Settings {
    keys: Keys,
    site: Site,
    issuer: String,
    audience: String,
    access_life: Option<Duration>,
    idle: Option<Duration>,
    absolute: Option<Duration>,
    rotation: Rotation,
    store: String,
}

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// The first variable that is missing or bad.
    pub fn from_env() -> Result<Self, SettingsError> {
        // A name or value that is not Unicode cannot be one of ours; a value that is not is refused as unreadable.
        let vars = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().unwrap_or_else(|_| String::from("\u{fffd}"))))
        });
        Self::from_vars(vars)
    }

    /// Reads the variables given, and not the environment.
    ///
    /// # Errors
    ///
    /// The first variable that is missing or bad.
    pub fn from_vars<N: Into<String>, V: Into<String>>(
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, SettingsError> {
        let vars = Vars::new(vars)?;
        let keys = keys::read(&vars)?;
        let site = vars.site()?;
        // The site's own spelling first: browsers and tokens then name one origin.
        let origin = site.origin().map_or_else(|| vars.one(&["PUBLIC_ORIGIN"]), |origin| Ok(Some(origin)))?;
        let issuer = vars.one(&["ISSUER"])?.or(origin).map(str::to_owned);
        let issuer =
            issuer.ok_or(SettingsError::new("ISSUER", "is not set, and there is no PUBLIC_ORIGIN to take it from"))?;
        let audience = vars.one(&["AUDIENCE"])?.map_or_else(|| issuer.clone(), str::to_owned);
        let store = vars.one(&["SESSION_STORE"])?.map(str::to_owned);
        let store = store.ok_or(SettingsError::new(
            "SESSION_STORE",
            "is not set: sqlite:sessions.db keeps sessions in one file, memory: forgets them with the process",
        ))?;
        let settings = Self {
            keys,
            site,
            issuer,
            audience,
            access_life: vars.span(&["ACCESS_TOKEN_EXPIRY"])?,
            idle: vars.span(IDLE)?,
            absolute: vars.span(&["SESSION_ABSOLUTE"])?,
            rotation: vars.rotation()?,
            store,
        };
        settings.check(&vars)?;
        Ok(settings)
    }

    /// Opens the store that `SESSION_STORE` names.
    ///
    /// # Errors
    ///
    /// When it cannot be reached, its driver's feature is off, or what is there is not ours.
    pub async fn store(&self) -> Result<AnyStore, SettingsError> {
        let opened = crate::store::connect(&self.store).await;
        opened.map_err(|error| SettingsError::store("SESSION_STORE", &self.store, error))
    }

    /// A builder with all of these settings: further ones may be set on it, or these changed.
    pub fn builder<S: SessionStore>(&self, store: S, accounts: impl Accounts) -> SessionsBuilder<S> {
        let mut builder = Sessions::builder(self.keys.clone(), store, accounts)
            .site(self.site.clone())
            .issuer(self.issuer.as_str())
            .audience(self.audience.as_str())
            .rotation(self.rotation);
        if let Some(life) = self.access_life {
            builder = builder.access_life(life);
        }
        if let Some(idle) = self.idle {
            builder = builder.idle(idle);
        }
        if let Some(absolute) = self.absolute {
            builder = builder.absolute(absolute);
        }
        builder
    }

    /// Where the application is served.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The bounds are the builder's; only the names are those of the environment.
    fn check(&self, vars: &Vars) -> Result<(), SettingsError> {
        let (access_life, lives) = crate::session::lives(self.access_life, self.idle, self.absolute);
        crate::session::check_lives(access_life, &lives, &self.rotation).map_err(|error| {
            let names = match error.setting() {
                "access_life" => &["ACCESS_TOKEN_EXPIRY"],
                "idle" | "idle_unremembered" => IDLE,
                "absolute" => &["SESSION_ABSOLUTE"],
                "lost_response_horizon" => &["LOST_RESPONSE_HORIZON"],
                _ => &["ROTATION_WINDOW"],
            };
            let is = if vars.has(names) { "is" } else { "is not set, and its default is" };
            SettingsError::owned(vars.name_of(names), format!("{is} {}", error.reason()))
        })
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A store's URL may hold a password.
        f.debug_struct("Settings")
            .field("site", &self.site)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("access_life", &self.access_life)
            .field("idle", &self.idle)
            .field("absolute", &self.absolute)
            .field("rotation", &self.rotation)
            .finish_non_exhaustive()
    }
}

const IDLE: &[&str] = &["REFRESH_TOKEN_EXPIRY", "SESSION_IDLE"];
