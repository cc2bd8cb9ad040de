//! What the command line says about the first ftpd.conf and user.ini.

use clap::{Args, ValueEnum};

/// `ftpd init`.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct InitOptions {
    /// Print a sample, and write nothing
    #[arg(long, value_name = "FILE")]
    pub print: Option<SampleFile>,
}

/// A file with a comment for each of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SampleFile {
    /// ftpd.conf
    #[value(alias = "ftpd.conf", help = None::<&'static str>)]
    Conf,
    /// user.ini
    #[value(alias = "user.ini", help = None::<&'static str>)]
    Users,
}
