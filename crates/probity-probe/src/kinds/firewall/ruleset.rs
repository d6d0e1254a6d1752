//! What `nft list ruleset` prints: its JSON (libnftables-json(5)), and of its text the line of each rule.

use std::collections::{BTreeMap, BTreeSet};

use probity_plan::{Barrier, Blocked};
use serde::Deserialize;
use serde_json::Value as Json;

/// The loaded rules.
#[derive(Debug, Default)]
pub(super) struct Ruleset {
    pub tables: Vec<Table>,
    pub chains: Vec<Chain>,
    /// In the order in which they are gone through within their chains.
    pub rules: Vec<Rule>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Table {
    pub family: String,
    pub name: String,
    /// Whether it is switched off.
    pub dormant: bool,
}

#[derive(Debug, PartialEq)]
pub(super) struct Chain {
    pub family: String,
    pub table: String,
    pub name: String,
    /// Of one that a hook leads to: `filter`, `nat`, `route`; else empty, as what follows is.
    pub ty: String,
    pub hook: String,
    pub priority: Option<i64>,
    pub policy: String,
    /// How many rules it has.
    pub rules: u64,
    /// Whether its table is switched off.
    pub dormant: bool,
}

#[derive(Debug, PartialEq)]
pub(super) struct Rule {
    pub family: String,
    pub table: String,
    pub chain: String,
    /// As a person would write it, without counters; what only xtables(8) knows stands in it by its name.
    pub text: String,
    pub comment: String,
    /// Its expressions, each a map with one key.
    pub expressions: Vec<Json>,
}

impl Chain {
    /// Whether packets come by it that it may turn away.
    pub fn filters(&self) -> bool {
        self.ty == "filter" && !self.hook.is_empty() && !self.dormant
    }

    /// Whether it turns away what no rule decides.
    pub fn drops(&self) -> bool {
        self.filters() && self.policy == "drop"
    }
}

/// One object of the JSON; what else there is (sets, maps, counters) decides nothing by itself.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Object {
    Metainfo {},
    Table {
        family: String,
        name: String,
    },
    Chain(ChainObject),
    Rule {
        family: String,
        table: String,
        chain: String,
        handle: u64,
        #[serde(default)]
        comment: String,
        expr: Vec<Json>,
    },
    #[serde(untagged)]
    Other {},
}

#[derive(Deserialize)]
struct ChainObject {
    family: String,
    table: String,
    name: String,
    #[serde(rename = "type", default)]
    ty: String,
    #[serde(default)]
    hook: String,
    prio: Option<i64>,
    #[serde(default)]
    policy: String,
}

impl Ruleset {
    /// Reads both.
    ///
    /// # Errors
    /// `protocol` where it is not what nft prints, `changed` where the two are not about the same rules.
    pub fn read(json: &str, text: &str) -> Result<Self, Blocked> {
        #[derive(Deserialize)]
        struct Listing {
            nftables: Vec<Object>,
        }
        let wrong = |why: String| Blocked::new(Barrier::Protocol, format!("nft list ruleset: {why}"));
        let listing: Listing = serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
        let Lines { mut texts, dormant } = lines(text).map_err(wrong)?;
        let (mut ruleset, mut described) = (Self::default(), false);
        for object in listing.nftables {
            match object {
                Object::Metainfo {} => described = true,
                Object::Table { family, name } => {
                    let dormant = dormant.contains(&format!("{family} {name}"));
                    ruleset.tables.push(Table { family, name, dormant });
                }
                Object::Chain(ChainObject { family, table, name, ty, hook, prio, policy }) => {
                    let dormant = dormant.contains(&format!("{family} {table}"));
                    let chain =
                        Chain { family, table, name, ty, hook, priority: prio, policy, rules: 0, dormant };
                    ruleset.chains.push(chain);
                }
                Object::Rule { family, table, chain, handle, comment, expr } => {
                    let place = format!("{family} {table}");
                    let text = written(&texts.remove(&(place, handle)).ok_or_else(changed)?, &expr);
                    ruleset.rules.push(Rule { family, table, chain, text, comment, expressions: expr });
                }
                Object::Other {} => {}
            }
        }
        if !described {
            return Err(wrong("the JSON does not say which version of nft wrote it".to_owned()));
        }
        if !texts.is_empty() {
            return Err(changed());
        }
        for chain in &mut ruleset.chains {
            chain.rules = ruleset.rules.iter().filter(|rule| rule.is_in(chain)).count() as u64;
        }
        Ok(ruleset)
    }

