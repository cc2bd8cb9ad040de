//! Reading a file that the server lives by: user.ini, ftpd.conf, certificates and keys.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// The most bytes that such a file may have.
const MOST: u64 = 64 * 1024 * 1024;

/// All of a regular file, which is never waited for. Anything else is an error that says what it is, and so is more than 64 MiB:
/// a FIFO would be waited for, and a device need not end.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A device may do something as soon as it is opened.
    fit(&std::fs::metadata(path)?)?;
    let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    // It may be another one by now.
    fit(&file.metadata()?)?;
    bounded(file, MOST)
}

fn fit(found: &std::fs::Metadata) -> io::Result<()> {
    let kind = found.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(io::Error::new(ErrorKind::InvalidInput, format!("this is {what}; a regular file is expected")))
}

fn bounded(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= most => Ok(bytes),
        _ => Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it is larger than {} MiB, and so no file of this server", MOST >> 20),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    #[test]
    fn only_regular_files_are_read_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "x").expect("made");
        symlink("file", path("link")).expect("made");
        mkfifoat(CWD, path("fifo"), Mode::from_raw_mode(0o600)).expect("made");
        let _listener = UnixListener::bind(path("socket")).expect("bound");
        let said = |path: &Path| read(path).map_err(|error| error.to_string());
        for name in ["file", "link"] {
            assert_eq!(said(&path(name)), Ok(b"x".to_vec()), "{name}");
        }
        for (path, what) in [
            (path("fifo"), "this is a FIFO;"),
            (path("socket"), "this is a socket;"),
            ("/dev/zero".into(), "this is a device;"),
            ("/dev/null".into(), "this is a device;"),
        ] {
            assert!(said(&path).is_err_and(|error| error.starts_with(what)), "{}", path.display());
        }
        assert_eq!(read(folder.path()).map_err(|error| error.kind()), Err(ErrorKind::IsADirectory));
        assert_eq!(read(&path("none")).map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    }

    #[test]
    fn the_size_is_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").expect("made");
        let kind = |most| bounded(File::open(&path).expect("there"), most).map_err(|error| error.kind());
        assert_eq!(kind(5), Ok(b"12345".to_vec()));
        assert_eq!(kind(4), Err(ErrorKind::FileTooLarge));
    }
}
