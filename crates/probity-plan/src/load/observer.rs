//! `observers`: who looks from elsewhere, and how they are reached.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Loader;
use super::part::Part;
use crate::error::Flaw;
use crate::machine::MACHINE;
use crate::observer::{Observer, Reach, Ssh};
use crate::source::ObserverSource;
use crate::value::unique;
use crate::yaml::{Node, fields_of};

impl Loader<'_> {
    pub(super) fn observers(&mut self, part: &mut Part, section: Option<&Node>) {
        for (key, node) in self.named(section, "an observer") {
            part.observers.insert(key.text.clone());
            if key.text == MACHINE {
                let message = "`machine` is the machine of a trial; call this observer otherwise";
                self.errors.push(Flaw::Observer, &key.at, message);
            }
            let filled = part.scope.fill(node, &mut self.errors);
            let of = format!("observer `{}`", key.text);
            if let Some(reach) = filled.and_then(|filled| self.reach(&filled, &of, Reach::clone)) {
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
                self.errors.push(Flaw::Observer, &key.at, message);
            }
        }
    }

    /// How it is reached, if what `as_used` makes of that can be.
    pub(super) fn reach(
        &mut self,
        filled: &Node,
        of: &str,
        as_used: impl FnOnce(&Reach) -> Reach,
    ) -> Option<Reach> {
        let source: ObserverSource = self.decode(filled, of)?;
        let reach = one_way(source).and_then(|reach| match wrong(&as_used(&reach)) {
            Some(refused) => Err(refused),
            None => Ok(reach),
        });
        match reach {
            Ok(reach) => Some(reach),
            Err((key, wrong)) => {
                let at = key.and_then(|key| filled.get(key)).map_or(&filled.at, |node| &node.at);
                self.errors.push(Flaw::Observer, at, format!("in {of}: {wrong}"));
                None
            }
        }
    }
}

/// What is wrong, and with which key.
type Refused = (Option<&'static str>, String);

/// The one way that is named.
fn one_way(source: ObserverSource) -> Result<Reach, Refused> {
    let ObserverSource { pid, container, netns, ssh, becomes, host_key } = source;
    let of_ssh = becomes.is_some() || host_key.is_some();
    let ways = [
        pid.map(|pid| ("pid", Reach::Pid(pid))),
        container.map(|name| ("container", Reach::Container(name))),
        netns.map(|name| ("netns", Reach::Netns(name))),
        ssh.map(|destination| ("ssh", Reach::Ssh(Ssh { destination, sudo: becomes.is_some(), host_key }))),
    ];
    let mut ways = ways.into_iter().flatten();
    let (Some((key, reach)), None) = (ways.next(), ways.next()) else {
        return Err((
            None,
            "say how it is reached, by one of `pid`, `container`, `netns` and `ssh`".to_owned(),
        ));
    };
    if of_ssh && key != "ssh" {
        return Err((Some(key), "`become` and `host_key` go with `ssh`".to_owned()));
    }
    Ok(reach)
}

/// What is wrong with how somebody is to be reached, if anything.
fn wrong(reach: &Reach) -> Option<Refused> {
    let (key, wrong) = match reach {
        Reach::Pid(0) => ("pid", Some("a process has a number from 1".to_owned())),
        Reach::Pid(_) => ("pid", None),
        Reach::Ssh(ssh) => ("ssh", refused_ssh(ssh)),
        Reach::Container(name) => ("container", refused(name)),
        Reach::Netns(name) => ("netns", refused(name)),
    };
    wrong.map(|wrong| (Some(key), wrong))
}

impl Reach {
    /// How a machine is reached, as `up` prints it: a map in JSON, of which keys that a plan's observers do not have are not read.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn printed(text: &str) -> Result<Self, String> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let map = unique(&mut reader).and_then(|map| reader.end().map(|()| map));
        let mut map: BTreeMap<String, serde_json::Value> =
            map.map_err(|error| format!("that is no map in JSON: {error}"))?;
        map.retain(|key, _| {
            fields_of(|fields| drop(ObserverSource::deserialize(fields))).contains(&key.as_str())
        });
        let map: serde_json::Map<_, _> = map.into_iter().collect();
        let source = ObserverSource::deserialize(map).map_err(|error| error.to_string())?;
        let reach = one_way(source).map_err(|(_, wrong)| wrong)?;
        wrong(&reach).map_or(Ok(reach), |(_, wrong)| Err(wrong))
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
