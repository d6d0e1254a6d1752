//! `observers`: who looks from elsewhere, and how they are reached.

use probity_diagnostic::Position;

use super::Loader;
use super::part::Part;
use crate::observer::{Observer, Reach, Ssh};
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
        let source: ObserverSource = self.decode(&filled, &of)?;
        let ObserverSource { pid, container, netns, ssh, becomes, host_key } = source;
        let at = |name: &str| filled.get(name).unwrap_or(&filled).at.clone();
        let ways = [
            pid.map(|pid| (at("pid"), Reach::Pid(pid))),
            container.map(|name| (at("container"), Reach::Container(name))),
            netns.map(|name| (at("netns"), Reach::Netns(name))),
            ssh.map(|destination| {
                let ssh = Ssh { destination, sudo: becomes.is_some(), host_key: host_key.clone() };
                (at("ssh"), Reach::Ssh(ssh))
            }),
        ];
        let mut ways = ways.into_iter().flatten();
        let (Some((at, reach)), None) = (ways.next(), ways.next()) else {
            let message =
                format!("in {of}: say how it is reached, by one of `pid`, `container`, `netns` and `ssh`");
            self.errors.push(&filled.at, message);
            return None;
        };
        let wrong = match &reach {
            Reach::Pid(0) => Some("a process has a number from 1".to_owned()),
            Reach::Pid(_) => None,
            Reach::Ssh(ssh) => refused_ssh(ssh),
            Reach::Container(name) | Reach::Netns(name) => refused(name),
        };
        let alone = !matches!(reach, Reach::Ssh(_)) && (becomes.is_some() || host_key.is_some());
        let wrong = wrong.or_else(|| alone.then(|| "`become` and `host_key` go with `ssh`".to_owned()));
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

/// What is wrong with where ssh(1) is to go, or with whom it is to meet there.
fn refused_ssh(ssh: &Ssh) -> Option<String> {
    let destination = &ssh.destination;
    let odd = |c: char| c.is_control() || c.is_whitespace();
    if destination.is_empty() || destination.starts_with('-') || destination.contains(odd) {
        let shown = crate::yaml::shortened(destination);
        return Some(format!(
            "`{shown}` is no destination of ssh: a host, USER@HOST, or ssh://USER@HOST:PORT"
        ));
    }
    let key = ssh.host_key.as_ref()?;
    let fine = key.strip_prefix("SHA256:").is_some_and(|digest| digest.len() == 43);
    (!fine).then(|| "`host_key` is a fingerprint as `ssh-keygen -l` prints it: SHA256:...".to_owned())
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
