//! Draws what `ftpd top` shows, in a terminal of any size.

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table, TableState};

use crate::commands::columns::{local_time, size, time};
use crate::commands::top::view::{SessionRow, View};

/// The screen, which remembers how far its table is scrolled.
#[derive(Debug, Default)]
pub struct Screen {
    table: TableState,
}

/// A column of the table.
struct Column {
    head: &'static str,
    /// The narrowest terminal in which it is shown.
    from: u16,
    /// How wide it is in a usual terminal, and in a wide one.
    widths: [u16; 2],
    is_number: bool,
    /// Its text for one session, if it is this wide.
    text: fn(&SessionRow, usize) -> String,
}

const fn left(head: &'static str, from: u16, widths: [u16; 2], text: fn(&SessionRow, usize) -> String) -> Column {
    Column { head, from, widths, is_number: false, text }
}

const fn right(head: &'static str, from: u16, widths: [u16; 2], text: fn(&SessionRow, usize) -> String) -> Column {
    Column { head, from, widths, is_number: true, text }
}

/// Progress is a number alone in terminals that are narrower.
const BAR_FROM: u16 = 45;

/// The columns; FILE, which comes after them, gets what is left.
#[rustfmt::skip]
const COLUMNS: [Column; 12] = [
    right("ID",       0,                  [4, 6],   |row, _| row.id().to_string()),
    left ("ACCOUNT",  0,                  [8, 16],  |row, width| beginning(row.account(), width)),
    left ("ADDRESS",  76,                 [15, 21], address),
    left ("TLS",      110,                [3, 3],   |row, _| if row.facts.tls { "yes" } else { "no" }.to_owned()),
    left ("SINCE",    130,                [6, 6],   |row, _| local_time(&row.facts.since)),
    left ("DOES",     BAR_FROM,           [5, 5],   does),
    right("DONE",     0,                  [5, 5],   done),
    left ("PROGRESS", BAR_FROM + 15,      [8, 24],  bar),
    right("BYTES",    110,                [5, 5],   |row, _| if_busy(row, || size(row.facts.bytes))),
    right("OF",       110,                [5, 5],   |row, _| row.facts.total.map(size).unwrap_or_default()),
    right("RATE",     0,                  [7, 7],   |row, _| if_busy(row, || format!("{}/s", size(row.facts.rate)))),
    right("LEFT",     50,                 [5, 5],   |row, _| row.left().map(time).unwrap_or_default()),
];
const FILE_FROM: u16 = 60;
const WIDE_FROM: u16 = 150;

/// A server that says nothing for this many seconds is told to be silent.
const SILENT: u64 = 3;

impl Screen {
    /// Draws everything.
    pub fn draw(&mut self, frame: &mut Frame, view: &View, now: Instant) {
        let lines = [Constraint::Length(1), Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)];
        let [flow, server, table, foot] = Layout::vertical(lines).areas(frame.area());
        frame.render_widget(flow_line(view), flow);
        frame.render_widget(server_line(view, now), server);
        self.draw_table(frame, view, table);
        frame.render_widget(foot_line(view), foot);
    }

    fn draw_table(&mut self, frame: &mut Frame, view: &View, area: Rect) {
        let shown: Vec<(&Column, u16)> = shown(area.width);
        let taken: u16 = shown.iter().map(|(_, width)| width + 1).sum();
        let for_file = (area.width >= FILE_FROM).then(|| area.width.saturating_sub(taken));
        let mut constraints: Vec<Constraint> = shown.iter().map(|(_, width)| Constraint::Length(*width)).collect();
        constraints.extend(for_file.map(Constraint::Length));
        let heads = shown.iter().map(|(column, _)| column.cell(column.head.to_owned()));
        let heads = Row::new(heads.chain(for_file.map(|_| Cell::from("FILE")))).bold();
        let row = |row: &SessionRow| {
            let cells = shown.iter().map(|(column, width)| column.cell((column.text)(row, usize::from(*width))));
            let path = row.facts.path.as_deref().unwrap_or_default();
            Row::new(cells.chain(for_file.map(|width| Cell::from(end(path, usize::from(width))))))
        };
        let table = Table::new(view.rows.iter().map(row), constraints)
            .header(heads)
            .column_spacing(1)
            .row_highlight_style(Modifier::REVERSED);
        self.table.select(view.place());
        // A terminal that has grown shows rows that were scrolled off.
        let room = usize::from(area.height.saturating_sub(1));
        let most = view.rows.len().saturating_sub(room);
        *self.table.offset_mut() = self.table.offset().min(most);
        frame.render_stateful_widget(table, area, &mut self.table);
    }
}

