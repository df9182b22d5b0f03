use std::collections::HashMap;
use std::time::Duration;

use zeroize::Zeroizing;

use super::duration;
use super::error::SettingsError;
use crate::session::Rotation;
use crate::site::{Site, SiteError};

/// The variables of ours, with the questions that are asked of them.
pub(super) struct Vars(HashMap<&'static str, Zeroizing<String>>);

impl Vars {
    pub(super) fn new<N: Into<String>, V: Into<String>>(
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, SettingsError> {
        let mut ours = HashMap::new();
        for (name, value) in vars {
            let (name, value) = (name.into(), Zeroizing::new(value.into()));
            let Some(name) = NAMES.iter().copied().find(|ours| *ours == name) else { continue };
            ours.insert(name, value);
        }
        for name in NAMES {
            match ours.get(name).map(|value| value.trim()) {
                Some("") => return Err(SettingsError::new(name, "is set but empty")),
                Some(value) if value.contains('\u{fffd}') => {
                    return Err(SettingsError::new(name, "is not Unicode text"));
                }
                _ => {}
            }
        }
        Ok(Self(ours))
    }

    /// The value of a setting that has one or more names, without the blanks around it; refused where two of them say
    /// different things.
    pub(super) fn one(&self, names: &[&'static str]) -> Result<Option<&str>, SettingsError> {
        Ok(self.secret(names)?.map(str::trim))
    }

    /// The same to the byte: a secret's blanks are its own.
    pub(super) fn secret(&self, names: &[&'static str]) -> Result<Option<&str>, SettingsError> {
        let mut found: Option<&str> = None;
        for name in names {
            let Some(value) = self.0.get(name).map(|value| value.as_str()) else { continue };
            if found.is_some_and(|found| found != value) {
                return Err(SettingsError::owned(
                    name,
                    format!("differs from {}, another name of it", names.first().copied().unwrap_or_default()),
                ));
            }
            found = Some(value);
        }
        Ok(found)
    }

    /// Whether a setting is given under one of its names.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.0.contains_key(name))
    }

    /// The name by which a setting was given, or its first one.
    pub(super) fn name_of(&self, names: &[&'static str]) -> &'static str {
        let given = names.iter().find(|name| self.0.contains_key(*name));
        given.or(names.first()).copied().unwrap_or_default()
    }

    pub(super) fn span(&self, names: &[&'static str]) -> Result<Option<Duration>, SettingsError> {
        let unreadable = || {
            SettingsError::new(
                self.name_of(names),
                "is not a span of time above zero: write 15m, 1h, 7d, 1.5h or 2 days; a bare number is seconds",
            )
        };
        self.one(names)?.map(|text| duration::parse(text).ok_or_else(unreadable)).transpose()
    }

    pub(super) fn rotation(&self) -> Result<Rotation, SettingsError> {
        let mut rotation = match self.one(&["ROTATION_PRESET"])? {
            None | Some("balanced") => Rotation::balanced(),
            Some("strict") => Rotation::strict(),
            Some("lenient") => Rotation::lenient(),
            Some(_) => return Err(SettingsError::new("ROTATION_PRESET", "is none of strict, balanced and lenient")),
        };
        if let Some(window) = self.span(&["ROTATION_WINDOW"])? {
            rotation = rotation.window(window);
        }
        if let Some(horizon) = self.span(&["LOST_RESPONSE_HORIZON"])? {
            rotation = rotation.lost_response_horizon(horizon);
        }
        Ok(rotation)
    }

    pub(super) fn site(&self) -> Result<Site, SettingsError> {
        let origin = self.one(&["PUBLIC_ORIGIN"])?;
        let (access, refresh) = (self.one(&["COOKIE_ACCESS"])?, self.one(&["COOKIE_REFRESH"])?);
        match self.one(&["COOKIES"])? {
            None | Some("on") => {}
            Some("off") => {
                for (name, value) in [("COOKIE_ACCESS", access), ("COOKIE_REFRESH", refresh)] {
                    if value.is_some() {
                        return Err(SettingsError::new(name, "is set, but COOKIES is off"));
                    }
                }
                // It is then no more than the issuer's name; any host will do, but an origin it must be.
                if let Some(Err(error @ SiteError::Origin)) = origin.map(Site::new) {
                    return Err(SettingsError::owned("PUBLIC_ORIGIN", format!("is refused: {error}")));
                }
                return Ok(Site::without_cookies());
            }
            Some(_) => return Err(SettingsError::new("COOKIES", "is neither on nor off")),
        }
        let said = |variable| move |error: SiteError| SettingsError::owned(variable, format!("is refused: {error}"));
        let origin = origin.ok_or(SettingsError::new(
            "PUBLIC_ORIGIN",
            "is not set: where browsers find the application, as https://app.example or http://localhost:3000",
        ))?;
        let mut site = Site::new(origin).map_err(said("PUBLIC_ORIGIN"))?;
        if let Some(name) = access {
            site = site.access_cookie(name).map_err(said("COOKIE_ACCESS"))?;
        }
        if let Some(name) = refresh {
            site = site.refresh_cookie(name).map_err(said("COOKIE_REFRESH"))?;
        }
        Ok(site)
    }
}

const NAMES: &[&str] = &[
    "ACCESS_TOKEN_SECRET",
    "JWT_ACCESS_TOKEN_SECRET",
    "ACCESS_TOKEN_KEY_FILE",
    "ACCESS_TOKEN_EXPIRY",
    "REFRESH_TOKEN_SECRET",
    "JWT_REFRESH_TOKEN_SECRET",
    "REFRESH_TOKEN_EXPIRY",
    "SESSION_IDLE",
    "SESSION_ABSOLUTE",
    "SESSION_STORE",
    "PUBLIC_ORIGIN",
    "COOKIES",
    "COOKIE_ACCESS",
    "COOKIE_REFRESH",
    "ISSUER",
    "AUDIENCE",
    "ROTATION_PRESET",
    "ROTATION_WINDOW",
    "LOST_RESPONSE_HORIZON",
];
