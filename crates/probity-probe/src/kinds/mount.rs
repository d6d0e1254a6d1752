//! `mount`: the kernel's table of mounts.

use probity_plan::kinds::mount::Mount;
use probity_plan::{Barrier, Blocked};

use crate::look::{Context, Look, Seen};
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
    // The kernel writes no slash at the end.
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    let here = all.at(path);
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
