//! At which ports the rules let somebody in who comes anew: the chains at the hook input, gone through rule by rule for TCP and UDP
//! over IPv4 and IPv6. Whatever is not understood for sure is a barrier.
//!
//! Must not know: who listens.

use std::collections::BTreeMap;
use std::net::IpAddr;

use probity_plan::{Barrier, Blocked, Value};
use serde_json::Value as Json;

use super::ruleset::{Chain, Rule, Ruleset};

/// Whose packets: over which of `ip` and `ip6`, and of which of `tcp` and `udp`.
#[derive(Clone, Copy)]
struct Packets {
    family: &'static str,
    protocol: &'static str,
}

/// Ports, each at its own place.
type Ports = Vec<bool>;

/// Which of the packets to some ports a rule is for, the narrower one the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    All,
    /// Those from some addresses, or by some interfaces.
    From,
    /// Some of them, by something else: a rate, a flag, an address of the machine's own.
    Some,
}

/// To which packets a rule is for: to none, if to no port.
struct Meant {
    ports: Ports,
    whose: Whose,
    /// From which addresses, where that narrows them: ranges with both ends.
    sources: Option<Vec<(u128, u128)>>,
}

impl Meant {
    fn to(ports: Ports, whose: Whose) -> Self {
        Self { ports, whose, sources: None }
    }

    fn whose(whose: Whose) -> Self {
        Self::to(vec![true; 1 << 16], whose)
    }

    fn none() -> Self {
        Self::to(vec![false; 1 << 16], Whose::All)
    }

    fn is_none(&self) -> bool {
        !self.ports.contains(&true)
    }

    fn and(self, other: Self) -> Self {
        let ports = self.ports.into_iter().zip(other.ports).map(|(one, other)| one && other).collect();
        // Both narrow it: either one alone says more than there is.
        let sources = self.sources.or(other.sources);
        Self { ports, whose: self.whose.max(other.whose), sources }
    }
}

/// What a chain, or all of them, let in.
struct LetIn {
    /// Whoever comes.
    all: Ports,
    /// At most who comes from some addresses or by some interfaces, or whoever comes.
    some: Ports,
}

/// What a rule does with a packet that it is for.
enum Verdict {
    Accept,
    TurnAway,
    GoOn,
}

/// Each range of open ports as a map: of those that are open to whoever comes, and of those that are open to some at most.
///
/// # Errors
/// `unsupported` where a rule, or something on the way before the input, is not understood.
pub(super) fn open(ruleset: &Ruleset) -> Result<(Vec<Value>, Vec<Value>), Blocked> {
    // What happens before may turn away, or turn into something else, what would come here.
    let before = |chain: &&Chain| {
        let acts = chain.rules > 0 || chain.policy == "drop";
        let is_before = matches!(chain.hook.as_str(), "prerouting" | "ingress")
            || chain.family == "bridge" && chain.hook == "input";
        is_before && !chain.dormant && acts
    };
    if let Some(Chain { name, hook, .. }) = ruleset.chains.iter().find(before) {
        return Err(unsupported(&format!("what the chain {name} at the hook {hook} does is not followed")));
    }
    let (mut to_all, mut to_some) = (Vec::new(), Vec::new());
    for family in ["ip", "ip6"] {
        for protocol in ["tcp", "udp"] {
            let packets = Packets { family, protocol };
            let mut through = vec![true; 1 << 16];
            // Port 0 is none.
            through[0] = false;
            let mut through = LetIn { all: through.clone(), some: through };
            for chain in ruleset.at(family, "input").filter(|chain| chain.filters() || chain.rules > 0) {
                let passed = pass(ruleset, chain, packets)?;
                through.all.iter_mut().zip(passed.all).for_each(|(through, passed)| *through &= passed);
                through.some.iter_mut().zip(passed.some).for_each(|(through, passed)| *through &= passed);
            }
            through.some.iter_mut().zip(&through.all).for_each(|(some, all)| *some &= !all);
            to_all.extend(maps(packets, &through.all));
            to_some.extend(maps(packets, &through.some));
        }
    }
    Ok((to_all, to_some))
}

fn maps(Packets { family, protocol }: Packets, ports: &Ports) -> impl Iterator<Item = Value> {
    ranges(ports).into_iter().map(move |(first, last)| {
        Value::Map(BTreeMap::from([
            ("family".to_owned(), family.into()),
            ("protocol".to_owned(), protocol.into()),
            ("first".to_owned(), first.into()),
            ("last".to_owned(), last.into()),
        ]))
    })
}

