//! `init`: drafts a plan of what can be seen on this machine. What it writes was discovered, not required: somebody still
//! has to say which of it matters, and when the verdict is an acceptance.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use probity_plan::Value;
use probity_probe::discover::{self, Answer, Listener, Service};
use probity_probe::{Here, Secrets, look_once, observer, single_probe};
use probity_verdict::condition::MAX_SOURCE;

use crate::cli::InitArgs;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// The longest name of a service within a name of a plan, which has at most 64 letters: the longest of those made of it is
/// `SERVICE_postgres_65535_9999_as_discovered`.
const MAX_SERVICE: usize = 30;

/// A certificate that expires sooner is worth a word.
const DAYS: i64 = 14;

/// `init`.
pub fn run(args: &InitArgs) -> Result<Exit, Failure> {
    if let Some(path) = args.output.as_deref().filter(|path| path.symlink_metadata().is_ok()) {
        let message = "exists; a plan is never overwritten: name another place or move it away";
        return Err(Failure::wrong(format!("{} {message}", path.display())));
    }
    let text = draft()?;
    match &args.output {
        None => terminal::print(&text)?,
        Some(path) => {
            probity_evidence::create_new(path, text.as_bytes()).map_err(Failure::wrong)?;
            terminal::complain(&format!("wrote {0}; next: probity plan check {0}", path.display()));
        }
    }
    Ok(Exit::Fine)
}

/// A probe with the claim about it, as lines of a plan.
struct DraftedClaim {
    name: String,
    probe: String,
    check: String,
    says: String,
}

/// What belongs together, under a heading.
struct Group {
    heading: String,
    found: Vec<DraftedClaim>,
}

fn draft() -> Result<String, Failure> {
    let (services, unseen) = discover::services().map_err(Failure::failed)?;
    let mut groups = vec![Group { heading: "The machine".to_owned(), found: machine()? }];
    groups.extend(services.iter().map(group));
    groups.retain(|group| !group.found.is_empty());
    let unseen: Vec<String> =
        unseen.iter().map(|what| format!("# Not seen: {}\n", probity_report::visible(what))).collect();
    if groups.is_empty() {
        return Err(Failure::failed(format!(
            "nothing was discovered to draft a plan of\n{}",
            unseen.concat()
        )));
    }
    rename_doubles(&mut groups);
    Ok(written(&groups, &unseen))
}

/// What this probe sees now; facts that are unknown are not in it.
fn facts(probe: &str) -> Result<BTreeMap<String, Value>, Failure> {
    let plan = single_probe("init", &format!("{{ {probe} }}")).map_err(Failure::failed)?;
    let Some((probe, cell)) = plan.probes.first().and_then(|probe| Some((probe, probe.cells.first()?)))
    else {
        return Ok(BTreeMap::new());
    };
    let secrets = Secrets::default();
    let here = Here::new(&secrets, observer::now());
    look_once(&here, probe, cell, &secrets).map(|seen| seen.facts).map_err(Failure::failed)
}

fn machine() -> Result<Vec<DraftedClaim>, Failure> {
    let mut found = Vec::new();
    if facts("service: \"*\"")?.contains_key("failed") {
        found.push(DraftedClaim {
            name: "units".to_owned(),
            probe: "service: \"*\"".to_owned(),
            check: "size(failed) == 0 && size(crash_loops) == 0".to_owned(),
            says: "no unit has failed or is restarted again and again".to_owned(),
        });
    }
    if facts("disk: /")?.contains_key("available_bytes") {
        found.push(DraftedClaim {
            name: "disk_root".to_owned(),
            probe: "disk: /".to_owned(),
            check: "used_percent < 80".to_owned(),
            says: "the disk of / is less than 80 % full".to_owned(),
        });
    }
    Ok(found)
}

