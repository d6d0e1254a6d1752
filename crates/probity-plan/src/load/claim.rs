//! `claims`: what is said of observations, and which keys go together.

use super::Loader;
use super::part::{Of, Part};
use crate::error::{Flaw, did_you_mean};
use crate::kinds::{FactSpec, FactType, KindSpec};
use crate::model::{Claim, Form, Probe, Starts};
use crate::source::ClaimSource;
use crate::yaml::{Key, Node};

/// How many complete gaps a periodic claim asks for, unless it says.
const PERIODS: u32 = 5;

impl Loader<'_> {
    pub(super) fn claims(&mut self, part: &mut Part, section: Option<&Node>) {
        for (key, node) in self.named(section, "a claim") {
            if self.claim_at.contains_key(&part.full(&key.text)) {
                let message = format!("an include already brings a claim called `{}`", key.text);
                self.errors.push(Flaw::Name, &key.at, message);
                continue;
            }
            if let Some(claim) = self.claim(part, key, node) {
                self.add_claim(claim);
            }
        }
    }

    fn claim(&mut self, part: &mut Part, key: &Key, node: &Node) -> Option<Claim> {
        let entry = format!("claim `{}`", key.text);
        let of = entry.as_str();
        let node = &part.scope.fill_entry(node, &["check", "where"], &mut self.errors)?;
        let mut source: ClaimSource = self.decode(node, of)?;
        let at = |key: &str| node.get(key).unwrap_or(node).at.clone();
        let known = self.refer(part, Of::Probes, &source.of, &at("of"), of);
        if let Some(control) = &source.control {
            if *control == key.text {
                self.errors.push(
                    Flaw::Claim,
                    &at("control"),
                    format!("in {of}: a claim is no control of itself"),
                );
            } else {
                self.refer(part, Of::Claims, control, &at("control"), of);
            }
        }
        let filter = self.condition(source.filter.take(), node, "where", of);
        if source.selected.is_some() && (source.share.is_none() || filter.is_none()) {
            self.errors.push(
                Flaw::Claim,
                &at("selected"),
                format!("in {of}: `selected` goes with `share` and `where`"),
            );
        }
        for (text, name) in [(&source.says, "says"), (&source.section, "section"), (&source.remedy, "remedy")]
        {
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                self.errors.push(
                    Flaw::Shape,
                    &at(name),
                    format!("in {of}: `{name}` is empty; leave it out or write it"),
                );
            }
        }
        let probe = self.probe_called(&part.full(&source.of)).filter(|_| known).map(Head::of);
        let form = self.form(part, &mut source, node, probe.as_ref(), of)?;
        Some(Claim {
            name: part.full(&key.text),
            of: part.full(&source.of),
            filter,
            form,
            says: source.says,
            severity: source.severity.unwrap_or_default(),
            section: source.section,
            remedy: source.remedy,
            selected: source.selected.unwrap_or(false),
            control: source.control.map(|claim| part.full(&claim)),
            empty_ok: source.empty.is_some(),
            at: key.at.clone(),
        })
    }

    fn form(
        &mut self,
        part: &Part,
        source: &mut ClaimSource,
        node: &Node,
        probe: Option<&Head>,
        of: &str,
    ) -> Option<Form> {
        let at = |key: &str| node.get(key).unwrap_or(node).at.clone();
        let forms: Vec<&str> = [
            ("check", source.check.is_some()),
            ("stable", source.stable.is_some()),
            ("periodic", source.periodic.is_some()),
        ]
        .iter()
        .filter_map(|(name, there)| there.then_some(*name))
        .collect();
        let form = match forms.as_slice() {
            [form] => *form,
            [] => {
                self.errors.push(
                    Flaw::Claim,
                    &node.at,
                    format!("in {of}: a claim has one of `check`, `stable` and `periodic`"),
                );
                return None;
            }
            [first, second, ..] => {
                self.errors.push(Flaw::Claim, &at(second), format!("in {of}: a claim has one of `check`, `stable` and `periodic`; here are `{first}` and `{second}`"));
                return None;
            }
        };
        let before = self.errors.len();
        let belongs: &[(&str, &[&str])] = &[
            ("check", &["share", "against", "block", "pooled", "expect"]),
            ("stable", &["at_most"]),
            ("periodic", &["tolerance", "periods", "starts", "changes"]),
        ];
        for (owner, keys) in belongs.iter().filter(|(owner, _)| *owner != form) {
            for key in keys.iter().filter(|key| node.get(key).is_some()) {
                self.errors.push(
                    Flaw::Claim,
                    &at(key),
                    format!("in {of}: `{key}` goes with `{owner}`, not with `{form}`"),
                );
            }
        }
        let form = match form {
            "check" => self.checked(part, source, node, probe, of),
            "stable" => self.stable(source, node, probe, of),
            _ => self.periodic(source, node, probe, of),
        };
        form.filter(|_| self.errors.len() == before)
    }

    fn checked(
        &mut self,
        part: &Part,
        source: &mut ClaimSource,
        node: &Node,
        probe: Option<&Head>,
        of: &str,
    ) -> Option<Form> {
        let at = |key: &str| node.get(key).unwrap_or(node).at.clone();
        let check = self.condition(source.check.take(), node, "check", of)?;
        if source.share.is_none() {
            for key in ["block", "pooled", "expect"].iter().filter(|key| node.get(key).is_some()) {
                self.errors.push(Flaw::Claim, &at(key), format!("in {of}: `{key}` needs `share`"));
            }
        }
        if let Some(against) = &source.against {
            if source.share.is_some() {
                self.errors.push(
                    Flaw::Claim,
                    &at("share"),
                    format!("in {of}: a comparison (`against`) has no `share`"),
                );
            }
            self.refer(part, Of::Probes, against, &at("against"), of);
            return Some(Form::Compare { check, against: part.full(against) });
        }
        let Some(share) = source.share else { return Some(Form::Each { check }) };
        if source.pooled == Some(true) && probe.is_some_and(|probe| probe.columns.is_empty()) {
            self.errors.push(
                Flaw::Claim,
                &at("pooled"),
                format!("in {of}: `pooled` needs a probe with a matrix"),
            );
        }
        if source.block.is_some() && probe.is_some_and(|probe| !probe.spread) {
            let message = format!(
                "in {of}: `block` needs a probe with `every`: of others nobody knows how long they did not look"
            );
            self.errors.push(Flaw::Claim, &at("block"), message);
        }
        let pooled = source.pooled.unwrap_or(false);
        Some(Form::Rate { check, share, block: source.block, pooled, expect: source.expect })
    }

    fn stable(
        &mut self,
        source: &mut ClaimSource,
        node: &Node,
        probe: Option<&Head>,
        of: &str,
    ) -> Option<Form> {
        let facts = source.stable.take()?;
        let places = node.get("stable").map(list).unwrap_or_default();
        for (i, fact) in facts.iter().enumerate() {
            let at = places.get(i).map_or(&node.at, |node| &node.at);
            if facts[..i].contains(fact) {
                self.errors.push(Flaw::Claim, at, format!("in {of}: `{fact}` repeated"));
                continue;
            }
            let Some(probe) = probe else { continue };
            let numeric = [FactType::Int, FactType::Float, FactType::Any];
            match probe.fact(fact) {
                Err(message) => self.errors.push(Flaw::Claim, at, format!("in {of}: {message}")),
                Ok(Some(spec)) if source.at_most.is_some() && !numeric.contains(&spec.ty) => {
                    let ty = spec.ty.name();
                    self.errors.push(
                        Flaw::Claim,
                        at,
                        format!("in {of}: `at_most` is for numbers; `{fact}` is of type {ty}"),
                    );
                }
                Ok(_) => {}
            }
        }
        if probe.is_some_and(|probe| probe.waits) {
            let at = &node.get("stable").unwrap_or(node).at;
            let message = format!(
                "in {of}: `stable` does not go with `until`, which looks past what was otherwise before"
            );
            self.errors.push(Flaw::Claim, at, message);
        }
        if let Some(most) = source.at_most.filter(|most| *most < 0.0) {
            let at = &node.get("at_most").unwrap_or(node).at;
            self.errors.push(
                Flaw::Claim,
                at,
                format!("in {of}: `at_most` is a difference, 0 or more, not {most}"),
            );
        }
        Some(Form::Stable { facts, at_most: source.at_most })
    }

    fn periodic(
        &mut self,
        source: &mut ClaimSource,
        node: &Node,
        probe: Option<&Head>,
        of: &str,
    ) -> Option<Form> {
        let at = |key: &str| node.get(key).unwrap_or(node).at.clone();
        let every = source.periodic?;
        if source.periods == Some(0) {
            self.errors.push(Flaw::Claim, &at("periods"), format!("in {of}: `periods` is at least 1"));
        }
        if source.tolerance.is_some_and(|tolerance| tolerance >= every) {
            self.errors.push(
                Flaw::Claim,
                &at("tolerance"),
                format!("in {of}: `tolerance` is shorter than the period"),
            );
        }
        if source.tolerance.is_none() {
            self.errors.push(
                Flaw::Claim,
                &at("periodic"),
                format!("in {of}: `periodic` needs `tolerance`: how much longer or shorter a gap may be"),
            );
        }
        // `starts` is the plan's word that text is a time.
        let moments = [FactType::Moment, FactType::Moments, FactType::List, FactType::Text, FactType::Any];
        let (fact, key, types): (_, _, &[FactType]) = match (&source.starts, &source.changes) {
            (Some(fact), None) => (fact, "starts", &moments),
            (None, Some(fact)) => (fact, "changes", &[]),
            (Some(_), Some(_)) => {
                self.errors.push(
                    Flaw::Claim,
                    &at("changes"),
                    format!("in {of}: `periodic` has one of `starts` and `changes`"),
                );
                return None;
            }
            (None, None) => {
                self.errors.push(Flaw::Claim, &at("periodic"),
                    format!("in {of}: `periodic` needs `starts: FACT` (times that the target records) or `changes: FACT` (a fact that differs after each start)"),
                );
                return None;
            }
        };
        match probe.map(|probe| probe.fact(fact)) {
            Some(Err(message)) => self.errors.push(Flaw::Claim, &at(key), format!("in {of}: {message}")),
            Some(Ok(Some(spec))) if !types.is_empty() && !types.contains(&spec.ty) => {
                let ty = spec.ty.name();
                self.errors.push(Flaw::Claim, &at(key), format!("in {of}: `starts` is a fact that is a time or a list of times; `{fact}` is of type {ty}"));
            }
            _ => {}
        }
        let starts =
            if key == "starts" { Starts::Recorded(fact.clone()) } else { Starts::Changes(fact.clone()) };
        let periods = source.periods.unwrap_or(PERIODS);
        Some(Form::Periodic { every, tolerance: source.tolerance?, periods, starts })
    }
}

