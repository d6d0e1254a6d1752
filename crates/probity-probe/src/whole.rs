//! A file of the machine's own read whole: no further than its limit, and nothing that would let the reader wait.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

/// The bytes of a regular file of at most so many bytes.
///
/// # Errors
/// Those of open(2); `Unsupported` for a pipe, a device, a folder; `FileTooLarge` beyond the limit.
pub fn read(path: &str, limit: u64) -> io::Result<Vec<u8>> {
    // Not blocking: a pipe would wait for somebody to write.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes")));
    }
    Ok(bytes)
}
