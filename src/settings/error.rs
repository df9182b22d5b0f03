use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::store::StoreError;

/// A variable that was refused. One line, without its value.
#[derive(Clone)]
pub struct SettingsError {
    variable: &'static str,
    reason: Cow<'static, str>,
    /// What the source and what is behind it say, for the one line that `main` prints.
    causes: String,
    source: Option<Arc<StoreError>>,
}

impl SettingsError {
    pub(super) const fn new(variable: &'static str, reason: &'static str) -> Self {
        Self { variable, reason: Cow::Borrowed(reason), causes: String::new(), source: None }
    }

    pub(super) const fn owned(variable: &'static str, reason: String) -> Self {
        Self { variable, reason: Cow::Owned(reason), causes: String::new(), source: None }
    }

    /// That the store of this URL cannot be opened.
    pub(super) fn store(variable: &'static str, url: &str, error: StoreError) -> Self {
        let mut causes = String::new();
        let address = url.split_once(':').map_or(url, |(_, address)| address.trim_start_matches('/'));
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
        while let Some(error) = cause {
            let message = error.to_string();
            // A driver may quote the address, which may hold a password: who needs that message asks for the source.
            if address.is_empty() || !message.contains(address) {
                causes.push_str(": ");
                causes.extend(message.chars().map(|char| if char.is_control() { ' ' } else { char }));
            }
            cause = error.source();
        }
        Self { variable, reason: Cow::Borrowed("cannot be used"), causes, source: Some(Arc::new(error)) }
    }

    /// The variable's name.
    pub const fn variable(&self) -> &'static str {
        self.variable
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.variable, self.reason)
    }
}

// What `main` prints when it returns an error is its `Debug`: one line with all that there is to say.
impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}{}", self.causes)
    }
}

impl StdError for SettingsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
