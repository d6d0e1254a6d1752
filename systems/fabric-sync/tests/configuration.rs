//! What a configuration may say, and what is answered to one that cannot be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use fabric_model::Kind;
use fabric_sync::config::{self, Config, Mode};

const LEAST: &str = "
netbox: { url: https://netbox.example.org, token_file: /t }
fabrics:
  - { name: lab, site: Lab, kubernetes: { kubeconfig: /k } }
";

fn read(text: &str) -> Config {
    config::parse(text, "c.yaml").unwrap_or_else(|error| panic!("{error}"))
}

fn problems(text: &str) -> Vec<String> {
    config::problems(&read(text)).iter().map(ToString::to_string).collect()
}

fn refusal(text: &str) -> String {
    config::parse(text, "c.yaml").unwrap_err().to_string()
}

/// The least configuration with a line more in its fabric.
fn with(line: &str) -> String {
    LEAST.replace("kubeconfig: /k } }", &format!("kubeconfig: /k }}, {line} }}"))
}

#[test]
fn the_least_configuration_is_whole() {
    let config = read(LEAST);
    assert_eq!(config::problems(&config), []);
    let fabric = &config.fabrics[0];
    assert_eq!((fabric.mode, fabric.paused), (Mode::Apply, false));
    assert_eq!(fabric.namespaces, ["default"]);
    assert_eq!(fabric.interval.duration(), Duration::from_secs(300));
    assert_eq!((fabric.deletion.grace, fabric.deletion.max_objects), (Duration::from_secs(3600), 20));
    assert!(fabric.lease.is_none());
    assert!(config.server.listen.ip().is_loopback());
    assert_eq!(fabric.scope().kinds, Kind::ALL);
}

#[test]
fn every_key_is_read() {
    let config = read(&with(
        "namespaces: [], labels: env=lab, exclude: [ExternalPeering], mode: detect, paused: true, \
         pause: [Switch/default/leaf-01], windows: [{ from: \"22:00\", to: \"04:00\" }], interval: 90 s, \
         deletion: { enabled: false, grace: 0 s, max_objects: 5, max_percent: 1 }, heartbeat: 2 min, \
         lease: { namespace: sync, name: writer, duration: 30 s }",
    ));
    assert_eq!(config::problems(&config), []);
    let fabric = &config.fabrics[0];
    assert_eq!(fabric.mode, Mode::Detect);
    assert_eq!(fabric.interval.duration(), Duration::from_secs(90));
    assert_eq!(fabric.heartbeat.duration(), Duration::from_secs(120));
    let policy = fabric.policy();
    assert!(!policy.deletions && policy.grace.is_zero() && !policy.confirmed);
    assert_eq!((policy.max_deletions, policy.max_deletion_percent), (5, 1));
    let scope = fabric.scope();
    assert_eq!(scope.kinds.len(), Kind::ALL.len() - 1);
    assert!(!scope.kinds.contains(&Kind::ExternalPeering) && scope.namespaces.is_empty());
    assert_eq!(fabric.lease.as_ref().unwrap().duration.duration(), Duration::from_secs(30));
}

#[test]
fn two_fabrics_alike_are_both_named_and_the_third_goes_on() {
    let text = "
netbox: { url: https://netbox.example.org, token_file: /t }
fabrics:
  - { name: lab, site: Lab, kubernetes: { kubeconfig: /a } }
  - { name: other, site: Other, kubernetes: { kubeconfig: /b } }
  - { name: lab, site: lab!, kubernetes: { kubeconfig: /c } }
  - { name: third, site: LAB-, kubernetes: { kubeconfig: /d } }
";
    let config = read(text);
    let found = config::problems(&config);
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "`fabrics.0.name`: fabrics.2 says the same: each fabric needs its own",
            "`fabrics.2.name`: fabrics.0 says the same: each fabric needs its own",
            "`fabrics.0.site`: fabrics.2, fabrics.3 says the same: each fabric needs its own",
            "`fabrics.2.site`: fabrics.0, fabrics.3 says the same: each fabric needs its own",
            "`fabrics.3.site`: fabrics.0, fabrics.2 says the same: each fabric needs its own",
        ]
    );
    assert!(found.iter().all(|problem| problem.fabric.is_some_and(|index| index != 1)));
}

