//! What `ftpd top` shows. It is made of the server's answers and the keys alone: no terminal, no clock.

use std::time::Instant;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::commands::columns::visible;
use crate::control::answer::{KickAnswer, ServerFacts, SessionFacts, WhoAnswer};

/// What is on the screen.
#[derive(Debug, Default)]
pub struct View {
    /// The server as it last answered; none before its first answer.
    pub server: Option<ServerFacts>,
    /// The sessions: first those that move bytes, then the others, each in the order in which they came.
    pub rows: Vec<SessionRow>,
    /// When the server last answered.
    answered: Option<Instant>,
    selected: Option<u64>,
    /// What came while the screen was paused.
    pause: Option<Pause>,
    /// A session that may be kicked, if the answer to the question is yes.
    pub question: Option<Question>,
    /// What came of the last kick.
    pub note: String,
}

/// A screen that is paused.
#[derive(Debug, Default)]
struct Pause {
    latest: Option<WhoAnswer>,
}

/// One session, with nothing in its texts that could control a terminal.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    /// As the server says.
    pub facts: SessionFacts,
    /// Bytes a second, without the jumps from one second to the next.
    steady: u64,
}

/// Whether a session is kicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    id: u64,
    /// Who it is, and what it does.
    pub about: String,
}

/// What the person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing but a change of the view.
    Nothing,
    /// To leave.
    Quit,
    /// To end this session.
    Kick(u64),
}

/// All transfers together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flow {
    /// How many commands move bytes.
    pub transfers: usize,
    /// Bytes a second to clients.
    pub sent: u64,
    /// Bytes a second from clients.
    pub received: u64,
}

const FROM_CLIENTS: [&str; 5] = ["STOR", "STOU", "APPE", "PUT", "PATCH"];
const TO_CLIENTS: [&str; 6] = ["RETR", "LIST", "NLST", "MLSD", "STAT", "GET"];
/// The weight of a new rate in the steady one.
const NEW_PART: u64 = 4;
/// Rows that Page Up and Page Down skip.
const PAGE: isize = 10;

impl View {
    /// Takes the server's next answer.
    pub fn take(&mut self, answer: WhoAnswer, now: Instant) {
        self.answered = Some(now);
        match &mut self.pause {
            Some(pause) => pause.latest = Some(answer),
            None => self.show(answer),
        }
    }

    fn show(&mut self, WhoAnswer { server, sessions }: WhoAnswer) {
        self.server = Some(server);
        let place = self.place();
        let old = std::mem::take(&mut self.rows);
        let row = |facts: SessionFacts| SessionRow::new(old.iter().find(|row| row.facts.id == facts.id), facts);
        self.rows = sessions.into_iter().map(row).collect();
        self.rows.sort_by_key(|row| (!row.is_busy(), row.facts.id));
        if self.selected_row().is_none() {
            // Its neighbour takes the place of one that has left.
            let last = self.rows.len().saturating_sub(1);
            self.selected = self.rows.get(place.unwrap_or(0).min(last)).map(|row| row.facts.id);
        }
    }

    /// Says what came of a kick.
    pub fn kicked(&mut self, id: u64, answer: &KickAnswer) {
        self.note = match answer.kicked {
            0 => format!("session {id} has left already"),
            _ => format!("session {id} was told to end"),
        };
    }

