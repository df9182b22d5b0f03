//! What the search remembers: the row, what travels, and who holds what.

use std::collections::BTreeSet;

use crate::session::rotation::Operation;

/// A refresh token, as far as the rotation reads it. Two that are equal are the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Token {
    pub(super) generation: u8,
    pub(super) previous: u8,
}

/// A row, with its age in ticks instead of the moment of its rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Record {
    pub(super) generation: u8,
    pub(super) previous: u8,
    pub(super) seen: u8,
    pub(super) cut: u8,
    pub(super) age: i8,
    pub(super) revoked: bool,
}

impl Record {
    pub(super) const OPENED: Self = Self { generation: 1, previous: 1, seen: 0, cut: 0, age: 0, revoked: false };

    pub(super) const fn newest(&self) -> Token {
        Token { generation: self.generation, previous: self.previous }
    }

    /// The same when so many ticks have passed; no rule tells ages beyond `oldest` apart.
    pub(super) fn aged(self, ticks: i8, oldest: i8) -> Self {
        Self { age: self.age.saturating_add(ticks).min(oldest), ..self }
    }
}

/// What is on its way between the honest client and the server, and for how many ticks more it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Mail {
    pub(super) left: u8,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum What {
    Request(Token, Asked),
    /// Only answers with a refresh token travel; one without changes nothing at the client. The flag: of a `/rotate`.
    Answer(Token, bool),
}

/// The two operations that differ in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Asked {
    Refresh,
    Rotate,
}

impl From<Asked> for Operation {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Refresh => Self::Refresh,
            Asked::Rotate => Self::Rotate,
        }
    }
}

/// A token that was written, the one that was presented for it, and the newest one before: who descends from whom, and
/// which writes were ever made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Issue {
    pub(super) token: Token,
    pub(super) parent: Token,
    pub(super) from: Token,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Party {
    Honest,
    Thief,
}

/// The time in which neither party presents within 3W of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Quiet {
    pub(super) last: Option<Party>,
    /// How often the honest client and the thief have refreshed; two is as good as more.
    pub(super) refreshed: (u8, u8),
    /// One loss may happen in it.
    pub(super) lost: bool,
}

/// What a property was broken by. A world with one goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Fault {
    HonestRefused,
    Missed,
    WindowMoved,
    CutIgnored,
    Invented,
    OrderLost,
    SightIgnored,
    HopeDiffers,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) row: Record,
    /// What a failover falls back to: the rows before the last writes that need not be durable, the latest last.
    pub(super) behind: Vec<Record>,
    /// The jar that the honest client's tabs share.
    pub(super) jar: Option<Token>,
    pub(super) mail: Vec<Mail>,
    pub(super) thief: Option<Token>,
    /// The thief has been answered.
    pub(super) suspect: bool,
    /// Generations whose access tokens somebody holds: any may be confirmed at any time, late, again, or never.
    pub(super) out: BTreeSet<u8>,
    pub(super) issued: BTreeSet<Issue>,
    pub(super) quiet: Option<Quiet>,
    pub(super) failovers: u8,
    pub(super) clock_sets: u8,
    /// An answer with a token, or the store's last write, was lost.
    pub(super) answer_lost: bool,
    pub(super) failed_over: bool,
    /// An access token in use was not confirmed when the quiet began, or in it.
    pub(super) sight_lost: bool,
    pub(super) fault: Option<Fault>,
}

impl World {
    /// Just logged in.
    pub(super) fn opened() -> Self {
        let token = Record::OPENED.newest();
        Self {
            row: Record::OPENED,
            behind: Vec::new(),
            jar: Some(token),
            mail: Vec::new(),
            thief: None,
            suspect: false,
            out: BTreeSet::from([1]),
            issued: BTreeSet::from([Issue { token, parent: token, from: token }]),
            quiet: None,
            failovers: 0,
            clock_sets: 0,
            answer_lost: false,
            failed_over: false,
            sight_lost: false,
            fault: None,
        }
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.behind.iter().chain([&self.row])
    }

    pub(super) fn blame(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// Whether `younger` came of `older`, by way of any tokens between.
    pub(super) fn descends(&self, younger: Token, older: Token) -> bool {
        younger == older
            || self.issued.iter().any(|issue| {
                issue.token == younger
                    && issue.parent.generation < younger.generation
                    && self.descends(issue.parent, older)
            })
    }
}
