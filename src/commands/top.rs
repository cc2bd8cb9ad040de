//! `ftpd top`: the sessions of a running server, live.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};
use ratatui::DefaultTerminal;

use crate::cli::Files;
use crate::cli::running::TopOptions;
use crate::commands::control_client::ControlClient;
use crate::commands::fail;
use crate::commands::top::feed::{Feed, Input, News};
use crate::commands::top::screen::Screen;
use crate::commands::top::view::{View, Wanted};
use crate::sys::signals::{self, Wish};

mod feed;
#[cfg(test)]
mod samples;
mod screen;
mod view;

/// The screen is drawn at least this often, so that a silent server shows.
const TICK: Duration = Duration::from_secs(1);

/// Shows the sessions until the person ends it; the exit code is 1 without a terminal, or if the server is gone.
pub fn run(files: &Files, options: &TopOptions) -> ExitCode {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return fail("ftpd top: it needs a terminal; `ftpd who` prints the sessions once, in a pipe, too");
    }
    match ControlClient::find(files, &options.running).and_then(show) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => fail(format_args!("ftpd top: {reason}")),
    }
}

fn show(server: ControlClient) -> Result<(), String> {
    let told = |error: io::Error| error.to_string();
    let wishes = signals::wishes().map_err(told)?;
    let feed = Feed::start(server).map_err(told)?;
    // From here on, also if the thread panics, the terminal is given back as it was.
    let mut terminal = ratatui::try_init().map_err(|error| format!("this terminal can't be used: {error}"))?;
    let shown = Top { feed, wishes, view: View::default(), screen: Screen::default() }.watch(&mut terminal);
    drop(terminal);
    ratatui::restore();
    shown
}

/// What runs between the two states of the terminal.
struct Top {
    feed: Feed,
    wishes: Receiver<Wish>,
    view: View,
    screen: Screen,
}

impl Top {
    fn watch(mut self, terminal: &mut DefaultTerminal) -> Result<(), String> {
        let gone = |error: io::Error| format!("the terminal is gone: {error}");
        let inputs = feed::listen().map_err(gone)?;
        loop {
            terminal.draw(|frame| self.screen.draw(frame, &self.view, Instant::now())).map_err(gone)?;
            select! {
                recv(inputs) -> input => match input {
                    Ok(Input::Key(key)) => match self.view.press(key) {
                        Wanted::Nothing => {}
                        Wanted::Quit => return Ok(()),
                        Wanted::Kick(id) => self.kick(id),
                    },
                    Ok(Input::Resized) => {}
                    Err(_) => return Err("the terminal is gone".to_owned()),
                },
                recv(self.feed.news) -> news => match news.map_err(|_| "it failed inside".to_owned())?? {
                    News::Who(answer) => self.view.take(answer, Instant::now()),
                    News::Kick(id, answer) => self.view.kicked(id, &answer),
                },
                recv(self.wishes) -> _ => return Ok(()),
                default(TICK) => {}
            }
        }
    }

    fn kick(&mut self, id: u64) {
        self.view.note = match self.feed.kicks.try_send(id) {
            Ok(()) => format!("session {id} is being told to end"),
            Err(_) => "the server has not yet answered the last kick".to_owned(),
        };
    }
}
