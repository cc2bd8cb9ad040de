//! A man page in the language of roff, made of Markdown.
//!
//! It knows what docs/ uses: headings, paragraphs, samples, lists and tables; in a line code, bold and links.

/// A man page as far as it is written.
pub(super) struct Page {
    roff: String,
}

impl Page {
    /// A page with its title and its first section.
    pub(super) fn new(name: &str, section: u8, about: &str) -> Page {
        let title = escape(&name.to_uppercase());
        let roff = format!(".TH {title} {section} \"\" \"ftpd {}\"\n", env!("CARGO_PKG_VERSION"));
        let mut page = Page { roff };
        page.heading("Name");
        page.line(&format!("{} \\- {}", escape(name), inline(about)));
        page
    }

    /// Begins a section; names in brackets stay as they are.
    pub(super) fn heading(&mut self, text: &str) {
        let text = if text.starts_with('[') { text.to_owned() } else { text.to_uppercase() };
        self.line(&format!(".SH \"{}\"", escape(&text)));
    }

    /// Begins a part of a section.
    pub(super) fn subheading(&mut self, text: &str) {
        self.line(&format!(".SS \"{}\"", escape(text)));
    }

    /// The ways to write a command.
    pub(super) fn usage(&mut self, lines: &[String]) {
        let line = |line: &String| {
            let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
            format!("{} {}", bold(name), escape(rest))
        };
        self.line(&lines.iter().map(line).collect::<Vec<_>>().join("\n.br\n"));
    }

    /// Appends a text; its title is left out.
    pub(super) fn markdown(&mut self, text: &str) {
        for block in text.split("\n\n").map(|block| block.trim_matches('\n')) {
            if let Some(heading) = block.strip_prefix("## ") {
                self.heading(heading);
            } else if block.starts_with("    ") {
                self.sample(block);
            } else if block.starts_with("| ") {
                block.lines().skip(2).for_each(|row| self.row(row));
            } else if let Some(items) = block.strip_prefix("- ") {
                items.split("\n- ").for_each(|item| self.list_item(item));
            } else if !block.is_empty() && !block.starts_with("# ") {
                self.paragraph(block);
            }
        }
    }

    /// A paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        let follows_heading = self.roff.lines().last().is_some_and(|line| line.starts_with(".S"));
        if !follows_heading {
            self.line(".PP");
        }
        self.text(text);
    }

    /// A term in roff, and what it means in Markdown.
    pub(super) fn item(&mut self, term: &str, meaning: &str) {
        self.line(".TP");
        self.line(term);
        for (index, paragraph) in meaning.split("\n\n").enumerate() {
            if index > 0 {
                self.line(".IP");
            }
            self.text(paragraph);
        }
    }

    /// The page as it is saved.
    pub(super) fn finish(self) -> String {
        self.roff
    }

    fn sample(&mut self, block: &str) {
        [".PP", ".RS 4", ".EX"].iter().for_each(|line| self.line(line));
        for line in block.lines() {
            self.line(&guarded(&escape(line.strip_prefix("    ").unwrap_or(line))));
        }
        [".EE", ".RE"].iter().for_each(|line| self.line(line));
    }

    /// A row of a table of keys, or of one with two columns.
    fn row(&mut self, row: &str) {
        let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        match cells[..] {
            [key, value, default, meaning] => {
                let default = match default {
                    "needed" => " It must be given.".to_owned(),
                    "–" => String::new(),
                    value => format!(" [default: {value}]"),
                };
                self.item(&format!("{} = {}", inline(key), italic(value)), &format!("{meaning}{default}"));
            }
            _ => self.item(&inline(cells[0]), &cells[1..].join(" ")),
        }
    }

    fn list_item(&mut self, item: &str) {
        match item.split_once(": ") {
            Some((term, meaning)) if term.starts_with('`') => self.item(&inline(term), &unindented(meaning)),
            _ => {
                self.line(".IP \\(bu 2");
                self.text(&unindented(item));
            }
        }
    }

    fn text(&mut self, text: &str) {
        inline(text).lines().for_each(|line| self.line(&guarded(line)));
    }

    fn line(&mut self, line: &str) {
        self.roff.push_str(line);
        self.roff.push('\n');
    }
}

