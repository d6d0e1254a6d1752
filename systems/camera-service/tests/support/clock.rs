//! A clock that a test sets, for the service and its children (`clock.c`): a test cannot set the machine's.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use camera_access::Role;
use jiff::Timestamp;
use serde_json::json;

use crate::support::{Client, Installation, Running, token_from};

/// A clock that a test sets.
pub struct Clock {
    /// To be preloaded, with `CLOCK` for `path`.
    pub library: PathBuf,
    /// What it says.
    pub path: PathBuf,
    file: File,
}

impl Clock {
    /// So many seconds ahead of the right time, with nothing that synchronises it. `None`, and says so, without a C compiler.
    pub fn ahead(folder: &Path, seconds: i64) -> Option<Clock> {
        let (library, path) = (folder.join("clock.so"), folder.join("clock"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/clock.c");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        if !built.is_ok_and(|status| status.success()) {
            assert!(std::env::var_os("CI").is_none(), "CI has a C compiler");
            eprintln!(
                "SKIPPED: there is no C compiler here (apt install gcc), to build a clock that can be set"
            );
            return None;
        }
        let file = File::options().create_new(true).write(true).open(&path).unwrap();
        let clock = Clock { library, path, file };
        clock.synchronise(false);
        clock.set(seconds);
        Some(clock)
    }

    /// So many seconds ahead of the right time.
    pub fn set(&self, ahead: i64) {
        self.file.write_all_at(&ahead.to_ne_bytes(), 0).unwrap();
    }

    /// Whether something synchronises it.
    pub fn synchronise(&self, done: bool) {
        self.file.write_all_at(&i64::from(done).to_ne_bytes(), 8).unwrap();
    }

    /// The service with this clock.
    pub fn start(&self, installation: &Installation) -> Running {
        installation.start_with(&[("LD_PRELOAD", self.library.as_os_str()), ("CLOCK", self.path.as_os_str())])
    }
}

/// A connection whose token is good by any of the clocks here.
pub async fn client(service: &Running) -> Client {
    client_at(service, 0).await
}

/// A connection whose token is good by a clock that is within a day of so many seconds ahead.
pub async fn client_at(service: &Running, ahead: i64) -> Client {
    let mut client = service.connect().await;
    let begun = Timestamp::now() + jiff::SignedDuration::from_secs(ahead - 24 * 3600);
    let token = token_from(Role::Admin, begun, Duration::from_secs(48 * 3600));
    client.succeed("authenticate", json!({ "auth_token": token })).await;
    client
}
