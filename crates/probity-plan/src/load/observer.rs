//! `observers`: who looks from elsewhere, and how they are reached.

use super::Loader;
use super::part::Part;
use crate::model::Position;
use crate::observer::{Observer, Reach};
use crate::source::ObserverSource;
use crate::yaml::{Key, Node};

impl Loader<'_> {
    pub(super) fn observers(&mut self, part: &mut Part, section: Option<&Node>) {
        for (key, node) in self.named(section, "an observer") {
            part.observers.insert(key.text.clone());
            if let Some(reach) = self.reach(part, key, node) {
                let name = part.full(&key.text);
                self.plan.observers.push(Observer { name, reach, at: key.at.clone() });
            }
        }
    }

    /// Of whom nothing is asked, something was meant to be.
    pub(super) fn unused_observers(&mut self, part: &Part, section: Option<&Node>) {
        for (key, _) in section.map(Node::entries).unwrap_or_default() {
            let name = part.full(&key.text);
            if !self.plan.probes.iter().any(|probe| probe.on.as_ref() == Some(&name)) {
                let message =
                    format!("nothing is looked at from `{}`; name it with `on`, or leave it out", key.text);
                self.errors.push(&key.at, message);
            }
        }
    }

    fn reach(&mut self, part: &mut Part, key: &Key, node: &Node) -> Option<Reach> {
        let of = format!("observer `{}`", key.text);
        let filled = part.scope.fill(node, &mut self.errors)?;
        let ObserverSource { pid, container, netns } = self.decode(&filled, &of)?;
        let at = |name: &str| filled.get(name).unwrap_or(&filled).at.clone();
        let ways = [
            pid.map(|pid| (at("pid"), Reach::Pid(pid))),
            container.map(|name| (at("container"), Reach::Container(name))),
            netns.map(|name| (at("netns"), Reach::Netns(name))),
        ];
        let mut ways = ways.into_iter().flatten();
        let (Some((at, reach)), None) = (ways.next(), ways.next()) else {
            let message = format!("in {of}: say how it is reached, by one of `pid`, `container` and `netns`");
            self.errors.push(&filled.at, message);
            return None;
        };
        let wrong = match &reach {
            Reach::Pid(0) => Some("a process has a number from 1".to_owned()),
            Reach::Pid(_) => None,
            Reach::Container(name) | Reach::Netns(name) => refused(name),
        };
        match wrong {
            Some(wrong) => {
                self.refuse_at(&at, &of, &wrong);
                None
            }
            None => Some(reach),
        }
    }

    fn refuse_at(&mut self, at: &Position, of: &str, wrong: &str) {
        self.errors.push(at, format!("in {of}: {wrong}"));
    }
}

/// What is wrong with the name of a container or a network namespace: tools take it as an argument, and as the name of a file.
fn refused(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fine = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && name.chars().all(plain)
        && name.len() <= 255;
    (!fine).then(|| {
        format!(
            "`{}` is no such name: a letter, a digit or `_`, then letters, digits and `-_.`, at most 255 in all",
            crate::yaml::shortened(name)
        )
    })
}