fn unsupported(why: &str) -> Blocked {
    Blocked::new(Barrier::Unsupported, why)
}

/// To which ports a chain lets in.
fn pass(ruleset: &Ruleset, chain: &Chain, packets: Packets) -> Result<LetIn, Blocked> {
    let mut undecided = vec![true; 1 << 16];
    let mut let_in = LetIn { all: vec![false; 1 << 16], some: vec![false; 1 << 16] };
    let mut sources = Vec::new();
    for rule in ruleset.rules.iter().filter(|rule| rule.is_in(chain)) {
        let not_understood = |what: String| unsupported(&format!("`{}`: {what}", rule.text));
        let (meant, verdict) = understand(rule, packets).map_err(not_understood)?;
        let decides = meant.ports.iter().zip(&undecided).any(|(meant, undecided)| *meant && *undecided);
        if !decides || matches!(verdict, Verdict::GoOn) {
            continue;
        }
        let accepts = matches!(verdict, Verdict::Accept);
        match meant.whose {
            Whose::All => {}
            Whose::From if accepts => sources.extend(meant.sources.clone().unwrap_or_default()),
            _ if accepts => return Err(not_understood("it lets some in, and others not".to_owned())),
            _ => return Err(not_understood("it turns some away, and others not".to_owned())),
        }
        for (port, _) in meant.ports.iter().enumerate().filter(|(_, meant)| **meant) {
            if meant.whose == Whose::All {
                let_in.all[port] |= undecided[port] && accepts;
                undecided[port] = false;
            } else {
                // Who is let in by this may be let in by what follows too.
                let_in.some[port] |= undecided[port];
            }
        }
    }
    if are_all(sources, packets) {
        return Err(unsupported("the addresses from which some are let in are together all there are"));
    }
    let rest = chain.policy != "drop";
    for ((all, some), undecided) in let_in.all.iter_mut().zip(&mut let_in.some).zip(undecided) {
        *all |= undecided && rest;
        *some |= *all;
    }
    Ok(let_in)
}

/// For which packets a rule is and what it does with them; what of it is not understood.
fn understand(rule: &Rule, packets: Packets) -> Result<(Meant, Verdict), String> {
    let mut meant = Meant::whose(Whose::All);
    for expression in &rule.expressions {
        let Some((name, value)) = expression.as_object().and_then(|map| map.iter().next()) else {
            return Err(format!("`{expression}` is no expression"));
        };
        match name.as_str() {
            "accept" => return Ok((meant, Verdict::Accept)),
            "drop" | "reject" => return Ok((meant, Verdict::TurnAway)),
            "counter" | "log" => {}
            "limit" | "ct count" => meant = meant.and(Meant::whose(Whose::Some)),
            "match" => meant = meant.and(matched(value, packets)?),
            other => return Err(format!("`{other}` is not followed")),
        }
        // The rest of it is for nobody that is asked about.
        if meant.is_none() {
            break;
        }
    }
    Ok((meant, Verdict::GoOn))
}

/// Which packets a match is for, of those that begin something and come by another interface than loopback.
fn matched(value: &Json, packets: Packets) -> Result<Meant, String> {
    let (left, right) = (&value["left"], &value["right"]);
    let negated = match value["op"].as_str() {
        Some("==" | "in") => false,
        Some("!=") => true,
        _ => return Err(format!("it compares with {}", value["op"])),
    };
    let is = |is: bool| if is == negated { Meant::none() } else { Meant::whose(Whose::All) };
    let names = |name: &str| -> Result<bool, String> { Ok(texts(right)?.iter().any(|text| text == name)) };
    let payload = (left["payload"]["protocol"].as_str(), left["payload"]["field"].as_str());
    let meta = left["meta"]["key"].as_str();
    Ok(match (payload, meta, left["ct"]["key"].as_str()) {
        ((Some(protocol @ ("tcp" | "udp" | "th")), field), ..) => {
            if protocol != "th" && protocol != packets.protocol {
                return Ok(Meant::none());
            }
            match field {
                Some("dport") => {
                    let ports = ports(right)?;
                    Meant::to(ports.into_iter().map(|port| port != negated).collect(), Whose::All)
                }
                _ => Meant::whose(Whose::Some),
            }
        }
        ((Some("icmp" | "icmpv6"), _), ..) => Meant::none(),
        ((Some(family @ ("ip" | "ip6")), field), ..) if family == packets.family => match field {
            Some("protocol" | "nexthdr") => is(names(packets.protocol)?),
            Some("saddr") if !negated => {
                Meant { sources: Some(addresses(right)?), ..Meant::whose(Whose::From) }
            }
            _ => Meant::whose(Whose::Some),
        },
        ((Some("ip" | "ip6"), _), ..) => Meant::none(),
        (_, Some("l4proto"), _) => is(names(packets.protocol)?),
        (_, Some("nfproto"), _) => is(names(if packets.family == "ip" { "ipv4" } else { "ipv6" })?),
        (_, Some("iif" | "iifname"), _) if texts(right)? == ["lo"] => is(false),
        // `*` stands for any end of a name.
        (_, Some("iif" | "iifname"), _) => {
            let named = texts(right)?.iter().all(|name| !name.contains('*'));
            Meant::whose(if named && !negated { Whose::From } else { Whose::Some })
        }
        (.., Some("state")) => is(names("new")?),
        _ => return Err(format!("`{left}` is not understood")),
    })
}

