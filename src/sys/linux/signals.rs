//! What the administrator asks for by signal.

use std::io;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, bounded};
use signal_hook::consts::{SIGHUP, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

/// A wish that came as a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// SIGTERM, SIGINT or Ctrl-C.
    Stop,
    /// SIGHUP.
    Reload,
}

/// Wishes as they come. To be called once.
pub fn wishes() -> io::Result<Receiver<Wish>> {
    // Signals come one by one; more than these at once say nothing new.
    let (send, wishes) = bounded(16);
    // With any handler, a write beyond the file size limit fails (552) instead of ending the process.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    let mut signals = Signals::new([SIGTERM, SIGHUP])?;
    let from_keyboard = send.clone();
    let interrupted = move || {
        let _ = from_keyboard.try_send(Wish::Stop);
    };
    ctrlc::set_handler(interrupted).map_err(io::Error::other)?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let _ = send.try_send(if signal == SIGHUP { Wish::Reload } else { Wish::Stop });
        }
    })?;
    Ok(wishes)
}
