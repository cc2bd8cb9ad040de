//! QR codes, which a phone's camera reads: for a terminal, and as SVG for a page. Stands alone: it knows nothing of the rest of
//! this crate.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// The free margin of a picture, in modules (ISO 18004).
const MARGIN: usize = 4;
/// A terminal's lines are dear, and cameras make do with half of it.
const MARGIN_ON_TERMINAL: usize = 2;
/// White on black, whatever the theme of the terminal: what is light must be light, as not all cameras read the reverse.
const WHITE_ON_BLACK: &str = "\x1b[38;5;231;48;5;16m";
const PLAIN: &str = "\x1b[0m";

/// Lines for a terminal, two modules in each character and without blanks in front; `None` if the text is too long.
pub fn terminal(text: &str) -> Option<Vec<String>> {
    let code = Modules::of(text, EcLevel::L, MARGIN_ON_TERMINAL)?;
    let line = |y: usize| {
        let modules = (0..code.width).map(|x| match (code.is_dark(x, y), code.is_dark(x, y + 1)) {
            (true, true) => ' ',
            (true, false) => '▄',
            (false, true) => '▀',
            (false, false) => '█',
        });
        format!("{WHITE_ON_BLACK}{}{PLAIN}", modules.collect::<String>())
    };
    Some((0..code.width).step_by(2).map(line).collect())
}

/// A picture whose size is up to the page that shows it; `None` if the text is too long.
pub fn svg(text: &str) -> Option<String> {
    let code = Modules::of(text, EcLevel::M, MARGIN)?;
    let width = code.width;
    let mut path = String::new();
    for y in 0..width {
        let mut x = 0;
        while x < width {
            let length = (x..width).take_while(|x| code.is_dark(*x, y)).count();
            if length > 0 {
                let _ = write!(path, "M{x} {y}h{length}v1h-{length}z");
            }
            x += length.max(1);
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {width}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{width}v{width}h-{width}z\"/><path d=\"{path}\"/></svg>\n"
    ))
}

/// The modules of a code, with a margin.
struct Modules {
    dark: Vec<bool>,
    /// Of the code alone.
    side: usize,
    margin: usize,
    /// With the margin on both sides.
    width: usize,
}

impl Modules {
    fn of(text: &str, level: EcLevel, margin: usize) -> Option<Modules> {
        let code = QrCode::with_error_correction_level(text, level).ok()?;
        let (side, dark) = (code.width(), code.to_colors().into_iter().map(|color| color == Color::Dark).collect());
        Some(Modules { dark, side, margin, width: side + 2 * margin })
    }

    /// Whether a module is dark; what is outside of the code is not.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let (Some(x), Some(y)) = (x.checked_sub(self.margin), y.checked_sub(self.margin)) else { return false };
        x < self.side && y < self.side && self.dark[y * self.side + x]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://192.168.1.20:8080/";

    /// The modules of a terminal's lines, with the margin; true is dark.
    fn read_terminal(lines: &[String]) -> Vec<Vec<bool>> {
        let plain = |line: &String| {
            let inside =
                line.strip_prefix(WHITE_ON_BLACK).and_then(|rest| rest.strip_suffix(PLAIN)).expect("its colours");
            inside.chars().collect::<Vec<char>>()
        };
        let half = |line: &[char], light: [char; 2]| line.iter().map(|c| !light.contains(c)).collect::<Vec<bool>>();
        let rows = lines.iter().map(plain);
        rows.flat_map(|line| [half(&line, ['█', '▀']), half(&line, ['█', '▄'])]).collect()
    }

    /// The modules of a picture.
    fn read_svg(svg: &str) -> Vec<Vec<bool>> {
        let width: usize = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let mut modules = vec![vec![false; width]; width];
        let path = svg.split("<path d=\"").nth(1).unwrap().split('"').next().unwrap();
        for run in path.split_terminator('z') {
            let numbers: Vec<usize> =
                run.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
            let [x, y, length, 1, _] = numbers[..] else { panic!("{run}") };
            modules[y][x..x + length].fill(true);
        }
        modules
    }

    fn without_margin(modules: &[Vec<bool>], margin: usize) -> Vec<Vec<bool>> {
        let side = modules[0].len() - 2 * margin;
        modules[margin..margin + side].iter().map(|row| row[margin..margin + side].to_vec()).collect()
    }

    fn expected(level: EcLevel) -> Vec<Vec<bool>> {
        let code = QrCode::with_error_correction_level(URL, level).unwrap();
        let colors = code.to_colors();
        colors.chunks(code.width()).map(|row| row.iter().map(|color| *color == Color::Dark).collect()).collect()
    }

    #[test]
    fn a_terminal_shows_the_code_in_few_lines() {
        let lines = terminal(URL).unwrap();
        assert_eq!(lines.len(), 15);
        let modules = read_terminal(&lines);
        assert_eq!(without_margin(&modules, 2), expected(EcLevel::L));
        assert!(modules[0].iter().chain(&modules[1]).all(|dark| !dark), "a light margin");
    }

    #[test]
    fn a_picture_shows_the_code() {
        let modules = read_svg(&svg(URL).unwrap());
        assert_eq!(without_margin(&modules, 4), expected(EcLevel::M));
        assert!(modules[..4].iter().flatten().all(|dark| !dark), "a light margin");
    }

    #[test]
    fn what_is_too_long_has_no_code() {
        let long = "x".repeat(3000);
        assert!(terminal(&long).is_none() && svg(&long).is_none());
        assert!(svg(&"ü/".repeat(500)).is_some());
    }
}
