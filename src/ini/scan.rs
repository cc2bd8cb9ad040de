//! A text as sections with their keys, each with its line, and all lines that are wrong.
//!
//! The `configparser` crate is given one line at a time. Of a whole text it would report no line numbers and only the first
//! error, and it would keep the last of repeated sections or keys.

use std::collections::btree_map::Entry;

use configparser::ini::Ini;

use super::written::{NumberedLine, Origin, Written, WrittenValue};
use super::{DEFAULT, FolderTitle, Mistake};
use super::{holds, secrecy};

/// What was found so far.
#[derive(Debug)]
pub(super) struct Scan {
    /// The sections in the order of the text.
    pub(super) sections: Vec<Written>,
    /// Keys before the first section, in the order of the text.
    pub(super) homeless: Vec<(String, WrittenValue)>,
    /// Lines that can't be used.
    pub(super) faults: Vec<BadLine>,
    parser: Ini,
    /// Keys after a section line that is a fault belong to no section and are skipped.
    skips_keys: bool,
    /// The key of the line before, if the next line could belong to it.
    before: Option<KeyLine>,
    /// Whether the line before repeats a key, as the keys of an account without a section line do.
    repeats: bool,
    /// The last section line that is a comment, since the last one that is none.
    commented: Option<usize>,
    /// Whether the lines are those of a key or a certificate.
    in_pem: bool,
    /// Where the next key goes: the index of a section.
    current: usize,
}

/// A line with a key, and what is written behind it.
#[derive(Debug)]
struct KeyLine {
    line: NumberedLine,
    key: String,
    value: String,
    is_told: bool,
}

/// One line that can't be used.
#[derive(Debug, PartialEq)]
pub(super) struct BadLine {
    pub(super) line: NumberedLine,
    /// The section that it would belong to.
    pub(super) section: String,
    /// Empty if it has none.
    pub(super) key: String,
    /// What is written behind the key.
    pub(super) value: String,
    pub(super) mistake: Mistake,
    /// Whether it explains all that is wrong with the value.
    pub(super) is_cause: bool,
}

/// What one line is.
enum LineKind {
    /// Blank, or a comment.
    Nothing,
    Section(String),
    Key(String, String),
}

