//! What the demo is there to protect: who you are, a feed for everybody, notes of your own.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Demo;
use crate::accounts::{Account, Registered, is_email, is_username};
use crate::answers::{JsonBody, Refusal};
use crate::notes::is_note;
use crate::passwords::Password;
use jwt_sessions::Authenticated;

/// What an access token says of a person besides the subject, which is the account's id. As old as the token: what an admin
/// changes shows at the next refresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) username: String,
    pub(crate) email: String,
}

impl From<Account> for Profile {
    fn from(account: Account) -> Self {
        Self { username: account.username, email: account.email }
    }
}

/// The route that needs no session.
pub(crate) fn open_routes() -> Router<Demo> {
    Router::new().route("/register", post(register))
}

/// The route for guests and people alike.
pub(crate) fn optional_routes() -> Router<Demo> {
    Router::new().route("/feed", get(feed))
}

/// The routes for people who are logged in.
pub(crate) fn protected_routes() -> Router<Demo> {
    Router::new().route("/me", get(me)).route("/notes", get(notes).post(add_note))
}

#[derive(Deserialize)]
struct Registration {
    username: String,
    email: String,
    password: Password,
}

async fn register(
    State(demo): State<Demo>,
    JsonBody(new): JsonBody<Registration>,
) -> Result<impl IntoResponse, Refusal> {
    if !is_username(&new.username) {
        return Err(Refusal::invalid(
            "username: 1 to 64 of the letters a to z, digits, and . _ -, a letter or digit first",
        ));
    }
    if !is_email(&new.email) {
        return Err(Refusal::invalid("email: an address like name@example.org, at most 254 bytes"));
    }
    if !new.password.is_acceptable() {
        return Err(Refusal::invalid("password: 8 to 256 bytes"));
    }
    let hash = demo.passwords.hash(new.password).await?;
    match demo.accounts.register(new.username, new.email, hash).await? {
        Registered::Created(account) => {
            let Account { username, email, admin, .. } = account;
            Ok((StatusCode::CREATED, Json(json!({ "username": username, "email": email, "admin": admin }))))
        }
        Registered::Taken => Err(TAKEN),
    }
}

async fn me(user: Authenticated<Profile>) -> Json<Value> {
    let Profile { username, email } = user.claims();
    Json(json!({ "sub": user.subject(), "username": username, "email": email, "admin": user.has_scope("admin") }))
}

async fn feed(user: Option<Authenticated<Profile>>) -> Json<Value> {
    let viewer = user.as_ref().map_or("guest", |user| &user.claims().username);
    Json(json!({ "viewer": viewer, "posts": POSTS }))
}

async fn notes(State(demo): State<Demo>, user: Authenticated<Profile>) -> Result<Json<Value>, Refusal> {
    Ok(Json(json!({ "notes": demo.notes.of(user.subject()).await? })))
}

#[derive(Deserialize)]
struct NewNote {
    text: String,
}

async fn add_note(
    State(demo): State<Demo>,
    user: Authenticated<Profile>,
    JsonBody(new): JsonBody<NewNote>,
) -> Result<impl IntoResponse, Refusal> {
    if !is_note(&new.text) {
        return Err(Refusal::invalid("text: 1 to 2,000 characters, not all of them blank"));
    }
    let note = demo.notes.add(user.subject(), new.text).await?.ok_or(GONE)?;
    Ok((StatusCode::CREATED, Json(note)))
}

const POSTS: [&str; 2] = ["Everybody reads this.", "Notes are for those who log in."];
const TAKEN: Refusal = Refusal::new(StatusCode::CONFLICT, "account_exists", "this username or email address is taken");
const GONE: Refusal = Refusal::not_found("this account is no longer there");