impl Column {
    fn cell(&self, text: String) -> Cell<'static> {
        let line = Line::from(text);
        Cell::from(if self.is_number { line.right_aligned() } else { line })
    }
}

/// The columns for a terminal of this width, with their own.
fn shown(width: u16) -> Vec<(&'static Column, u16)> {
    let wide = usize::from(width >= WIDE_FROM);
    COLUMNS.iter().filter(|column| column.from <= width).map(|column| (column, column.widths[wide])).collect()
}

fn flow_line(view: &View) -> Line<'static> {
    let Some(server) = &view.server else { return Line::from("waiting for the server's first answer") };
    let flow = view.flow();
    let sessions = count(view.rows.len(), "session");
    let (transfers, max) = (count(flow.transfers, "transfer"), server.max_cons);
    let (sent, received) = (size(flow.sent), size(flow.received));
    Line::from(format!("{sessions} of {max}, {transfers}: {sent}/s to clients, {received}/s from clients")).bold()
}

fn server_line(view: &View, now: Instant) -> Line<'static> {
    let silence = view.silence(now);
    if silence >= SILENT {
        return Line::from(format!("the server has said nothing for {}", time(silence))).reversed();
    }
    let text = view.server.as_ref().map(|server| {
        let (address, pid, version) = (&server.address, server.pid, &server.version);
        format!("{address}, pid {pid}, up {}, ftpd {version}", time(server.uptime))
    });
    Line::from(text.unwrap_or_default())
}

fn foot_line(view: &View) -> Line<'static> {
    if let Some(question) = &view.question {
        return Line::from(question.text()).bold().reversed();
    }
    if !view.note.is_empty() {
        return Line::from(view.note.clone()).bold();
    }
    let keys = "↑↓ select  k kick  q quit  ";
    match view.is_paused() {
        true => Line::from(vec![Span::from("PAUSED").reversed(), Span::from(format!("  p go on  {keys}"))]),
        false => Line::styled(format!("{keys}p pause"), Style::new()),
    }
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn if_busy(row: &SessionRow, text: impl FnOnce() -> String) -> String {
    if row.is_busy() { text() } else { String::new() }
}

/// With its port if there is room.
fn address(row: &SessionRow, width: usize) -> String {
    let address = row.facts.address;
    let with_port = address.to_string();
    if with_port.len() <= width { with_port } else { end(&address.ip().to_string(), width) }
}

fn does(row: &SessionRow, _: usize) -> String {
    row.facts.does().to_owned()
}

/// The part that is done, or the bytes if there is no total, or for how long it has been idle.
fn done(row: &SessionRow, _: usize) -> String {
    match row.percent() {
        Some(percent) => format!("{percent}%"),
        None if row.is_busy() => size(row.facts.bytes),
        None => time(row.facts.idle),
    }
}

fn bar(row: &SessionRow, width: usize) -> String {
    let Some(percent) = row.percent() else { return String::new() };
    let full = width * usize::try_from(percent).unwrap_or(100) / 100;
    "█".repeat(full) + &"░".repeat(width - full)
}

/// The beginning of a text that is too wide.
fn beginning(text: &str, width: usize) -> String {
    if wide(text) <= width {
        return text.to_owned();
    }
    let kept = fitting(text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]), width);
    format!("{}…", &text[..kept])
}

/// The end of a text that is too wide: of a path, that is the file's name.
fn end(text: &str, width: usize) -> String {
    if wide(text) <= width {
        return text.to_owned();
    }
    let kept = fitting(text.char_indices().rev().map(|(at, c)| &text[at..at + c.len_utf8()]), width);
    format!("…{}", &text[text.len() - kept..])
}

/// How many bytes of these characters fit beside an ellipsis.
fn fitting<'a>(characters: impl Iterator<Item = &'a str>, width: usize) -> usize {
    let mut room = width.saturating_sub(1);
    let mut bytes = 0;
    for character in characters {
        match room.checked_sub(wide(character)) {
            Some(left) => room = left,
            None => break,
        }
        bytes += character.len();
    }
    bytes
}

