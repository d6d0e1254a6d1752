//! Whether the rules can turn a packet away at all. What of them is not understood is a barrier where none surely does.
//!
//! Must not know: which packets.

use probity_plan::{Barrier, Blocked};
use serde_json::Value as Json;

use super::ruleset::{Chain, Rule, Ruleset};

/// What turns away no packet, whatever it is.
const HARMLESS: [&str; 17] = [
    "match",
    "counter",
    "log",
    "limit",
    "ct count",
    "quota",
    "last",
    "accept",
    "continue",
    "return",
    "mangle",
    "notrack",
    "flow",
    "set",
    "ct helper",
    "ct timeout",
    "ct expectation",
];
/// What leads on to another chain.
const LEADS_ON: [&str; 2] = ["jump", "goto"];

/// Whether the policy of a chain that a hook leads to, or a rule that one leads to, can.
///
/// # Errors
/// `unsupported` where only what is not understood may.
pub(super) fn turns_away(ruleset: &Ruleset) -> Result<bool, Blocked> {
    let mut reached: Vec<&Chain> = ruleset.chains.iter().filter(|chain| chain.filters()).collect();
    if reached.iter().any(|chain| chain.drops()) {
        return Ok(true);
    }
    let (mut open, mut at) = (None, 0);
    while let Some(chain) = reached.get(at).copied() {
        at += 1;
        for rule in ruleset.rules.iter().filter(|rule| rule.is_in(chain)) {
            for (name, value) in rule.expressions.iter().filter_map(Json::as_object).flatten() {
                if ["drop", "reject"].contains(&name.as_str()) {
                    return Ok(true);
                }
                let target = value["target"].as_str().filter(|_| LEADS_ON.contains(&name.as_str()));
                if let Some(target) = target.and_then(|target| chain_called(ruleset, rule, target)) {
                    if !reached.contains(&target) {
                        reached.push(target);
                    }
                } else if !HARMLESS.contains(&name.as_str()) {
                    open.get_or_insert((rule, name));
                }
            }
        }
    }
    let Some((rule, name)) = open else { return Ok(false) };
    Err(Blocked::new(Barrier::Unsupported, format!("`{}`: `{name}` is not followed", rule.text)))
}

/// The chain of this name in the table of the rule.
fn chain_called<'a>(ruleset: &'a Ruleset, rule: &Rule, name: &str) -> Option<&'a Chain> {
    let mut chains = ruleset.chains.iter();
    chains.find(|chain| chain.name == name && chain.table == rule.table && chain.family == rule.family)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A chain at the hook output with the rule, and one beside it with a drop.
    fn turns(rule: &Json) -> Result<bool, Barrier> {
        let chain = |name: &str, hook: &str, ty: &str| json!({ "chain": { "family": "inet", "table": "f", "name": name, "type": ty, "hook": hook, "prio": 0, "policy": "accept" } });
        let of = |chain: &str, handle: u64, expr: &Json| json!({ "rule": { "family": "inet", "table": "f", "chain": chain, "handle": handle, "expr": expr } });
        let objects = json!({ "nftables": [
            { "metainfo": {} }, chain("out", "output", "filter"), chain("aside", "", ""), of("out", 1, rule),
            of("aside", 2, &json!([{ "counter": {} }, { "drop": null }])),
        ] });
        let text = "table inet f {\n\tchain out {\n\t\trule # handle 1\n\t\trule # handle 2\n";
        turns_away(&Ruleset::read(&objects.to_string(), text).unwrap()).map_err(|blocked| blocked.barrier)
    }

    #[test]
    fn who_only_counts_turns_nobody_away() {
        for rule in [json!([{ "counter": {} }]), json!([{ "log": null }, { "accept": null }])] {
            assert_eq!(turns(&rule), Ok(false), "{rule}");
        }
        for rule in [json!([{ "reject": null }]), json!([{ "jump": { "target": "aside" } }])] {
            assert_eq!(turns(&rule), Ok(true), "{rule}");
        }
        for rule in
            [json!([{ "vmap": {} }]), json!([{ "jump": { "target": "nowhere" } }]), json!([{ "xt": null }])]
        {
            assert_eq!(turns(&rule), Err(Barrier::Unsupported), "{rule}");
        }
    }
}
