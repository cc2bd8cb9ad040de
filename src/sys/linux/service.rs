//! A server under systemd: the sockets that it hands over, and what it wants to know (sd_notify(3)). Without systemd
//! nothing happens.

use std::env;
use std::io;
use std::net::TcpListener;
use std::process;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;

/// Takes over the listeners that systemd has bound (LISTEN_FDS); if there are any, the server binds none. To be called once.
pub fn listeners() -> io::Result<Vec<TcpListener>> {
    let mut handed = ListenFd::from_env();
    (0..handed.len()).map(|number| take(&mut handed, number)).collect()
}

/// Whether systemd hands listeners over to this process, without taking them.
pub fn hands_over_listeners() -> bool {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    number("LISTEN_FDS").is_some_and(|count| count > 0) && number("LISTEN_PID").is_none_or(|pid| pid == process::id())
}

fn take(handed: &mut ListenFd, number: usize) -> io::Result<TcpListener> {
    let told = |reason: String| io::Error::other(format!("socket {number} of systemd: {reason}; see ListenStream="));
    let listener = handed.take_tcp_listener(number).map_err(|error| told(error.to_string()))?;
    listener.ok_or_else(|| told("it is taken already".to_owned()))
}

/// The server serves clients.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// The server reads its configuration again; [`ready`] ends this.
pub fn reloading() {
    // Type=notify-reload wants the time, too.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

/// The server is about to end.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// The server still works.
pub fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// How often [`alive`] is to be called; `None` if systemd does not watch.
pub fn watchdog() -> Option<Duration> {
    // Twice in the time that systemd allows.
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn notify(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        log::debug!("systemd is not told: {error}");
    }
}
