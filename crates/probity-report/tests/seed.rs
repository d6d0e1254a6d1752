//! The report that Probity answers, made by Probity: a plan of process and port probes in which the author says
//! "periodic sync is operational", judged and printed. What was decided stands beside it, and says presence.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod made;

use std::collections::BTreeMap;

use probity_plan::{Observation, Value, load};
use probity_report::{Contents, SeriesCollector, html, markdown, terminal, wanted_entries};
use probity_verdict::{Judge, Outcome};

const PLAN: &str = "\
plan: Periodic sync of the NetBox plugin
probes:
  worker: { process: /opt/netbox/venv/bin/python3, arguments: [/opt/netbox/netbox/manage.py, rqworker], every: 30s, for: 8m }
  web: { port: 8000 }
claims:
  sync: { of: worker, check: count > 0, says: periodic sync is operational }
  api: { of: web, check: listening, says: the API is accessible }
verdict:
  - { label: READY, when: holds(sync) && holds(api), accepted: true }
  - { label: NOT READY }
";

struct Only;

impl probity_plan::Sources for Only {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(PLAN.as_bytes().to_vec())
    }
}

/// The looks of a run, and what terminal, Markdown and HTML say of it.
fn reports(observations: &[(u64, Observation)]) -> [String; 3] {
    let plan = load("plan.yaml", &Only, &BTreeMap::new()).unwrap().plan;
    let conditions = probity_verdict::Conditions::new(&plan);
    let mut judge = Judge::new(&plan, &conditions, made::at(0));
    let mut collector = SeriesCollector::new(&plan, &conditions);
    for (entry, observation) in observations {
        judge.observe(*entry, observation);
        collector.observe(*entry, observation);
    }
    let judgement = judge.conclude(true);
    assert_eq!(judgement.findings.iter().map(|it| it.outcome).collect::<Vec<_>>(), [Outcome::Holds; 2]);
    assert!(wanted_entries(&judgement).is_empty());
    let (start, series) = (made::start(&plan.title), collector.finish());
    let contents = Contents {
        bundle: "sync.probity",
        plan: &plan,
        judgement: &judgement,
        after_the_fact: false,
        start: &start,
        ended: Some(made::at(490)),
        interrupted: None,
        entries: 20,
        observations: 17,
        unsigned: 0,
        observers: &[],
        events: &[],
        series: &series,
        telling: &[],
        verification: None,
        unacceptable: None,
    };
    [terminal(&contents, false, 80), markdown(&contents), html(&contents)]
}

fn observations() -> Vec<(u64, Observation)> {
    let mut observations = Vec::new();
    for slot in 0..16_u32 {
        let facts = [("running", Value::Bool(true)), ("count", Value::from(3))];
        let observation = made::observation("worker", i64::from(slot) * 30, &facts);
        observations.push((3 + u64::from(slot), Observation { slot, ..observation }));
    }
    observations.push((19, made::observation("web", 481, &[("listening", Value::Bool(true))])));
    observations
}

#[test]
fn a_clock_that_was_set_is_told_in_every_report() {
    let limit = "clock was set while the run went on: it moved by up to 3600 s";
    let mut observations = observations();
    assert!(reports(&observations).iter().all(|report| !report.contains("clock was set")));
    for (_, observation) in &mut observations[10..] {
        observation.started = made::at(observation.started.as_second() - made::at(0).as_second() - 3600);
    }
    for report in reports(&observations) {
        assert!(report.split_whitespace().collect::<Vec<_>>().join(" ").contains(limit), "{report}");
    }
}

#[test]
fn the_seed_report_prints_as_presence() {
    let [text, markdown, page] = reports(&observations());
    let decided = "in each of 16 observations (presence): count > 0";
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let says =
        lines.iter().position(|line| *line == "says        periodic sync is operational").expect(&text);
    assert_eq!(lines[says + 1], format!("decided     {decided}"));

    assert!(
        markdown.contains(
            "| periodic sync is operational | in each of 16 observations (presence): count &gt; 0 |"
        ),
        "{markdown}"
    );

    let beside = format!(
        "data-label=\"The author says\">periodic sync is operational</td>\
         <td class=\"decided\" data-label=\"What was decided\">{}</td>",
        decided.replace('>', "&gt;")
    );
    assert!(page.contains(&beside));
    assert!(page.contains("<strong>presence</strong>"));
}