/// One text, several, or a set of them that is written out.
fn texts(right: &Json) -> Result<Vec<String>, String> {
    let one = |value: &Json| match value {
        Json::String(text) if !text.starts_with('@') => Ok(text.clone()),
        other => Err(format!("`{other}` is not understood")),
    };
    match right.get("set").unwrap_or(right) {
        Json::Array(list) => list.iter().map(one).collect(),
        single => Ok(vec![one(single)?]),
    }
}

/// One address, a network, a range, or a set of them that is written out: each with both ends.
fn addresses(right: &Json) -> Result<Vec<(u128, u128)>, String> {
    let items = match right.get("set").unwrap_or(right) {
        Json::Array(list) => list.as_slice(),
        single => std::slice::from_ref(single),
    };
    let number = |value: &Json| -> Option<(u128, u32)> {
        match value.as_str()?.parse().ok()? {
            IpAddr::V4(address) => Some((u128::from(u32::from(address)), 32)),
            IpAddr::V6(address) => Some((u128::from(address), 128)),
        }
    };
    let ends = |item: &Json| -> Option<(u128, u128)> {
        if let Some(prefix) = item.get("prefix") {
            let (first, bits) = number(&prefix["addr"])?;
            let free = bits.checked_sub(u32::try_from(prefix["len"].as_u64()?).ok()?)?;
            let mask = 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
            return Some((first & !mask, first | mask));
        }
        match item.get("range").map(|range| range.as_array().map(Vec::as_slice)) {
            Some(Some([first, last])) => Some((number(first)?.0, number(last)?.0)),
            Some(_) => None,
            None => number(item).map(|(address, _)| (address, address)),
        }
    };
    // Beside it may stand a comment or a counter.
    let value = |item: &Json| ends(item.get("elem").map_or(item, |elem| &elem["val"]));
    items.iter().map(|item| value(item).ok_or_else(|| format!("`{item}` is not understood"))).collect()
}

/// Whether these ranges hold every address of the family.
fn are_all(mut sources: Vec<(u128, u128)>, packets: Packets) -> bool {
    let last = if packets.family == "ip" { u128::from(u32::MAX) } else { u128::MAX };
    sources.sort_unstable();
    // The first address that is in none of those so far.
    let mut next = Some(0);
    for (begin, end) in sources {
        match next {
            Some(address) if begin <= address && end >= address => next = end.checked_add(1),
            _ => {}
        }
    }
    next.is_none_or(|next| next > last)
}

/// One port, a range, or a set of both that is written out.
fn ports(right: &Json) -> Result<Ports, String> {
    let mut ports = vec![false; 1 << 16];
    let items = match right.get("set").unwrap_or(right) {
        Json::Array(list) => list.as_slice(),
        single => std::slice::from_ref(single),
    };
    for item in items {
        let port = |value: &Json| {
            value.as_u64().and_then(|port| usize::try_from(port).ok()).filter(|port| *port < 1 << 16)
        };
        let range = item["range"].as_array().map(Vec::as_slice);
        let ends = match range {
            Some([first, last]) => (port(first), port(last)),
            _ => (port(item), port(item)),
        };
        let (Some(first), Some(last)) = ends else { return Err(format!("`{item}` is not understood")) };
        ports[first..=last.max(first)].fill(true);
    }
    Ok(ports)
}

