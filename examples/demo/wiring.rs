//! Where the crate meets the demo: this is the part to copy.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use jwt_sessions::router::SessionRoutes;
use jwt_sessions::store::AnyStore;
use jwt_sessions::{Grant, JwtAuthLayer, Login, Require, Sessions, Settings, Verifier, accounts, jwks_router};

use crate::answers::Refusal;
use crate::api::Profile;
use crate::credentials::Credentials;
use crate::{BoxError, Demo, admin, api, limits, page, ready};

/// The whole application. `settings` are those of `Settings::from_env`, completed by the demo's defaults; `proxies` is how
/// many of ours stand before it, `limited` whether registrations, logins and refreshes are limited. With it come the sessions,
/// to be flushed at the end.
///
/// # Errors
///
/// When a setting is refused, or the store cannot be opened or does not answer.
pub(crate) async fn app(
    settings: &Settings,
    demo: Demo,
    proxies: usize,
    limited: bool,
) -> Result<(Router, Sessions<AnyStore>), BoxError> {
    let store = settings.store().await?;
    // Makes the tables of a database; a SQLite file and Redis that were opened by their URL are ready already. Every instance
    // may call it.
    store.migrate().await?;
    let (for_login, for_grant) = (demo.clone(), demo.clone());
    let login = move |credentials| login(for_login.clone(), credentials);
    let grant = move |subject| grant(for_grant.clone(), subject);
    let sessions = settings.builder(store, accounts(login, grant)).build()?;
    // What other instances ended is known before the first request is served.
    tokio::time::timeout(PATIENCE, sessions.ready()).await.map_err(|_| SILENT)?;

    let verifier = sessions.verifier();
    let admin = admin::routes().route_layer(Require::scope("admin"));
    let protected = api::protected_routes().merge(admin).route_layer(JwtAuthLayer::new(verifier.clone()));
    let optional = api::optional_routes().route_layer(JwtAuthLayer::new(verifier).optional());
    let keys = jwks_router(&sessions);
    let auth = SessionRoutes::new(sessions.clone()).trusted_proxies(proxies).router();
    let open = api::open_routes();
    let (auth, open) = if limited {
        (limits::sessions(auth, demo.accounts.clone(), proxies)?, open.route_layer(limits::registrations(proxies)?))
    } else {
        (auth, open)
    };

    let app = Router::new()
        .merge(protected)
        .merge(optional)
        // What is added from here on is not protected.
        .merge(open)
        .with_state(demo)
        .merge(page::routes())
        .merge(keys)
        .merge(ready::routes(sessions.clone()))
        .nest("/auth", auth)
        .method_not_allowed_fallback(|| async { Refusal::METHOD })
        .fallback(|| async { Refusal::not_found("there is nothing at this path") })
        .layer(from_fn_with_state(sessions.verifier(), only_this_machine));
    Ok((app, sessions))
}

/// In development mode a page of another name that was pointed at this machine would count as the same origin, and could
/// register the first account. The crate's own layer and router refuse it; this does so for everything else.
async fn only_this_machine(State(verifier): State<Verifier>, request: Request, next: Next) -> Response {
    if verifier.serves(request.uri(), request.headers()) {
        next.run(request).await
    } else {
        Refusal::invalid("in development mode only this machine is served").into_response()
    }
}

async fn login(demo: Demo, credentials: Credentials) -> Result<Option<Login>, BoxError> {
    let remember = credentials.remember;
    let subject = credentials.subject(&demo.accounts, &demo.passwords).await?;
    Ok(subject.map(|subject| Login::new(subject).remember(remember)))
}

/// Asked at every login and every refresh: what an admin changed takes effect here.
async fn grant(demo: Demo, subject: String) -> Result<Option<Grant<Profile>>, BoxError> {
    let account = demo.accounts.by_id(&subject).await?.filter(|account| !account.disabled);
    Ok(account.map(|account| {
        let admin = account.admin;
        let grant = Grant::new(Profile::from(account));
        if admin { grant.scope("admin") } else { grant }
    }))
}

/// How long the store may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(10);
const SILENT: &str = "SESSION_STORE: the store did not say within 10 seconds which sessions have ended";
