//! The sandbox of session threads, as ftpd.conf wants it.

use std::io;

use crate::config::{Config, Sandbox};
use crate::sys::jail::{Jail, Kernel};

/// The jail of session threads, and a line about it in the log. It is an error if one is required and this kernel has none.
pub fn jail(config: &Config) -> io::Result<Option<Jail>> {
    if config.server.sandbox == Sandbox::Off {
        log::info!("sandbox: off");
        return Ok(None);
    }
    let kernel = Kernel::probe();
    if config.server.sandbox == Sandbox::Require && !kernel.is_complete() {
        let reason = format!("sandbox = require, but there is {kernel}; sandbox = auto takes what there is");
        return Err(io::Error::other(reason));
    }
    log::info!("sandbox: {kernel}");
    Ok(kernel.jail(config.passive.passive_ports.clone()))
}