/// In columns of a terminal.
fn wide(text: &str) -> usize {
    Span::raw(text).width()
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent};

    use super::*;
    use crate::commands::top::samples::{busy, idle, view};
    use crate::control::answer::SessionFacts;

    fn lines(view: &View, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let now = Instant::now();
        terminal.draw(|frame| Screen::default().draw(frame, view, now)).unwrap();
        let buffer = terminal.backend().buffer();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(|y| line(y).trim_end().to_owned()).collect()
    }

    #[test]
    fn a_terminal_that_grows_shows_the_rows_that_were_scrolled_off() {
        let mut view = view(vec![(1..=5).map(idle).collect()]);
        for _ in 0..5 {
            view.press(KeyEvent::from(KeyCode::Down));
        }
        let mut screen = Screen::default();
        for (width, height, offset) in [(30, 8, 1), (80, 24, 0)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            terminal.draw(|frame| screen.draw(frame, &view, Instant::now())).unwrap();
            assert_eq!(screen.table.offset(), offset);
        }
    }

    fn two() -> View {
        let upload = SessionFacts { total: None, ..busy(8, "STOR", 5 << 20, 1 << 20) };
        view(vec![vec![idle(6), busy(7, "RETR", 730, 10), upload, SessionFacts { user: None, ..idle(9) }]])
    }

    #[test]
    fn the_usual_terminal_shows_all_that_matters() {
        let lines = lines(&two(), 80, 24);
        let expected = [
            "4 sessions of 512, 2 transfers: 10/s to clients, 1.0M/s from clients",
            "0.0.0.0:2121, pid 4711, up 3h05, ftpd 0.1.0",
            "  ID ACCOUNT  ADDRESS         DOES   DONE PROGRESS    RATE  LEFT FILE",
            "   7 alex     192.168.1.20    RETR    73% █████░░░    10/s   27s /films/a.iso",
            "   8 alex     192.168.1.20    STOR   5.0M           1.0M/s       /films/a.iso",
            "   6 alex     192.168.1.20    idle     3m",
            "   9 -        192.168.1.20    login    3m",
        ];
        assert_eq!(lines[..7], expected);
        assert_eq!(lines[23], "↑↓ select  k kick  q quit  p pause");
    }

    #[test]
    fn a_wide_terminal_shows_more() {
        let lines = lines(&two(), 200, 50);
        let words =
            ["  ID ", "192.168.1.20:51542", " yes ", " 730 ", "1000 ", &format!("{}{}", "█".repeat(17), "░".repeat(7))];
        for word in &words[1..] {
            assert!(lines[3].contains(word), "{word}: {}", lines[3]);
        }
        assert!(lines[2].contains("SINCE") && lines[2].contains(words[0]), "{}", lines[2]);
    }

    #[test]
    fn no_size_is_too_small() {
        let mut view = two();
        for question in [false, true] {
            for width in (0..48).chain([59, 60, 75, 76, 109, 110, 129, 130, 150]) {
                lines(&view, width, 8);
            }
            (0..8).for_each(|height| drop(lines(&view, 30, height)));
            if !question {
                view.press(KeyEvent::from(KeyCode::Char('k')));
            }
        }
        assert_eq!(lines(&view, 30, 8)[3..5], ["   7 alex       73%    10/s", "   8 alex      5.0M  1.0M/s"]);
        assert_eq!(lines(&view, 30, 8)[7], "Kick session 7? y/n   alex fro");
    }

    #[test]
    fn the_selected_session_is_always_in_sight() {
        let mut view = view(vec![(1..=100).map(idle).collect()]);
        view.press(KeyEvent::from(KeyCode::End));
        assert!(lines(&view, 80, 24)[22].contains(" 100 alex"));
    }

    #[test]
    fn a_paused_screen_and_a_silent_server_say_so() {
        let mut view = two();
        view.press(KeyEvent::from(KeyCode::Char('p')));
        assert!(lines(&view, 80, 24)[23].starts_with("PAUSED  p go on"));
        let later = Instant::now() + std::time::Duration::from_secs(8);
        assert_eq!(server_line(&view, later).to_string(), "the server has said nothing for 8s");
    }

    #[test]
    fn long_names_are_cut_by_what_they_take_on_the_screen() {
        for (text, width, cut) in [
            ("/films/a.iso", 12, "/films/a.iso"),
            ("/films/a.iso", 8, "…s/a.iso"),
            ("/电影/文件.iso", 9, "…文件.iso"),
            ("/电影/文件.iso", 8, "…件.iso"),
            ("abc", 1, "…"),
        ] {
            assert_eq!(end(text, width), cut);
        }
        assert_eq!([beginning("alexander", 9), beginning("alexander", 8)], ["alexander", "alexand…"]);
    }
}
