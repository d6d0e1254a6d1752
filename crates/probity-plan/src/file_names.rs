//! The names of a bundle's files: which are plain, and which two would be one file somewhere.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

/// The deepest nesting of folders in a bundle.
pub const MAX_FOLDERS: usize = 16;
/// The longest path in a bundle, in bytes.
const MAX_NAME: usize = 1024;

/// Whether a file of the plan may have this path in a bundle.
pub fn is_plan_file(name: &str) -> bool {
    name == "plan.yaml" || (name.starts_with("includes/") && is_plain(name))
}

/// Relative, made of normal names only, printable.
pub fn is_plain(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.split('/').count() <= MAX_FOLDERS
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !name.contains(|c: char| c.is_control() || c == '\\')
}

/// Names that were met, with the folders that they lie in.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// Adds a path. `Some` is another one that was added before, equal but for case or normal form: a file system that
    /// does not tell them apart would keep one of the two.
    pub fn add(&mut self, path: &str) -> Option<String> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let mut other = None;
        for part in ends.map(|end| &path[..end]) {
            let known = self.0.entry(folded(part)).or_insert_with(|| part.to_owned());
            if known != part {
                other.get_or_insert_with(|| known.clone());
            }
        }
        other
    }
}

/// Equal for names that some file system takes for one: compatibility decomposition (UAX #15), without case.
fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.nfkd().collect::<String>().to_uppercase().to_lowercase().nfkd().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_some_file_system_takes_for_one_are_found_also_in_folders() {
        for (first, second, other) in [
            ("includes/a.csv", "includes/A.csv", Some("includes/a.csv")),
            ("includes/\u{e9}", "includes/e\u{301}", Some("includes/\u{e9}")),
            ("includes/stra\u{df}e", "includes/STRASSE", Some("includes/stra\u{df}e")),
            ("includes/\u{212a}", "includes/k", Some("includes/\u{212a}")),
            ("includes/a/x", "includes/A/y", Some("includes/a")),
            ("includes/a/x", "includes/A", Some("includes/a")),
            ("includes/a/x", "includes/a/y", None),
            ("includes/a", "includes/a", None),
            ("includes/a", "includes/\u{e4}", None),
        ] {
            let mut names = Names::default();
            assert_eq!(names.add(first), None);
            assert_eq!(names.add(second).as_deref(), other, "{first} {second}");
        }
    }
}
