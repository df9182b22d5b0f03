//! A row as bytes for a socket, and as the request that a server makes of them.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Once;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tower::ServiceExt;

use super::row::Row;

/// An answer, from either way.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    /// The one value of a header; empty when there is none.
    pub(crate) fn one(&self, name: &str) -> &str {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} twice: {all:?}");
        all.first().copied().unwrap_or_default()
    }
}

/// A server on a free port of this machine, until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn of(app: Router) -> Self {
        watch_for_panics();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, serving: tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }) }
    }

    /// Writes the bytes of a row and reads the answer to its end.
    pub(crate) async fn send(&self, row: &Row, tokens: &Tokens) -> Reply {
        let bytes = bytes_of(row, tokens);
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (read, mut write) = stream.split();
        let sending = async {
            // A server that refuses early stops reading.
            let _ = write.write_all(&bytes).await;
        };
        let receiving = async {
            let mut answer = Vec::new();
            let _ = read.take(1 << 20).read_to_end(&mut answer).await;
            answer
        };
        let both = async { tokio::join!(sending, receiving).1 };
        let answer = tokio::time::timeout(Duration::from_secs(20), both).await;
        parsed(&answer.unwrap_or_else(|_| panic!("no answer: {}", row.name)), row.name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The same request without a server; none where its bytes make no request, or their framing is the server's business.
pub(crate) fn request_of(row: &Row, tokens: &Tokens) -> Option<Request<Body>> {
    let start = tokens.fill(row.start);
    let mut words = start.split(|byte| *byte == b' ');
    let (method, target) = (Method::from_bytes(words.next()?).ok()?, Uri::try_from(words.next()?).ok()?);
    let version = if words.next()? == b"HTTP/1.0" { Version::HTTP_10 } else { Version::HTTP_11 };
    let mut request = Request::builder().method(method).uri(target).version(version).header("host", "app.example");
    for line in row.lines {
        let line = tokens.fill(line);
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (HeaderName::from_bytes(&line[..colon]).ok()?, &line[colon + 1..]);
        // Blanks stay, and so the layer itself meets what a server would have trimmed.
        let value = HeaderValue::from_bytes(value.strip_prefix(b" ").unwrap_or(value)).ok()?;
        if name == "transfer-encoding" {
            return None;
        }
        request = request.header(name, value);
    }
    Some(request.body(Body::from(tokens.fill(row.body))).unwrap())
}

pub(crate) async fn in_process(app: &Router, request: Request<Body>) -> (Reply, http::Extensions) {
    let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (reply_of(&Response::from_parts(head.clone(), ()), &bytes), head.extensions)
}

fn reply_of(response: &Response<()>, body: &[u8]) -> Reply {
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    Reply { status: response.status().as_u16(), headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

fn bytes_of(row: &Row, tokens: &Tokens) -> Vec<u8> {
    let framed = |line: &&&[u8]| {
        let line = line.to_ascii_lowercase();
        line.starts_with(b"content-length") || line.starts_with(b"transfer-encoding")
    };
    let body = tokens.fill(row.body);
    let mut bytes = [&tokens.fill(row.start)[..], b"\r\nHost: app.example\r\n"].concat();
    for line in row.lines {
        bytes.extend([&tokens.fill(line)[..], b"\r\n"].concat());
    }
    if !body.is_empty() && row.lines.iter().find(framed).is_none() {
        bytes.extend(format!("Content-Length: {}\r\n", body.len()).into_bytes());
    }
    bytes.extend(b"Connection: close\r\n\r\n");
    bytes.extend(body);
    bytes
}

fn parsed(answer: &[u8], name: &str) -> Reply {
    let text = std::str::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {name:?}: {text:?}"));
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Reply { status, headers, body: body.to_owned() }
}

/// What the names in angle brackets stand for.
pub(crate) struct Tokens(pub(crate) Vec<(&'static str, String)>);

impl Tokens {
    /// The bytes with every name replaced.
    fn fill(&self, mut bytes: &[u8]) -> Vec<u8> {
        let mut filled = Vec::new();
        while let Some(open) = bytes.iter().position(|byte| *byte == b'<') {
            let close = open + bytes[open..].iter().position(|byte| *byte == b'>').unwrap();
            let name = std::str::from_utf8(&bytes[open + 1..close]).unwrap();
            filled.extend_from_slice(&bytes[..open]);
            filled.extend(self.of(name).bytes());
            bytes = &bytes[close + 1..];
        }
        filled.extend_from_slice(bytes);
        filled
    }

    pub(crate) fn of(&self, name: &str) -> String {
        match name {
            "64k" => "x".repeat(64 * 1024),
            "100 lines" => ["X: y"; 100].join("\r\n"),
            _ => self.0.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}?")).1.clone(),
        }
    }
}

thread_local! {
    /// Of this test alone: its server runs on its own thread.
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

/// A panic inside a server ends a task of its own and would otherwise be a closed connection and no more.
fn watch_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
}

pub(crate) fn nothing_panicked() {
    assert_eq!(PANICS.get(), 0, "something panicked");
}
