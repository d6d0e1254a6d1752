//! Names, slugs and addresses as NetBox takes them.

use crate::desired::ProblemKind;
use ipnet::IpNet;
use std::net::IpAddr;

/// The namespace whose objects are called by their plain names.
const DEFAULT_NAMESPACE: &str = "default";

/// The object's name for people: with its namespace where that is not the usual one.
pub(super) fn local_name(namespace: &str, name: &str) -> String {
    if namespace == DEFAULT_NAMESPACE { name.into() } else { format!("{namespace}/{name}") }
}

/// What is made of `text` as NetBox takes a slug: letters, digits, hyphens and underscores. Empty if it has neither letter nor digit of
/// those.
pub fn slug(text: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let lower = text.to_ascii_lowercase();
    let slug: String = lower.chars().map(|c| if plain(c) { c } else { '-' }).collect();
    slug.trim_matches('-').into()
}

/// An address with its prefix length; without one, that of a single host. Written as NetBox writes it.
pub(super) fn address(field: &str, text: &str) -> Result<IpNet, ProblemKind> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| single()).map_err(|_| not_an_address(field, text))
}

/// A host's address alone.
pub(super) fn host(field: &str, text: &str) -> Result<IpAddr, ProblemKind> {
    text.parse().map_err(|_| not_an_address(field, text))
}

/// A network; NetBox clears its host bits, and so does this.
pub(super) fn network(field: &str, text: &str) -> Result<IpNet, ProblemKind> {
    text.parse::<IpNet>().map(|net| net.trunc()).map_err(|_| not_an_address(field, text))
}

fn not_an_address(field: &str, text: &str) -> ProblemKind {
    ProblemKind::NotAnAddress { field: field.into(), text: text.into() }
}

/// The two names of a path `A/B`, split at its first slash: ports have slashes of their own, as in `leaf-01/E1/55/2`.
pub(super) fn split_path<'a>(field: &str, text: &'a str) -> Result<(&'a str, &'a str), ProblemKind> {
    let parts = text.split_once('/').filter(|(first, rest)| !first.is_empty() && !rest.is_empty());
    parts.ok_or_else(|| ProblemKind::NotAPath { field: field.into(), text: text.into() })
}
