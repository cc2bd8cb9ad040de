//! A page of the documentation, as far as it can be run: its blocks of code, the code in its sentences, its links.

use std::{fs, path::Path};

/// A page in Markdown.
pub struct Page {
    pub text: String,
}

/// Lines between two fences.
pub struct Block {
    /// Of the fence that opens it, from 1.
    pub line: usize,
    /// What is written behind that fence.
    pub kind: String,
    pub lines: Vec<String>,
}

/// The kind of a block without fences.
pub const INDENTED: &str = "indented";

/// What a line is.
#[derive(Clone, Copy, PartialEq)]
enum Kind<'a> {
    Empty,
    Prose,
    Fence(&'a str),
    Fenced,
    Indented,
}

impl Page {
    /// A page by its path in the repository.
    pub fn read(name: &str) -> Page {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        Page { text: fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) }
    }

    /// Its blocks of code: fenced, perhaps indented with their list, or indented by four blanks.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut before = Kind::Empty;
        for (line, kind, text) in self.lines() {
            match kind {
                Kind::Fence(kind) if !kind.is_empty() => {
                    blocks.push(Block { line, kind: kind.to_owned(), lines: Vec::new() });
                }
                Kind::Indented if before != Kind::Indented => {
                    blocks.push(Block { line, kind: INDENTED.to_owned(), lines: vec![text.trim_start().to_owned()] });
                }
                Kind::Indented | Kind::Fenced => blocks.last_mut().unwrap().lines.push(text.trim_start().to_owned()),
                _ => {}
            }
            before = kind;
        }
        blocks
    }

    pub fn blocks_of(&self, kind: &str) -> Vec<Block> {
        self.blocks().into_iter().filter(|block| block.kind == kind).collect()
    }

    /// The lines outside the blocks.
    pub fn prose(&self) -> Vec<&str> {
        self.lines().into_iter().filter(|(_, kind, _)| *kind == Kind::Prose).map(|(_, _, text)| text).collect()
    }

    fn lines(&self) -> Vec<(usize, Kind<'_>, &str)> {
        let mut lines: Vec<(usize, Kind, &str)> = Vec::new();
        let mut is_open = false;
        for (line, text) in (1..).zip(self.text.lines()) {
            let may_be_indented = lines.last().is_none_or(|(_, kind, _)| matches!(kind, Kind::Empty | Kind::Indented));
            let kind = match text.trim_start().strip_prefix("```") {
                Some(kind) => {
                    is_open = !is_open;
                    assert!(kind.is_empty() != is_open, "line {line}: a fence opens with its kind, and closes without");
                    Kind::Fence(kind)
                }
                None if is_open => Kind::Fenced,
                None if text.is_empty() => Kind::Empty,
                None if may_be_indented && text.starts_with("    ") => Kind::Indented,
                None => Kind::Prose,
            };
            lines.push((line, kind, text));
        }
        lines
    }

    /// The code in the sentences and tables.
    pub fn code(&self) -> Vec<&str> {
        self.prose().into_iter().flat_map(Page::code_of).collect()
    }

    /// The code in a line.
    pub fn code_of(line: &str) -> Vec<&str> {
        line.split('`').skip(1).step_by(2).collect()
    }

    /// Where its links and pictures lead to.
    pub fn links(&self) -> Vec<&str> {
        let after = self.prose().into_iter().flat_map(|line| line.split("](").skip(1));
        after.map(|rest| rest.split(')').next().unwrap()).collect()
    }

    /// The names that a link may have behind `#`.
    pub fn anchors(&self) -> Vec<String> {
        let heads = self.prose().into_iter().filter_map(|line| line.strip_prefix('#'));
        let anchor = |head: &str| {
            let kept = head.trim_start_matches('#').trim().to_lowercase();
            kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
        };
        heads.map(anchor).collect()
    }
}
