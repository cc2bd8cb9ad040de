//! What the client is told of a [`Denied`], and of what the file system refused; the log says more: see `decided`.

use std::io;

use crate::fs::quota;
use crate::protocol::reply::Reply;
use crate::share::denied::Denied;

impl From<&Denied> for Reply {
    fn from(denied: &Denied) -> Self {
        match denied {
            Denied::Letter(perm) => {
                let (phrase, letter) = (perm.phrase(), perm.letter());
                Self::new(550, format!("This account may not {phrase} here (it lacks the letter '{letter}')."))
            }
            Denied::Home => Self::new(550, "Not the root folder."),
            Denied::ControlBytes => Self::new(553, "No control characters in a new name, please."),
            Denied::ServersOwn => Self::new(553, "Names of that form are the server's own."),
            Denied::Fixed => {
                Self::new(550, "The server's settings name that folder, or one in it, so it stays as it is.")
            }
            Denied::HoldsHidden => Self::new(550, "The folder holds names that are not shown here."),
            Denied::RefusedName => Self::new(553, "Files and folders of that name are not taken here."),
            Denied::Wider => Self::new(553, "The account may do more there: copy it, then delete it."),
            Denied::Late => Self::new(550, "That folder is newer than this session; log in again."),
            Denied::HiddenName => Self::new(553, "Names of that form are not taken here."),
            Denied::Occupied(_) => Self::new(553, "A file or folder of that name exists already."),
            Denied::AfterTheEnd => Self::new(554, "REST is after the end of the file."),
            Denied::Pending(0) => Self::new(554, "An upload of this file broke at its start: STOR it again."),
            Denied::Pending(kept) => Self::new(
                554,
                format!("A broken upload of this file waits: REST {kept} and STOR go on, STOR alone or DELE drop it."),
            ),
            Denied::File(error) => error.into(),
        }
    }
}

/// What a failed file operation means to the client: never the system's own text, never a real path.
impl From<&io::Error> for Reply {
    fn from(error: &io::Error) -> Self {
        if quota::is_over(error) {
            return Self::new(552, "That is more than the quota of this folder has room for.");
        }
        let (kind, errno) = (error.kind(), error.raw_os_error());
        let passing = errno.is_some_and(|errno| PASSING_ERRORS.contains(&errno));
        let known = FILE_ERRORS.iter().find(|(known, ..)| *known == kind);
        let (code, text) = match known {
            Some(&(_, code, text)) => (code, text),
            None if passing => (451, "The server can't do that at the moment; try again later."),
            None => (550, "The file system refused."),
        };
        Self::new(code, text)
    }
}

/// EIO, ENOMEM, ENFILE, EMFILE, on every Unix: nothing is wrong with the name.
const PASSING_ERRORS: [i32; 4] = [5, 12, 23, 24];

#[rustfmt::skip]
const FILE_ERRORS: &[(io::ErrorKind, u16, &str)] = &[
    (io::ErrorKind::NotFound,             550, "No such file or folder."),
    (io::ErrorKind::PermissionDenied,     550, "The file system denies access."),
    (io::ErrorKind::AlreadyExists,        550, "A file or folder of that name exists already."),
    (io::ErrorKind::NotADirectory,        550, "Not a folder."),
    (io::ErrorKind::IsADirectory,         550, "Is a folder."),
    (io::ErrorKind::DirectoryNotEmpty,    550, "The folder is not empty."),
    (io::ErrorKind::ReadOnlyFilesystem,   550, "The file system is read-only."),
    // EINVAL: vfat says so of a name with a colon, every system of such a move.
    (io::ErrorKind::InvalidInput,         550, "The file system takes no such name, nor moves a folder into itself."),
    (io::ErrorKind::InvalidFilename,      550, "The name is too long, or the file system does not take it."),
    (io::ErrorKind::Unsupported,          550, "Not a regular file."),
    (io::ErrorKind::ResourceBusy,         450, "The file is in use."),
    (io::ErrorKind::StorageFull,          452, "No room left on the disk."),
    (io::ErrorKind::QuotaExceeded,        452, "The disk quota is used up."),
    (io::ErrorKind::FileTooLarge,         552, "The file system takes no file as large as this."),
    (io::ErrorKind::CrossesDevices,       553, "That is on another file system: copy it, then delete it."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_errors_become_replies_without_the_systems_text() {
        for (kind, code) in [
            (io::ErrorKind::NotFound, 550),
            (io::ErrorKind::StorageFull, 452),
            (io::ErrorKind::CrossesDevices, 553),
            (io::ErrorKind::Other, 550),
        ] {
            let reply = Reply::from(&io::Error::new(kind, "/srv/secret"));
            assert_eq!(reply.code(), code);
            assert!(!reply.text().windows(6).any(|window| window == b"secret"));
        }
    }
}