#[test]
fn no_two_fabrics_have_one_lease() {
    let fabric = |name: &str, url: &str, lease: &str| {
        format!(
            "  - {{ name: {name}, site: {name}, kubernetes: {{ url: \"{url}\" }}, lease: {{ {lease} }} }}\n"
        )
    };
    let found = |fabrics: [String; 2]| {
        let head = "netbox: { url: https://netbox.example.org, token_file: /t }\nfabrics:\n";
        let config = read(&format!("{head}{}", fabrics.concat()));
        let names = config.fabrics.iter().map(|fabric| fabric.lease_place().unwrap().1);
        (names.collect::<Vec<_>>(), config::problems(&config).len())
    };
    let (one, other) = ("https://k1:6443", "https://k2:6443");
    let (usual, named) = ("duration: 6 s", "name: writer");
    let names = vec!["fabric-sync-a".to_owned(), "fabric-sync-b".to_owned()];
    assert_eq!(found([fabric("a", one, usual), fabric("b", one, usual)]), (names, 0));
    assert_eq!(found([fabric("a", one, named), fabric("b", one, named)]).1, 2, "one lease of one cluster");
    assert_eq!(found([fabric("a", one, named), fabric("b", other, named)]).1, 0, "two clusters");
    assert_eq!(found([fabric("a", one, named), fabric("b", one, "name: writer, namespace: other")]).1, 0);
}

#[test]
fn what_cannot_be_is_named_with_what_would_be_right() {
    for (line, expected) in [
        ("interval: 10 ms", "`fabrics.0.interval`: write at least \"1 s\""),
        (
            "pause: [leaf-01]",
            "`fabrics.0.pause`: \"leaf-01\" is not KIND/NAMESPACE/NAME, as Switch/default/leaf-01",
        ),
        (
            "lease: { duration: 2 s }",
            "`fabrics.0.lease.duration`: write whole seconds from \"3 s\" to \"60 s\"",
        ),
        (
            "namespaces: [default, other, default]",
            "`fabrics.0.namespaces`: `default` is repeated: write it once",
        ),
        ("namespaces: [Default]", "`fabrics.0.namespaces`: `Default` is not a name of a namespace"),
        (
            "windows: [{ from: \"01:00\", to: \"01:00\" }]",
            "`fabrics.0.windows`: a window that ends as it begins holds nothing; leave `windows` out for always",
        ),
    ] {
        assert_eq!(problems(&with(line)), [expected]);
    }
    assert_eq!(
        problems(&LEAST.replace("site: Lab", "site: 東京")),
        [
            "`fabrics.0.site`: no slug can be made of it, which needs a letter a-z or a digit: write the slug of the site, by which it is found too"
        ]
    );
    assert_eq!(problems(&LEAST.replace("site: Lab", "site: Zürich")), Vec::<String>::new());
    let both = LEAST.replace("kubeconfig: /k", "kubeconfig: /k, url: https://k");
    assert_eq!(
        problems(&both),
        ["`fabrics.0.kubernetes`: write `kubeconfig`, or `url` with `ca_file` and `token_file`"]
    );
    let clear = LEAST.replace("https://netbox", "http://netbox");
    assert_eq!(
        problems(&clear),
        ["`netbox.url`: a token does not go out in clear: write https:// (http:// only to this machine)"]
    );
    assert_eq!(
        problems(&LEAST.replace("https://netbox.example.org", "http://127.0.0.1:8000")),
        Vec::<String>::new()
    );
    let none = "netbox: { url: https://netbox.example.org, token_file: /t }\nfabrics: []\n";
    assert_eq!(problems(none), ["`fabrics`: name at least one fabric"]);
}

#[test]
fn what_cannot_be_read_says_where() {
    for (text, place, reason) in [
        (with("intervall: 1 s"), "c.yaml:4:", "unknown key `intervall`; did you mean `interval`?"),
        (with("mode: dry-run"), "c.yaml:4:", "`dry-run` is not one of apply, detect"),
        (with("paused: yes"), "c.yaml:4:", "write true or false"),
        (with("interval: 5"), "c.yaml:4:", "`5` is not a span of time"),
        (with("exclude: [Pod]"), "c.yaml:4:", "`Pod` is not one of VLANNamespace"),
        (with("name: lab"), "c.yaml:4:", "the key `name` is repeated: write it once"),
        (LEAST.replace("site: Lab, ", ""), "c.yaml:4:", "the key `site` is missing here, and is required"),
        (LEAST.replace("https://netbox.example.org", "netbox"), "c.yaml:2:", "not an address"),
    ] {
        let refusal = refusal(&text);
        assert!(refusal.starts_with(place) && refusal.contains(reason), "{refusal}\nexpected: {reason}");
    }
    let secret = LEAST.replace("https://netbox.example.org", "https://me:hunter2@netbox.example.org");
    let said = problems(&secret).join("\n");
    assert!(said.contains("the token is a file") && !said.contains("hunter2"), "{said}");
}
