use std::borrow::Cow;
use std::fmt;

/// A variable that was refused. One line, without its value.
#[derive(Clone, PartialEq, Eq)]
pub struct SettingsError {
    variable: &'static str,
    reason: Cow<'static, str>,
}

impl SettingsError {
    pub(super) const fn new(variable: &'static str, reason: &'static str) -> Self {
        Self { variable, reason: Cow::Borrowed(reason) }
    }

    pub(super) const fn owned(variable: &'static str, reason: String) -> Self {
        Self { variable, reason: Cow::Owned(reason) }
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

// What `main` prints when it returns an error is its `Debug`: the same one line.
impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for SettingsError {}
