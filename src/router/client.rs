use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::header::USER_AGENT;
use http::request::Parts;

use super::context::Context;
use crate::store::Device;

impl<S> Context<S> {
    /// What the list of devices will show of whoever sent this.
    pub(super) fn device(&self, head: &Parts) -> Device {
        let agent = head.headers.get(USER_AGENT).filter(|_| self.keep_user_agent);
        Device {
            user_agent: agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned()),
            ip: self.address(head).filter(|_| self.keep_ip),
            label: None,
        }
    }

    /// The client's address: the peer's, or the one that the outermost trusted proxy saw. Anybody can write a forwarded
    /// header; only the entries that trusted proxies appended count.
    fn address(&self, head: &Parts) -> Option<IpAddr> {
        let peer = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
        if self.trusted_proxies == 0 {
            return peer;
        }
        let entries: Vec<_> = head
            .headers
            .get_all("x-forwarded-for")
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .collect();
        let entry = entries.len().checked_sub(self.trusted_proxies).and_then(|index| entries.get(index));
        entry.and_then(|entry| address_of(std::str::from_utf8(entry).ok()?)).or(peer)
    }
}

/// An entry's address; some proxies write the port with it.
fn address_of(entry: &str) -> Option<IpAddr> {
    let with_port = || entry.parse::<SocketAddr>().map(|address| address.ip());
    entry.parse::<IpAddr>().or_else(|_| with_port()).ok().map(|address| address.to_canonical())
}
