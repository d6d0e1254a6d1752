//! `kernel-parameter`: one file below `/proc/sys`.

use std::io::{ErrorKind, Read};

use probity_plan::kinds::kernel_parameter::KernelParameter;
use probity_plan::{Barrier, Blocked};

use crate::look::{Context, Look, Seen, barrier_of};

/// The longest value that is kept, in bytes.
const LONGEST: u64 = 64 << 10;

impl Look for KernelParameter {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let parameter = self.clone();
        context.blocking(move || see(&parameter)).await
    }
}

fn see(parameter: &KernelParameter) -> Seen {
    let mut seen = Seen::default();
    let path = format!("/proc/sys/{}", parameter.parts().join("/"));
    let known = match std::fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_file() => true,
        Ok(_) => false,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => false,
        Err(error) => return Seen::nothing(barrier_of(&format!("stat {path}"), &error)),
    };
    // Nothing is missing in a tree that is not there.
    if !known && !std::path::Path::new("/proc/sys/kernel/ostype").exists() {
        return Seen::nothing(Blocked::new(Barrier::Unsupported, "/proc/sys is not mounted"));
    }
    seen.know("exists", known);
    if !known {
        seen.block_rest(Blocked::new(
            Barrier::Unreachable,
            format!("there is no parameter {}", parameter.name),
        ));
        return seen;
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(&path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        seen.block_rest(barrier_of(&format!("read {path}"), &error));
        return seen;
    }
    if bytes.len() as u64 > LONGEST {
        seen.block_rest(Blocked::new(Barrier::TooLarge, format!("{path} has more than {LONGEST} bytes")));
        return seen;
    }
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<&str> = text.split_whitespace().collect();
    let numbers = words
        .iter()
        .map(|word| word.parse::<i64>())
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|numbers| !numbers.is_empty());
    let value = words.join(" ");
    let not = |what: &str| Blocked::new(Barrier::Unsupported, format!("`{value}` is not {what}"));
    seen.settle(
        "number",
        match numbers.as_deref() {
            Some([number]) => Ok(*number),
            _ => Err(not("one whole number")),
        },
    );
    seen.settle("numbers", numbers.ok_or_else(|| not("a list of whole numbers")));
    seen.know("value", value);
    seen
}
