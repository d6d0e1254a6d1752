//! `firewall`: nft(8) tells the kernel's rules, as JSON for programs and as text for people; ufw tells of itself.

mod ports;
mod ruleset;
mod turning;
mod ufw;

use std::collections::BTreeMap;
use std::path::Path;

use probity_plan::kinds::firewall::Firewall;
use probity_plan::{Barrier, Blocked, Value};

use self::ruleset::{Chain, Ruleset};
use crate::look::{Context, Look, Seen, barrier_of, on_a_thread};
use crate::program;

/// Where programs for the administrator are, which is not in everybody's `PATH`.
const ADMINISTRATION: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

impl Look for Firewall {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let mut seen = Seen::default();
        ufw::tell(context, &mut seen).await;
        let legacy = context.in_time(on_a_thread(legacy_tables)).await;
        seen.settle("legacy_tables", legacy.clone());
        match rules(context).await {
            Ok(ruleset) => tell(&ruleset, &legacy, &mut seen),
            Err(blocked) => _ = seen.block_rest(blocked),
        }
        seen
    }
}

/// The path of an administrator's program; `None` if it is nowhere.
fn tool(name: &str) -> Option<String> {
    let found = program::find(name).or_else(|| {
        let paths = ADMINISTRATION.iter().map(|folder| Path::new(folder).join(name));
        paths.into_iter().find(|path| path.is_file())
    });
    found.map(|path| path.to_string_lossy().into_owned())
}

/// The loaded rules. nft is asked twice, as it prints a rule's text only without the JSON.
async fn rules(context: &Context<'_>) -> Result<Ruleset, Blocked> {
    let nft = tool("nft");
    let nft = nft.ok_or_else(|| Blocked::new(Barrier::ToolMissing, "there is no program `nft`"))?;
    let json = list(&nft, &["--json"], context).await?;
    let text = list(&nft, &["--stateless", "--handle"], context).await?;
    Ruleset::read(&json, &text)
}

async fn list(nft: &str, options: &[&str], context: &Context<'_>) -> Result<String, Blocked> {
    let arguments = [&[nft], options, &["list", "ruleset"]].concat();
    let (code, stdout, stderr) = program::ask(&arguments, &[], context).await?;
    if code == 0 {
        return Ok(stdout);
    }
    let barrier = if stderr.contains("not permitted") || stderr.contains("denied") {
        Barrier::PermissionDenied
    } else if stderr.contains("not supported") {
        Barrier::Unsupported
    } else {
        Barrier::Protocol
    };
    Err(Blocked::new(barrier, format!("nft list ruleset: {}", stderr.trim())))
}

/// The tables that the older half of the kernel has: each is listed as soon as somebody asked for it.
fn legacy_tables() -> Result<Vec<String>, Blocked> {
    let mut tables = Vec::new();
    for path in ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"] {
        match std::fs::read_to_string(path) {
            Ok(text) => tables.extend(text.lines().map(str::to_owned)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(barrier_of(&format!("open {path}"), &error)),
        }
    }
    tables.sort();
    tables.dedup();
    Ok(tables)
}

fn tell(ruleset: &Ruleset, legacy: &Result<Vec<String>, Blocked>, seen: &mut Seen) {
    // What iptables-legacy has loaded decides too, and is not read.
    let alone = || match legacy {
        Ok(tables) if tables.is_empty() => Ok(()),
        Ok(tables) => {
            let why = format!("iptables-legacy has loaded {}, whose rules are not read", tables.join(", "));
            Err(Blocked::new(Barrier::Unsupported, why))
        }
        Err(blocked) => Err(blocked.clone()),
    };
    let active = match turning::turns_away(ruleset) {
        Ok(false) => alone().map(|()| false),
        other => other,
    };
    seen.settle("active", active);
    let policy = |family: &str| {
        if ruleset.at(family, "input").any(Chain::drops) { Ok("drop") } else { alone().map(|()| "accept") }
    };
    seen.settle("input_policy", policy("ip")).settle("input_policy_ipv6", policy("ip6"));
    match alone().and_then(|()| ports::open(ruleset)) {
        Ok((to_all, to_some)) => seen.know("open_ports", to_all).know("open_to_some", to_some),
        Err(blocked) => seen.block("open_ports", blocked.clone()).block("open_to_some", blocked),
    };
    seen.know(
        "tables",
        maps(&ruleset.tables, |table| {
            [
                ("family", table.family.as_str().into()),
                ("name", table.name.as_str().into()),
                ("dormant", table.dormant.into()),
            ]
        }),
    );
    seen.know(
        "chains",
        maps(&ruleset.chains, |chain| {
            [
                ("family", chain.family.as_str().into()),
                ("table", chain.table.as_str().into()),
                ("name", chain.name.as_str().into()),
                ("type", chain.ty.as_str().into()),
                ("hook", chain.hook.as_str().into()),
                ("priority", chain.priority.map_or(Value::Null, Value::from)),
                ("policy", chain.policy.as_str().into()),
                ("rules", chain.rules.into()),
            ]
        }),
    );
    seen.know(
        "rules",
        maps(&ruleset.rules, |rule| {
            [
                ("family", rule.family.as_str().into()),
                ("table", rule.table.as_str().into()),
                ("chain", rule.chain.as_str().into()),
                ("hook", ruleset.chain_of(rule).map_or("", |chain| &chain.hook).into()),
                ("text", rule.text.as_str().into()),
                ("comment", rule.comment.as_str().into()),
            ]
        }),
    );
}

fn maps<T, const N: usize>(list: &[T], describe: impl Fn(&T) -> [(&'static str, Value); N]) -> Vec<Value> {
    let map = |item: &T| {
        let entries = describe(item).into_iter().map(|(name, value)| (name.to_owned(), value));
        Value::Map(entries.collect::<BTreeMap<_, _>>())
    };
    list.iter().map(map).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_iptables_legacy_has_loaded_is_told_and_decides_too() {
        let ruleset = Ruleset::read(r#"{"nftables": [{"metainfo": {}}]}"#, "").unwrap();
        let told = |legacy: &[&str]| {
            let mut seen = Seen::default();
            tell(&ruleset, &Ok(legacy.iter().map(|&table| table.to_owned()).collect()), &mut seen);
            seen
        };
        let facts = ["active", "input_policy", "input_policy_ipv6", "open_ports", "open_to_some"];
        assert!(facts.iter().all(|fact| told(&[]).facts.contains_key(*fact)));
        for fact in facts {
            assert_eq!(told(&["filter"]).unknown[fact].barrier, Barrier::Unsupported, "{fact}");
        }
    }
}
