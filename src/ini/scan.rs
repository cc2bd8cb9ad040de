//! A text as sections with their keys, each with its line, and all lines that are wrong.
//!
//! The `configparser` crate is given one line at a time. Of a whole text it would report no line numbers and only the first
//! error, and it would keep the last of repeated sections or keys.

use std::collections::btree_map::Entry;

use configparser::ini::Ini;

use super::written::{Origin, Setting, Written};

/// What was found so far.
#[derive(Debug)]
pub(super) struct Scan {
    /// The sections in the order of the text.
    pub(super) sections: Vec<Written>,
    /// Lines that can't be used.
    pub(super) faults: Vec<BadLine>,
    parser: Ini,
    /// Keys after a section line that is a fault belong to no section and are skipped.
    skips_keys: bool,
}

/// One line that can't be used.
#[derive(Debug, PartialEq)]
pub(super) struct BadLine {
    pub(super) line: usize,
    /// Empty if it has none.
    pub(super) key: String,
    pub(super) reason: &'static str,
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
        let mut scan = Scan { sections: Vec::new(), faults: Vec::new(), parser: parser(), skips_keys: false };
        // Some editors write a byte order mark in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            scan.line(number, line);
        }
        scan
    }

    fn line(&mut self, number: usize, line: &str) {
        let opens_section = line.starts_with('[');
        if self.skips_keys && !opens_section {
            return;
        }
        let parsed = self.parse(line);
        let key = if let Ok(LineKind::Key(name, _)) = &parsed { name.clone() } else { String::new() };
        let outcome = parsed.and_then(|parsed| match parsed {
            LineKind::Nothing => Ok(()),
            _ if line.contains(['\0', '\r']) => Err("there is a NUL or a lone CR in this line"),
            LineKind::Section(name) => self.section(number, line, name),
            LineKind::Key(name, value) => self.key(number, &name, value),
        });
        self.skips_keys = opens_section && outcome.is_err();
        if let Err(reason) = outcome {
            self.faults.push(BadLine { line: number, key, reason });
        }
    }

    /// The crate puts a key into its default section; of a section line it makes a section without keys.
    fn parse(&mut self, line: &str) -> Result<LineKind, &'static str> {
        let wrong =
            if line.starts_with('[') { "the section has no closing ']'" } else { "there is no key before the '='" };
        let found = self.parser.read(line.to_owned()).map_err(|_| wrong)?;
        Ok(match found.into_iter().next().map(|(section, keys)| (section, keys.into_iter().next())) {
            None => LineKind::Nothing,
            Some((name, None)) => LineKind::Section(name),
            Some((_, Some((name, value)))) => LineKind::Key(name, value.unwrap_or_default()),
        })
    }

    fn section(&mut self, number: usize, line: &str, name: String) -> Result<(), &'static str> {
        if !line.ends_with(']') || name.contains(']') {
            return Err("nothing may follow the ']' of a section");
        } else if name.is_empty() {
            return Err("the section has no name");
        } else if self.sections.iter().any(|section| section.name == name) {
            return Err("this section is in the file twice");
        }
        self.sections.push(Written::new(name, Origin::Line(number)));
        Ok(())
    }

    fn key(&mut self, number: usize, name: &str, value: String) -> Result<(), &'static str> {
        let section = self.sections.last_mut().ok_or("this key is before any [section]")?;
        if value.is_empty() {
            return Err("has no value");
        }
        match section.keys.entry(name.to_ascii_lowercase()) {
            Entry::Occupied(_) => Err("this key is in the section twice"),
            Entry::Vacant(place) => {
                place.insert(Setting { value, origin: Origin::Line(number) });
                Ok(())
            }
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
        scan.faults.iter().map(|fault| (fault.line, fault.key.as_str(), fault.reason)).collect()
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
        assert_eq!(faults(&scan), [(5, "K", "this key is in the section twice")]);
    }

    #[test]
    fn every_fault_has_its_line() {
        let text = "before = 1\n[a]\nk\nk =\n= v\nx = 1\nx = 2\n[a]\nlost = 1\n[b\nlost = 1\n[]\n[c] # d\n[d]\ny = a\rb\nz = 1";
        let scan = Scan::of(text);
        let lines: Vec<usize> = scan.faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [1, 3, 4, 5, 7, 8, 10, 12, 13, 15]);
        let kept: Vec<String> = pairs(&scan).into_iter().map(|[section, key, _]| section + "." + &key).collect();
        assert_eq!(kept, ["a.x", "d.z"]);
    }

    proptest! {
        #[test]
        fn sound_lines_one_by_one_are_what_the_crate_reads_at_once(lines in prop::collection::vec("[ \t]{0,2}[\\[\\]abAB=:#;%\u{e9}\u{a0} \t]{0,8}\r?", 0..20)) {
            let text = lines.join("\n");
            let scan = Scan::of(&text);
            let line_of = |origin: &Origin| if let Origin::Line(line) = origin { *line } else { 0 };
            let ours = scan.sections.iter().flat_map(|section| {
                section.keys.values().map(|setting| line_of(&setting.origin)).chain([line_of(&section.origin)])
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
