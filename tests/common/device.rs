//! A device of a person, over real HTTP: it keeps its tokens as clients do, in a cookie jar or by itself.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper that fails fails its test")]

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{COOKIE, HeaderMap, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::demo::Demo;

pub(crate) const PASSWORD: &str = "correct horse";

/// How a device gets its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Cookie,
    Body,
}

/// A device, with the tokens that it has now. In the cookie channel its jar sends them; what is kept here is for looking.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) access: String,
    pub(crate) refresh: String,
    origin: String,
    channel: Channel,
    /// The names of the cookies: the access token's and the refresh token's.
    names: [String; 2],
    client: Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Null when the body is not JSON.
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Device {
    pub(crate) fn new(demo: &Demo, channel: Channel) -> Self {
        Self::of(&demo.origin, channel)
    }

    /// One that finds the demo at its public origin.
    pub(crate) fn of(origin: &str, channel: Channel) -> Self {
        let port = origin.rsplit(':').next().unwrap();
        Self {
            access: String::new(),
            refresh: String::new(),
            origin: origin.to_owned(),
            channel,
            names: [format!("access-{port}"), format!("refresh-{port}")],
            client: client(channel == Channel::Cookie),
        }
    }

    /// The same device at another instance of the demo, which shares the first one's public origin.
    pub(crate) fn at(&self, demo: &Demo) -> Self {
        Self { origin: demo.origin.clone(), ..self.clone() }
    }

    pub(crate) async fn login(&mut self, name: &str) -> Answer {
        let path = if self.channel == Channel::Body { "/auth/login?delivery=body" } else { "/auth/login" };
        let body = json!({ "username": name, "password": PASSWORD });
        let answer = read(self.request(Method::POST, path).json(&body)).await;
        self.keep(&answer);
        answer
    }

    pub(crate) async fn refresh(&mut self) -> Answer {
        self.renew("/auth/refresh").await
    }

    pub(crate) async fn rotate(&mut self) -> Answer {
        self.renew("/auth/rotate").await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// A request that carries the access token.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.request(method, path);
        if self.channel == Channel::Body && !self.access.is_empty() {
            request = request.bearer_auth(&self.access);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request).await
    }

    /// What `/me` answers to this access token, which comes as this device sends its own.
    pub(crate) async fn me_with(&self, access: &str) -> Answer {
        let request = client(false).get(format!("{}/me", self.origin));
        read(match self.channel {
            Channel::Cookie => request.header(COOKIE, format!("{}={access}", self.names[0])),
            Channel::Body => request.bearer_auth(access),
        })
        .await
    }

    /// What `/auth/refresh` answers to this refresh token, which nothing is done with.
    pub(crate) async fn refresh_with(&self, refresh: &str) -> Answer {
        let request = client(false).post(format!("{}/auth/refresh", self.origin));
        read(match self.channel {
            Channel::Cookie => request.header(COOKIE, format!("{}={refresh}", self.names[1])),
            Channel::Body => request.json(&json!({ "refresh_token": refresh })),
        })
        .await
    }

    async fn renew(&mut self, path: &str) -> Answer {
        let mut request = self.request(Method::POST, path);
        if self.channel == Channel::Body {
            request = request.json(&json!({ "refresh_token": self.refresh }));
        }
        let answer = read(request).await;
        self.keep(&answer);
        answer
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.origin))
    }

    /// Takes the tokens of a success, and checks that they came in this device's channel and no other.
    pub(crate) fn keep(&mut self, answer: &Answer) {
        if answer.status != 200 {
            return;
        }
        match self.channel {
            Channel::Cookie => {
                assert!(answer.json["access_token"].is_null() && answer.json["refresh_token"].is_null());
                self.access = answer.cookie(&self.names[0]).unwrap();
                // A refresh token that stays is not set again.
                self.refresh = answer.cookie(&self.names[1]).unwrap_or_else(|| self.refresh.clone());
            }
            Channel::Body => {
                assert!(!answer.headers.contains_key(SET_COOKIE));
                self.access = answer.json["access_token"].as_str().unwrap().to_owned();
                self.refresh = answer.json["refresh_token"].as_str().unwrap().to_owned();
            }
        }
    }

    /// Whether the answer takes both cookies away.
    pub(crate) fn clears(&self, answer: &Answer) -> bool {
        self.names.iter().all(|name| answer.cookie(name).as_deref() == Some(""))
    }
}

impl Answer {
    pub(crate) fn error(&self) -> (u16, &str) {
        (self.status, self.json["error"].as_str().unwrap_or_default())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The value that a cookie is set to.
    fn cookie(&self, name: &str) -> Option<String> {
        let values = self.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap());
        values
            .filter_map(|value| value.split(';').next()?.strip_prefix(name)?.strip_prefix('='))
            .next()
            .map(str::to_owned)
    }
}

/// Makes an account. The first one is an admin.
pub(crate) async fn register(demo: &Demo, username: &str) -> Answer {
    register_at(&demo.origin, username).await
}

pub(crate) async fn register_at(origin: &str, username: &str) -> Answer {
    let email = format!("{username}@example.org");
    let body = json!({ "username": username, "email": email, "password": PASSWORD });
    read(client(false).post(format!("{origin}/register")).json(&body)).await
}

pub(crate) async fn read(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
}

/// `gen` of a token, which is not verified.
pub(crate) fn generation(token: &str) -> u64 {
    let payload = token.split('.').nth(1).unwrap();
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    payload["gen"].as_u64().unwrap()
}

/// Asks again and again until there is an answer, for what only time brings: the demo's clock is the real one.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "still not: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A connection for each request: a demo that was started again knows none of the old ones.
pub(crate) fn client(jar: bool) -> Client {
    let builder = Client::builder().cookie_store(jar).pool_max_idle_per_host(0).timeout(Duration::from_secs(60));
    builder.build().unwrap()
}
