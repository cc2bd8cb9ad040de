//! The statements of one rule: conditions first, then what happens to the packet.

use serde_json::Value;

use super::super::rule::{Condition, Rule, Target, Test};
use super::comparison::Comparison;
use super::sets::{Scope, Sets};
use super::text;

/// Reads statements; the names of sets in them are those of one table.
pub struct Statements<'a> {
    /// All named sets.
    pub sets: &'a Sets<'a>,
    /// The table of the rule.
    pub scope: Scope<'a>,
}

impl<'a> Statements<'a> {
    /// The rules that these statements make; a verdict map makes one for each of its elements.
    pub fn rules(&self, statements: &'a [Value]) -> Vec<Rule> {
        let mut rules = Vec::new();
        let mut conditions = Vec::new();
        for (kind, content) in statements.iter().filter_map(Value::as_object).flatten() {
            if kind == "vmap" {
                rules.extend(self.verdict_map(content, &conditions));
            } else if let Some(target) = target(kind, content) {
                rules.push(Rule { conditions, target });
                break;
            } else {
                conditions.extend(self.conditions(kind, content));
            }
        }
        rules
    }

    fn conditions(&self, kind: &str, content: &'a Value) -> Vec<Condition> {
        match kind {
            "match" => self.comparison(&content["left"], text(content, "op"), &content["right"]).conditions(),
            "limit" | "quota" | "ct count" | "meter" => vec![Test::Sometimes.into()],
            "set" if !content["stmt"].is_null() => vec![Test::Sometimes.into()],
            "xt" if content["type"] == "match" && content["name"] != "comment" => vec![Test::Unknown.into()],
            _ => Vec::new(),
        }
    }

    fn verdict_map(&self, map: &'a Value, before: &[Condition]) -> Vec<Rule> {
        let Some(pairs) = self.sets.elements(self.scope, &map["data"]) else {
            let conditions = [before, &[Test::Unknown.into()]].concat();
            return vec![Rule { conditions, target: Target::Unknown }];
        };
        let rule = |pair: &'a Value| {
            let (kind, content) = pair[1].as_object()?.iter().next()?;
            let asked = self.comparison(&map["key"], "==", &pair[0]).conditions();
            Some(Rule { target: target(kind, content)?, conditions: [before, &asked].concat() })
        };
        pairs.into_iter().filter_map(rule).collect()
    }

    fn comparison(&self, left: &'a Value, operator: &'a str, right: &'a Value) -> Comparison<'a> {
        Comparison { left, operator, right: self.sets.elements(self.scope, right) }
    }
}

/// `None` for statements that let the packet go on.
fn target(kind: &str, content: &Value) -> Option<Target> {
    let name = || text(content, "target").to_owned();
    match kind {
        "accept" => Some(Target::Accept),
        "drop" | "reject" => Some(Target::Drop),
        "return" => Some(Target::Return),
        "jump" => Some(Target::Jump(name())),
        "goto" => Some(Target::Goto(name())),
        "queue" | "synproxy" => Some(Target::Unknown),
        "xt" => Target::named(text(content, "name")),
        _ => None,
    }
}
