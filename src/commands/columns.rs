//! Tables for people: columns are as wide as their cells; the last one is cut if the terminal is narrow.

use std::fmt::Write;

/// A table that is being filled.
pub struct Columns<const N: usize> {
    heads: [&'static str; N],
    /// Columns with numbers, which end at the same place.
    right: [bool; N],
    rows: Vec<[String; N]>,
}

/// Between two columns: the wider one, if the lines fit.
const GAPS: [&str; 2] = ["  ", " "];

impl<const N: usize> Columns<N> {
    /// An empty one; `>` in front of a head stands for a column of numbers.
    pub fn new(heads: [&'static str; N]) -> Self {
        Columns {
            heads: heads.map(|head| head.trim_start_matches('>')),
            right: heads.map(|head| head.starts_with('>')),
            rows: Vec::new(),
        }
    }

    /// Adds a row; control characters are escaped.
    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| visible(&cell)));
    }

    /// The lines; if a line is wider than `width`, the beginning of its last cell is left out.
    pub fn lines(&self, width: usize) -> String {
        let mut widths = self.heads.map(len);
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = len(cell).max(*width);
            }
        }
        let [wide, narrow] = GAPS;
        let gaps = N.saturating_sub(1);
        let fits = widths.iter().sum::<usize>() + gaps * wide.len() <= width;
        let gap = if fits { wide } else { narrow };
        let others = widths.iter().take(gaps).sum::<usize>() + gaps * gap.len();
        let last = width.saturating_sub(others).max(MIN_LAST);
        let heads = self.heads.map(str::to_owned);
        let rows = std::iter::once(&heads).chain(&self.rows);
        rows.map(|row| self.line(row, &widths, last, gap)).collect()
    }

    fn line(&self, cells: &[String; N], widths: &[usize; N], last: usize, gap: &str) -> String {
        let mut line = String::new();
        for (index, cell) in cells.iter().enumerate() {
            let cell = if index + 1 == N { shortened(cell, last) } else { cell.clone() };
            let blanks = " ".repeat(widths[index].saturating_sub(len(&cell)));
            let (before, after) = if self.right[index] { (blanks.as_str(), "") } else { ("", blanks.as_str()) };
            let _ = write!(line, "{before}{cell}{after}{gap}");
        }
        line.trim_end().to_owned() + "\n"
    }
}

/// Minimum width to which the last column is cut.
const MIN_LAST: usize = 12;

fn len(text: &str) -> usize {
    text.chars().count()
}

/// The end of a long text: of a path, that is the file's name.
fn shortened(text: &str, width: usize) -> String {
    match len(text).checked_sub(width) {
        None | Some(0) => text.to_owned(),
        Some(more) => format!("…{}", text.chars().skip(more + 1).collect::<String>()),
    }
}

/// The text without what could control a terminal or end a line.
pub fn visible(text: &str) -> String {
    let is_safe = |c: char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}');
    text.chars().map(|c| if is_safe(c) { c.to_string() } else { c.escape_default().to_string() }).collect()
}

/// Bytes for people: `999`, `1.5K`, `12M`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    if bytes < 1024 {
        return bytes.to_string();
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    for unit in UNITS {
        match tenths {
            0..100 => return format!("{}.{}{unit}", tenths / 10, tenths % 10),
            100..10_240 => return format!("{}{unit}", tenths / 10),
            _ => tenths /= 1024,
        }
    }
    format!("{bytes}")
}

/// A time for people: `45s`, `12m`, `3h05`, `2d`.
pub fn time(seconds: u64) -> String {
    match seconds {
        0..100 => format!("{seconds}s"),
        100..6000 => format!("{}m", seconds / 60),
        6000..172_800 => format!("{}h{:02}", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// The time of day, or the date if it was another day.
pub fn local_time(since: &str) -> String {
    let Ok(since) = since.parse::<jiff::Timestamp>() else { return since.to_owned() };
    let (since, now) = (since.to_zoned(jiff::tz::TimeZone::system()), jiff::Zoned::now());
    since.strftime(if since.date() == now.date() { "%H:%M" } else { "%b %d" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_the_last_one_gives_way() {
        let mut table = Columns::new([">ID", "NAME", "FILE"]);
        table.row(["7", "alex", "/a/very/long/path/to/a.iso"].map(str::to_owned));
        table.row(["12", "bo", "/b"].map(str::to_owned));
        assert_eq!(table.lines(80), "ID  NAME  FILE\n 7  alex  /a/very/long/path/to/a.iso\n12  bo    /b\n");
        let narrow = table.lines(25);
        assert_eq!(narrow.lines().nth(1), Some(" 7 alex …ng/path/to/a.iso"));
        assert!(narrow.lines().all(|line| len(line) <= 25));
    }

    #[test]
    fn nothing_in_a_table_controls_the_terminal() {
        let mut table = Columns::new(["A"]);
        table.row(["\u{1b}[2J\u{7f}\r\n\u{9b}é\u{202e}".to_owned()]);
        assert_eq!(table.lines(80), "A\n\\u{1b}[2J\\u{7f}\\r\\n\\u{9b}é\\u{202e}\n");
    }

    #[test]
    fn sizes_and_times_are_short() {
        for (bytes, text) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (1536, "1.5K"),
            (10 * 1024, "10K"),
            (1023 * 1024, "1023K"),
            (1 << 20, "1.0M"),
            (5 << 30, "5.0G"),
            (u64::MAX, "15E"),
        ] {
            assert_eq!(size(bytes), text);
        }
        for (seconds, text) in
            [(0, "0s"), (99, "99s"), (100, "1m"), (5999, "99m"), (6000, "1h40"), (172_800, "2d"), (90_000_000, "1041d")]
        {
            assert_eq!(time(seconds), text);
        }
    }
}
