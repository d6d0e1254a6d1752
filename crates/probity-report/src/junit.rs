//! The report as JUnit XML, for continuous integration. Valid against both schemas in use: the one of Ant's JUnit task
//! (windyroad/JUnit-Schema) and the one of Jenkins' xUnit plugin (junit-10.xsd).
//!
//! A claim that holds is a plain `testcase`, one that fails has a `failure`, an undetermined one an `error`, one that
//! does not apply is `skipped`. A waiver turns none of them into another. The verdict is a test case of its own, so
//! that a plan without claims is not a success either; where the bundle is not acceptable evidence it is an `error`, whatever
//! was decided.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use probity_verdict::{Finding, Outcome};

use probity_verdict::wording::finding as wording;

use crate::contents::{Contents, Unacceptable};
use crate::said;
use crate::visible::visible;

/// The report as JUnit XML that ends with a newline. Characters that XML 1.0 does not have are shown by their number.
pub fn junit(contents: &Contents) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing to memory cannot fail.
    let _ = write_all(&mut writer, contents);
    let mut text = String::from_utf8(writer.into_inner()).unwrap_or_default();
    text.push('\n');
    text
}

/// As [`junit`], of a bundle of which nothing is rendered: one test case, which is an `error`.
pub fn junit_unacceptable(bundle: &str, why: Unacceptable) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing to memory cannot fail.
    let _ = write_unacceptable(&mut writer, bundle, &said::unacceptable(why), why.name());
    let mut text = String::from_utf8(writer.into_inner()).unwrap_or_default();
    text.push('\n');
    text
}

