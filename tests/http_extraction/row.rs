//! The form of the tables.

/// One request, and what must come of it.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// The request line.
    pub(crate) start: &'static [u8],
    /// The field lines as they go over the wire, without their ends. `<alice>` and the like stand for tokens; `Host`,
    /// `Connection: close` and, where a body needs it, `Content-Length` are added.
    pub(crate) lines: &'static [&'static [u8]],
    pub(crate) body: &'static [u8],
    pub(crate) expected: Verdict,
    /// Where the order of preference changes the verdict: the one of `cookie_first`.
    pub(crate) cookie_first: Option<Verdict>,
    /// What decides.
    pub(crate) section: &'static str,
}

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// The handler runs, and this is who asks; or a refresh token is taken, and this is which.
    Taken(&'static str),
    /// Layer or router refuse, with this status, this `error` in the body, this `WWW-Authenticate` (empty: none), and
    /// no `Set-Cookie`.
    Refused(u16, &'static str, &'static str),
    /// The same, and both cookies are taken away: the session is over for whoever sent them.
    Cleared(u16, &'static str, &'static str),
    /// hyper refuses with this status, and no request arises.
    ByServer(u16),
}

pub(crate) const fn row(
    name: &'static str,
    lines: &'static [&'static [u8]],
    expected: Verdict,
    section: &'static str,
) -> Row {
    Row { name, start: b"GET / HTTP/1.1", lines, body: b"", expected, cookie_first: None, section }
}

impl Row {
    pub(crate) const fn start(self, start: &'static [u8]) -> Self {
        Self { start, ..self }
    }

    pub(crate) const fn body(self, body: &'static [u8]) -> Self {
        Self { body, ..self }
    }

    pub(crate) const fn cookie_first(self, verdict: Verdict) -> Self {
        Self { cookie_first: Some(verdict), ..self }
    }
}
