use super::error::SettingsError;
use super::vars::Vars;
use crate::session::Keys;
use crate::token::{Algorithm, KeyError, KeyErrorKind, KeySet, SigningKey, VerifyingKey};

const ACCESS: &[&str] = &["ACCESS_TOKEN_SECRET", "JWT_ACCESS_TOKEN_SECRET"];
const REFRESH: &[&str] = &["REFRESH_TOKEN_SECRET", "JWT_REFRESH_TOKEN_SECRET"];
const KEY_FILE: &str = "ACCESS_TOKEN_KEY_FILE";

/// The secrets that `.env.example` ships: long enough to work, and known to everybody.
const EXAMPLES: [&str; 2] =
    ["replace-this-with-the-output-of-openssl-rand-base64-48", "and-this-one-with-another-output-of-the-same-command"];

/// Reads the keys of both kinds of tokens.
pub(super) fn read(vars: &Vars) -> Result<Keys, SettingsError> {
    let access = match (vars.secret(ACCESS)?, vars.one(&[KEY_FILE])?) {
        (Some(_), Some(_)) => {
            return Err(SettingsError::new(KEY_FILE, "is set beside ACCESS_TOKEN_SECRET, whose place it takes"));
        }
        (None, Some(files)) => key_files(files)?,
        (secret, None) => secret_set(vars.name_of(ACCESS), secret)?,
    };
    let refresh = secret_set(vars.name_of(REFRESH), vars.secret(REFRESH)?)?;
    Keys::new(access, refresh).map_err(|error| match error.kind() {
        KeyErrorKind::Duplicate => SettingsError::new(
            vars.name_of(REFRESH),
            "is the same as the access token's secret, or one is the beginning of the other",
        ),
        _ => said(KEY_FILE, &error),
    })
}

fn secret_set(variable: &'static str, secret: Option<&str>) -> Result<KeySet, SettingsError> {
    let secret =
        secret.ok_or(SettingsError::new(variable, "is not set: `openssl rand -base64 48` makes a good one"))?;
    // Also where a shell or an editor left a quote or the end of a line on it.
    if EXAMPLES.contains(&secret.trim_matches(|char: char| char.is_whitespace() || matches!(char, '"' | '\''))) {
        return Err(SettingsError::new(variable, "is the text of .env.example, which everybody knows"));
    }
    SigningKey::secret(Algorithm::HS256, secret).map(KeySet::new).map_err(|error| said(variable, &error))
}

/// The first file signs, the others verify.
fn key_files(files: &str) -> Result<KeySet, SettingsError> {
    let mut set: Option<KeySet> = None;
    for (number, file) in (1..).zip(files.split(',').map(str::trim)) {
        // Which one, and not its name: whoever swaps two variables has a secret there.
        let of_file = |error: KeyError| match error.kind() {
            KeyErrorKind::Format => SettingsError::owned(
                KEY_FILE,
                format!(
                    "names a file that is no key (number {number}): PEM with one PRIVATE KEY (PKCS#8) or RSA PRIVATE KEY, not \
                     encrypted, or after the first one PUBLIC KEY; `openssl genpkey -algorithm ed25519` makes a good one"
                ),
            ),
            _ => SettingsError::owned(KEY_FILE, format!("is refused, file number {number}: {error}")),
        };
        let pem = std::fs::read(file).map(zeroize::Zeroizing::new).map_err(|error| {
            SettingsError::owned(
                KEY_FILE,
                format!("names a file that cannot be read (number {number}): {}", error.kind()),
            )
        })?;
        set = Some(match set {
            None => KeySet::new(SigningKey::detect_pem(&*pem).map_err(of_file)?),
            Some(set) => {
                let key = SigningKey::detect_pem(&*pem)
                    .map(|key| key.verifying().clone())
                    .or_else(|_| VerifyingKey::detect_pem(&*pem))
                    .map_err(of_file)?;
                set.and(key).map_err(of_file)?
            }
        });
    }
    set.ok_or(SettingsError::new(KEY_FILE, "names no file"))
}

fn said(variable: &'static str, error: &KeyError) -> SettingsError {
    SettingsError::owned(variable, format!("is refused: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secrets_of_the_example_file_are_refused() {
        let example = include_str!("../../.env.example");
        let secrets: Vec<_> = example
            .lines()
            .filter_map(|line| line.split_once('='))
            .filter(|(name, _)| name.ends_with("TOKEN_SECRET"))
            .map(|(_, secret)| secret)
            .collect();
        assert_eq!(secrets, EXAMPLES);
        for [before, after] in [["", ""], ["", "\r"], ["\"", "\""], ["'", "'"], [" ", "\n"]] {
            for secret in EXAMPLES {
                let error = secret_set(KEY_FILE, Some(&format!("{before}{secret}{after}"))).unwrap_err();
                assert!(error.to_string().contains("everybody knows"), "{before:?} {after:?}");
            }
        }
    }
}
