//! Names on the wire: how they come in and go out if the account has a charset (`charset` of user.ini).
//!
//! All other files of the session see names as the disk has them. Without a charset, and after OPTS UTF8 ON, they pass as they are.

use std::borrow::Cow;

use crate::protocol::charset::Charset;
use crate::protocol::command::FileCommand;
use crate::protocol::path::{Name, VirtualPath};
use crate::protocol::reply::Reply;
use crate::session::login::Login;
use crate::session::refusal::{Refusal, Why};

/// Telnet's first byte of a command; as data it is sent twice (RFC 854).
const IAC: u8 = 255;

impl Login {
    /// The charset in which names come and go; `None` if they are not converted.
    fn charset_now(&self) -> Option<Charset> {
        self.charset.filter(|_| !self.agreed.preferences.utf8)
    }

    /// Makes the names of a command, as they were sent, those that the disk has.
    pub(super) fn take_names(&self, command: &mut FileCommand) -> Result<(), Box<Refusal>> {
        match self.charset {
            None => Ok(()),
            Some(charset) => self.convert_names(charset, command),
        }
    }

    #[cold]
    #[inline(never)]
    fn convert_names(&self, charset: Charset, command: &mut FileCommand) -> Result<(), Box<Refusal>> {
        let makes = makes_a_name(command);
        // Where the name ends is found later: see `meant`.
        let may_have_numbers = matches!(command, FileCommand::Checksum(..));
        for name in command.names_mut().into_iter().flatten() {
            let Some(text) = self.text_of(name.as_bytes()) else {
                return Err(self.refuse_name(charset, if makes { 553 } else { 550 }));
            };
            let found = if may_have_numbers { text.into_owned() } else { self.found(charset, &text) };
            // It is neither empty nor does it hold a NUL: what was sent did not.
            *name = Name::new(&found).unwrap_or_else(|| name.clone());
        }
        Ok(())
    }

    /// The text of a name as it was sent; `None` if the charset has no such bytes.
    fn text_of<'n>(&self, sent: &'n [u8]) -> Option<Cow<'n, [u8]>> {
        let Some(charset) = self.charset_now() else { return Some(Cow::Borrowed(sent)) };
        Some(match charset.text(sent)? {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    }

    fn refuse_name(&self, charset: Charset, code: u16) -> Box<Refusal> {
        let text = format!("That name is not in {charset}; after OPTS UTF8 ON names are in UTF-8.");
        Refusal::new(Reply::new(code, text), Why::Reason(self.share.user_now().source("charset").to_string()))
    }

    /// The name of a file that the client may have been shown under this one, which may have been spelled for it.
    pub(super) fn meant(&self, name: Name) -> Name {
        let Some(charset) = self.charset else { return name };
        Name::new(&self.found(charset, name.as_bytes())).unwrap_or(name)
    }

    /// The same for a path. Each of its components that exists as it stands is no spelled one.
    fn found(&self, charset: Charset, path: &[u8]) -> Vec<u8> {
        if !path.contains(&b'?') {
            return path.to_vec();
        }
        let mut place = if path.starts_with(b"/") { VirtualPath::root() } else { self.cwd.clone() };
        let mut found = Vec::with_capacity(path.len());
        for (number, component) in path.split(|&byte| byte == b'/').enumerate() {
            // After an error, that of the name as it was sent is told.
            let exists = |place: &VirtualPath| self.share.has(&place.join(component)).unwrap_or(true);
            let meant = charset.meant(component).filter(|_| !exists(&place));
            let component = meant.as_deref().unwrap_or(component);
            if number > 0 {
                found.push(b'/');
            }
            found.extend_from_slice(component);
            place = place.join(component);
        }
        found
    }

    /// A name or path as a list on the data connection shows it.
    pub(super) fn listed<'n>(&self, name: &'n [u8]) -> Cow<'n, [u8]> {
        match self.charset_now() {
            None => Cow::Borrowed(name),
            Some(charset) => charset.shown(name),
        }
    }

    /// A name or path as a reply shows it.
    pub(super) fn told<'n>(&self, name: &'n [u8]) -> Cow<'n, [u8]> {
        self.over_telnet(self.listed(name))
    }

    /// What was made for a list, as a reply sends it.
    pub(super) fn over_telnet<'t>(&self, text: Cow<'t, [u8]>) -> Cow<'t, [u8]> {
        if self.charset_now().is_none() || !text.contains(&IAC) {
            return text;
        }
        let doubled = text.iter().flat_map(|&byte| std::iter::repeat_n(byte, if byte == IAC { 2 } else { 1 }));
        Cow::Owned(doubled.collect())
    }
}

/// Whether a command gives a file or folder a name.
fn makes_a_name(command: &FileCommand) -> bool {
    use FileCommand as F;
    matches!(command, F::Stor(_) | F::Stou(_) | F::Appe(_) | F::Mkd(_) | F::Rnto(_))
}
