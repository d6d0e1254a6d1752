//! What each key may say, and what may not stand together. A fabric with a problem does not run; the others do.

use std::collections::BTreeMap;
use std::time::Duration;

use fabric_model::mapping::slug;
use fabric_model::{FabricName, SourceRef};

use super::{Config, Fabric, Kubernetes};

/// Something that cannot be as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The fabric that cannot run for it, by its place in the list; none: nothing can.
    pub fabric: Option<usize>,
    /// The key, such as `fabrics.1.site`.
    pub key: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`: {}", self.key, self.reason)
    }
}

/// All problems, in the order of the file.
#[must_use]
pub fn problems(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut general = |key: &str, reason: String| {
        found.push(Problem { fabric: None, key: key.into(), reason });
    };
    if let Err(reason) = check_url(config.netbox.url.as_str()) {
        general("netbox.url", reason);
    }
    if config.netbox.requests_per_second == 0 {
        general("netbox.requests_per_second", "at least 1 is needed".into());
    }
    if !(1..=1000).contains(&config.netbox.page_size) {
        general("netbox.page_size", "write 1 to 1000, as NetBox's MAX_PAGE_SIZE allows".into());
    }
    if config.fabrics.is_empty() {
        general("fabrics", "name at least one fabric".into());
    }
    for (index, fabric) in config.fabrics.iter().enumerate() {
        let mut report = |key: &str, reason: String| {
            found.push(Problem { fabric: Some(index), key: format!("fabrics.{index}.{key}"), reason });
        };
        check_fabric(fabric, &mut report);
    }
    for (key, word) in [("name", name as fn(&Fabric) -> Option<String>), ("site", site), ("lease", lease)] {
        let mut by_word: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, fabric) in config.fabrics.iter().enumerate() {
            if let Some(word) = word(fabric) {
                by_word.entry(word).or_default().push(index);
            }
        }
        for places in by_word.values().filter(|places| places.len() > 1) {
            for index in places {
                let others: Vec<String> = places
                    .iter()
                    .filter(|other| *other != index)
                    .map(|other| format!("fabrics.{other}"))
                    .collect();
                let reason = format!("{} says the same: each fabric needs its own", others.join(", "));
                found.push(Problem { fabric: Some(*index), key: format!("fabrics.{index}.{key}"), reason });
            }
        }
    }
    found
}

// What a fabric has for itself alone; none where it has none, or is refused for that already.

/// What gives one slug is one site to NetBox.
fn name(fabric: &Fabric) -> Option<String> {
    Some(slug(&fabric.name)).filter(|slug| !slug.is_empty())
}

fn site(fabric: &Fabric) -> Option<String> {
    Some(slug(&fabric.site)).filter(|slug| !slug.is_empty())
}

/// Two fabrics with one lease would take it from each other for ever: both have this process's name in it.
fn lease(fabric: &Fabric) -> Option<String> {
    let (namespace, name) = fabric.lease_place()?;
    Some(format!("{:?} {namespace}/{name}", fabric.access()))
}

fn check_fabric(fabric: &Fabric, report: &mut dyn FnMut(&str, String)) {
    if let Err(error) = FabricName::new(&fabric.name) {
        report("name", error.to_string());
    }
    let plain = !fabric.site.contains(char::is_control) && fabric.site.trim() == fabric.site;
    if !plain || !(1..=100).contains(&fabric.site.chars().count()) {
        report("site", "write the site's name: 1 to 100 characters, no space at its ends".into());
    } else if slug(&fabric.site).is_empty() {
        report("site", "no slug can be made of it, which needs a letter a-z or a digit: write the slug of the site, by which it is found too".into());
    }
    check_kubernetes(&fabric.kubernetes, report);
    for (index, namespace) in fabric.namespaces.iter().enumerate() {
        if !is_label(namespace) {
            report("namespaces", format!("`{namespace}` is not a name of a namespace"));
        }
        if fabric.namespaces.iter().take(index).any(|other| other == namespace) {
            report("namespaces", format!("`{namespace}` is repeated: write it once"));
        }
    }
    for reference in &fabric.pause {
        if let Err(error) = reference.parse::<SourceRef>() {
            report("pause", error.to_string());
        }
    }
    if fabric.deletion.max_percent > 100 {
        report("deletion.max_percent", "write 0 to 100".into());
    }
    if fabric.interval.duration() < Duration::from_secs(1) {
        report("interval", "write at least \"1 s\"".into());
    }
    for window in &fabric.windows {
        if window.from == window.to {
            report(
                "windows",
                "a window that ends as it begins holds nothing; leave `windows` out for always".into(),
            );
        }
    }
    if let Some(lease) = &fabric.lease {
        let duration = lease.duration.duration();
        if duration.subsec_nanos() != 0 || !(3..=60).contains(&duration.as_secs()) {
            report("lease.duration", "write whole seconds from \"3 s\" to \"60 s\"".into());
        }
        if !is_label(&lease.namespace) || lease.name.as_ref().is_some_and(|name| !is_label(name)) {
            report("lease", "namespace and name have a-z, 0-9 and `-` only".into());
        }
    }
}

fn check_kubernetes(kubernetes: &Kubernetes, report: &mut dyn FnMut(&str, String)) {
    match (&kubernetes.kubeconfig, &kubernetes.url) {
        (Some(_), Some(_)) | (None, None) => {
            report("kubernetes", "write `kubeconfig`, or `url` with `ca_file` and `token_file`".into());
        }
        (Some(_), None) if kubernetes.ca_file.is_some() || kubernetes.token_file.is_some() => {
            report(
                "kubernetes",
                "`ca_file` and `token_file` go with `url`; the kubeconfig has its own".into(),
            );
        }
        (None, Some(_)) if kubernetes.context.is_some() => {
            report("kubernetes.context", "a context is one of a kubeconfig".into());
        }
        (None, Some(url)) => {
            if let Err(reason) = check_url(url) {
                report("kubernetes.url", reason);
            }
        }
        (Some(_), None) => {}
    }
}

/// `http` or `https`, without a user, query or fragment. Clear text only to this machine.
fn check_url(text: &str) -> Result<(), String> {
    // The text itself is not repeated: it may hold a password.
    let url = url::Url::parse(text)
        .map_err(|error| format!("not an address ({error}): write one such as https://netbox.example.org"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user or password does not belong here: the token is a file".into());
    }
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("write an address that begins with https:// and a host".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("nothing may follow `?` or `#`: paths are added to this address".into());
    }
    if is_clear(text) {
        return Err("a token does not go out in clear: write https:// (http:// only to this machine)".into());
    }
    Ok(())
}

/// Whether what is sent there can be read on the way: `http` to another machine.
fn is_clear(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    let here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "http" && !here
}

/// An RFC 1123 label.
fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&text.len())
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}
