//! What we give code hosts is SARIF 2.1.0 by the schema of OASIS, for every report of the labelled collection.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::path::Path;

use boon::{Compiler, SchemaIndex, Schemas};
use probity_audit::against::Compared;
use probity_audit::{Report, audit, output};
use serde_json::Value;

struct Sarif {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Sarif {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sarif/sarif-schema-2.1.0.json");
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        compiler.add_resource("sarif.json", schema).unwrap();
        let index = compiler.compile("sarif.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn errors(&self, document: &Value) -> Option<String> {
        self.schemas.validate(document, self.index).err().map(|error| format!("{error:#}"))
    }
}

fn of(text: &str, name: &str) -> Value {
    let reports = [Report { name: name.to_owned(), audit: audit(text, &[], None) }];
    serde_json::from_str(&output::sarif(&reports)).unwrap()
}

#[test]
fn every_report_of_the_collection_gives_valid_sarif() {
    let sarif = Sarif::new();
    let reports = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports");
    let mut results = 0;
    for folder in ["sound", "planted", "held-out/sound", "held-out/planted"] {
        for entry in std::fs::read_dir(reports.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let document = of(&text, &path.to_string_lossy());
            assert_eq!(sarif.errors(&document), None, "{}", path.display());
            results += document["runs"][0]["results"].as_array().unwrap().len();
        }
    }
    assert!(results >= 25, "{results} results were there to check");
}

#[test]
fn a_bundle_that_is_no_acceptable_evidence_is_an_error_of_the_run() {
    let sarif = Sarif::new();
    let against = Compared {
        bundle: "b.probity".to_owned(),
        verdict: "READY".to_owned(),
        remarks: vec!["Not acceptable evidence: its signer is unknown to you.".to_owned()],
        cited: Vec::new(),
        not_cited: Vec::new(),
        shown: 0,
        otherwise: 0,
        unsupported: 0,
    };
    let twice = ["a.md", "b.md"].map(|name| {
        let mut audit = audit("The shop is there.\n", &[], None);
        audit.against = Some(against.clone());
        Report { name: name.to_owned(), audit }
    });
    let document: Value = serde_json::from_str(&output::sarif(&twice)).unwrap();
    assert_eq!(sarif.errors(&document), None);
    let run = &document["runs"][0];
    assert_eq!(run["results"], serde_json::json!([]));
    let said = "b.probity: Not acceptable evidence: its signer is unknown to you.";
    assert_eq!(
        run["invocations"],
        serde_json::json!([{
            "executionSuccessful": false,
            "toolExecutionNotifications": [{ "level": "error", "message": { "text": said } }],
        }])
    );
    assert_eq!(output::github(&twice), format!("::error title=probity audit::{said}\n"));
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let sarif = Sarif::new();
    let text = of("It was 171 of 180 (92 %).\n", "a.md").to_string();
    for (from, to) in [
        ("\"level\":\"error\",\"locations\"", "\"level\":\"unsupported\",\"locations\""),
        ("\"startLine\":1", "\"startLine\":0"),
        ("\"uri\":\"a.md\"", "\"uri\":\"a b.md\""),
    ] {
        assert!(text.contains(from), "{text}");
        let wrong: Value = serde_json::from_str(&text.replace(from, to)).unwrap();
        assert!(sarif.errors(&wrong).is_some(), "{to}");
    }
}

#[test]
fn a_path_becomes_a_uri_reference() {
    let sarif = Sarif::new();
    for (path, uri) in [
        ("docs/report.md", "docs/report.md"),
        ("../my report (final) 100%.md", "../my%20report%20%28final%29%20100%25.md"),
        ("/srv/a b.md", "file:///srv/a%20b.md"),
        ("prüfung#2?.md", "pr%C3%BCfung%232%3F.md"),
        ("c:report.md", "c%3Areport.md"),
        ("//host/x.md", "file:////host/x.md"),
    ] {
        let document = of("It was 171 of 180 (92 %).\n", path);
        let place = &document["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], uri);
        assert_eq!(sarif.errors(&document), None, "{path}");
    }
}
