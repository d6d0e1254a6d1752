//! The plans that ship under `plans/examples` load, and `plan check` finds nothing wrong with them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "a test reads the plans that ship")]

use std::collections::BTreeMap;
use std::path::Path;

use probity_diagnostic::Level;

struct Folder(std::path::PathBuf);

impl probity_plan::Sources for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.0.join(path)).map_err(|error| error.to_string())
    }
}

#[test]
fn every_example_loads_and_can_work() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plans/examples");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    assert!(names.len() >= 11, "one for each kind of claim: {names:?}");
    for name in names {
        let loaded = probity_plan::load(&name, &Folder(folder.clone()), &BTreeMap::new());
        let plan = loaded.unwrap_or_else(|errors| panic!("{errors}")).plan;
        let problems: Vec<String> = probity_verdict::check(&plan, &probity_verdict::Conditions::new(&plan))
            .iter()
            .filter(|problem| problem.level != Level::Note)
            .map(ToString::to_string)
            .collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}
