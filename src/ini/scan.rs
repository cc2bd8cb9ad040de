//! A text as sections with their keys, each with its line, and all lines that are wrong.
//!
//! The `configparser` crate is given one line at a time. Of a whole text it would report no line numbers and only the first
//! error, and it would keep the last of repeated sections or keys.

use std::collections::btree_map::Entry;

use configparser::ini::Ini;

use super::Mistake;
use super::written::{NumberedLine, Origin, Setting, Written};

/// What was found so far.
#[derive(Debug)]
pub(super) struct Scan {
    /// The sections in the order of the text.
    pub(super) sections: Vec<Written>,
    /// Keys before the first section, in the order of the text.
    pub(super) homeless: Vec<(String, Setting)>,
    /// Lines that can't be used.
    pub(super) faults: Vec<BadLine>,
    parser: Ini,
    /// Keys after a section line that is a fault belong to no section and are skipped.
    skips_keys: bool,
    /// Whether the last line ends as if the next one belonged to it.
    goes_on: bool,
}

/// One line that can't be used.
#[derive(Debug, PartialEq)]
pub(super) struct BadLine {
    pub(super) line: NumberedLine,
    /// The section that it would belong to.
    pub(super) section: String,
    /// Empty if it has none.
    pub(super) key: String,
    pub(super) mistake: Mistake,
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
            goes_on: false,
        };
        // Some editors write a byte order mark in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in (1..).zip(text.lines()) {
            scan.line(number, line);
        }
        scan
    }

    fn line(&mut self, number: usize, text: &str) {
        let line = text.trim();
        let opens_section = line.starts_with('[');
        if line.is_empty() || (self.skips_keys && !opens_section) {
            return;
        }
        let parsed = self.parse(line);
        let key = if let Ok(LineKind::Key(name, _)) = &parsed { name.clone() } else { String::new() };
        let here = NumberedLine { number, text: text.into() };
        let outcome = parsed.and_then(|parsed| match parsed {
            LineKind::Nothing => Ok(()),
            _ if line.contains(['\0', '\r']) => Err(Mistake::new("there is a NUL or a lone CR in this line")),
            LineKind::Section(name) => self.section(line, name, here.clone()),
            LineKind::Key(name, value) if value.is_empty() && !line.contains(['=', ':']) => {
                Err(self.no_separator(&name))
            }
            LineKind::Key(name, value) => self.key(&name, value, here.clone()),
        });
        self.goes_on = line.ends_with('\\');
        self.skips_keys = opens_section && outcome.is_err();
        if let Err(mistake) = outcome {
            let section = self.sections.last().map(|section| section.name.clone()).unwrap_or_default();
            self.faults.push(BadLine { line: here, section, key, mistake });
        }
    }

    /// The crate puts a key into its default section; of a section line it makes a section without keys.
    fn parse(&mut self, line: &str) -> Result<LineKind, Mistake> {
        let found = self.parser.read(line.to_owned()).map_err(|_| match line.strip_prefix('[') {
            Some(name) => Mistake::new("the section has no closing ']'").fix(format!("write [{name}]")),
            None => Mistake::new("there is no key before the '='"),
        })?;
        Ok(match found.into_iter().next().map(|(section, keys)| (section, keys.into_iter().next())) {
            None => LineKind::Nothing,
            Some((name, None)) => LineKind::Section(name),
            Some((_, Some((name, value)))) => LineKind::Key(name, value.unwrap_or_default()),
        })
    }

    fn section(&mut self, line: &str, name: String, here: NumberedLine) -> Result<(), Mistake> {
        if !line.ends_with(']') || name.contains(']') {
            return Err(
                Mistake::new("nothing may follow the ']' of a section").fix("a comment needs a line of its own")
            );
        } else if name.is_empty() {
            return Err(Mistake::new("the section has no name"));
        } else if let Some(first) = self.sections.iter().find(|section| section.name == name) {
            let first = first.origin.number();
            return Err(Mistake::new(format!("the section [{name}] is in the file twice, first in line {first}")));
        }
        self.sections.push(Written::new(name, Origin::Line(here)));
        Ok(())
    }

    /// A key without a value is left to its reader.
    fn key(&mut self, name: &str, value: String, here: NumberedLine) -> Result<(), Mistake> {
        let key = name.to_ascii_lowercase();
        let setting = Setting { value, origin: Origin::Line(here) };
        let Some(section) = self.sections.last_mut() else {
            self.homeless.push((key, setting));
            return Ok(());
        };
        match section.keys.entry(key) {
            Entry::Occupied(first) => {
                let (key, section, line) = (first.key(), &section.name, first.get().origin.number());
                Err(Mistake::new(format!("'{key}' is in [{section}] twice, first in line {line}")))
            }
            Entry::Vacant(place) => {
                place.insert(setting);
                Ok(())
            }
        }
    }

    fn no_separator(&self, line: &str) -> Mistake {
        if self.goes_on {
            Mistake::new("a value is one line, and no line continues another").fix("write it in one line")
        } else if line.contains(char::is_whitespace) {
            Mistake::new("this line has no '='").fix("write key = value, or # in front of a comment")
        } else {
            Mistake::new("has no value")
        }
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
        assert_eq!(told[0], (3, "more text", "a value is one line, and no line continues another"));
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
