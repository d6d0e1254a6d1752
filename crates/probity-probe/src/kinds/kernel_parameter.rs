//! `kernel-parameter`: one file below `/proc/sys`.

use std::io::{ErrorKind, Read};

use probity_plan::kinds::kernel_parameter::KernelParameter;
use probity_plan::{Barrier, Blocked, Number};

use crate::look::{Context, Look, Seen, barrier_of, no_pattern};

/// The longest value that is kept, in bytes.
const MAX_LENGTH: usize = 64 << 10;
/// Longer than nearly every value, in bytes.
const USUAL: usize = 1 << 10;

impl Look for KernelParameter {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let parameter = self.clone();
        context.blocking(move |_| see(&parameter)).await
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
    // Of the network the kernel shows some in its first namespace alone, as it does this one.
    let is_of_network = parameter.parts().first().is_some_and(|part| part == "net");
    if !known && is_of_network && !std::path::Path::new("/proc/sys/net/core/netdev_max_backlog").exists() {
        let why = format!(
            "there is no parameter {} in this network namespace; the machine's own may have it",
            parameter.name
        );
        return Seen::nothing(Blocked::new(Barrier::Unsupported, why));
    }
    if !known && let Err(blocked) = no_pattern(&parameter.name) {
        return Seen::nothing(blocked);
    }
    seen.know("exists", known);
    if !known {
        seen.block_rest(Blocked::new(
            Barrier::Unreachable,
            format!("there is no parameter {}", parameter.name),
        ));
        return seen;
    }
    let bytes = match read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            seen.block_rest(barrier_of(&format!("read {path}"), &error));
            return seen;
        }
    };
    if bytes.len() > MAX_LENGTH {
        seen.block_rest(Blocked::new(Barrier::TooLarge, format!("{path} has more than {MAX_LENGTH} bytes")));
        return seen;
    }
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<&str> = text.split_whitespace().collect();
    let numbers = words
        .iter()
        .map(|word| {
            Number::parse(word).filter(|_| word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
        })
        .collect::<Option<Vec<_>>>()
        .filter(|numbers| !numbers.is_empty());
    let value = words.join(" ");
    let not = |what: &str| Blocked::new(Barrier::Unsupported, format!("`{value}` is not {what}"));
    seen.settle(
        "number",
        match numbers.as_deref() {
            Some([number]) => Ok(number.clone()),
            _ => Err(not("one whole number")),
        },
    );
    seen.settle("numbers", numbers.ok_or_else(|| not("a list of whole numbers")));
    seen.know("value", value);
    seen
}

/// The value, or one byte more than is kept. Most parameters give what they hold to the first read only, so that it has to
/// have room for all: what fills little room is read anew with more. The kernel makes as much room of its own for each read.
fn read(path: &str) -> std::io::Result<Vec<u8>> {
    let bytes = read_within(path, USUAL)?;
    if bytes.len() < USUAL { Ok(bytes) } else { read_within(path, MAX_LENGTH + 1) }
}

fn read_within(path: &str, room: usize) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let (mut bytes, mut end) = (vec![0; room], 0);
    loop {
        match file.read(&mut bytes[end..])? {
            0 => break,
            more => end += more,
        }
    }
    bytes.truncate(end);
    Ok(bytes)
}
