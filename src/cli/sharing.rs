//! `ftpd DIR`: what the command line says about a folder that is shared without any file.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, ValueEnum};

use crate::auth::shared_folder::{Member, SharedFolder};
use crate::ini::{Holds, shell_word, windows_path};

/// A folder to share without any file, and with whom.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Sharing a folder without any file")]
pub struct Sharing {
    /// Share this folder now: read-only, with everybody on your network
    #[arg(value_name = "DIR", value_parser = PathBufValueParser::new().try_map(folder), conflicts_with = "users")]
    folder: Option<PathBuf>,

    /// Others may also upload, replace, rename and delete
    #[arg(long, requires = "folder")]
    write: bool,

    /// Share it only with this account; without a password, one is made up and shown
    #[arg(long, value_name = "NAME[:PASSWORD]", requires = "folder", value_parser = str::parse::<Member>)]
    user: Option<Member>,

    /// Let anonymous in from the whole Internet, not only from your network
    #[arg(long, requires = "folder")]
    public: bool,

    /// Show names that begin with a dot, too; with --write, let them be changed
    #[arg(long, requires = "folder")]
    hidden: bool,

    /// Show the address for browsers as a QR code, which phones read: on a terminal, or on, or off
    #[arg(long, value_name = "WHEN", requires = "folder", value_enum, num_args = 0..=1, require_equals = true,
        default_missing_value = "on", hide_possible_values = true)]
    qr: Option<QrCodeShown>,
}

/// When the QR code of the address for browsers is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum QrCodeShown {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

impl Sharing {
    /// The folder to share, if there is one.
    pub fn shared(&self) -> Option<SharedFolder> {
        let path = self.folder.clone()?;
        let member = self.user.clone();
        let (is_writable, is_public, shows_hidden) = (self.write, self.public, self.hidden);
        Some(SharedFolder { path, is_writable, is_public, shows_hidden, member })
    }

    /// When the QR code is shown.
    pub fn qr_code(&self) -> QrCodeShown {
        self.qr.unwrap_or_default()
    }
}

/// The folder of this name, absolute and without links.
fn folder(given: PathBuf) -> Result<PathBuf, String> {
    let path = fs::canonicalize(&given).map_err(|error| match error.kind() {
        ErrorKind::NotFound => match given.to_str().and_then(windows_path) {
            Some(example) => format!("this is a path of Windows; here its disk may be at {example}"),
            None => "there is no folder of this name".to_owned(),
        },
        _ => error.to_string(),
    })?;
    if path.is_dir() { Ok(path) } else { Err(file(&given)) }
}

/// It is no folder.
#[cold]
fn file(given: &Path) -> String {
    let kind = match Holds::of(given) {
        Some(kind) => Some(kind),
        None if given.extension().is_some_and(|extension| extension == "ini") => Some(Holds::Accounts),
        None if given.extension().is_some_and(|extension| extension == "conf") => Some(Holds::Settings),
        None => None,
    };
    let shown = shell_word(given);
    match kind {
        Some(Holds::Accounts) => return format!("it is a file of accounts: ftpd -u {shown}"),
        Some(Holds::Settings) => return format!("it is a file of settings: ftpd -c {shown}"),
        None => {}
    }
    let parent = given.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    format!("it is a file; share the folder that it is in: ftpd {}", parent.display())
}
