//! Sessions: what an application asks for. There is no HTTP here.
//!
//! 1. [`open`](Sessions::open) makes a session and its first two tokens.
//! 2. [`refresh`](Sessions::refresh) renews the access token and, when it is time, replaces the refresh token, by the table
//!    in the crate's `DESIGN.md`: honest clients with two tabs, a lost answer or a store that failed over stay logged in;
//!    a stolen token is noticed when the other party next comes.
//! 3. [`rotate`](Sessions::rotate) and [`password_changed`](Sessions::password_changed) replace both and cut off everything
//!    earlier.
//! 4. [`revoke`](Sessions::revoke), [`revoke_subject`](Sessions::revoke_subject) and [`revoke_all`](Sessions::revoke_all)
//!    end sessions, and with them their access tokens.
//! 5. The account is asked again at each refresh: a role that was taken away is gone with the next access token, an account
//!    that is gone ends its sessions.
//!
//! ```
//! use jwt_sessions::{clock::Clock, store::MemoryStore};
//! use jwt_sessions::{Grant, Keys, NoLogin, Opened, Client, Refreshed, Sessions, accounts_elsewhere};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! async fn grant(subject: String) -> Result<Option<Grant<serde_json::Value>>, std::io::Error> {
//!     Ok((subject == "alice").then(|| Grant::new(serde_json::json!({"name": "Alice"})).scope("read")))
//! }
//!
//! let keys = Keys::secrets("an-access-secret-of-at-least-32-bytes", "one-more-refresh-secret-of-32-bytes")?;
//! let sessions = Sessions::builder(keys, MemoryStore::new(Clock::system()), accounts_elsewhere(grant))
//!     .issuer("https://app.example")
//!     .build()?;
//!
//! let Opened::Tokens(first) = sessions.open("alice", Client::default()).await? else { unreachable!() };
//! let Refreshed::Tokens(second) = sessions.refresh(first.refresh_token()).await? else { unreachable!() };
//! assert_ne!(first.refresh_token(), second.refresh_token());
//!
//! // The same token again, at once: the same successor. Two tabs do not log each other out.
//! let Refreshed::Tokens(again) = sessions.refresh(first.refresh_token()).await? else { unreachable!() };
//! assert_eq!(second.refresh_token(), again.refresh_token());
//!
//! // An ended session answers nobody.
//! sessions.revoke("alice", first.session_id()).await?;
//! assert!(matches!(sessions.refresh(second.refresh_token()).await?, Refreshed::Refused(_)));
//!
//! // Who is no account gets no session.
//! assert!(matches!(sessions.open("mallory", Client::default()).await?, Opened::BadCredentials));
//! # Ok(())
//! # }
//! ```
//!
//! # Deployment
//!
//! Instances that share a store share its sessions; their clocks may differ by up to a minute. A session that is ended on
//! one instance is refused there at once, and on the others as soon as they read it in the store's feed: within a second.
//! [`Sessions::ready`] waits until an instance knows what others ended before it came; [`SessionsBuilder::stance`] says what
//! it does while it does not hear from the store.

mod accounts;
mod adopt;
mod builder;
mod core;
mod ended;
mod erased;
mod error;
mod events;
mod feed;
mod keys;
mod legacy;
#[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "the router alone asks for some of it"))]
mod logout;
mod open;
mod patience;
mod refresh;
mod refreshed;
mod rotation;
mod sessions;
mod sights;
mod tokens;
mod watch;
mod worker;

pub use self::accounts::{Accounts, FnAccounts, Grant, Login, NoLogin, accounts, accounts_elsewhere};
pub use self::builder::SessionsBuilder;
pub use self::error::{BuildError, SessionError, SessionErrorKind};
pub use self::events::{Denied, Event, EventKind, Events, Opening};
pub use self::feed::{FeedState, Stance};
pub use self::keys::Keys;
pub use self::legacy::{LegacySecret, LegacyTokens};
pub use self::open::{Client, Opened};
pub use self::refreshed::{Refreshed, Refused};
pub use self::rotation::{Operation, Outcome, Reuse, Rotation};
pub use self::sessions::{SessionInfo, Sessions};
pub use self::tokens::Tokens;

pub(crate) use self::builder::{check_lives, lives};
#[cfg(feature = "axum")]
pub(crate) use self::{logout::Named, patience::Patience};
