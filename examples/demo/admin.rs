//! What an admin sees and changes. It shows at the other person's next refresh, not before: access tokens are not asked for
//! again.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, patch};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Demo;
use crate::accounts::Account;
use crate::answers::{JsonBody, Refusal};

/// The routes for those who have the scope `admin`.
pub(crate) fn routes() -> Router<Demo> {
    Router::new().route("/admin", get(overview)).route("/admin/users/{username}", patch(change).delete(delete))
}

async fn overview(State(demo): State<Demo>) -> Result<Json<Value>, Refusal> {
    let users: Vec<Value> = demo.accounts.all().await?.iter().map(shown).collect();
    Ok(Json(json!({ "users": users })))
}

/// A misspelt member would be a change that silently is none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    disabled: Option<bool>,
    admin: Option<bool>,
}

/// axum's refusal of a path that is not UTF-8 is text of its own; no account has such a name.
type Username = Result<Path<String>, PathRejection>;

async fn change(
    State(demo): State<Demo>,
    username: Username,
    JsonBody(Change { disabled, admin }): JsonBody<Change>,
) -> Result<Json<Value>, Refusal> {
    let Path(username) = username.map_err(|_| UNKNOWN)?;
    if (disabled, admin) == (None, None) {
        return Err(Refusal::invalid("name a change: disabled, admin or both, each true or false"));
    }
    let account = demo.accounts.change(&username, admin, disabled).await?.ok_or(UNKNOWN)?;
    Ok(Json(shown(&account)))
}

async fn delete(State(demo): State<Demo>, username: Username) -> Result<StatusCode, Refusal> {
    let Path(username) = username.map_err(|_| UNKNOWN)?;
    if demo.accounts.delete(&username).await? { Ok(StatusCode::NO_CONTENT) } else { Err(UNKNOWN) }
}

fn shown(account: &Account) -> Value {
    let Account { username, email, admin, disabled, .. } = account;
    json!({ "username": username, "email": email, "admin": admin, "disabled": disabled })
}

const UNKNOWN: Refusal = Refusal::not_found("there is no user of that name");
