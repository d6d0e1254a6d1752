//! `scores`, `verdict` and `waivers`.

use super::Loader;
use super::part::{Of, Part};
use crate::error::Flaw;
use crate::model::{Rule, Score, Waiver};
use crate::source::{Covers, RuleSource, WaiverSource};
use crate::yaml::{De, Kind, Node};

impl Loader<'_> {
    pub(super) fn scores(&mut self, part: &mut Part, section: Option<&Node>) {
        for (key, node) in self.named(section, "a score") {
            let of = format!("score `{}`", key.text);
            if !part.scores.insert(key.text.clone()) {
                self.errors.push(
                    Flaw::Name,
                    &key.at,
                    format!("an include already brings a score called `{}`", key.text),
                );
                continue;
            }
            let Some(node) = part.scope.fill(node, &mut self.errors) else { continue };
            let Kind::Map(entries) = &node.kind else {
                let found = node.found();
                self.errors.push(
                    Flaw::Shape,
                    &node.at,
                    format!(
                        "in {of}: expected a map from claim to weight, such as {{ starts: 5 }}, found {found}"
                    ),
                );
                continue;
            };
            if entries.is_empty() {
                self.errors.push(Flaw::Verdict, &node.at, format!("in {of}: a score has at least one claim"));
            }
            let mut weights = Vec::new();
            for (claim, weight) in entries.iter() {
                let sound = self.refer(part, Of::Claims, &claim.text, &claim.at, &of);
                match <f64 as serde::Deserialize>::deserialize(De(weight)) {
                    Ok(number) if number > 0.0 && number <= 1e6 => {
                        if sound {
                            weights.push((part.full(&claim.text), number));
                        }
                    }
                    _ => self.errors.push(
                        Flaw::Verdict,
                        &weight.at,
                        format!(
                            "in {of}: a weight is a number above 0, at most 1000000, found {}",
                            weight.found()
                        ),
                    ),
                }
            }
            self.plan.scores.push(Score { name: part.full(&key.text), weights, at: key.at.clone() });
        }
    }

    /// The items of a section that is a list.
    fn items<'n>(&mut self, section: Option<&'n Node>, what: &str) -> Vec<&'n Node> {
        let Some(node) = section.filter(|node| !node.is_null()) else { return Vec::new() };
        let Kind::List(items) = &node.kind else {
            self.errors.push(
                Flaw::Shape,
                &node.at,
                format!("expected a list of {what}, found {}", node.found()),
            );
            return Vec::new();
        };
        if items.is_empty() {
            self.errors.push(Flaw::Shape, &node.at, "the list is empty; fill it or leave it out");
        }
        items.iter().collect()
    }

    pub(super) fn verdict(&mut self, part: &mut Part, section: Option<&Node>) {
        let items = self.items(section, "rules, each with a label");
        for (i, node) in items.iter().enumerate() {
            let of = format!("rule {}", i + 1);
            let Some(filled) = part.scope.fill_entry(node, &["when"], &mut self.errors) else { continue };
            let Some(source) = self.decode::<RuleSource>(&filled, &of) else { continue };
            let last = i + 1 == items.len();
            if source.label.trim().is_empty() {
                self.errors.push(Flaw::Shape, &filled.at, format!("in {of}: the label is empty"));
            }
            if last && source.when.is_some() {
                let at = &filled.get("when").unwrap_or(&filled).at;
                self.errors.push(
                    Flaw::Verdict,
                    at,
                    format!(
                        "in {of}: the last rule has no `when`: it is what remains if none before it is true"
                    ),
                );
            }
            if !last && source.when.is_none() {
                self.errors.push(
                    Flaw::Verdict,
                    &filled.at,
                    format!("in {of}: a rule has a `when`; only the last one has none"),
                );
            }
            let when = self.condition(source.when, &filled, "when", &of);
            let accepted = source.accepted.unwrap_or(false);
            self.plan.rules.push(Rule { label: source.label, when, accepted, at: node.at.clone() });
        }
    }

    pub(super) fn waivers(&mut self, part: &mut Part, section: Option<&Node>) {
        for (i, node) in self.items(section, "waivers").into_iter().enumerate() {
            let of = format!("waiver {}", i + 1);
            let Some(filled) = part.scope.fill(node, &mut self.errors) else { continue };
            let Some(source) = self.decode::<WaiverSource>(&filled, &of) else { continue };
            let at = |key: &str| filled.get(key).unwrap_or(&filled).at.clone();
            let sound = self.refer(part, Of::Claims, &source.claim, &at("claim"), &of);
            for (text, key) in [(&source.reason, "reason"), (&source.owner, "owner")] {
                if text.trim().is_empty() {
                    self.errors.push(Flaw::Shape, &at(key), format!("in {of}: `{key}` is empty"));
                }
            }
            if !is_date(&source.until) {
                let shown = crate::yaml::shortened(&source.until);
                self.errors.push(
                    Flaw::Verdict,
                    &at("until"),
                    format!("in {of}: `{shown}` is not a date; write it as 2027-01-31"),
                );
            }
            if !sound {
                continue;
            }
            let covers = source.covers.unwrap_or(Covers::Fails);
            self.plan.waivers.push(Waiver {
                claim: part.full(&source.claim),
                reason: source.reason,
                owner: source.owner,
                until: source.until,
                covers_fails: matches!(covers, Covers::Fails | Covers::Both),
                covers_undetermined: matches!(covers, Covers::Undetermined | Covers::Both),
                at: node.at.clone(),
            });
        }
    }
}

/// `YYYY-MM-DD` of a day that exists.
fn is_date(text: &str) -> bool {
    let shape = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(i, byte)| if matches!(i, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    shape && text.parse::<jiff::civil::Date>().is_ok()
}
