//! axum-login: the session is a row in a store, its cookie an opaque name.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use axum_login::{AuthManagerLayerBuilder, AuthUser, AuthnBackend, UserId, login_required};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderValue, Request, StatusCode};
use jwt_sessions_benches::Case;
use jwt_sessions_benches::alike::same;
use jwt_sessions_benches::apps::bare;
use jwt_sessions_benches::tokens::Alg;
use tokio::runtime::Runtime;
use tower::ServiceExt;
use tower_sessions::{MemoryStore, SessionManagerLayer};

/// The same for all algorithms: measured once, with HS256.
pub(crate) fn case(alg: Alg, runtime: &Runtime) -> Option<Case<'_>> {
    if !alg.ours.is_symmetric() {
        return None;
    }
    let app = app();
    let login = Request::post("/login").body(Body::empty()).unwrap();
    let answer = runtime.block_on(app.clone().oneshot(login)).unwrap();
    let set = answer.headers()[SET_COOKIE].to_str().unwrap();
    let cookie = HeaderValue::from_str(set.split(';').next().unwrap()).unwrap();
    Some(same("axum-login", runtime, app, (COOKIE, cookie)))
}

fn app() -> Router {
    let people = (0..1000).map(|id| (id, Person { id, password: vec![7; 32] })).collect();
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let auth = AuthManagerLayerBuilder::new(People { people: Arc::new(people) }, sessions).build();
    bare().route_layer(login_required!(People)).route("/login", post(login)).layer(auth)
}

async fn login(mut session: axum_login::AuthSession<People>) -> StatusCode {
    let person = session.authenticate(1).await.unwrap().unwrap();
    session.login(&person).await.unwrap();
    StatusCode::NO_CONTENT
}

#[derive(Clone, Debug)]
struct Person {
    id: u64,
    password: Vec<u8>,
}

impl AuthUser for Person {
    type Id = u64;

    fn id(&self) -> u64 {
        self.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        &self.password
    }
}

#[derive(Clone)]
struct People {
    people: Arc<HashMap<u64, Person>>,
}

impl AuthnBackend for People {
    type User = Person;
    type Credentials = u64;
    type Error = Infallible;

    async fn authenticate(&self, id: u64) -> Result<Option<Person>, Infallible> {
        Ok(self.people.get(&id).cloned())
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<Person>, Infallible> {
        Ok(self.people.get(id).cloned())
    }
}
