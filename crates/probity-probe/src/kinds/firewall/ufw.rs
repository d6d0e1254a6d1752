//! What ufw says of itself: `ufw status verbose`, which prints for people and in no other form.

use std::collections::BTreeMap;

use probity_plan::{Barrier, Blocked, Value};

use crate::look::{Context, Seen};
use crate::program;

/// What it prints.
#[derive(Debug, PartialEq)]
struct Status {
    active: bool,
    /// What it does by default with what comes in.
    default_input: Option<String>,
    /// To, action, from.
    rules: Result<Vec<[String; 3]>, String>,
}

/// Tells the facts that begin with `ufw`.
pub(super) async fn tell(context: &Context<'_>, seen: &mut Seen) {
    let status = match super::tool("ufw") {
        Some(ufw) => ask(&ufw, context).await,
        None => {
            seen.know("ufw", "absent");
            Err(Blocked::new(Barrier::Unreachable, "there is no program `ufw`"))
        }
    };
    let status = match status {
        Ok(status) => status,
        Err(blocked) => {
            let facts = ["ufw", "ufw_default_input", "ufw_rules"];
            for fact in facts.into_iter().filter(|fact| !seen.facts.contains_key(*fact)).collect::<Vec<_>>() {
                seen.block(fact, blocked.clone());
            }
            return;
        }
    };
    seen.know("ufw", if status.active { "active" } else { "inactive" });
    if !status.active {
        let blocked = Blocked::new(Barrier::Unreachable, "ufw is inactive: it tells no rules");
        seen.block("ufw_default_input", blocked.clone()).block("ufw_rules", blocked);
        return;
    }
    let wrong = |why: &str| Blocked::new(Barrier::Protocol, format!("ufw status verbose: {why}"));
    seen.settle("ufw_default_input", status.default_input.ok_or_else(|| wrong("no line `Default: ...`")));
    let map = |[to, action, from]: [String; 3]| {
        let entries = [("to", to), ("action", action), ("from", from)];
        Value::Map(BTreeMap::from(entries.map(|(name, text)| (name.to_owned(), text.into()))))
    };
    let rules = status.rules.map(|rules| rules.into_iter().map(map).collect::<Vec<_>>());
    seen.settle("ufw_rules", rules.map_err(|why| wrong(&why)));
}

async fn ask(ufw: &str, context: &Context<'_>) -> Result<Status, Blocked> {
    let (code, stdout, stderr) = program::ask(&[ufw, "status", "verbose"], &[], context).await?;
    if code == 0 {
        return read(&stdout)
            .map_err(|why| Blocked::new(Barrier::Protocol, format!("ufw status verbose: {why}")));
    }
    let barrier =
        if stderr.contains("need to be root") { Barrier::PermissionDenied } else { Barrier::Protocol };
    Err(Blocked::new(barrier, format!("ufw status verbose: {}", stderr.trim())))
}

fn read(text: &str) -> Result<Status, String> {
    let after = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let active = match after("Status: ") {
        Some("active") => true,
        Some("inactive") => false,
        _ => return Err("no line `Status: active` or `Status: inactive`".to_owned()),
    };
    // `Default: deny (incoming), allow (outgoing), disabled (routed)`
    let default = |part: &str| part.trim().strip_suffix(" (incoming)").map(str::to_owned);
    let default_input = after("Default: ").and_then(|line| line.split(',').find_map(default));
    let rules = text.lines().skip_while(|line| !line.starts_with("--")).skip(1);
    let rules = rules.filter(|line| !line.trim().is_empty()).map(|line| {
        // Columns, and behind them perhaps a comment.
        let columns: Vec<&str> =
            line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
        match columns.as_slice() {
            [to, action, from] => Ok([to, action, from].map(|column| (*column).to_owned())),
            [to, action, from, comment, ..] if comment.starts_with('#') => {
                Ok([to, action, from].map(|column| (*column).to_owned()))
            }
            _ => Err(format!("`{line}` has no three columns")),
        }
    });
    Ok(Status { active, default_input, rules: rules.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ufw_prints_is_read() {
        let text = "Status: active\nLogging: on (low)\nDefault: deny (incoming), allow (outgoing), disabled (routed)\nNew profiles: skip\n\n\
            To                         Action      From\n--                         ------      ----\n\
            22/tcp                     ALLOW IN    10.0.0.0/8                 # our own\n\
            8080/tcp (v6)              ALLOW IN    Anywhere (v6)             \n\n";
        let status = read(text).unwrap();
        assert!(status.active);
        assert_eq!(status.default_input.as_deref(), Some("deny"));
        let rules = [["22/tcp", "ALLOW IN", "10.0.0.0/8"], ["8080/tcp (v6)", "ALLOW IN", "Anywhere (v6)"]];
        assert_eq!(status.rules.unwrap(), rules.map(|rule| rule.map(str::to_owned)));
        assert!(!read("Status: inactive\n").unwrap().active);
        assert!(read("hello").is_err());
        assert!(
            read("Status: active\n--\nA rule that is longer than its column ALLOW").unwrap().rules.is_err()
        );
    }
}