/// The first and the last of each run of ports.
fn ranges(ports: &Ports) -> Vec<(i64, i64)> {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for (port, _) in (0..).zip(ports).filter(|(_, open)| **open) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == port => *last = port,
            _ => ranges.push((port, port)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The open ports of TCP over IPv4 with a chain of these expressions.
    fn tcp(policy: &str, rules: &[Json]) -> Result<Vec<(i64, i64)>, Barrier> {
        let mut objects = vec![
            json!({ "metainfo": {} }),
            json!({ "chain": { "family": "inet", "table": "f", "name": "in", "type": "filter", "hook": "input", "prio": 0, "policy": policy } }),
        ];
        let mut text = "table inet f {\n\tchain in {\n".to_owned();
        for (handle, expr) in rules.iter().enumerate() {
            objects.push(json!({ "rule": { "family": "inet", "table": "f", "chain": "in", "handle": handle, "expr": expr } }));
            text += &format!("\t\trule # handle {handle}\n");
        }
        let ruleset = Ruleset::read(&json!({ "nftables": objects }).to_string(), &text).unwrap();
        let (open, _) = open(&ruleset).map_err(|blocked| blocked.barrier)?;
        let of = |map: &Value| match map {
            Value::Map(map) if map["family"] == "ip".into() && map["protocol"] == "tcp".into() => {
                Some((map["first"].as_i64()?, map["last"].as_i64()?))
            }
            _ => None,
        };
        Ok(open.iter().filter_map(of).collect())
    }

    #[expect(clippy::needless_pass_by_value, reason = "so that tests can write `json!` in place")]
    fn is(left: Json, op: &str, right: Json) -> Json {
        json!({ "match": { "op": op, "left": left, "right": right } })
    }

    fn dport(right: Json) -> Json {
        is(json!({ "payload": { "protocol": "tcp", "field": "dport" } }), "==", right)
    }

    #[test]
    fn what_the_rules_let_in_is_open() {
        let accept = || json!({ "accept": null });
        let state = is(json!({ "ct": { "key": "state" } }), "in", json!(["established", "related"]));
        let loopback = is(json!({ "meta": { "key": "iifname" } }), "==", json!("lo"));
        let rules = [
            json!([state, accept()]),
            json!([loopback, accept()]),
            json!([dport(json!({ "set": [22, { "range": [8000, 8003] }] })), { "counter": {} }, accept()]),
            json!([
                is(json!({ "payload": { "protocol": "udp", "field": "dport" } }), "==", json!(53)),
                accept()
            ]),
        ];
        assert_eq!(tcp("drop", &rules), Ok(vec![(22, 22), (8000, 8003)]));
        assert_eq!(tcp("accept", &[]), Ok(vec![(1, 65535)]));
        assert_eq!(
            tcp("accept", &[json!([dport(json!(23)), { "drop": null }])]),
            Ok(vec![(1, 22), (24, 65535)])
        );
        let other = is(json!({ "payload": { "protocol": "tcp", "field": "dport" } }), "!=", json!(22));
        assert_eq!(tcp("accept", &[json!([other, { "reject": null }])]), Ok(vec![(22, 22)]));
        // For some only, so not for whoever comes.
        let some = is(json!({ "payload": { "protocol": "ip", "field": "saddr" } }), "==", json!("10.0.0.1"));
        assert_eq!(tcp("drop", &[json!([some, dport(json!(22)), accept()])]), Ok(vec![]));
        // The first rule that is for it decides.
        let both = [json!([dport(json!(22)), { "drop": null }]), json!([dport(json!(22)), accept()])];
        assert_eq!(tcp("drop", &both), Ok(vec![]));
    }

    #[test]
    fn what_is_not_understood_is_no_guess() {
        let some = is(json!({ "payload": { "protocol": "ip", "field": "saddr" } }), "==", json!("10.0.0.1"));
        for rule in [
            json!([{ "jump": { "target": "x" } }]),
            json!([{ "xt": { "type": "match" } }]),
            json!([dport(json!("@allowed")), { "accept": null }]),
            json!([some, { "drop": null }]),
            json!([is(json!({ "meta": { "key": "mark" } }), "==", json!(1)), { "accept": null }]),
            json!([is(json!({ "payload": { "protocol": "tcp", "field": "dport" } }), "<", json!(1024)), { "accept": null }]),
            json!([{ "vmap": { "key": {}, "data": {} } }]),
        ] {
            assert_eq!(tcp("drop", std::slice::from_ref(&rule)), Err(Barrier::Unsupported), "{rule}");
        }
    }
}
