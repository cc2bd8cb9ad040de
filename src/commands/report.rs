//! What `ftpd check` has found, as text for people and as JSON for editors.

use std::num::NonZeroUsize;

use serde_json::{Value, json};

use crate::ini::{Finding, Findings, SHOWN, Severity};

/// The first findings with their lines, then what is all right.
pub fn text(found: &Findings, summary: Option<String>) -> String {
    let shown = Some(found.show(SHOWN)).filter(|shown| !shown.is_empty());
    shown.into_iter().chain(summary).collect::<Vec<_>>().join("\n")
}

/// All findings as a JSON array.
pub fn json(found: &Findings) -> String {
    format!("{:#}", Value::from_iter(found.iter().map(object)))
}

fn object(finding: &Finding) -> Value {
    let Finding { file, line, key, reason, fix, .. } = finding;
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let named = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    json!({
        "file": named(file), "line": line.map(NonZeroUsize::get), "column": finding.column(), "key": named(key),
        "severity": severity, "reason": reason, "fix": fix,
    })
}