    /// Does what a key means for the view; returns what is left to do for others.
    pub fn press(&mut self, key: KeyEvent) -> Wanted {
        if key.kind == KeyEventKind::Release {
            return Wanted::Nothing;
        }
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Wanted::Quit;
        }
        if let Some(question) = self.question.take() {
            return self.settle(question, key.code);
        }
        self.note.clear();
        match key.code {
            KeyCode::Char('q') => return Wanted::Quit,
            KeyCode::Char('p') => self.toggle_pause(),
            KeyCode::Char('k') => self.question = self.selected_row().map(SessionRow::question),
            KeyCode::Up => self.step(-1),
            KeyCode::Down => self.step(1),
            KeyCode::PageUp => self.step(-PAGE),
            KeyCode::PageDown => self.step(PAGE),
            KeyCode::Home => self.step(isize::MIN),
            KeyCode::End => self.step(isize::MAX),
            _ => {}
        }
        Wanted::Nothing
    }

    /// Only a clear yes or no ends the question.
    fn settle(&mut self, question: Question, answer: KeyCode) -> Wanted {
        match answer {
            KeyCode::Char('y' | 'Y') => return Wanted::Kick(question.id),
            KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc => {}
            _ => self.question = Some(question),
        }
        Wanted::Nothing
    }

    fn toggle_pause(&mut self) {
        match self.pause.take() {
            None => self.pause = Some(Pause::default()),
            Some(Pause { latest: Some(answer) }) => self.show(answer),
            Some(Pause { latest: None }) => {}
        }
    }

    fn step(&mut self, by: isize) {
        let Some(last) = self.rows.len().checked_sub(1) else { return };
        let place = self.place().unwrap_or(0).saturating_add_signed(by).min(last);
        self.selected = Some(self.rows[place].facts.id);
    }

    /// Whether the screen is paused.
    pub fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    /// The place of the selected session among the rows.
    pub fn place(&self) -> Option<usize> {
        self.rows.iter().position(|row| Some(row.facts.id) == self.selected)
    }

    fn selected_row(&self) -> Option<&SessionRow> {
        self.rows.get(self.place()?)
    }

    /// For how many seconds the server has said nothing.
    pub fn silence(&self, now: Instant) -> u64 {
        self.answered.map_or(0, |at| now.saturating_duration_since(at).as_secs())
    }

    /// All transfers together.
    pub fn flow(&self) -> Flow {
        let mut flow = Flow::default();
        for SessionFacts { verb, rate, .. } in self.rows.iter().map(|row| &row.facts) {
            let Some(verb) = verb.as_deref() else { continue };
            flow.transfers += 1;
            if TO_CLIENTS.contains(&verb) {
                flow.sent += rate;
            } else if FROM_CLIENTS.contains(&verb) {
                flow.received += rate;
            }
        }
        flow
    }
}

impl SessionRow {
    /// Of a session that had the row `before` in the last answer.
    fn new(before: Option<&SessionRow>, facts: SessionFacts) -> SessionRow {
        let text = |text: Option<String>| text.map(|text| visible(&text));
        let facts = SessionFacts { user: text(facts.user), verb: text(facts.verb), path: text(facts.path), ..facts };
        let goes_on = |row: &&SessionRow| {
            (&row.facts.verb, &row.facts.path) == (&facts.verb, &facts.path) && row.facts.bytes <= facts.bytes
        };
        let steady = match before.filter(goes_on) {
            Some(row) if row.steady > 0 => row.steady - row.steady / NEW_PART + facts.rate / NEW_PART,
            _ => facts.rate,
        };
        SessionRow { facts, steady }
    }

    /// Whether a command moves bytes.
    pub fn is_busy(&self) -> bool {
        self.facts.verb.is_some()
    }

    /// How much of its transfer is done, in percent; 100 is the end.
    pub fn percent(&self) -> Option<u64> {
        let total = self.facts.total.filter(|_| self.is_busy())?;
        let done = u128::from(self.facts.bytes.min(total)) * 100;
        Some(done.checked_div(u128::from(total)).map_or(100, |percent| u64::try_from(percent).unwrap_or(100)))
    }

    /// Seconds until its transfer ends, if that can be known.
    pub fn left(&self) -> Option<u64> {
        let left = self.facts.total.filter(|_| self.is_busy())?.saturating_sub(self.facts.bytes);
        left.checked_add(self.steady.checked_sub(1)?).map(|left| left / self.steady)
    }

    /// The account, or `-` before login.
    pub fn account(&self) -> &str {
        self.facts.user.as_deref().unwrap_or("-")
    }

    fn question(&self) -> Question {
        let SessionFacts { id, address, verb, path, .. } = &self.facts;
        let words = [verb, path].into_iter().flatten().map(|word| format!(" {word}"));
        Question { id: *id, about: format!("{} from {address}{}", self.account(), words.collect::<String>()) }
    }

    /// The number of the session.
    pub fn id(&self) -> u64 {
        self.facts.id
    }
}

