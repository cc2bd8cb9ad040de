//! A terminal's screen as a picture: SVG with the text and the colours of each cell.

use std::fmt::Write;

use vt100::{Cell, Color, Screen};

/// Width and height of a cell, for 14 px letters of the usual monospaced fonts.
const CELL: (f64, f64) = (8.43, 19.0);
const MARGIN: f64 = 16.0;
/// The bar with the title.
const BAR: f64 = 30.0;
const FONTS: &str = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";
const PAPER: &str = "#1b1f27";
const INK: &str = "#d5d9e0";
/// The 16 colours that programs name by number.
const PALETTE: [&str; 16] = [
    "#3b414d", "#e8717a", "#93c778", "#e2bf7a", "#66aff0", "#c583dd", "#5bb9c4", "#c3c8d1", "#6a7283", "#f08d95",
    "#a9d790", "#efd296", "#85c1f7", "#d69dea", "#7accd6", "#f2f4f7",
];

/// The first `rows` rows of a screen in a frame with a title.
pub fn picture(screen: &Screen, rows: u16, title: &str) -> String {
    let columns = screen.size().1.get();
    let (width, height) = (MARGIN * 2.0 + x(columns), BAR + MARGIN + CELL.1 * f64::from(rows));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"{FONTS}\" font-size=\"14\">\n<title>{0}</title>\n\
         <rect x=\".5\" y=\".5\" width=\"{1:.0}\" height=\"{2:.0}\" rx=\"9\" fill=\"{PAPER}\" stroke=\"#4a5160\"/>\n\
         <g fill=\"#4a5160\"><circle cx=\"20\" cy=\"16\" r=\"5\"/><circle cx=\"37\" cy=\"16\" r=\"5\"/>\
         <circle cx=\"54\" cy=\"16\" r=\"5\"/></g>\n\
         <text x=\"{3:.0}\" y=\"20\" fill=\"#9aa2b1\" font-size=\"12\" text-anchor=\"middle\">{0}</text>\n",
        escaped(title),
        width - 1.0,
        height - 1.0,
        width / 2.0
    );
    for row in 0..rows {
        write!(svg, "{}", Line::of(screen, row).drawn(BAR + CELL.1 * f64::from(row))).unwrap();
    }
    svg + "</svg>\n"
}

fn x(column: u16) -> f64 {
    CELL.0 * f64::from(column)
}

/// A row of the screen.
struct Line<'a> {
    cells: Vec<&'a Cell>,
}

/// What neighbouring cells must share to be drawn as one text.
#[derive(Clone, Copy, PartialEq)]
struct Style {
    ink: Color,
    paper: Color,
    bold: bool,
    dim: bool,
}

impl<'a> Line<'a> {
    fn of(screen: &'a Screen, row: u16) -> Line<'a> {
        let columns = screen.size().1.get();
        Line { cells: (0..columns).map(|column| screen.cell(row, column).expect("a cell")).collect() }
    }

    fn drawn(&self, top: f64) -> String {
        let mut drawn = String::new();
        let mut at = 0;
        for run in self.cells.chunk_by(|one, other| Style::of(one) == Style::of(other)) {
            let style = Style::of(run[0]);
            if let Some(paper) = style.background() {
                let (left, width) = (MARGIN + x(at), x(run.len() as u16));
                write!(drawn, "<rect x=\"{left:.2}\" y=\"{top:.2}\" ").unwrap();
                writeln!(drawn, "width=\"{width:.2}\" height=\"{}\" fill=\"{paper}\"/>", CELL.1).unwrap();
            }
            for word in words(run) {
                drawn += &word.drawn(at, top, style);
            }
            at += run.len() as u16;
        }
        drawn
    }
}

/// Cells to be drawn at once: text without wide gaps, or a block.
struct Word {
    at: u16,
    cells: u16,
    text: String,
}

fn words(run: &[&Cell]) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    for (at, cell) in (0..).zip(run) {
        let text = match cell.contents() {
            "" if !cell.is_wide_continuation() => " ",
            text => text,
        };
        match words.last_mut().filter(|word| word.at + word.cells == at && word.goes_on_with(text)) {
            Some(word) => word.add(text),
            None if text == " " => {}
            None => words.push(Word { at, cells: 1, text: text.to_owned() }),
        }
    }
    words
}

impl Word {
    /// Blocks that fill their cells are one if they are the same.
    fn goes_on_with(&self, text: &str) -> bool {
        match (block(&self.text), block(text)) {
            (None, None) => !self.text.ends_with("  "),
            (Some(one), Some(_)) => one.left_to_right == [0.0, 1.0] && self.text.ends_with(text),
            _ => false,
        }
    }

    fn add(&mut self, text: &str) {
        self.text += text;
        self.cells += 1;
    }

    fn drawn(&self, run: u16, top: f64, style: Style) -> String {
        let (left, ink) = (MARGIN + x(run + self.at), style.foreground());
        if let Some(Block { left_to_right: [from, to], top_to_bottom: [above, below], opacity }) = block(&self.text) {
            let (width, height) = (x(self.cells - 1) + (to - from) * CELL.0, (below - above) * CELL.1);
            let (left, top) = (left + from * CELL.0, top + above * CELL.1);
            return format!(
                "<rect x=\"{left:.2}\" y=\"{top:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{ink}\" \
                 opacity=\"{opacity}\"/>\n"
            );
        }
        let text = self.text.trim_end();
        let (length, y) = (x(self.cells - (self.text.len() - text.len()) as u16), top + 14.0);
        let mut more = String::new();
        more += if style.bold { " font-weight=\"bold\"" } else { "" };
        more += if style.dim { " opacity=\".65\"" } else { "" };
        format!(
            "<text x=\"{left:.2}\" y=\"{y:.2}\" fill=\"{ink}\" textLength=\"{length:.2}\"{more}>{}</text>\n",
            escaped(text)
        )
    }
}

/// Which part of its cell a block element fills, and how much.
struct Block {
    left_to_right: [f64; 2],
    top_to_bottom: [f64; 2],
    opacity: f64,
}

fn block(text: &str) -> Option<Block> {
    let of = |left_to_right, top_to_bottom, opacity| Some(Block { left_to_right, top_to_bottom, opacity });
    match text.chars().next()? {
        '▀' => of([0.0, 1.0], [0.0, 0.5], 1.0),
        '▄' => of([0.0, 1.0], [0.5, 1.0], 1.0),
        block @ '█'..='▏' => of([0.0, f64::from('▐' as u32 - block as u32) / 8.0], [0.0, 1.0], 1.0),
        '░' => of([0.0, 1.0], [0.0, 1.0], 0.25),
        _ => None,
    }
}

impl Style {
    fn of(cell: &Cell) -> Style {
        let (ink, paper) = (cell.fgcolor(), cell.bgcolor());
        let (ink, paper) = match cell.inverse() {
            true => (or(paper, Color::Rgb(0x1b, 0x1f, 0x27)), or(ink, Color::Idx(7))),
            false => (ink, paper),
        };
        Style { ink, paper, bold: cell.bold(), dim: cell.dim() }
    }

    fn foreground(self) -> String {
        colour(self.ink).unwrap_or(INK.to_owned())
    }

    fn background(self) -> Option<String> {
        colour(self.paper)
    }
}

fn or(colour: Color, default: Color) -> Color {
    if colour == Color::Default { default } else { colour }
}

fn colour(colour: Color) -> Option<String> {
    match colour {
        Color::Default => None,
        Color::Idx(index) => Some(PALETTE[usize::from(index) % PALETTE.len()].to_owned()),
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
