//! `init`: drafts a plan of what can be seen on this machine. What it writes was discovered, not required: somebody still
//! has to say which of it matters, and when the verdict is an acceptance.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use probity_plan::{Sources, Value};
use probity_probe::{Secrets, run::look_once};

use crate::cli::InitArgs;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// What `init` looks at.
const LOOKS: &str = r#"{
    "plan": "init",
    "probes": { "listeners": { "port": "all" }, "units": { "service": "*" }, "root": { "disk": "/" } },
    "claims": {
        "a": { "of": "listeners", "check": "attempt == 1" },
        "b": { "of": "units", "check": "attempt == 1" },
        "c": { "of": "root", "check": "attempt == 1" }
    },
    "verdict": [{ "label": "none" }]
}"#;

struct Fixed;

impl Sources for Fixed {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(LOOKS.as_bytes().to_vec())
    }
}

/// `init`.
pub fn run(args: &InitArgs) -> Result<Exit, Failure> {
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
struct Found {
    name: String,
    probe: String,
    check: String,
    says: String,
}

fn draft() -> Result<String, Failure> {
    let plan = probity_plan::load("init", &Fixed, &BTreeMap::new()).map_err(Failure::failed)?.plan;
    let mut found = Vec::new();
    let mut unseen = Vec::new();
    for probe in &plan.probes {
        let Some(cell) = probe.cells.first() else { continue };
        let seen = look_once(probe, cell, &Secrets::default()).map_err(Failure::failed)?;
        if let Some(blocked) = seen.unknown.get("*").filter(|_| seen.facts.is_empty()) {
            let detail = probity_report::visible(&blocked.detail);
            unseen.push(format!("# Not seen: {} ({}: {detail})\n", probe.name, blocked.barrier));
        }
        match probe.name.as_str() {
            "listeners" => found.extend(listeners(seen.facts.get("sockets"))),
            "units" if seen.facts.contains_key("failed") => found.push(Found {
                name: "units".to_owned(),
                probe: "service: \"*\"".to_owned(),
                check: "size(failed) == 0".to_owned(),
                says: "no unit has failed".to_owned(),
            }),
            "root" if seen.facts.contains_key("available_bytes") => found.push(Found {
                name: "disk_root".to_owned(),
                probe: "disk: /".to_owned(),
                check: "used_percent < 80".to_owned(),
                says: "the disk of / is less than 80 % full".to_owned(),
            }),
            _ => {}
        }
    }
    if found.is_empty() {
        return Err(Failure::failed(format!(
            "nothing was discovered to draft a plan of\n{}",
            unseen.concat()
        )));
    }
    Ok(written(&found, &unseen))
}

/// One claim for each port that somebody listens on, with the addresses it is bound to.
fn listeners(sockets: Option<&Value>) -> Vec<Found> {
    let Some(Value::List(sockets)) = sockets else { return Vec::new() };
    let mut ports: BTreeMap<(String, i64), BTreeSet<String>> = BTreeMap::new();
    for socket in sockets {
        let Value::Map(socket) = socket else { continue };
        if let (Some(Value::Text(protocol)), Some(port), Some(Value::Text(address))) =
            (socket.get("protocol"), socket.get("port").and_then(Value::as_i64), socket.get("address"))
        {
            let protocol = if protocol.starts_with("udp") { "udp" } else { "tcp" };
            ports.entry((protocol.to_owned(), port)).or_default().insert(address.clone());
        }
    }
    let found = |((protocol, port), addresses): ((String, i64), BTreeSet<String>)| {
        let bound = serde_json::to_string(&addresses).unwrap_or_default();
        let list: Vec<String> = addresses.into_iter().collect();
        Found {
            name: format!("{protocol}_{port}"),
            probe: if protocol == "udp" {
                format!("port: {port}, protocol: udp")
            } else {
                format!("port: {port}")
            },
            check: format!("listening && addresses.all(address, address in {bound})"),
            says: format!("{protocol} port {port} is bound to {}", list.join(" and ")),
        }
    };
    ports.into_iter().map(found).collect()
}

fn written(found: &[Found], unseen: &[String]) -> String {
    let quoted = |text: &str| serde_json::Value::from(text.replace('$', "$$")).to_string();
    let mut out = "# Drafted by `probity init` from what was seen on this machine: discovered, not required. Strike what does not\n\
                   # matter, add what does, and say with `accepted: true` which label is an acceptance.\n"
        .to_owned();
    unseen.iter().for_each(|line| out.push_str(line));
    out.push_str("plan: Draft\nprobes:\n");
    for Found { name, probe, .. } in found {
        _ = writeln!(out, "  {name}: {{ {probe} }}");
    }
    out.push_str("claims:\n");
    for Found { name, check, says, .. } in found {
        _ = writeln!(
            out,
            "  {name}_as_discovered:\n    of: {name}\n    check: {}\n    says: {}",
            quoted(check),
            quoted(says)
        );
    }
    let all: Vec<String> = found.iter().map(|found| format!("holds({}_as_discovered)", found.name)).collect();
    let any: Vec<String> = found.iter().map(|found| format!("fails({}_as_discovered)", found.name)).collect();
    _ = writeln!(out, "verdict:\n  - {{ label: CHANGED, when: \"{}\" }}", any.join(" || "));
    _ = writeln!(
        out,
        "  - {{ label: AS DISCOVERED, when: \"{}\" }}\n  - {{ label: NOT SHOWN }}",
        all.join(" && ")
    );
    out
}
