//! Files in memory, for loading plans from.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;

use probity_plan::{Loaded, PlanErrors, Sources, load};

/// Files by path.
pub struct Files(pub BTreeMap<String, Vec<u8>>);

impl Files {
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
    }
}

impl Sources for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0.get(path).cloned().ok_or_else(|| "No such file or directory".to_owned())
    }
}

/// Loads `plan.yaml` with other files beside it.
pub fn load_with(yaml: &str, files: &[(&str, &str)], inputs: &[(&str, &str)]) -> Result<Loaded, PlanErrors> {
    let mut files = Files::new(files);
    files.0.insert("plan.yaml".to_owned(), yaml.as_bytes().to_vec());
    let inputs = inputs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    load("plan.yaml", &files, &inputs)
}
