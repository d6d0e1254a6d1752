//! A report that somebody wrote, alone and held against a bundle. Every finding quotes lines that are there, and no form
//! of the output lets a control character of the report through.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use probity_audit::{Shown, audit, output};
use probity_verdict::Judgement;

static JUDGEMENT: LazyLock<Judgement> = LazyLock::new(|| {
    serde_json::from_str(
        r#"{"rules":1,"plan":"Camera service","findings":[
            {"claim":"starts","of":"restart","says":"a start serves within 10 s","decided":"elapsed_ms < 100","severity":"high",
             "outcome":"undetermined","reason":"19 of 20 succeeded","measured":"19 of 20","objective":">= 95%","entries":[[3,22]],
             "counts":{"planned":20,"successes":19,"failures":1,"blocked":0},
             "bounds":{"lower":0.783894,"upper":0.997439,"confidence":0.95}},
            {"claim":"roles_ok","of":"call","says":"works","decided":"outcome == expect","severity":"low","outcome":"fails",
             "reason":"","measured":"","objective":"","entries":[],"counts":{"planned":0,"successes":0,"failures":0,"blocked":0}}],
          "scores":[],"verdict":{"label":"READY or NOT READY","possible":[["READY",true],["NOT READY",false]],"accepted":null,"why":[]}}"#,
    )
    .expect("a judgement")
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let labels = [("READY".to_owned(), true), ("NOT READY".to_owned(), false)];
    let shown =
        Shown { bundle: "b", judgement: &JUDGEMENT, labels: &labels, report: "5 of 7 in 3 s", remarks: &[] };
    for bundle in [None, Some(&shown)] {
        let audit = audit(text, &[], bundle);
        for finding in &audit.findings {
            assert!(!finding.lines.is_empty(), "{finding:?}");
            for line in &finding.lines {
                assert!((1..=audit.document.lines.len()).contains(line), "{finding:?}");
            }
        }
        for out in [output::terminal(&audit, text, false), output::markdown(&audit, text)] {
            assert!(!out.chars().any(|c| c.is_control() && c != '\n'), "{out:?}");
        }
        for out in [output::json(&audit, text), output::sarif(&audit, text)] {
            assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok());
        }
    }
});