    /// The chains to which this hook leads a packet of this family, `ip` or `ip6`.
    pub fn at<'a>(&'a self, family: &'a str, hook: &'a str) -> impl Iterator<Item = &'a Chain> {
        self.chains.iter().filter(move |chain| {
            !chain.dormant && chain.hook == hook && (chain.family == family || chain.family == "inet")
        })
    }

    /// The chain that a rule stands in.
    pub fn chain_of(&self, rule: &Rule) -> Option<&Chain> {
        self.chains.iter().find(|chain| rule.is_in(chain))
    }
}

impl Rule {
    /// Whether it stands in this chain.
    pub fn is_in(&self, chain: &Chain) -> bool {
        self.chain == chain.name && self.table == chain.table && self.family == chain.family
    }
}

fn changed() -> Blocked {
    Blocked::new(Barrier::Changed, "other rules were loaded while nft was asked for them")
}

/// A rule's text without counters, and with what nft(8) leaves out where it cannot read an extension of xtables(8): a rule that
/// asks for more than its text says looks as if it let everything pass.
fn written(text: &str, expressions: &[Json]) -> String {
    // What nft quotes holds no quotes itself.
    let outside = |piece: &str| {
        let words: Vec<&str> = piece.split_whitespace().collect();
        let kept = words.iter().enumerate().filter(|(at, word)| {
            // A counter with a name is what the rule counts with.
            **word != "counter" || words.get(at + 1) == Some(&"name")
        });
        kept.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
    };
    let pieces = text.split('"').enumerate().map(|(at, piece)| match at % 2 {
        0 => outside(piece),
        _ => format!("\"{piece}\""),
    });
    let pieces: Vec<String> = pieces.filter(|piece| !piece.is_empty()).collect();
    let text = pieces.join(" ").replace("\" ,", "\",");
    if text.contains("xt match") || text.contains("xt target") {
        return text;
    }
    let named = |ty: &str| {
        let of_type = expressions.iter().filter_map(|it| it.get("xt")).filter(|xt| xt["type"] == ty);
        of_type.map(|xt| format!("xt {ty} {}", xt["name"].as_str().unwrap_or("?"))).collect::<Vec<_>>()
    };
    let parts = [named("match"), vec![text], named("target")].concat();
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What of the text is not in the JSON.
#[derive(Default)]
struct Lines {
    /// The text of each rule, by the family and name of its table and by its handle.
    texts: BTreeMap<(String, u64), String>,
    /// The tables that are switched off.
    dormant: BTreeSet<String>,
}

/// Reads the text, in which `nft --handle` puts a handle behind each line. Fails where two lines name the same rule: a comment may
/// hold anything.
fn lines(text: &str) -> Result<Lines, String> {
    let (mut table, mut in_chain) = (String::new(), false);
    let mut lines = Lines::default();
    for line in text.lines() {
        let depth = line.len() - line.trim_start_matches('\t').len();
        let line = line.trim();
        let (line, handle) = line.rsplit_once(" # handle ").unwrap_or((line, ""));
        match (depth, line.strip_suffix(" {")) {
            (0, Some(opened)) => {
                table = opened.strip_prefix("table ").unwrap_or_default().to_owned();
                in_chain = false;
            }
            (1, Some(opened)) => in_chain = opened.starts_with("chain "),
            (1, None) if line.starts_with("flags ") && line.contains("dormant") => {
                lines.dormant.insert(table.clone());
            }
            // The line of the hook has no handle.
            (2, _) if in_chain && !handle.is_empty() => {
                let handle = handle.parse().map_err(|_| format!("`{handle}` is no handle"))?;
                if lines.texts.insert((table.clone(), handle), line.to_owned()).is_some() {
                    return Err(format!("two lines say that they are rule {handle} of {table}"));
                }
            }
            _ => {}
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}},
        {"table": {"family": "inet", "name": "f", "handle": 1}},
        {"chain": {"family": "inet", "table": "f", "name": "in", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
        {"set": {"family": "inet", "name": "s", "table": "f", "type": "inet_service", "handle": 2}},
        {"rule": {"family": "inet", "table": "f", "chain": "in", "handle": 3, "comment": "c", "expr": [{"accept": null}]}}]}"#;
    const TEXT: &str = "table inet f { # handle 1\n\tset s { # handle 2\n\t\ttype inet_service\n\t}\n\n\tchain in { # handle 1\n\
        \t\ttype filter hook input priority filter; policy drop;\n\t\ttcp dport 22 accept comment \"c\" # handle 3\n\t}\n}\n";

    #[test]
    fn rules_are_read_with_their_text() {
        let ruleset = Ruleset::read(JSON, TEXT).unwrap();
        assert_eq!(ruleset.rules[0].text, "tcp dport 22 accept comment \"c\"");
        assert_eq!(ruleset.rules[0].comment, "c");
        assert!(ruleset.chains[0].drops() && ruleset.chains[0].rules == 1);
        let nothing = Ruleset::read(r#"{"nftables": [{"metainfo": {}}]}"#, "").unwrap();
        assert!(nothing.rules.is_empty());
    }

    #[test]
    fn a_rule_says_all_that_it_asks_for_and_no_counters() {
        let xt = |ty: &str, name: &str| serde_json::json!({ "xt": { "type": ty, "name": name } });
        for (text, expressions, expected) in [
            ("tcp dport 22 counter accept", vec![], "tcp dport 22 accept"),
            ("counter", vec![], ""),
            ("tcp dport 22 counter name \"c\" accept", vec![], "tcp dport 22 counter name \"c\" accept"),
            (
                "log prefix \"counter  x\" counter drop comment \"a counter b\"",
                vec![],
                "log prefix \"counter  x\" drop comment \"a counter b\"",
            ),
            ("iifname { \"a\", \"b\" } accept", vec![], "iifname { \"a\", \"b\" } accept"),
            (
                "meta l4proto tcp  counter accept",
                vec![xt("match", "recent")],
                "xt match recent meta l4proto tcp accept",
            ),
            ("tcp dport 22 counter ", vec![xt("target", "REJECT")], "tcp dport 22 xt target REJECT"),
            ("xt match recent counter accept", vec![xt("match", "recent")], "xt match recent accept"),
        ] {
            assert_eq!(written(text, &expressions), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_about_the_same_rules_is_not_believed() {
        let barrier = |json: &str, text: &str| Ruleset::read(json, text).unwrap_err().barrier;
        assert_eq!(barrier(JSON, &TEXT.replace("handle 3", "handle 4")), Barrier::Changed);
        assert_eq!(barrier(JSON, ""), Barrier::Changed);
        assert_eq!(barrier(r#"{"nftables": [{"metainfo": {}}]}"#, TEXT), Barrier::Changed);
        // A comment that forges a line.
        let forged = TEXT.replace("\"c\" #", "\"c\n\t\tdrop # handle 3\n\t\t\" #");
        assert_eq!(barrier(JSON, &forged), Barrier::Protocol);
        for nonsense in ["", "[]", "{}", r#"{"nftables": []}"#] {
            assert_eq!(barrier(nonsense, ""), Barrier::Protocol, "{nonsense}");
        }
    }

    #[test]
    fn what_a_switched_off_table_says_does_not_count() {
        let text = TEXT.replacen('\n', "\n\tflags dormant\n\n", 1);
        let ruleset = Ruleset::read(JSON, &text).unwrap();
        assert!(ruleset.tables[0].dormant && !ruleset.chains[0].drops());
        assert_eq!(ruleset.at("ip", "input").count(), 0);
    }
}
