//! Values on the right side of a comparison, and the named sets that may stand for them.

use std::collections::BTreeMap;
use std::slice;

use serde_json::Value;

use super::text;

/// The table that an object belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope<'a> {
    /// Its family, for example `inet`.
    pub family: &'a str,
    /// Its name.
    pub table: &'a str,
}

/// The elements of all named sets and maps.
pub struct Sets<'a>(BTreeMap<(Scope<'a>, &'a str), &'a [Value]>);

impl<'a> Scope<'a> {
    /// The table of a chain, rule, set or map.
    pub fn of(object: &'a Value) -> Self {
        Self { family: text(object, "family"), table: text(object, "table") }
    }
}

impl<'a> Sets<'a> {
    /// One value, or those of a set, named or not; `None` if no set has that name.
    pub fn elements(&self, scope: Scope<'a>, value: &'a Value) -> Option<Vec<&'a Value>> {
        let elements = match value {
            Value::String(name) if name.starts_with('@') => self.0.get(&(scope, &name[1..])).copied()?,
            Value::Array(values) => values,
            value => match (&value["set"], &value["|"]) {
                (Value::Array(values), _) | (_, Value::Array(values)) => values,
                _ => slice::from_ref(value),
            },
        };
        // Elements with counters or timeouts are wrapped.
        Some(elements.iter().map(|element| element["elem"].get("val").unwrap_or(element)).collect())
    }
}

impl<'a> FromIterator<&'a Value> for Sets<'a> {
    fn from_iter<I: IntoIterator<Item = &'a Value>>(objects: I) -> Self {
        let elements = |set: &'a Value| set["elem"].as_array().map_or(&[][..], Vec::as_slice);
        Self(objects.into_iter().map(|set| ((Scope::of(set), text(set, "name")), elements(set))).collect())
    }
}