/// Bold text in roff.
pub(super) fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escape(text))
}

/// Italic text in roff.
pub(super) fn italic(text: &str) -> String {
    format!("\\fI{}\\fR", escape(text))
}

fn unindented(text: &str) -> String {
    text.replace("\n  ", "\n")
}

/// Code and what is bold becomes bold, a link its words.
fn inline(text: &str) -> String {
    let plain = |text: &str| {
        let parts = text.split("**").enumerate();
        parts.map(|(index, part)| if index % 2 == 1 { bold(part) } else { escape(&without_links(part)) }).collect()
    };
    let parts = text.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 1 { bold(part) } else { plain(part) }).collect()
}

/// `[words](target)` → `words`.
fn without_links(text: &str) -> String {
    let mut rest = text;
    let mut words = String::new();
    while let Some((before, after)) = rest.split_once("](") {
        words.push_str(&before.replacen('[', "", 1));
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    words + rest
}

/// What roff would take for something else, and what is not ASCII, by its name.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '"' => escaped.push_str("\\(dq"),
            '\'' => escaped.push_str("\\(aq"),
            '`' => escaped.push_str("\\(ga"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            c if c.is_ascii() => escaped.push(c),
            c => escaped.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    escaped
}

/// A line of text that begins like an order of roff.
fn guarded(line: &str) -> String {
    if line.starts_with('.') { format!("\\&{line}") } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roff(markdown: &str) -> String {
        let mut page = Page { roff: String::new() };
        page.markdown(markdown);
        page.finish()
    }

    #[test]
    fn each_kind_of_block_has_its_orders() {
        let cases = [
            ("# Title", ""),
            ("## Exit status", ".SH \"EXIT STATUS\"\n"),
            ("## [server]", ".SH \"[server]\"\n"),
            ("## A\n\none\ntwo\n\nthree", ".SH \"A\"\none\ntwo\n.PP\nthree\n"),
            ("    [a]\n    .b = 1", ".PP\n.RS 4\n.EX\n[a]\n\\&.b = 1\n.EE\n.RE\n"),
            ("- one\n  more\n- two: x", ".IP \\(bu 2\none\nmore\n.IP \\(bu 2\ntwo: x\n"),
            ("- `A`, `B`: c\n  d", ".TP\n\\fBA\\fR, \\fBB\\fR\nc\nd\n"),
            ("| letter | allows |\n|---|---|\n| `e` | x |", ".TP\n\\fBe\\fR\nx\n"),
        ];
        for (markdown, expected) in cases {
            assert_eq!(roff(markdown), expected, "{markdown}");
        }
    }

    #[test]
    fn a_key_is_shown_with_its_value_and_its_default() {
        let cases = [("`on`", " [default: \\fBon\\fR]"), ("–", ""), ("needed", " It must be given.")];
        for (default, told) in cases {
            let table =
                format!("| key | value | default | meaning |\n|---|---|---|---|\n| `k` | on or off | {default} | M. |");
            assert_eq!(roff(&table), format!(".TP\n\\fBk\\fR = \\fIon or off\\fR\nM.{told}\n"));
        }
    }

    #[test]
    fn what_roff_would_take_for_something_else_is_written_by_its_name() {
        let cases = [
            ("`-c` **is** [a link](x.md), too", "\\fB\\-c\\fR \\fBis\\fR a link, too\n"),
            (r#"~ ^ \n "it's" …"#, "\\(ti \\(ha \\en \\(dqit\\(aqs\\(dq \\[u2026]\n"),
            ("x\n.y\n'z", "x\n\\&.y\n\\(aqz\n"),
        ];
        for (markdown, expected) in cases {
            assert_eq!(roff(markdown), format!(".PP\n{expected}"));
        }
    }
}
