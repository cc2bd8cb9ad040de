//! How a terminal echoes and edits what is typed.

use std::io;
use std::os::fd::AsFd;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The settings of the terminal that stdin is, at one moment.
#[derive(Debug)]
pub struct TerminalSettings(Termios);

impl TerminalSettings {
    /// As they are now; fails if stdin is no terminal.
    pub fn now() -> io::Result<Self> {
        Ok(Self(tcgetattr(io::stdin().as_fd())?))
    }

    /// Shows nothing of what is typed until the value is dropped, which brings these settings back.
    pub fn without_echo(self) -> io::Result<Unechoed> {
        let mut changed = self.0.clone();
        changed.local_modes -= LocalModes::ECHO | LocalModes::ECHONL;
        tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &changed)?;
        Ok(Unechoed(self))
    }

    /// Brings them back.
    pub fn restore(&self) {
        // A terminal that is gone has no settings.
        let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &self.0);
    }
}

/// A terminal that does not show what is typed.
#[derive(Debug)]
pub struct Unechoed(TerminalSettings);

impl Drop for Unechoed {
    fn drop(&mut self) {
        self.0.restore();
    }
}
