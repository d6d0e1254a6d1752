//! The labelled collection in `reports/`, as unit tests: `sound/` holds reports without a defect, `planted/RULE.N.md` one with exactly
//! one (see the README there). It was written for the rules and they were corrected on it, so it shows that they do not get
//! worse; how good they are on other people's reports is measured on `corpus.tsv`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

fn reports(folder: &str) -> Vec<(String, String)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reports").join(folder);
    let mut all: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            let name = format!("{folder}/{}", path.file_stem().unwrap().to_str().unwrap());
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn nothing_is_found_in_what_is_sound() {
    let sound: Vec<_> = [reports("sound"), reports("held-out/sound")].concat();
    assert!(sound.len() > 80, "{}", sound.len());
    let mut wrong = Vec::new();
    for (name, text) in &sound {
        let found = probity_audit::audit(text, &[], None).findings;
        wrong.extend(found.iter().map(|finding| format!("{name}: {} {}", finding.rule, finding.message)));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn what_is_planted_is_found_but_for_what_is_listed_as_missed() {
    let planted: Vec<_> = [reports("planted"), reports("held-out/planted")].concat();
    let (mut missed, mut wrong) = (BTreeSet::new(), Vec::new());
    for (name, text) in &planted {
        let expected = name.rsplit('/').next().unwrap().split('.').next().unwrap();
        let found = probity_audit::audit(text, &[], None).findings;
        wrong.extend(
            found.iter().filter(|f| f.rule != expected).map(|f| format!("{name}: {} {}", f.rule, f.message)),
        );
        if found.iter().all(|finding| finding.rule != expected) {
            missed.insert(name.as_str());
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    println!("{} of {} are found", planted.len() - missed.len(), planted.len());
    assert_eq!(missed, BTreeSet::from(MISSED));
}

/// Defects told in running prose, by another cell of a row, or by words that the reading does not know.
const MISSED: [&str; 13] = [
    "held-out/planted/effort-as-evidence",
    "held-out/planted/open-preconditions",
    "planted/beyond-its-limits.2",
    "planted/beyond-its-limits.3",
    "planted/beyond-maximum.3",
    "planted/dates-off.3",
    "planted/open-preconditions.3",
    "planted/parts-not-total.3",
    "planted/passed-unchecked.1",
    "planted/passed-unchecked.3",
    "planted/sample-too-small.3",
    "planted/target-missed.3",
    "planted/two-values.3",
];