/// What a claim needs to know of its probe.
struct Head {
    spec: &'static KindSpec,
    columns: Vec<String>,
    /// Whether its looks are spread over time by the plan.
    spread: bool,
    /// Whether it looks again until something is so.
    waits: bool,
}

impl Head {
    fn of(probe: &Probe) -> Self {
        let (spread, waits) = (probe.schedule.every.is_some(), probe.schedule.until.is_some());
        Self { spec: probe.spec(), columns: probe.columns.clone(), spread, waits }
    }

    /// The fact of this name; nothing for a column of the matrix.
    fn fact(&self, name: &str) -> Result<Option<&'static FactSpec>, String> {
        if self.columns.iter().any(|column| column == name) {
            return Ok(None);
        }
        if let Some(spec) = self.spec.fact(name) {
            return Ok(Some(spec));
        }
        let known = self.spec.facts.iter().map(|fact| fact.name);
        let hint = did_you_mean(name, known.chain(self.columns.iter().map(String::as_str)));
        Err(format!("`{}` has no fact `{}`{hint}", self.spec.name, crate::yaml::shortened(name)))
    }
}

fn list(node: &Node) -> Vec<&Node> {
    match &node.kind {
        crate::yaml::Kind::List(items) => items.iter().collect(),
        _ => Vec::new(),
    }
}
