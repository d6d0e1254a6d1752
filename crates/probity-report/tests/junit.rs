//! The JUnit report against what both schemas in use ask for: the one of Ant's JUnit task (windyroad/JUnit-Schema,
//! JUnit.xsd) and the one of Jenkins' xUnit plugin (junit-10.xsd). Where they differ, the stricter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod made;

use std::collections::BTreeMap;

use quick_xml::events::Event;

use probity_report::junit;
use probity_verdict::Outcome;
use probity_verdict::judgement::{Note, Selected, Why};

/// An element with what stands in it.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
    text: String,
}

fn parse(xml: &str) -> Element {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut open = vec![Element::default()];
    let start = |start: &quick_xml::events::BytesStart| Element {
        name: start.name().as_ref().to_owned(),
        attributes: start
            .attributes()
            .map(Result::unwrap)
            .map(|it| {
                (
                    it.key.as_ref().to_owned(),
                    it.normalized_value(quick_xml::XmlVersion::Implicit1_0).unwrap().into_owned(),
                )
            })
            .collect(),
        ..Element::default()
    };
    loop {
        match reader.read_event().unwrap() {
            Event::Start(it) => open.push(start(&it)),
            Event::Empty(it) => open.last_mut().unwrap().children.push(start(&it)),
            Event::End(_) => {
                let done = open.pop().unwrap();
                open.last_mut().unwrap().children.push(done);
            }
            Event::Text(it) => open.last_mut().unwrap().text.push_str(&it),
            Event::Eof => return open.remove(0).children.remove(0),
            _ => {}
        }
    }
}

/// `xs:token` with `minLength 1`.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.split_whitespace().collect::<Vec<_>>().join(" ") == text
}

fn assert_valid(xml: &str) -> Element {
    let root = parse(xml);
    assert_eq!((root.name.as_str(), root.attributes.len()), ("testsuites", 0));
    for (id, suite) in root.children.iter().enumerate() {
        assert_eq!(suite.name, "testsuite");
        let attribute = |name: &str| suite.attributes[name].as_str();
        assert_eq!(attribute("id"), id.to_string());
        for name in ["name", "package", "hostname"] {
            assert!(is_token(attribute(name)), "{name}: {:?}", attribute(name));
        }
        let timestamp: Vec<char> =
            attribute("timestamp").chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        assert_eq!(timestamp.iter().collect::<String>(), "9999-99-99T99:99:99");
        assert!(attribute("time").parse::<f64>().unwrap() >= 0.0);
        assert_eq!(suite.attributes.len(), 10, "{:?}", suite.attributes);
        let names: Vec<&str> = suite.children.iter().map(|child| child.name.as_str()).collect();
        let cases = names.len() - 3;
        assert_eq!(names[0], "properties");
        assert!(names[1..=cases].iter().all(|name| *name == "testcase"), "{names:?}");
        assert_eq!(names[cases + 1..], ["system-out", "system-err"]);
        assert_eq!(attribute("tests"), cases.to_string());
        for property in &suite.children[0].children {
            assert!(is_token(&property.attributes["name"]) && property.attributes.contains_key("value"));
        }
        let cases = &suite.children[1..=cases];
        for case in cases {
            assert!(is_token(&case.attributes["name"]) && is_token(&case.attributes["classname"]));
            assert_eq!((case.attributes["time"].as_str(), case.attributes.len()), ("0", 3));
            assert!(case.children.len() <= 1);
            assert!(case.children.iter().all(|inside| inside.attributes.contains_key("type")));
        }
        for (name, element) in [("failures", "failure"), ("errors", "error"), ("skipped", "skipped")] {
            let count = cases.iter().filter(|case| case.children.iter().any(|it| it.name == element)).count();
            assert_eq!(attribute(name), count.to_string());
        }
    }
    root
}

#[test]
fn every_outcome_has_its_element() {
    let camera = made::camera::camera();
    let root = assert_valid(&junit(&camera.contents()));
    let cases: BTreeMap<&str, Option<&str>> = root
        .children
        .iter()
        .flat_map(|suite| &suite.children)
        .filter(|child| child.name == "testcase")
        .map(|case| {
            (case.attributes["name"].as_str(), case.children.first().map(|inside| inside.name.as_str()))
        })
        .collect();
    for finding in &camera.judgement.findings {
        let expected = match finding.outcome {
            Outcome::Holds => None,
            Outcome::Fails => Some("failure"),
            Outcome::Undetermined => Some("error"),
            Outcome::NotApplicable => Some("skipped"),
        };
        assert_eq!(cases[finding.claim.as_str()], expected, "{}", finding.claim);
    }
    assert_eq!(cases["verdict"], Some("failure"));
}

#[test]
fn hostile_text_and_empty_names_are_valid_too() {
    assert_valid(&junit(&made::hostile::hostile().contents()));
    let mut empty = made::small();
    empty.start.observer.host = String::new();
    empty.start.plan = " \n ".to_owned();
    empty.judgement.findings[0].claim = String::new();
    empty.judgement.findings[0].section = Some(String::new());
    empty.start.inputs.insert(String::new(), String::new());
    assert_valid(&junit(&empty.contents()));
}

#[test]
fn a_run_without_claims_is_no_success() {
    let mut small = made::small();
    small.judgement.findings.clear();
    small.judgement.verdict.accepted = Some(false);
    let root = assert_valid(&junit(&small.contents()));
    assert_eq!(root.children[0].attributes["failures"], "1");
}

#[test]
fn lines_survive() {
    let mut small = made::small();
    small.judgement.verdict.why = vec![Why::NoRule, Why::Unconditional { rule: 2, label: "B".to_owned() }];
    let root = assert_valid(&junit(&small.contents()));
    let out = root.children[0].children.iter().find(|child| child.name == "system-out").unwrap();
    let first = "no rule surely applies, and the last one has a condition";
    assert_eq!(out.text, format!("{first}\nrule 2, B, is the last and has no condition"));
}

/// What is said beside a claim that holds is said here too: how many trials of a rate were left out, what its control is worth;
/// and beside the verdict, how sure it is.
#[test]
fn what_qualifies_a_claim_that_holds_stands_beside_it() {
    let mut camera = made::camera::camera();
    let rate = camera.judgement.findings.iter_mut().find(|it| it.outcome == Outcome::Holds).unwrap();
    rate.selected = Some(Selected { left_out: 30, of: 60, meant: true });
    rate.measured = made::measured(30, 30);
    rate.notes.push(Note::LeftOut { left_out: 30, of: 60, by_what_was_seen: true });
    let claim = rate.claim.clone();
    let root = assert_valid(&junit(&camera.contents()));
    let out =
        |suite: &Element| suite.children.iter().find(|it| it.name == "system-out").unwrap().text.clone();
    let of_claim = root.children.iter().map(out).find(|out| out.contains(&format!("{claim} holds"))).unwrap();
    assert!(of_claim.contains("; measured: 30 of 30 (30 of 60 left out by what was seen)"), "{of_claim}");
    let note = "\nnote: `where` left out 30 of 60 observations by what was seen: they count neither for nor against it";
    assert!(of_claim.contains(note), "{of_claim}");
    let bound = "the probability of an acceptance although a rate claim it needs is false is at most 5%";
    assert!(out(&root.children[0]).contains(bound), "{}", out(&root.children[0]));
    for finding in camera.judgement.findings.iter().filter(|it| it.control.is_some()) {
        let control = format!("note: its positive control `{}`", finding.control.as_ref().unwrap().claim);
        assert!(root.children.iter().any(|suite| format!("{suite:?}").contains(&control)), "{control}");
    }
}
