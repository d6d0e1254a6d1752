//! `mount`: the kernel's table of mounts.

use std::io::ErrorKind;

use probity_plan::kinds::mount::Mount;
use probity_plan::{Barrier, Blocked};

use crate::look::{Context, Look, Seen, barrier_of, no_pattern};
use crate::mounts;

impl Look for Mount {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let path = self.mount.clone();
        context.blocking(move |_| see(&path)).await
    }
}

fn see(path: &str) -> Seen {
    let mut seen = Seen::default();
    let all = match mounts::read() {
        Ok(all) => all,
        Err(blocked) => return Seen::nothing(blocked),
    };
    if path == "all" {
        seen.know("mounts", all.values());
        seen.block_rest(Blocked::new(Barrier::NotMade, "`mount: all` lists mounts; name one for this fact"));
        return seen;
    }
    let mut path = without_double_slashes(path);
    let mut here = all.at(&path);
    if here.is_empty() {
        // It may lead there by a link. Only then is a file system asked, which may hang.
        match std::fs::canonicalize(&path) {
            Ok(end) => path = end.to_string_lossy().into_owned(),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => return Seen::nothing(barrier_of(&format!("follow {path}"), &error)),
        }
        here = all.at(&path);
    }
    if here.is_empty()
        && let Err(blocked) = no_pattern(&path)
    {
        return Seen::nothing(blocked);
    }
    seen.know("mounted", !here.is_empty());
    seen.know("layers", i64::try_from(here.len()).unwrap_or(i64::MAX));
    seen.know("mounts", here.iter().map(|mount| mount.value()).collect::<Vec<_>>());
    match here.last() {
        Some(top) => {
            seen.know("file_system", top.file_system.as_str())
                .know("source", top.source.as_str())
                .know("read_only", top.read_only)
                .know("options", top.options_value());
        }
        None => {
            seen.block_rest(Blocked::new(Barrier::Unreachable, format!("nothing is mounted at {path}")));
        }
    }
    seen
}

/// The path as the kernel writes it: one slash between names and none at the end, without the names that lead nowhere.
fn without_double_slashes(path: &str) -> String {
    let names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    let path: String = names.flat_map(|name| ["/", name]).collect();
    if path.is_empty() { "/".to_owned() } else { path }
}
