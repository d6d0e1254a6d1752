//! A report that somebody wrote, alone and held against a bundle. Every finding quotes lines that are there, and no form
//! of the output lets a control character of the report through.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use probity_audit::{Report, BundleView, audit, output};
use probity_verdict::Judgement;

static JUDGEMENT: LazyLock<Judgement> = LazyLock::new(|| {
    serde_json::from_str(
        r#"{"rules":1,"plan":"Camera service","findings":[
            {"claim":"starts","of":"restart","says":"a start serves within 10 s","severity":"high","outcome":"undetermined",
             "decided":{"name":"rate","objective":">= 95%","trials":20,"left_out":false,"cells":1,"check":"elapsed_ms < 100"},
             "reason":{"name":"rate","counts":{"planned":20,"successes":19,"failures":1,"blocked":0},
                       "bounds":{"lower":0.783894,"upper":0.997439,"confidence":0.95},"objective":">= 95%","clustered":false},
             "measured":{"name":"count","successes":19,"of":20},"entries":[[3,22]],
             "counts":{"planned":20,"successes":19,"failures":1,"blocked":0},
             "bounds":{"lower":0.783894,"upper":0.997439,"confidence":0.95}},
            {"claim":"roles_ok","of":"call","says":"works","severity":"low","outcome":"fails",
             "decided":{"name":"census","observations":1,"check":"outcome == expect"},
             "reason":{"name":"some-do-not","failures":1,"observations":1,
                       "first":{"entry":23,"against":{"name":"seen","seen":[],"reasons":[]}}},
             "measured":{"name":"count","successes":0,"of":1},"entries":[[23,23]],
             "counts":{"planned":1,"successes":0,"failures":1,"blocked":0}}],
          "scores":[],"verdict":{"label":"READY or NOT READY","possible":[["READY",true],["NOT READY",false]],"accepted":null,"why":[]}}"#,
    )
    .expect("a judgement")
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let labels = [("READY".to_owned(), true), ("NOT READY".to_owned(), false)];
    let shown =
        BundleView { bundle: "b", judgement: &JUDGEMENT, labels: &labels, report: "5 of 7 in 3 s", remarks: &[] };
    for bundle in [None, Some(&shown)] {
        let audit = audit(text, &[], bundle);
        for finding in &audit.findings {
            assert!(!finding.lines.is_empty(), "{finding:?}");
            for line in &finding.lines {
                assert!((1..=audit.document.lines.len()).contains(line), "{finding:?}");
            }
        }
        let reports = [Report { name: text.to_owned(), audit }];
        for out in [output::terminal(&reports, false), output::markdown(&reports)] {
            assert!(!out.chars().any(|c| c.is_control() && c != '\n'), "{out:?}");
        }
        for out in [output::json(&reports, false), output::json(&reports, true), output::sarif(&reports)] {
            assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok());
        }
    }
});
