//! A plan's files where its author keeps them: the plan and what stands beside and below it.

use std::path::{Path, PathBuf};

use probity_plan::Sources;

use crate::bundle::MAX_SMALL_FILE;

/// Reads the plan's own file by the name it was given, and everything else relative to the plan's folder.
#[derive(Debug)]
pub struct PlanFolder {
    plan: PathBuf,
    name: String,
}

impl PlanFolder {
    /// The folder of this plan.
    pub fn of(plan: &Path) -> Self {
        Self { plan: plan.to_owned(), name: plan.display().to_string() }
    }

    /// What the plan is called in messages and asked for by [`Sources::read`].
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Sources for PlanFolder {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let file = if path == self.name {
            self.plan.clone()
        } else {
            self.plan.parent().unwrap_or(Path::new("")).join(path)
        };
        crate::disk::read_plain_capped(&file, MAX_SMALL_FILE)
            .map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// Writes a new file, whole or not at all; one that is there is never overwritten.
///
/// # Errors
/// Says which file, and why not.
pub fn create_new(path: &Path, content: &[u8]) -> Result<(), String> {
    crate::disk::create_new_whole(path, content).map_err(|error| format!("{}: {error}", path.display()))
}
