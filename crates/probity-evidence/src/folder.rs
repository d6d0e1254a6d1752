//! A plan's files where its author keeps them: the plan and what stands beside and below it.

use std::path::{Path, PathBuf};

use probity_plan::Sources;

/// No file of a plan is larger than this, in bytes.
const LONGEST: u64 = 64 << 20;

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
        let failed = |error: std::io::Error| format!("{}: {error}", file.display());
        let metadata = std::fs::metadata(&file).map_err(failed)?;
        if !metadata.is_file() {
            return Err(format!("{}: not a file", file.display()));
        }
        if metadata.len() > LONGEST {
            return Err(format!("{}: {} bytes; at most {LONGEST} are read", file.display(), metadata.len()));
        }
        std::fs::read(&file).map_err(failed)
    }
}

/// Writes a new file, whole or not at all; one that is there is never overwritten.
///
/// # Errors
/// Says which file, and why not.
pub fn create_new(path: &Path, content: &[u8]) -> Result<(), String> {
    crate::disk::create_new_whole(path, content).map_err(|error| format!("{}: {error}", path.display()))
}
