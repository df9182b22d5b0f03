//! A whole application on `jwt-sessions`: accounts, notes, and a page at `/` where all of it is done by hand.
//!
//! ```sh
//! cargo run --example demo
//! ```
//!
//! It needs no variable set. Besides those of `Settings::from_env` it reads `BIND_ADDR` (`127.0.0.1:3000`), `DEMO_DATA` (the
//! file of accounts and notes: `demo-accounts.db` beside the session file), `TRUSTED_PROXIES` (0: how many proxies of yours
//! add to `X-Forwarded-For`) and `RATE_LIMIT` (`on`; `off` lifts the limits of `limits.rs`: a minute has 60 registrations, 60
//! logins and 120 refreshes an address, and 10 logins an account), from the environment or from `.env` in the working
//! directory. Several of it over one database: `sh examples/cluster/run.sh`. Where too many passwords wait to be hashed, the answer is 503 in any
//! case. What it keeps is for its owner alone, and nothing of it belongs into a deployment
//! unread: start at `wiring.rs`.

mod accounts;
mod admin;
mod answers;
mod api;
mod credentials;
mod database;
mod environment;
mod limits;
mod notes;
mod page;
mod passwords;
mod ready;
mod secrets;
mod wiring;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::accounts::Accounts;
use crate::database::Database;
use crate::environment::Environment;
use crate::notes::Notes;
use crate::passwords::Passwords;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the routes share.
#[derive(Clone)]
pub(crate) struct Demo {
    pub(crate) accounts: Accounts,
    pub(crate) notes: Notes,
    pub(crate) passwords: Passwords,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let causes = std::iter::successors(Some(&*error as &dyn std::error::Error), |error| error.source());
            // SQLite's number for what the cause before it says in words.
            let said = causes.filter(|cause| !cause.is::<rusqlite::ffi::Error>());
            let line: Vec<String> = said.map(ToString::to_string).collect();
            eprintln!("demo: {}", line.join(": "));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), BoxError> {
    let Environment { settings, listener, address, data, proxies, rate_limit } = Environment::prepare()?;
    let database = Database::open(&data)?;
    let (accounts, notes) = (Accounts::new(database.clone()), Notes::new(database));
    let demo = Demo { accounts, notes, passwords: Passwords::new()? };
    let (app, sessions) = wiring::app(&settings, demo, proxies, rate_limit).await?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    announce(format_args!("Accounts and notes are kept in {}.", data.display()));
    match settings.site().origin() {
        None => announce(format_args!("COOKIES is off, which the page cannot do without: log in with curl.")),
        Some(origin) if origin != address => announce(format_args!("Open it at its PUBLIC_ORIGIN, {origin}.")),
        Some(_) => {}
    }
    announce(format_args!("The demo is at {address} (Ctrl-C ends it)."));

    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let server = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());
    let server = server.with_graceful_shutdown(async move {
        asked_to_stop().await;
        // Nobody is waiting only when the server has already ended.
        let _ = stopping.send(());
    });
    tokio::select! {
        ended = server.into_future() => ended?,
        // A client that never finishes its request does not keep the demo alive.
        () = async { let _ = stopped.await; tokio::time::sleep(LAST_REQUESTS).await } => {}
    }
    // What was seen in use is written in the background, and the runtime is about to end.
    sessions.flush().await;
    Ok(())
}

/// A line on stdout. Whoever reads only the first is no reason to stop.
pub(crate) fn announce(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

async fn asked_to_stop() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Ctrl-C cannot be heard here, which is no reason to stop.
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    interrupt.await;
}

const LAST_REQUESTS: Duration = Duration::from_secs(5);
