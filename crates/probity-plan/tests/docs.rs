//! The examples of docs/plan-language.md load.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

/// What an example that shows only some sections is completed with.
const REST: &[(&str, &str)] = &[
    ("plan", "plan: Example"),
    (
        "probes",
        "probes: { answers: { http: http://127.0.0.1, every: 5s, for: 8m }, log: { file: /var/log/x.log, every: 5s, for: 8m } }",
    ),
    (
        "claims",
        "claims: { up: { of: answers, check: status == 200 }, log_grows: { of: log, stable: [owner] } }",
    ),
    ("verdict", "verdict: [ label: UNCLEAR ]"),
];

/// The blocks of YAML: what follows `yaml` in the fence, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(fence)) => open = Some((fence.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks.retain(|(fence, _)| fence.starts_with("yaml"));
    blocks.into_iter().map(|(fence, text)| (fence["yaml".len()..].trim().to_owned(), text)).collect()
}

#[test]
fn every_example_of_the_reference_loads() {
    let blocks = blocks(include_str!("../../../docs/plan-language.md"));
    assert_eq!(blocks.len(), 13, "this many examples were there when this test was written");
    let files: Vec<(&str, &str)> = blocks
        .iter()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    for (_, text) in blocks.iter().filter(|(name, _)| name.is_empty()) {
        let has = |section: &str| text.lines().any(|line| line.starts_with(&format!("{section}:")));
        let needed = |section: &str| !(has(section) || section == "probes" && has("include"));
        let mut plan = text.clone();
        for (section, default) in REST.iter().filter(|(section, _)| needed(section)) {
            let default = match (*section, text.contains("shop:\n    http")) {
                ("claims", true) => "claims: { up: { of: shop, check: status == 200 } }",
                _ => default,
            };
            plan.push_str(default);
            plan.push('\n');
        }
        let given: &[(&str, &str)] = if text.contains("region:") { &[("region", "eu")] } else { &[] };
        if let Err(errors) = common::load_with(&plan, &files, given) {
            panic!("{plan}\n{errors}");
        }
    }
}