/// Everything about one service: its unit, its processes, what it answers, the files it is of.
fn group(service: &Service) -> Group {
    let name = identifier(&service.name);
    let mut found = Vec::new();
    let mut add = |kind: &str, probe: String, check: String, says: String| {
        let name = if name.is_empty() { kind.to_owned() } else { format!("{name}_{kind}") };
        found.push(DraftedClaim { name, probe, check, says });
    };
    if let Some(unit) = &service.unit {
        add(
            "unit",
            format!("service: {}", quoted(unit)),
            "active_state == 'active' && !crash_looping".to_owned(),
            format!("the unit {unit} is active"),
        );
    }
    if let Some((executable, users)) = &service.process {
        let probe = format!("process: {}", quoted(executable));
        let seen = facts(&probe).unwrap_or_default();
        let named: Vec<&str> = users.iter().map(String::as_str).collect();
        // One without a name is another one after the next start (DynamicUser= of systemd).
        let passing = users.iter().any(|user| user.bytes().all(|byte| byte.is_ascii_digit()));
        // Without root it is not told whose a process is that may not be read.
        let (check, says) = if passing || !seen.contains_key("users") {
            ("running".to_owned(), format!("{executable} runs"))
        } else {
            let check = first_short([format!("running && users == {}", list(users)), "running".to_owned()]);
            (check, format!("{executable} runs as {}", named.join(" and ")))
        };
        if seen.contains_key("running") {
            add("process", probe, check, says);
        }
        let probe = format!("file: {}", quoted(executable));
        if let Ok(facts) = facts(&probe)
            && let (Some(Value::Text(mode)), Some(Value::Text(owner))) =
                (facts.get("mode"), facts.get("owner"))
        {
            let check = format!("mode == '{mode}' && owner == {}", list_item(owner));
            add("file", probe, check, format!("{executable} is {owner}'s, with mode {mode}"));
        }
    }
    if let Some(package) = &service.package {
        let probe = format!("package: {}", quoted(package));
        if let Some(check) = facts(&probe).ok().as_ref().and_then(package_check) {
            add(
                "package",
                probe,
                check,
                format!("the files of the package {package} are as it brought them, but for those named"),
            );
        }
    }
    for listener in &service.listeners {
        let (kind, probe, check, says) = bound(listener);
        add(&kind, probe, check, says);
        for answer in &listener.answers {
            let (kind, probe, check, says) = answered(listener, *answer);
            add(&kind, probe, check, says);
        }
    }
    let title =
        if service.name.is_empty() { "Ports of which nobody is seen to listen" } else { &service.name };
    let of =
        service.package.as_ref().map_or_else(String::new, |package| format!(", of the package {package}"));
    Group { heading: format!("{title}{of}"), found }
}

/// As far as it was seen.
fn package_check(facts: &BTreeMap<String, Value>) -> Option<String> {
    if facts.get("installed") != Some(&Value::Bool(true)) {
        return None;
    }
    let Some(Value::List(changed)) = facts.get("changed") else { return Some("installed".to_owned()) };
    if changed.is_empty() {
        return Some("installed && size(changed) == 0".to_owned());
    }
    let changed: BTreeSet<String> = changed.iter().filter_map(Value::as_text).map(str::to_owned).collect();
    let as_many = format!("installed && size(changed) == {}", changed.len());
    Some(first_short([format!("{as_many} && changed.all(file, file in {})", list(&changed)), as_many]))
}

/// The first of two checks, unless it is longer than a condition may be.
fn first_short([first, second]: [String; 2]) -> String {
    if first.len() > MAX_SOURCE { second } else { first }
}

/// What kind of probe, with what parameters, which check, and what it says.
type Line = (String, String, String, String);

/// The addresses that a port is bound to.
fn bound(listener: &Listener) -> Line {
    let Listener { protocol, port, addresses, .. } = listener;
    let probe = match protocol.as_str() {
        "udp" => format!("port: {port}, protocol: udp"),
        _ => format!("port: {port}"),
    };
    let check = first_short([
        format!("listening && addresses.all(address, address in {})", list(addresses)),
        "listening".to_owned(),
    ]);
    let named: Vec<&str> = addresses.iter().map(String::as_str).collect();
    (
        format!("{protocol}_{port}"),
        probe,
        check,
        format!("{protocol} port {port} is bound to {}", named.join(" and ")),
    )
}

