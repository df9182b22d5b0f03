//! The scripts, each of which is one step for the server, and their calls.

use std::sync::LazyLock;

use ::redis::{Arg, Cmd, Script, ToRedisArgs, cmd};

macro_rules! scripts {
    ($($name:ident: $file:literal,)*) => {
        $(pub(super) static $name: LazyLock<Source> =
            LazyLock::new(|| Source::new(concat!(include_str!("scripts/prelude.lua"), include_str!($file))));)*
    };
}

scripts! {
    NOW: "scripts/now.lua",
    CREATE: "scripts/create.lua",
    LOAD: "scripts/load.lua",
    SWAP: "scripts/swap.lua",
    CONFIRM: "scripts/confirm.lua",
    REVOKE: "scripts/revoke.lua",
    REVOKE_SUBJECT: "scripts/revoke_subject.lua",
    LIST: "scripts/list.lua",
    PAGE: "scripts/page.lua",
    PURGE: "scripts/purge.lua",
    TRIM: "scripts/trim.lua",
    NOTE_ALL: "scripts/note_all.lua",
    REVOKE_PAGE: "scripts/revoke_page.lua",
    FEED: "scripts/feed.lua",
    MIGRATE: "scripts/migrate.lua",
}

pub(super) struct Source {
    text: &'static str,
    sha1: String,
}

impl Source {
    fn new(text: &'static str) -> Self {
        Self { text, sha1: Script::new(text).get_hash().to_owned() }
    }

    /// A call of this script with these keys, all of one slot. Its arguments follow.
    pub(super) fn call<K: ToRedisArgs>(&'static self, keys: &[K]) -> Call {
        let mut evalsha = cmd("EVALSHA");
        evalsha.arg(&self.sha1).arg(keys.len()).arg(keys);
        Call { source: self, evalsha }
    }
}

/// A script with its keys and arguments.
pub(super) struct Call {
    source: &'static Source,
    evalsha: Cmd,
}

impl Call {
    pub(super) fn arg(mut self, arg: impl ToRedisArgs) -> Self {
        self.evalsha.arg(arg);
        self
    }

    pub(super) const fn evalsha(&self) -> &Cmd {
        &self.evalsha
    }

    /// The same with the script itself, for a server that does not have it yet, or no longer.
    pub(super) fn eval(&self) -> Cmd {
        let mut eval = cmd("EVAL");
        eval.arg(self.source.text);
        for arg in self.evalsha.args_iter().skip(2) {
            if let Arg::Simple(arg) = arg {
                eval.arg(arg);
            }
        }
        eval
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{NOTED_FOR, REVOKED_FOR};

    #[test]
    fn the_scripts_know_how_long_things_are_kept() {
        let times = format!("60000, {}, {}\n", REVOKED_FOR.as_millis(), NOTED_FOR.as_millis());
        assert!(LOAD.text.contains(&times), "{times}");
    }

    #[test]
    fn a_script_is_sent_with_what_its_name_was_sent_with() {
        let call = LOAD.call(&["key"]).arg("").arg(b"\xff\0".as_slice());
        let args = |cmd: &Cmd| {
            let args = cmd.args_iter().skip(2).map(|arg| match arg {
                Arg::Simple(arg) => arg.to_vec(),
                _ => panic!(),
            });
            args.collect::<Vec<_>>()
        };
        assert_eq!(args(&call.eval()), args(call.evalsha()));
        assert_eq!(args(&call.eval()), [b"1".as_slice(), b"key", b"", b"\xff\0"]);
    }
}