impl Scan {
    pub(super) fn of(text: &str) -> Scan {
        let mut scan = Scan {
            sections: Vec::new(),
            homeless: Vec::new(),
            faults: Vec::new(),
            parser: parser(),
            skips_keys: false,
            before: None,
            repeats: false,
            commented: None,
            in_pem: false,
            current: 0,
        };
        // Some editors write a byte order mark in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in (1..).zip(text.lines()) {
            scan.line(number, line);
        }
        scan
    }

    fn line(&mut self, number: usize, text: &str) {
        let line = text.trim_matches(is_blank);
        let broken = broken_section(line, self.sections.is_empty());
        let opens_section = line.starts_with('[') || broken.is_some();
        if line.is_empty() || self.is_pem(line) || (self.skips_keys && !opens_section) {
            return;
        }
        let parsed = self.parse(line);
        let (key, value) = match &parsed {
            Ok(LineKind::Key(name, value)) => (name.clone(), value.clone()),
            _ => Default::default(),
        };
        let here = NumberedLine { number, text: text.into() };
        let outcome = parsed.and_then(|parsed| match parsed {
            LineKind::Nothing => {
                self.note_commented(number, line);
                Ok(())
            }
            _ if line.contains(['\0', '\r']) => Err(invisible(&value)),
            _ if let Some(mistake) = broken => Err(mistake),
            LineKind::Section(name) => self.section(line, name, here.clone()),
            LineKind::Key(name, value) if value.is_empty() && !line.contains(['=', ':']) => self.bare(&name, &here),
            LineKind::Key(name, value) => self.key(&name, value, here.clone()),
        });
        let is_sound = outcome.is_ok() || line.strip_prefix('[') == Some("DEFAULT]");
        self.skips_keys = opens_section && !is_sound;
        if let Err(mistake) = outcome {
            self.fault(BadLine { line: here, section: String::new(), key, value, mistake, is_cause: false });
        }
    }

    fn fault(&mut self, fault: BadLine) {
        let section = self.sections.last().map(|section| section.name.clone()).unwrap_or_default();
        self.faults.push(BadLine { section, ..fault });
    }

    /// Whether a line is one of a key or a certificate that somebody has pasted. The first one is left to its reader.
    fn is_pem(&mut self, line: &str) -> bool {
        let was = self.in_pem;
        let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
        let goes_on = line.chars().all(is_base64) && !line.trim_end_matches('=').contains('=');
        self.in_pem = (line.contains(secrecy::PEM) || was && goes_on) && !line.starts_with(['#', ';']);
        was && (goes_on || line.contains("-----END"))
            || self.in_pem && self.before.as_ref().is_some_and(|before| before.value.is_empty() && !line.contains('='))
    }

    fn note_commented(&mut self, number: usize, line: &str) {
        let inside = line.trim_start_matches(['#', ';']).trim_start();
        if inside.starts_with('[') && inside.ends_with(']') {
            self.commented = Some(number);
        }
    }

    /// The crate puts a key into its default section; of a section line it makes a section without keys.
    fn parse(&mut self, line: &str) -> Result<LineKind, Mistake> {
        let found = self.parser.read(line.to_owned()).map_err(|_| match line.starts_with('[') {
            true => {
                let name = line[..secrecy::section_end(line)].trim_start_matches('[');
                let fix = match FolderTitle::of(line) {
                    // What follows the account is not shown.
                    Some(_) => "write ] at its end".to_owned(),
                    None => format!("write [{name}]"),
                };
                Mistake::new("the section has no closing ']'").fix(fix)
            }
            false => Mistake::new("there is no key before the '='").fix("write key = value"),
        })?;
        Ok(match found.into_iter().next().map(|(section, keys)| (section, keys.into_iter().next())) {
            None => LineKind::Nothing,
            Some((name, None)) => LineKind::Section(name),
            Some((_, Some((name, value)))) => LineKind::Key(name, value.unwrap_or_default()),
        })
    }

    fn section(&mut self, line: &str, name: String, here: NumberedLine) -> Result<(), Mistake> {
        (self.before, self.repeats, self.commented) = (None, false, None);
        let folder = FolderTitle::of(&name).and_then(|_| FolderTitle::of(inside(line)));
        // The name of a folder may hold brackets.
        let is_one_word = !name.contains(']') || folder.as_ref().is_some_and(|title| !title.account.contains(']'));
        let name = folder.map_or(name, |title| title.to_string());
        if !line.ends_with(']') || !is_one_word {
            return Err(
                Mistake::new("nothing may follow the ']' of a section").fix("a comment needs a line of its own")
            );
        } else if name.is_empty() {
            return Err(Mistake::new("the section has no name")
                .fix("write the name of an account or of a section, such as [alex]"));
        } else if let Some(index) = self.sections.iter().position(|section| section.name == name) {
            let first = self.sections[index].origin.number();
            if name == DEFAULT {
                // All accounts would lack what stands there.
                self.current = index;
            }
            let name = secrecy::section(&name);
            return Err(Mistake::new(format!("the section [{name}] is in the file twice, first in line {first}"))
                .fix("give it another name, or put its keys below the first one"));
        }
        self.sections.push(Written::new(name, Origin::Line(here)));
        self.current = self.sections.len() - 1;
        Ok(())
    }

    /// A key without a value is left to its reader.
    fn key(&mut self, name: &str, value: String, here: NumberedLine) -> Result<(), Mistake> {
        let key = name.to_ascii_lowercase();
        self.before = Some(KeyLine { line: here.clone(), key: key.clone(), value: value.clone(), is_told: false });
        let setting = WrittenValue { value, origin: Origin::Line(here) };
        let is_last = self.current + 1 >= self.sections.len();
        let Some(section) = self.sections.get_mut(self.current) else {
            self.homeless.push((key, setting));
            return Ok(());
        };
        let was_repeated = std::mem::take(&mut self.repeats);
        let Entry::Occupied(first) = section.keys.entry(key.clone()) else {
            section.keys.insert(key, setting);
            return Ok(());
        };
        self.repeats = true;
        if was_repeated || !is_last {
            return Ok(());
        }
        let (name, line) = (secrecy::section(&section.name), first.get().origin.number());
        let mistake = Mistake::new(format!("'{key}' is in [{name}] twice, first in line {line}"));
        Err(match self.commented {
            Some(line) => mistake.fix(format!("line {line} is a comment: take the sign in front of its [ away")),
            None if holds::is_of_settings(&section.name) => mistake.fix("delete one of the two"),
            None => mistake.fix("delete one of the two, or begin another account with a line such as [alex]"),
        })
    }

    /// A line without a '=', which may belong to the line before.
    fn bare(&mut self, text: &str, here: &NumberedLine) -> Result<(), Mistake> {
        let is_indented = here.text.starts_with(char::is_whitespace);
        let is_continued = |before: &&mut KeyLine| {
            (!before.is_told || is_indented) && (before.value.is_empty() || before.value.ends_with(['\\', ',']))
        };
        if let Some(before) = self.before.as_mut().filter(is_continued) {
            // That a key has no value is told by its reader.
            if !std::mem::replace(&mut before.is_told, true) && !before.value.is_empty() {
                let (line, key, value) = (before.line.clone(), before.key.clone(), before.value.clone());
                let last = value.len() - 1;
                let mistake = Mistake::new("a value is one line, and no line continues another");
                let mistake = mistake.fix("write it in one line").at(last..value.len());
                self.fault(BadLine { line, section: String::new(), key, value, mistake, is_cause: true });
            }
            return Ok(());
        }
        Err(if text.contains(char::is_whitespace) {
            Mistake::new("this line has no '='").fix("write key = value, or # in front of a comment")
        } else {
            Mistake::new(NO_VALUE).fix("write key = value")
        })
    }
}