/// What a port answers, rather than that somebody listens. Where it lets nobody in without a password, that it is reached: more
/// would take somebody whom it lets in.
fn answered(listener: &Listener, answer: Answer) -> Line {
    let (port, at) = (listener.port, listener.reached());
    let line = |kind: &str, probe: String, check: &str, says: String| {
        (format!("{kind}_{port}"), probe, check.to_owned(), says)
    };
    let host = at.rsplit_once(':').map_or(at.as_str(), |(host, _)| host).trim_matches(['[', ']']);
    let reached = |what: &str| {
        line(
            "reached",
            format!("port: {port}, connect: {}", quoted(host)),
            "connected",
            format!("port {port} is reached, where a {what} asks who it is"),
        )
    };
    match answer {
        Answer::Http { scheme, status } => line(
            scheme,
            format!("http: {}", quoted(&format!("{scheme}://{at}/"))),
            &format!("answered && status == {status}"),
            format!("port {port} answers {} with status {status}", scheme.to_ascii_uppercase()),
        ),
        Answer::Tls { expires_in_days, trusted } => {
            let (first, valid) = match trusted {
                true => ("trusted && ", "and its chain are trusted and valid"),
                false => ("", "and its chain are valid"),
            };
            let (days, says) = match expires_in_days {
                ..0 => ("< 0".to_owned(), "shows a certificate that has expired".to_owned()),
                days => {
                    let days = if days > DAYS { DAYS } else { 0 };
                    (
                        format!("> {days}"),
                        format!("shows a certificate that {valid} for more than {days} days"),
                    )
                }
            };
            line(
                "tls",
                format!("tls: {}", quoted(&at)),
                &format!("{first}chain_expires_in_days {days}"),
                format!("port {port} {says}"),
            )
        }
        Answer::Redis { open: true } => line(
            "redis",
            format!("redis: {}, command: [PING]", quoted(&at)),
            "answered && reply == 'PONG'",
            format!("port {port} answers as a Redis"),
        ),
        Answer::Postgres { open: true } => line(
            "postgres",
            format!("postgres: \"host={host} port={port} user=postgres dbname=postgres\", query: SELECT 1"),
            "answered && value == 1",
            format!("port {port} answers as a PostgreSQL"),
        ),
        Answer::Redis { open: false } => reached("Redis"),
        Answer::Postgres { open: false } => reached("PostgreSQL"),
        Answer::Mysql => reached("MySQL or MariaDB"),
        Answer::Smtp => line(
            "smtp",
            format!("smtp: {}", quoted(&at)),
            "connected && size(capabilities) > 0",
            format!("port {port} is reached as a mail server"),
        ),
    }
}

/// A name as a plan allows it, with room for what is put behind it.
fn identifier(text: &str) -> String {
    let name: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let name = name.trim_matches('_');
    let name =
        if name.starts_with(|c: char| c.is_ascii_digit()) { format!("it_{name}") } else { name.to_owned() };
    // All of it is ASCII by now.
    name.get(..MAX_SERVICE).unwrap_or(&name).trim_end_matches('_').to_owned()
}

fn rename_doubles(groups: &mut [Group]) {
    let mut known = BTreeSet::new();
    for found in groups.iter_mut().flat_map(|group| &mut group.found) {
        let first = found.name.clone();
        for number in 2.. {
            if known.insert(found.name.clone()) {
                break;
            }
            found.name = format!("{first}_{number}");
        }
    }
}

fn list(items: &BTreeSet<String>) -> String {
    serde_json::to_string(items).unwrap_or_default()
}

fn list_item(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// As text of a plan, in which `$` is written twice.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace('$', "$$")).to_string()
}

fn written(groups: &[Group], unseen: &[String]) -> String {
    let mut out = "# Drafted by `probity init` from what was seen on this machine: discovered, not required. Strike what does not\n\
                   # matter, add what does, and say with `accepted: true` which label is an acceptance.\n"
        .to_owned();
    unseen.iter().for_each(|line| out.push_str(line));
    out.push_str("plan: Draft\nprobes:\n");
    for Group { heading, found } in groups {
        _ = writeln!(out, "  # {}", probity_report::visible(heading));
        for DraftedClaim { name, probe, .. } in found {
            _ = writeln!(out, "  {name}: {{ {probe} }}");
        }
    }
    out.push_str("claims:\n");
    for Group { heading, found } in groups {
        _ = writeln!(out, "  # {}, as discovered", probity_report::visible(heading));
        for DraftedClaim { name, check, says, .. } in found {
            _ = writeln!(
                out,
                "  {name}_as_discovered:\n    of: {name}\n    check: {}\n    says: {}",
                quoted(check),
                quoted(says)
            );
        }
    }
    // A condition that names every claim would soon be longer than one may be.
    out.push_str("scores:\n  as_discovered:\n");
    for DraftedClaim { name, .. } in groups.iter().flat_map(|group| &group.found) {
        _ = writeln!(out, "    {name}_as_discovered: 1");
    }
    out.push_str(
        "verdict:\n  - { label: CHANGED, when: score.as_discovered < 1 }\n  \
         - { label: AS DISCOVERED, when: score.as_discovered >= 1 }\n  - { label: NOT SHOWN }\n",
    );
    out
}
