//! Lines and errors of form by a scan of our own, values by the `configparser` crate.
//!
//! Left alone, the crate merges sections that differ in case, cuts values at `#`, lets repeated
//! keys win in silence, stops at the first error and has no line numbers.

use std::collections::BTreeMap;

use configparser::ini::Ini;

use super::DEFAULT;

/// One section of a text: where it begins, and its keys as they are written.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) keys: Vec<Key>,
}

/// One key of a section.
#[derive(Debug, PartialEq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) value: String,
}

/// One line that can't be used: its number, its key if it has one, and why.
pub(super) type Fault<'a> = (usize, &'a str, &'static str);

/// The sections of `text` with all that is sound in them, and all lines that are not.
pub(super) fn scan(text: &str) -> (Vec<Found>, Vec<Fault<'_>>) {
    let mut scan = Scan::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        scan.line(number, line);
    }
    let mut values = values(&scan.sound);
    for section in &mut scan.sections {
        let mut own = values.remove(&section.name).unwrap_or_default();
        for key in &mut section.keys {
            key.value = own.remove(&key.name).flatten().unwrap_or_default();
        }
    }
    (scan.sections, scan.faults)
}

#[derive(Default)]
struct Scan<'a> {
    sections: Vec<Found>,
    faults: Vec<Fault<'a>>,
    /// The lines, each fault replaced by an empty one: what the crate gets to see.
    sound: Vec<&'a str>,
    /// Keys behind a section line that is a fault belong to nobody and are passed over.
    lost: bool,
}

impl<'a> Scan<'a> {
    fn line(&mut self, number: usize, line: &'a str) {
        let heads_section = line.starts_with('[');
        let outcome = match line {
            _ if line.is_empty() || line.starts_with(['#', ';']) => Ok(()),
            _ if line.contains(['\0', '\r']) => Err("a NUL or a lone CR stands in this line"),
            _ if heads_section => self.section(number, line),
            _ if self.lost => return self.sound.push(""),
            _ => self.key(number, line),
        };
        self.sound.push(if outcome.is_ok() { line } else { "" });
        if heads_section {
            self.lost = outcome.is_err();
        }
        if let Err(reason) = outcome {
            self.faults.push((number, if heads_section { "" } else { key_of(line) }, reason));
        }
    }

    fn section(&mut self, number: usize, line: &str) -> Result<(), &'static str> {
        let (name, behind) = line[1..].split_once(']').ok_or("the section has no closing ']'")?;
        let name = name.trim();
        if !behind.is_empty() {
            return Err("nothing may stand behind the ']' of a section");
        } else if name.is_empty() {
            return Err("the section has no name");
        } else if self.sections.iter().any(|section| section.name == name) {
            return Err("this section stands in the file twice");
        }
        self.sections.push(Found { name: name.to_owned(), line: number, keys: Vec::new() });
        Ok(())
    }

    fn key(&mut self, number: usize, line: &str) -> Result<(), &'static str> {
        let section = self.sections.last_mut().ok_or("this key stands before any [section]")?;
        let key = key_of(line);
        if key.is_empty() {
            return Err("there is no key before the '='");
        } else if line.split_once(['=', ':']).is_none_or(|(_, value)| value.trim().is_empty()) {
            return Err("has no value");
        } else if section.keys.iter().any(|known| known.name.eq_ignore_ascii_case(key)) {
            return Err("this key stands in the section twice");
        }
        section.keys.push(Key { name: key.to_owned(), line: number, value: String::new() });
        Ok(())
    }
}

fn key_of(line: &str) -> &str {
    line.split(['=', ':']).next().unwrap_or_default().trim()
}

/// What the crate sees: values by section and key.
fn values(sound: &[&str]) -> BTreeMap<String, BTreeMap<String, Option<String>>> {
    let mut ini = Ini::new_cs();
    let mut settings = ini.defaults();
    settings.default_section = DEFAULT.to_owned();
    settings.enable_inline_comments = false;
    settings.multiline = false;
    ini.load_defaults(settings);
    let map = ini.read(sound.join("\n")).unwrap_or_default();
    map.into_iter().map(|(name, keys)| (name, keys.into_iter().collect())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, String, String)> {
        let (sections, _) = scan(text);
        let rows = sections.into_iter().flat_map(|section| {
            let name = section.name;
            section.keys.into_iter().map(move |key| (name.clone(), key.name, key.value))
        });
        rows.collect()
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
            assert_eq!(pairs(text), [("a".into(), "k".into(), value.into())], "{text:?}");
            assert_eq!(scan(text).1, [], "{text:?}");
        }
    }

    #[test]
    fn an_indented_line_is_a_line_of_its_own() {
        let (sections, faults) = scan("[a]\nk = v\n    more\n    x = y\n");
        assert_eq!(sections[0].keys.len(), 2);
        assert_eq!(faults, [(3, "more", "has no value")]);
    }

    #[test]
    fn sections_differ_in_case_and_keys_do_not() {
        let (sections, faults) = scan("[Alice]\nk = 1\n[ALICE]\nk = 2\nK = 3\n");
        assert_eq!(sections.iter().map(|section| section.name.as_str()).collect::<Vec<_>>(), ["Alice", "ALICE"]);
        assert_eq!((sections[0].keys[0].value.as_str(), sections[1].keys[0].value.as_str()), ("1", "2"));
        assert_eq!(faults, [(5, "K", "this key stands in the section twice")]);
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let text = "before = 1\n[a]\nk\nk =\n= v\nx = 1\nx = 2\n[a]\nlost = 1\n[b\nlost = 1\n[]\n[c] # d\n[d]\ny = a\rb\nz = 1";
        let lines: Vec<usize> = scan(text).1.iter().map(|(line, ..)| *line).collect();
        assert_eq!(lines, [1, 3, 4, 5, 7, 8, 10, 12, 13, 15]);
        let kept: Vec<String> = pairs(text).into_iter().map(|(section, key, _)| section + "." + &key).collect();
        assert_eq!(kept, ["a.x", "d.z"]);
    }

    proptest! {
        #[test]
        fn scan_and_crate_see_the_same_pairs(lines in prop::collection::vec("[ \t]{0,2}[\\[\\]abAB=:#;%\u{e9}\u{a0} \t]{0,8}\r?", 0..20)) {
            let text = lines.join("\n");
            let mut scan = Scan::default();
            (1..).zip(text.lines().map(str::trim)).for_each(|(number, line)| scan.line(number, line));
            let mut ours = BTreeMap::<String, BTreeMap<String, ()>>::new();
            for section in &scan.sections {
                ours.insert(section.name.clone(), section.keys.iter().map(|key| (key.name.clone(), ())).collect());
            }
            let theirs = values(&scan.sound);
            prop_assert!(theirs.values().flat_map(BTreeMap::values).all(|value| value.as_ref().is_some_and(|text| !text.is_empty())));
            let theirs: BTreeMap<_, BTreeMap<_, ()>> =
                theirs.into_iter().map(|(name, keys)| (name, keys.into_keys().map(|key| (key, ())).collect())).collect();
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn any_text_is_scanned_without_a_panic(text in ".*") {
            scan(&text);
        }
    }
}