/// What is wrong with a key that stands alone.
pub(super) const NO_VALUE: &str = "has no value";

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

/// What is between the brackets of a section line, with the control bytes in it, which the crate may take for blanks.
fn inside(line: &str) -> &str {
    let is_seen = |c: char| c == ' ' || c == '\t' || (c.is_whitespace() && !c.is_control());
    let line = line.strip_prefix('[').unwrap_or(line);
    line.strip_suffix(']').unwrap_or(line).trim_matches(is_seen)
}

/// A section line whose brackets are others or incomplete.
fn broken_section(line: &str, is_first: bool) -> Option<Mistake> {
    const PAIRS: &[(char, char)] =
        &[('<', '>'), ('(', ')'), ('{', '}'), ('【', '】'), ('［', '］'), ('「', '」'), ('〔', '〕')];
    let paired = || PAIRS.iter().find_map(|(open, close)| line.strip_prefix(*open)?.strip_suffix(*close));
    let quoted = || line.trim_matches(['"', '\'']).strip_prefix('[')?.strip_suffix(']');
    let half = (!line.starts_with('[')).then(|| line.strip_suffix(']')).flatten();
    let name = match half.filter(|_| !line.contains('[')) {
        Some(name) => Some(name),
        None if line.starts_with(['"', '\'']) => quoted(),
        None if is_first => paired().or_else(|| line.strip_suffix(':')),
        None => None,
    }?;
    let is_word = |c: char| c.is_alphabetic() || "_-. ".contains(c);
    (!name.is_empty() && name.len() <= 20 && name.chars().all(is_word)).then(|| {
        Mistake::new("the name of a section stands in square brackets").fix(format!("write [{}]", name.trim()))
    })
}

/// A byte that no editor shows, in a `value` or elsewhere.
fn invisible(value: &str) -> Mistake {
    let mistake = Mistake::new("there is a NUL or a lone CR in this line").fix("write the line again");
    match value.find(['\0', '\r']) {
        Some(at) => mistake.at(at..at + 1),
        None => mistake,
    }
}

