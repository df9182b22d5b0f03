//! Judges tokens: one case a line in, one verdict a line out, in the same order. For a list of tokens of your own:
//!
//! ```sh
//! cargo run --release --example check_tokens < cases.jsonl > verdicts.jsonl
//! ```
//!
//! A case is one JSON object on one line. All nine members are required, so that a misspelt one is no check left out;
//! others are ignored.
//!
//! | member | what |
//! |---|---|
//! | `id` | a string, repeated in the verdict |
//! | `token` | the token, a string of any length |
//! | `keys` | a JWK Set with the keys that verify |
//! | `algorithms` | the names that are allowed; one that is not supported allows nothing |
//! | `issuer` | `iss` must be this; `null`: not compared |
//! | `audience` | `aud` must name this, or one of these; `null`: not compared |
//! | `typ` | the header's `typ` must be this; `null`: any or none |
//! | `leeway` | seconds, also above 60, which takes a `dangerous_` setter elsewhere |
//! | `now` | seconds since the Unix epoch; `null`: the real clock |
//!
//! A key is used with its own `alg` if that is allowed, else with the one algorithm that its type and `algorithms` allow. The
//! verdict is `{"id", "verdict", "reason", "claims"}`: `accept` with the claims as the token has them; `reject` with the name of
//! the [`TokenErrorKind`](jwt_sessions::token::TokenErrorKind); `error` with a sentence where the line is no case (a blank
//! one, too), a key of the set is refused, or several algorithms remain for one.
//!
//! What decides is `Policy::verify` over `KeySet::jwks`, as in the layer: nothing about tokens or keys is decided here. Only
//! what a case cannot say is left out: the layer demands a `sub` as well.

mod case;
mod verdict;

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};

use jwt_sessions::clock::Clock;

use self::verdict::Judge;

fn main() -> io::Result<()> {
    match judge_all(io::stdin().lock(), io::stdout().lock()) {
        // Whoever reads the verdicts has seen enough: `| head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

fn judge_all(cases: impl Read, verdicts: impl Write) -> io::Result<()> {
    let (mut cases, mut verdicts) = (BufReader::new(cases), BufWriter::new(verdicts));
    let mut judge = Judge::new(Clock::system());
    let mut line = Vec::new();
    while cases.read_until(b'\n', &mut line)? > 0 {
        verdicts.write_all(judge.verdict(&line).as_bytes())?;
        verdicts.write_all(b"\n")?;
        line.clear();
        // Whoever writes one case and waits for its verdict gets it; whoever writes many gets them in large pieces.
        if !cases.buffer().contains(&b'\n') {
            verdicts.flush()?;
        }
    }
    verdicts.flush()
}
