//! What lies between a program and its server: it can be cut at the worst moment, hold back what the server says, or lead to
//! another server.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of tests, outside of any test function")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<State>,
    task: AbortHandle,
}

struct State {
    target: AtomicU16,
    /// How many answers are still to be lost.
    losses: AtomicI64,
    /// Only answers that have this in them.
    needle: &'static [u8],
    holds_back: watch::Sender<bool>,
    /// Counts up when all connections are cut.
    cuts: watch::Sender<u64>,
    is_shut: AtomicBool,
    /// Changes when all connections are forgotten.
    forgotten: watch::Sender<Gone>,
}

/// What is gone when a connection says nothing more.
#[derive(Clone, Copy)]
pub(crate) enum Gone {
    /// The server, with all that it holds.
    Host,
    /// What is between: the server waits for what it is asked next.
    Network,
}

impl Proxy {
    /// On a free port, to the server at `target`.
    pub(crate) async fn start(target: u16, needle: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            target: AtomicU16::new(target),
            losses: AtomicI64::new(0),
            needle,
            holds_back: watch::Sender::new(false),
            cuts: watch::Sender::new(0),
            is_shut: AtomicBool::new(false),
            forgotten: watch::Sender::new(Gone::Host),
        });
        let task = tokio::spawn(accept(listener, state.clone())).abort_handle();
        Self { port, state, task }
    }

    /// The next so many answers are thrown away when they come, and their connections are cut: the server has done what it
    /// was asked, and nobody hears of it.
    pub(crate) fn lose(&self, answers: i64) {
        self.state.losses.store(answers, Ordering::Release);
    }

    /// How many of them are still to come.
    pub(crate) fn losses_left(&self) -> i64 {
        self.state.losses.load(Ordering::Acquire).max(0)
    }

    /// The server's words are held back, or not any more.
    pub(crate) fn hold_back(&self, holds_back: bool) {
        self.state.holds_back.send_replace(holds_back);
    }

    /// Cuts every connection. What was held back is lost.
    pub(crate) fn cut(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// No connection that there is says anything more, nor is it closed on this side. New ones work.
    pub(crate) fn forget(&self, gone: Gone) {
        self.state.forgotten.send_replace(gone);
    }

    /// Cuts every connection, and takes no more until it leads somewhere again.
    pub(crate) fn shut(&self) {
        self.state.is_shut.store(true, Ordering::Release);
        self.cut();
    }

    /// Leads to another server from now on.
    pub(crate) fn lead_to(&self, target: u16) {
        self.state.target.store(target, Ordering::Release);
        self.state.is_shut.store(false, Ordering::Release);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        if state.is_shut.load(Ordering::Acquire) {
            continue;
        }
        tokio::spawn(connection(client, state.clone()));
    }
}

async fn connection(client: TcpStream, state: Arc<State>) {
    let mut cuts = state.cuts.subscribe();
    let mut forgotten = state.forgotten.subscribe();
    let target = ("127.0.0.1", state.target.load(Ordering::Acquire));
    let Ok(server) = TcpStream::connect(target).await else { return };
    // It does not matter if one of them cannot.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    // Whichever ends first takes the other with it.
    tokio::select! {
        _ = cuts.changed() => {}
        Ok(()) = forgotten.changed() => {
            // What the client says goes nowhere, and it hears nothing, not even an end.
            let gone = *forgotten.borrow();
            let server = matches!(gone, Gone::Network).then_some((from_server, to_server));
            let _ = cuts.changed().await;
            drop(server);
        }
        () = forth(&mut from_client, &mut to_server) => {}
        () = back(&mut from_server, &mut to_client, &state) => {}
    }
}

async fn forth(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

async fn back(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, state: &State) {
    let mut held_back = state.holds_back.subscribe();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let said = &buffer[..length];
        if state.is_lost(said) {
            return;
        }
        // An error says that the proxy is gone.
        if held_back.wait_for(|holds_back| !holds_back).await.is_err() || to.write_all(said).await.is_err() {
            return;
        }
    }
}

impl State {
    fn is_lost(&self, said: &[u8]) -> bool {
        self.losses.load(Ordering::Acquire) > 0
            && said.windows(self.needle.len()).any(|window| window == self.needle)
            && self.losses.fetch_sub(1, Ordering::AcqRel) > 0
    }
}
