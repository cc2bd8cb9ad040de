//! The input of `ftpd top`: the answers of the server, which it asks again and again, and the keyboard. Each has a thread,
//! because neither may wait for the other.

use std::io;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use ratatui::crossterm::event::{self, Event, KeyEvent};

use crate::commands::control_client::ControlClient;
use crate::control::answer::{KickAnswer, WhoAnswer};
use crate::control::request::{ControlRequest, KickTarget};

/// What comes from the server.
pub enum News {
    /// The sessions.
    Who(WhoAnswer),
    /// What came of the kick of a session.
    Kick(u64, KickAnswer),
}

/// What comes from the terminal.
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// It has another size.
    Resized,
}

/// The time between two questions.
const PERIOD: Duration = Duration::from_secs(1);
/// Answers that are not shown yet. If the terminal takes nothing, the server is not asked.
const MAX_UNSEEN: usize = 2;

/// The connection to the server.
pub struct Feed {
    /// Its answers, and then why no more come.
    pub news: Receiver<Result<News, String>>,
    /// Sessions to kick.
    pub kicks: Sender<u64>,
}

impl Feed {
    /// Begins to ask.
    pub fn start(server: ControlClient) -> io::Result<Feed> {
        let (tell, news) = bounded(MAX_UNSEEN);
        let (kicks, orders) = bounded(MAX_UNSEEN);
        thread::Builder::new().name("feed".to_owned()).spawn(move || ask_on(server, &tell, &orders))?;
        Ok(Feed { news, kicks })
    }
}

/// Asks until nobody listens, or the server answers no more.
fn ask_on(mut server: ControlClient, tell: &Sender<Result<News, String>>, kicks: &Receiver<u64>) {
    let mut request = ControlRequest::Who;
    loop {
        let news = match &request {
            ControlRequest::Kick(KickTarget::Ids { ids }) => {
                let id = ids.first().copied().unwrap_or_default();
                server.ask(&request).map(|answer| News::Kick(id, answer))
            }
            _ => server.ask(&request).map(News::Who),
        };
        let was_told = news.is_ok();
        if tell.send(news).is_err() || !was_told {
            return;
        }
        request = match kicks.recv_timeout(PERIOD) {
            Ok(id) => ControlRequest::Kick(KickTarget::Ids { ids: vec![id] }),
            Err(RecvTimeoutError::Timeout) => ControlRequest::Who,
            Err(RecvTimeoutError::Disconnected) => return,
        };
    }
}

/// Begins to read the keyboard; the channel closes if the terminal is gone.
pub fn listen() -> io::Result<Receiver<Input>> {
    let (tell, inputs) = bounded(16);
    let read = move || {
        while let Ok(event) = event::read() {
            let input = match event {
                Event::Key(key) => Input::Key(key),
                Event::Resize(..) => Input::Resized,
                _ => continue,
            };
            if tell.send(input).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("keys".to_owned()).spawn(read)?;
    Ok(inputs)
}