fn write_unacceptable(
    writer: &mut Writer<Vec<u8>>,
    bundle: &str,
    message: &str,
    kind: &str,
) -> std::io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let name = token(bundle);
    let counts = [("tests", "1"), ("failures", "0"), ("errors", "1"), ("skipped", "0"), ("time", "0")];
    let suite = [
        ("id", "0"),
        ("package", name.as_str()),
        ("name", "Verdict"),
        ("timestamp", "1970-01-01T00:00:00"),
        ("hostname", "unknown"),
    ];
    writer.create_element("testsuites").write_inner_content(|writer| {
        let element = writer.create_element("testsuite").with_attributes(suite.into_iter().chain(counts));
        element.write_inner_content(|writer| {
            writer.create_element("properties").write_empty()?;
            let case = [("classname", name.as_str()), ("name", "verdict"), ("time", "0")];
            writer.create_element("testcase").with_attributes(case).write_inner_content(|writer| {
                let error =
                    writer.create_element("error").with_attributes([("type", kind), ("message", message)]);
                error.write_text_content(BytesText::new(message))?;
                Ok(())
            })?;
            writer.create_element("system-out").write_text_content(BytesText::new(""))?;
            writer.create_element("system-err").write_text_content(BytesText::new(""))?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

/// One test case.
struct Case {
    name: String,
    /// What stands inside it; nothing if the claim holds.
    result: Option<Inside>,
}

/// What a test case that is no plain success holds.
struct Inside {
    /// `failure`, `error` or `skipped`.
    element: &'static str,
    /// Our word for it: `fails`, `undetermined`, ...
    kind: &'static str,
    message: String,
    text: String,
}

fn write_all(writer: &mut Writer<Vec<u8>>, contents: &Contents) -> std::io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("testsuites").write_inner_content(|writer| {
        let verdict = vec![verdict_case(contents)];
        let why: Vec<String> = said::why(contents).into_iter().chain(said::error_bound(contents)).collect();
        suite(writer, contents, 0, "Verdict", &verdict, &why.join("\n"))?;
        for (id, (section, findings)) in said::sections(contents.judgement).into_iter().enumerate() {
            let cases: Vec<Case> = findings.iter().map(|(_, finding)| case(contents, finding)).collect();
            let out: Vec<String> = findings.iter().map(|(_, finding)| out(finding)).collect();
            suite(writer, contents, id + 1, section, &cases, &out.join("\n"))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn suite(
    writer: &mut Writer<Vec<u8>>,
    contents: &Contents,
    id: usize,
    name: &str,
    cases: &[Case],
    out: &str,
) -> std::io::Result<()> {
    let count = |element| {
        let those = cases.iter().filter(|case| case.result.as_ref().map(|it| it.element) == Some(element));
        those.count().to_string()
    };
    let start = contents.start;
    // Neither schema allows a time zone here; it is UTC.
    let timestamp = start.started.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let seconds =
        contents.ended.map_or(0, |ended| ended.as_microsecond() - start.started.as_microsecond()).max(0);
    let whole = format!("{}.{:06}", seconds / 1_000_000, seconds % 1_000_000);
    let mut properties = vec![
        ("run", start.run.clone()),
        ("plan", start.plan.clone()),
        ("resolved_sha256", start.resolved_sha256.clone()),
        ("verdict", contents.judgement.verdict.label.clone()),
        ("acceptance", said::acceptance(contents).to_owned()),
        ("after_the_fact", contents.after_the_fact.to_string()),
        ("generator", said::GENERATOR.to_owned()),
    ];
    if id == 0 {
        properties.extend(about_the_run(contents));
    }
    writer
        .create_element("testsuite")
        .with_attributes([
            ("id", id.to_string().as_str()),
            ("package", token(&start.plan).as_str()),
            ("name", token(name).as_str()),
            ("timestamp", timestamp.as_str()),
            ("hostname", token(&start.observer.host).as_str()),
            ("tests", cases.len().to_string().as_str()),
            ("failures", count("failure").as_str()),
            ("errors", count("error").as_str()),
            ("skipped", count("skipped").as_str()),
            ("time", if id == 0 { whole.as_str() } else { "0" }),
        ])
        .write_inner_content(|writer| {
            writer.create_element("properties").write_inner_content(|writer| {
                for (name, value) in properties {
                    let value = visible(&value);
                    let attributes = [("name", name), ("value", value.as_ref())];
                    writer.create_element("property").with_attributes(attributes).write_empty()?;
                }
                Ok(())
            })?;
            for case in cases {
                let case_name = token(&case.name);
                let class = token(&format!("{}.{}", start.plan, name));
                let attributes = [("classname", class.as_str()), ("name", case_name.as_str()), ("time", "0")];
                let element = writer.create_element("testcase").with_attributes(attributes);
                let Some(inside) = &case.result else {
                    element.write_empty()?;
                    continue;
                };
                element.write_inner_content(|writer| {
                    let message = visible(&inside.message);
                    let attributes = [("type", inside.kind), ("message", message.as_ref())];
                    let element = writer.create_element(inside.element).with_attributes(attributes);
                    element.write_text_content(BytesText::new(&lines(&inside.text)))?;
                    Ok(())
                })?;
            }
            writer.create_element("system-out").write_text_content(BytesText::new(&lines(out)))?;
            writer.create_element("system-err").write_text_content(BytesText::new(""))?;
            Ok(())
        })?;
    Ok(())
}

/// What must be known of the whole run, once: the warnings, what a signature does not show, and what narrows that.
fn about_the_run(contents: &Contents) -> Vec<(&'static str, String)> {
    let mut properties: Vec<_> =
        said::warnings(contents).into_iter().map(|warning| ("warning", warning)).collect();
    properties.push(("signature_does_not_show", said::SIGNATURE_DOES_NOT_SHOW.to_owned()));
    properties.extend(said::five_things(contents).map(|it| {
        let present = if it.present { "present" } else { "absent" };
        ("narrowing", format!("{}: {present}. {}", it.thing, it.says))
    }));
    properties
}

fn verdict_case(contents: &Contents) -> Case {
    let judgement = contents.judgement;
    let element = match (contents.unacceptable, judgement.verdict.accepted) {
        (None, Some(true)) => None,
        (None, Some(false)) => Some("failure"),
        (Some(_), _) | (None, None) => Some("error"),
    };
    let unacceptable = contents.unacceptable.map(said::unacceptable);
    let text =
        unacceptable.clone().into_iter().chain(said::why(contents)).chain(said::settle_verdict(contents));
    let text = text.collect::<Vec<_>>().join("\n");
    let inside = |element| Inside {
        element,
        kind: said::acceptance(contents),
        message: unacceptable.clone().unwrap_or_else(|| judgement.verdict.label.clone()),
        text,
    };
    Case { name: "verdict".to_owned(), result: element.map(inside) }
}

fn case(contents: &Contents, finding: &Finding) -> Case {
    let element = match finding.outcome {
        Outcome::Holds => None,
        Outcome::Fails => Some("failure"),
        Outcome::Undetermined => Some("error"),
        Outcome::NotApplicable => Some("skipped"),
    };
    let mut text = decided(finding);
    if let Some(how) = wording::settle(contents.plan, finding) {
        text = format!("{text}\nwhat would settle it: {how}");
    }
    text += &notes(finding);
    if let Some(waived) = &finding.waived {
        text = format!("{text}\nwaived: {} ({}, until {})", waived.reason, waived.owner, waived.until);
    }
    if !finding.telling.is_empty() {
        text = format!("{text}\nsee {}", said::entries(&finding.telling));
    }
    let inside =
        |element| Inside { element, kind: finding.outcome.name(), message: wording::reason(finding), text };
    Case { name: finding.claim.clone(), result: element.map(inside) }
}

/// What stands of a finding beside the test cases. A case that holds has no text of its own, so what is said beside the finding
/// stands here.
fn out(finding: &Finding) -> String {
    let notes = if finding.outcome == Outcome::Holds { notes(finding) } else { String::new() };
    decided(finding) + &notes
}

/// A line for each thing that is said beside a finding.
fn notes(finding: &Finding) -> String {
    said::notes(finding).into_iter().map(|note| format!("\nnote: {note}")).collect()
}

/// The finding on one line, with the author's wording beside what was decided and measured.
fn decided(finding: &Finding) -> String {
    let says = finding.says.as_ref().map_or_else(String::new, |says| format!("; the author says: {says}"));
    let measured = Some(wording::measured(finding)).filter(|measured| !measured.is_empty());
    let measured = measured.map_or_else(String::new, |measured| format!("; measured: {measured}"));
    format!(
        "{} {}; decided: {}{measured}{says}",
        finding.claim,
        finding.outcome.name(),
        said::decided(finding)
    )
}

/// A value of the type `xs:token`, at least one character: one line, no space at either end, none doubled.
fn token(text: &str) -> String {
    let text = visible(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { "unnamed".to_owned() } else { text }
}

/// Each line made visible by itself.
fn lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}
