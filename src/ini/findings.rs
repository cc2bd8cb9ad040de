//! All that was found, as one list.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::{self, Write};
use std::num::NonZeroUsize;

use super::finding::Weight;
use super::{Finding, Severity};

/// How many findings are shown.
pub const SHOWN: usize = 10;

/// All findings of one or more files, each once: errors first, then by file and line. One mistake has one finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Sorts what was found, and leaves out what is repeated or follows from another finding.
    pub fn new(found: Vec<Finding>) -> Findings {
        fn place(finding: &Finding) -> (&str, Option<NonZeroUsize>, &str) {
            (&finding.file, finding.line, &finding.key)
        }
        let mut worst = BTreeMap::new();
        for finding in &found {
            let (severity, weight) = worst.entry(place(finding)).or_insert((finding.severity, finding.weight()));
            (*severity, *weight) = ((*severity).min(finding.severity), (*weight).min(finding.weight()));
        }
        let of_each: Vec<(Severity, Weight)> = found.iter().map(|finding| worst[&place(finding)]).collect();
        let weighed =
            found.into_iter().zip(of_each).filter_map(|(finding, (severity, weight))| match finding.weight() {
                Weight::Cause => Some(finding.with_severity(severity)),
                Weight::OfItsOwn => (weight != Weight::Cause).then_some(finding),
                Weight::Consequence => (weight == Weight::Consequence).then_some(finding),
            });
        let mut found: Vec<Finding> = weighed.collect();
        found.sort_by(|one, other| {
            (one.severity, place(one), &one.reason).cmp(&(other.severity, place(other), &other.reason))
        });
        found.dedup();
        Findings(found)
    }

    /// The same list with others in it.
    pub fn and(self, more: impl IntoIterator<Item = Finding>) -> Findings {
        Findings::new(self.0.into_iter().chain(more).collect())
    }

    /// Whether something keeps the server from starting.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Finding::is_error)
    }

    /// Whether there is something that is probably not what was meant, or worse.
    pub fn has_warnings(&self) -> bool {
        self.0.iter().any(|finding| finding.severity != Severity::Note)
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was found, errors first.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// The first findings with the lines that they are about, and how many there are besides; empty without any.
    pub fn show(&self, limit: usize) -> String {
        self.written(limit, |finding| match finding.excerpt() {
            Some(excerpt) => format!("{finding}\n{excerpt}"),
            None => finding.to_string(),
        })
    }

    fn written(&self, limit: usize, form: impl Fn(&Finding) -> String) -> String {
        let mut text = String::new();
        for finding in self.0.iter().take(limit) {
            let _ = writeln!(text, "{}", form(finding));
        }
        match self.0.len().saturating_sub(limit) {
            0 => {}
            more => drop(writeln!(text, "and {more} more: ftpd check --json shows all")),
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// A line for each, ten at most.
impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(SHOWN, Finding::to_string))
    }
}

impl Error for Findings {}

impl From<Finding> for Findings {
    fn from(finding: Finding) -> Findings {
        Findings(vec![finding])
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ini::Source;

    fn told(found: Vec<Finding>) -> Vec<String> {
        Findings::new(found).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn errors_come_first_and_what_is_repeated_once() {
        let file = Source::file("b.ini");
        let found = [Finding::note(&file, "n"), Finding::warning(&file, "w"), Finding::error(&file, "e").fix("f")];
        let found = [found.clone(), found].concat();
        assert_eq!(told(found), ["b.ini: e; f", "warning: b.ini: w", "note: b.ini: n"]);
    }

    #[test]
    fn a_consequence_counts_only_without_its_cause() {
        let (file, other) = (Source::file("a.ini"), Source::file("b.ini"));
        let consequence = || Finding::error(&file, "is missing").as_consequence();
        assert_eq!(told(vec![consequence(), Finding::warning(&file, "quotes")]), ["warning: a.ini: quotes"]);
        assert_eq!(told(vec![consequence(), Finding::warning(&other, "quotes")]).len(), 2);
    }

    #[test]
    fn a_cause_is_as_bad_as_what_it_explains() {
        let file = Source::file("a.ini");
        let found = vec![Finding::error(&file, "is missing"), Finding::warning(&file, "quotes").into_cause()];
        assert_eq!(told(found), ["a.ini: quotes"]);
    }

    #[test]
    fn ten_are_shown_and_the_others_counted() {
        let many = |count: usize| Findings::new((0..count).map(|n| Finding::error(&Source::file(n), "x")).collect());
        assert_eq!(many(10).to_string().lines().count(), 10);
        assert_eq!(many(100).to_string().lines().last(), Some("and 90 more: ftpd check --json shows all"));
        assert_eq!(many(0).show(SHOWN), "");
    }
}