impl Question {
    /// The session in words, the most important first.
    pub fn text(&self) -> String {
        format!("Kick session {}? y/n   {}", self.id, self.about)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::commands::top::samples::{answer, busy, idle, view};

    fn press(view: &mut View, code: KeyCode) -> Wanted {
        view.press(KeyEvent::from(code))
    }

    fn ids(view: &View) -> Vec<u64> {
        view.rows.iter().map(SessionRow::id).collect()
    }

    #[test]
    fn those_that_move_bytes_come_first() {
        let view = view(vec![vec![idle(1), busy(2, "RETR", 0, 0), idle(3), busy(4, "STOR", 0, 0)]]);
        assert_eq!(ids(&view), [2, 4, 1, 3]);
    }

    #[test]
    fn percent_and_time_left_follow_from_bytes_total_and_rate() {
        let row = |bytes, total, rate| {
            let facts = SessionFacts { total, ..busy(1, "RETR", bytes, rate) };
            let row = SessionRow::new(None, facts);
            (row.percent(), row.left())
        };
        assert_eq!(row(0, Some(1000), 0), (Some(0), None));
        assert_eq!(row(999, Some(1000), 10), (Some(99), Some(1)));
        assert_eq!(row(250, Some(1000), 100), (Some(25), Some(8)));
        assert_eq!(row(1000, Some(1000), 10), (Some(100), Some(0)));
        assert_eq!(row(1500, Some(1000), 10), (Some(100), Some(0)), "a file that grew");
        assert_eq!(row(0, Some(0), 0), (Some(100), None));
        assert_eq!(row(500, None, 10), (None, None));
        assert_eq!(row(u64::MAX, Some(u64::MAX), u64::MAX), (Some(100), Some(0)));
        let idle = SessionRow::new(None, SessionFacts { total: Some(9), ..idle(1) });
        assert_eq!((idle.percent(), idle.left()), (None, None));
    }

    #[test]
    fn a_steady_rate_is_that_of_one_transfer() {
        let first = SessionRow::new(None, busy(1, "RETR", 100, 400));
        let next = |facts| SessionRow::new(Some(&first), facts).steady;
        assert_eq!(next(busy(1, "RETR", 200, 40)), 310);
        assert_eq!(next(busy(1, "RETR", 50, 40)), 40, "it has begun again");
        assert_eq!(next(busy(1, "STOR", 200, 40)), 40);
        let other = SessionFacts { path: Some("/b".to_owned()), ..busy(1, "RETR", 200, 40) };
        assert_eq!(next(other), 40);
    }

    #[test]
    fn the_rates_of_both_directions_are_added_up() {
        let sessions =
            vec![busy(1, "RETR", 0, 5), busy(2, "STOR", 0, 7), busy(3, "LIST", 0, 1), busy(4, "HASH", 0, 100), idle(5)];
        assert_eq!(view(vec![sessions]).flow(), Flow { transfers: 4, sent: 6, received: 7 });
        let sessions = vec![busy(1, "GET", 0, 5), busy(2, "PUT", 0, 7), busy(3, "PATCH", 0, 8)];
        assert_eq!(view(vec![sessions]).flow(), Flow { transfers: 3, sent: 5, received: 15 });
    }

    #[test]
    fn the_selection_stays_with_its_session() {
        let mut view = view(vec![vec![idle(1), idle(2), idle(3)]]);
        assert_eq!(view.place(), Some(0));
        press(&mut view, KeyCode::Down);
        assert_eq!(view.selected, Some(2));
        view.take(answer(vec![idle(1), idle(2), busy(3, "RETR", 0, 0)]), Instant::now());
        assert_eq!((view.selected, view.place()), (Some(2), Some(2)));
        view.take(answer(vec![idle(1), idle(3)]), Instant::now());
        assert_eq!((view.selected, view.place()), (Some(3), Some(1)), "the last one is as near as it gets");
        view.take(answer(vec![]), Instant::now());
        assert_eq!(view.place(), None);
        assert_eq!(press(&mut view, KeyCode::Char('k')), Wanted::Nothing);
        assert_eq!(view.question, None);
        view.take(answer(vec![idle(9)]), Instant::now());
        assert_eq!(view.place(), Some(0));
    }

    #[test]
    fn arrows_end_at_both_ends() {
        let mut view = view(vec![(1..=30).map(idle).collect()]);
        let mut at = |code| {
            press(&mut view, code);
            view.place().unwrap()
        };
        let codes = [
            (KeyCode::Up, 0),
            (KeyCode::Down, 1),
            (KeyCode::PageDown, 11),
            (KeyCode::PageUp, 1),
            (KeyCode::PageUp, 0),
            (KeyCode::End, 29),
            (KeyCode::Down, 29),
            (KeyCode::Home, 0),
        ];
        for (code, place) in codes {
            assert_eq!(at(code), place, "{code}");
        }
    }

    #[test]
    fn a_kick_is_asked_for_and_only_yes_is_yes() {
        for (key, order, asks_on) in [
            (KeyCode::Char('y'), Wanted::Kick(7), false),
            (KeyCode::Char('Y'), Wanted::Kick(7), false),
            (KeyCode::Char('n'), Wanted::Nothing, false),
            (KeyCode::Char('q'), Wanted::Nothing, false),
            (KeyCode::Esc, Wanted::Nothing, false),
            (KeyCode::Enter, Wanted::Nothing, true),
            (KeyCode::Char('k'), Wanted::Nothing, true),
        ] {
            let mut view = view(vec![vec![busy(7, "RETR", 0, 0), busy(8, "RETR", 0, 0)]]);
            assert_eq!(press(&mut view, KeyCode::Char('k')), Wanted::Nothing);
            let question = view.question.clone().unwrap().text();
            assert_eq!(question, "Kick session 7? y/n   alex from 192.168.1.20:51542 RETR /films/a.iso");
            // It is asked about the session that was selected then.
            view.take(answer(vec![busy(8, "RETR", 0, 0)]), Instant::now());
            assert_eq!((press(&mut view, key), view.question.is_some()), (order, asks_on), "{key}");
        }
    }

    #[test]
    fn control_c_ends_it_even_in_the_middle_of_a_question() {
        let mut view = view(vec![vec![idle(1)]]);
        press(&mut view, KeyCode::Char('k'));
        assert_eq!(view.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Wanted::Quit);
        assert_eq!(view.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::NONE)), Wanted::Nothing);
        press(&mut view, KeyCode::Char('n'));
        assert_eq!(press(&mut view, KeyCode::Char('q')), Wanted::Quit);
    }

    #[test]
    fn a_paused_screen_stands_still_and_then_shows_the_latest() {
        let mut view = view(vec![vec![idle(1)]]);
        press(&mut view, KeyCode::Char('p'));
        for id in [2, 3] {
            view.take(answer(vec![idle(id)]), Instant::now());
            assert_eq!(ids(&view), [1]);
        }
        assert!(view.is_paused());
        press(&mut view, KeyCode::Char('p'));
        assert_eq!((ids(&view), view.is_paused()), (vec![3], false));
    }

    #[test]
    fn silence_is_counted_from_the_last_answer() {
        let start = Instant::now();
        let mut view = View::default();
        assert_eq!(view.silence(start), 0);
        view.take(answer(vec![]), start);
        assert_eq!(view.silence(start + Duration::from_secs(7)), 7);
    }

    #[test]
    fn what_came_of_a_kick_is_told_until_the_next_key() {
        let mut view = view(vec![vec![idle(1)]]);
        for (kicked, note) in [(1, "session 1 was told to end"), (0, "session 1 has left already")] {
            view.kicked(1, &KickAnswer { kicked, unknown: vec![], banned: None });
            assert_eq!(view.note, note);
        }
        press(&mut view, KeyCode::Down);
        assert_eq!(view.note, "");
    }

    #[test]
    fn texts_of_clients_can_not_control_the_terminal() {
        let evil = Some("\u{1b}[2J\r\n\u{202e}".to_owned());
        let facts = SessionFacts { user: evil.clone(), path: evil, ..busy(1, "RETR", 0, 0) };
        let row = SessionRow::new(None, facts);
        assert!(!row.account().contains(char::is_control), "{row:?}");
        assert!(!row.question().text().contains(char::is_control), "{row:?}");
    }
}
