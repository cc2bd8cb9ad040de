//! What commands say in advance of a later one: RNFR, REST, RANG and ALLO.

use std::mem;

use crate::protocol::command::Window;
use crate::protocol::verbs::Role;
use crate::share::Renamable;

/// What was said in advance.
#[derive(Default)]
pub struct Prepared {
    /// RNFR: what RNTO, as the very next command, renames.
    pub rename_from: Option<Renamable>,
    /// REST: the byte at which the next RETR or STOR begins.
    pub restart: u64,
    /// RANG: the part of a file for the next HASH or RETR.
    pub window: Option<Window>,
    /// ALLO: how many bytes the next upload brings.
    pub announced: Option<u64>,
}

impl Prepared {
    /// Takes out what must not outlive the next command, even if it is refused or has no use for that.
    pub fn take_for(&mut self, role: Role) -> Self {
        let rename_from = self.rename_from.take();
        let rest = match role {
            Role::Plain | Role::Tls | Role::KeepsUser | Role::NamesPort => Self::default(),
            Role::Digests => Self { window: self.window.take(), ..Self::default() },
            Role::Sends => {
                Self { restart: mem::take(&mut self.restart), window: self.window.take(), ..Self::default() }
            }
            Role::Receives => mem::take(self),
        };
        Self { rename_from, ..rest }
    }
}

#[cfg(test)]
mod tests {
    use crate::protocol::request::Request;

    use super::*;

    #[test]
    fn each_command_uses_up_what_was_said_of_its_kind() {
        let cases: &[(&[u8], u64, bool, bool)] = &[
            (b"NOOP", 0, false, false),
            (b"TYPE I", 0, false, false),
            (b"PASV", 0, false, false),
            (b"XYZZY", 0, false, false),
            (b"", 0, false, false),
            (b"XCRC a", 0, false, false),
            (b"HASH a", 0, true, false),
            (b"RETR a", 4, true, false),
            (b"list", 4, true, false),
            (b"NLST -l", 4, true, false),
            (b"MLSD", 4, true, false),
            (b"STOR", 4, true, true),
            (b"APPE a\0", 4, true, true),
            (b"STOU", 4, true, true),
        ];
        for (line, restart, window, announced) in cases {
            let mut prepared = Prepared {
                rename_from: Some(Renamable::for_tests()),
                restart: 4,
                window: Some(Window { first: 1, last: 2 }),
                announced: Some(9),
            };
            let taken = prepared.take_for(Request::parse(line).role());
            let shown = line.escape_ascii();
            assert!(taken.rename_from.is_some() && prepared.rename_from.is_none(), "{shown}");
            assert_eq!((taken.restart, prepared.restart), (*restart, 4 - restart), "{shown}");
            assert_eq!((taken.window.is_some(), prepared.window.is_some()), (*window, !window), "{shown}");
            assert_eq!((taken.announced.is_some(), prepared.announced.is_some()), (*announced, !announced), "{shown}");
        }
    }
}
