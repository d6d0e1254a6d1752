//! `include`: another plan's probes, claims and scores under `NAME_`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Loader;
use super::input::{Given, handed};
use super::part::Part;
use crate::error::Flaw;
use crate::source::IncludeSource;
use crate::yaml::{Key, Node};

/// How deep plans may include plans.
const MAX_DEPTH: usize = 8;
/// How many includes a plan may have, those of included plans among them.
const MAX_COUNT: usize = 100;

impl Loader<'_> {
    pub(super) fn includes(&mut self, part: &mut Part, section: Option<&Node>) {
        for (key, node) in self.named(section, "an include") {
            if self.include(part, key, node).is_none() {
                part.broken.push(format!("{}_", key.text));
            }
        }
    }

    fn include(&mut self, part: &mut Part, key: &Key, node: &Node) -> Option<()> {
        let filled = part.scope.fill(node, &mut self.errors)?;
        let source: IncludeSource = self.decode(&filled, &format!("include `{}`", key.text))?;
        let at = filled.get("plan").map_or(&filled.at, |node| &node.at);
        let path = self.below(part, &source.plan, at)?;
        let mut chain = part.chain.clone();
        let comes_back = chain.contains(&path);
        chain.push(path.clone());
        if comes_back {
            self.errors.push(
                Flaw::Include,
                at,
                format!("a plan may not include itself: {}", chain.join(" -> ")),
            );
            return None;
        }
        if chain.len() > MAX_DEPTH + 1 {
            self.errors.push(
                Flaw::Include,
                at,
                format!("plans include plans more than {MAX_DEPTH} deep: {}", chain.join(" -> ")),
            );
            return None;
        }
        self.included += 1;
        if self.included > MAX_COUNT {
            self.errors.push(Flaw::Include, at, format!("more than {MAX_COUNT} includes in all"));
            return None;
        }
        let given = self.handed_over(&filled);
        let root = self.document(&Arc::from(path.as_str()), &path, at)?;
        let folder = path.rfind('/').map_or("", |slash| &path[..=slash]).to_owned();
        let mut inner = Part::new(format!("{}_", part.full(&key.text)), folder, chain);
        if !self.sections(&root) {
            return None;
        }
        if ["probes", "trials", "claims", "include"].iter().all(|section| root.get(section).is_none()) {
            self.errors.push(Flaw::Include, at, "the included plan has neither probes nor claims");
        }
        self.inputs(&mut inner, root.get("inputs"), given);
        self.body(&mut inner, &root);
        self.unused_inputs(&mut inner, &root);
        let outer = |name: String| format!("{}_{name}", key.text);
        part.broken.extend(inner.broken.into_iter().map(outer));
        for (what, names, known) in [
            ("probe", inner.probes, &mut part.probes),
            ("claim", inner.claims, &mut part.claims),
            ("score", inner.scores, &mut part.scores),
        ] {
            for name in names.into_iter().map(outer) {
                if known.contains(&name) {
                    let message =
                        format!("two includes bring a {what} called `{name}`; call one of them otherwise");
                    self.errors.push(Flaw::Include, &key.at, message);
                }
                known.insert(name);
            }
        }
        Some(())
    }

    /// The inputs handed to the included plan.
    fn handed_over(&mut self, include: &Node) -> BTreeMap<String, Given> {
        let mut given = BTreeMap::new();
        for (name, node) in include.get("inputs").map(Node::entries).unwrap_or_default() {
            match handed(node) {
                Some(bound) => {
                    given.insert(name.text.clone(), Given::Outer(bound, node.at.clone()));
                }
                None => self.errors.push(
                    Flaw::Include,
                    &node.at,
                    format!(
                        "input `{}`: expected text, a number, true or false, found {}",
                        name.text,
                        node.found()
                    ),
                ),
            }
        }
        given
    }
}