/// By default the crate converts sections, which are account names, to lower case, and cuts values at `#` and `;`, which may
/// be part of a password.
fn parser() -> Ini {
    let mut parser = Ini::new_cs();
    let mut settings = parser.defaults();
    settings.enable_inline_comments = false;
    parser.load_defaults(settings);
    parser
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn pairs(scan: &Scan) -> Vec<[String; 3]> {
        let rows = scan.sections.iter().flat_map(|Written { name, keys, .. }| {
            keys.iter().map(move |(key, setting)| [name.clone(), key.clone(), setting.value.clone()])
        });
        rows.collect()
    }

    fn faults(scan: &Scan) -> Vec<(usize, &str, &str)> {
        scan.faults.iter().map(|fault| (fault.line.number, fault.key.as_str(), fault.mistake.reason.as_str())).collect()
    }

    #[test]
    fn a_value_runs_to_the_end_of_its_line() {
        let cases = [
            ("[a]\nk = v", "v"),
            ("[a]\r\nk = v\r\n", "v"),
            ("\u{feff}[a]\nk = v", "v"),
            ("[a]\n   k   =   two words   ", "two words"),
            ("[a]\nk: v", "v"),
            ("[a]\nk = #;=:%[]", "#;=:%[]"),
            ("[a]\nk = a # b ; c", "a # b ; c"),
            ("[a]\nk = D:/", "D:/"),
            ("[a]\nk=D:\\share", "D:\\share"),
            ("[a]\nk : = x", "= x"),
            ("[a]\nk = pässwörd✓", "pässwörd✓"),
            ("# c\n; c\n\n[a]\n# c\nk = v\n  ; c\n", "v"),
        ];
        for (text, value) in cases {
            let scan = Scan::of(text);
            assert_eq!(pairs(&scan), [["a", "k", value]], "{text:?}");
            assert_eq!(scan.faults, [], "{text:?}");
        }
    }

    #[test]
    fn an_indented_line_is_a_line_of_its_own() {
        let scan = Scan::of("[a]\nk = v\n    more\n    x = y\n");
        assert_eq!(pairs(&scan).len(), 2);
        assert_eq!(faults(&scan), [(3, "more", "has no value")]);
    }

    #[test]
    fn sections_differ_in_case_and_keys_do_not() {
        let scan = Scan::of("[Alice]\nk = 1\n[ALICE]\nk = 2\nK = 3\n");
        assert_eq!(pairs(&scan), [["Alice", "k", "1"], ["ALICE", "k", "2"]]);
        assert_eq!(faults(&scan), [(5, "K", "'k' is in [ALICE] twice, first in line 4")]);
    }

    #[test]
    fn the_last_bracket_of_the_line_ends_the_name_of_a_folder() {
        for name in ["alex /a [2024]", "alex /[a] b", "alex /]", "alex /[", "alex /a]]"] {
            let text = format!("[{name}]\nperm = el");
            assert_eq!(pairs(&Scan::of(&text)), [[name, "perm", "el"].map(str::to_owned)], "{text}");
        }
    }

    #[test]
    fn every_fault_has_its_line() {
        let text = "before = 1\n[a]\nk\nk =\n= v\nx = 1\nx = 2\n[a]\nlost = 1\n[b\nlost = 1\n[]\n[c] # d\n[d]\ny = a\rb\nz = 1";
        let scan = Scan::of(text);
        let lines: Vec<usize> = scan.faults.iter().map(|fault| fault.line.number).collect();
        assert_eq!(lines, [3, 5, 7, 8, 10, 12, 13, 15]);
        let kept: Vec<String> =
            pairs(&scan).into_iter().map(|[section, key, value]| section + "." + &key + "=" + &value).collect();
        assert_eq!(kept, ["a.k=", "a.x=1", "d.z=1"]);
        assert_eq!(scan.homeless.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["before"]);
    }

    #[test]
    fn a_line_that_continues_another_is_told() {
        let scan = Scan::of("[a]\nk = v \\\n  more text\nstray words\n");
        let told = faults(&scan);
        assert_eq!(told[0], (2, "k", "a value is one line, and no line continues another"));
        assert_eq!(told[1], (4, "stray words", "this line has no '='"));
    }

    proptest! {
        #[test]
        fn sound_lines_one_by_one_are_what_the_crate_reads_at_once(lines in prop::collection::vec("[ \t]{0,2}[\\[\\]abAB=:#;%\u{e9}\u{a0} \t]{0,8}\r?", 0..20)) {
            let text = lines.join("\n");
            let scan = Scan::of(&text);
            let ours = scan.sections.iter().flat_map(|section| {
                section.keys.values().map(|setting| setting.origin.number()).chain([section.origin.number()])
            });
            let sound: BTreeSet<usize> = ours.collect();
            let sound: Vec<&str> = (1..).zip(text.lines()).filter(|(line, _)| sound.contains(line)).map(|(_, line)| line).collect();
            let theirs = parser().read(sound.join("\n")).unwrap();
            let mut theirs: Vec<[String; 3]> = theirs.into_iter().flat_map(|(name, keys)| {
                keys.into_iter().map(move |(key, value)| [name.clone(), key.to_ascii_lowercase(), value.unwrap()])
            }).collect();
            theirs.sort();
            let mut ours = pairs(&scan);
            ours.sort();
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn any_text_is_scanned_without_a_panic(text in ".*") {
            Scan::of(&text);
        }
    }
}
