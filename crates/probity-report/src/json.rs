//! The report as JSON, for programs. Its shape is a contract; a field may be added, none changes its meaning.
//!
//! ```json
//! {
//!   "format": 1,
//!   "generator": "probity 0.1.0",
//!   "verdict": "READY", "accepted": true,          // null if inconclusive, or if it is not acceptable evidence
//!   "unacceptable": null,                           // or { "name": "altered|incomplete|unknown-signer|not-compared", "says": "..." }
//!   "judgement": { ... },                           // findings.json, whole, with the sentences in the place of what they
//!                                                   // are made of, which stands beside them as `data`
//!   "after_the_fact": false,                        // true for `evaluate`
//!   "run": { ... },                                 // entry 0 as recorded
//!   "ended": "2026-01-31T23:59:59Z",                // null for an incomplete run
//!   "interrupted": null,                            // or why
//!   "log": { "entries": 120, "observations": 113, "unsigned": 0 },   // the closing entry is not counted
//!   "signature": { "shows": "...", "does_not_show": "..." },   // what a signature shows, and what not, in words
//!   "narrowing": [ { "thing": "...", "present": false, "says": "..." } ],   // the five things, always five
//!   "verification": [ { "check": "tree", "status": "passed|failed|not-made", "reason": "root-reached", "detail": "..." } ]
//!                                                   // or null; what was found by its name, with its data, and in words
//! }
//! ```

use serde_json::json;

use crate::contents::Contents;
use crate::said;

/// The report as indented JSON that ends with a newline. Text from the target is there as recorded, as JSON strings.
pub fn json(contents: &Contents) -> String {
    let narrowing = said::five_things(contents)
        .map(|it| json!({ "thing": it.thing, "present": it.present, "says": it.says }));
    let report = json!({
        "format": 1,
        "generator": said::GENERATOR,
        "verdict": contents.judgement.verdict.label,
        "accepted": contents.accepted(),
        "unacceptable": contents.unacceptable.map(|why| json!({ "name": why.name(), "says": said::unacceptable(why) })),
        "judgement": probity_verdict::wording::judgement(contents.plan, contents.judgement),
        "after_the_fact": contents.after_the_fact,
        "run": contents.start,
        "ended": contents.ended,
        "interrupted": contents.interrupted,
        "log": {
            "entries": contents.entries,
            "observations": contents.observations,
            "unsigned": contents.unsigned,
        },
        "signature": { "shows": said::SIGNATURE_SHOWS, "does_not_show": said::SIGNATURE_DOES_NOT_SHOW },
        "narrowing": narrowing,
        "verification": contents.verification,
    });
    format!("{report:#}\n")
}
