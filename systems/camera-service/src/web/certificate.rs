//! The certificate that is served: read again when its files change, and how long it still lasts.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};

use super::tls::{self, TlsError, TlsFiles};

/// Before its end a certificate counts as trouble for so long: time enough to renew it.
const WARNING: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A certificate with the files that it is read from.
pub struct Certificate {
    files: TlsFiles,
    current: tls::Current,
    changed: Vec<Option<SystemTime>>,
    /// Why the files of now are not those that are served.
    refused: Option<String>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// As [`tls::read`].
    pub fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let changed = changed(&files);
        let current = Arc::new(ArcSwap::from_pointee(tls::read(&files)?));
        Ok(Self { files, current, changed, refused: None })
    }

    /// What connections are served with, now and after a change.
    pub fn current(&self) -> tls::Current {
        Arc::clone(&self.current)
    }

    /// Reads the files again if they changed; whether another certificate is served from now on.
    pub fn renew(&mut self) -> bool {
        let changed = changed(&self.files);
        if changed == self.changed {
            return false;
        }
        self.changed = changed;
        match tls::read(&self.files) {
            Ok(served) => {
                self.current.store(Arc::new(served));
                self.refused = None;
                true
            }
            Err(error) => {
                tracing::error!(%error, "the old certificate stays in use");
                self.refused = Some(error.to_string());
                false
            }
        }
    }

    /// What is the matter with it, if anything: the component's state and the reason.
    pub fn trouble(&self, now: Timestamp) -> Option<(&'static str, String)> {
        trouble(self.current.load().expires, self.refused.as_deref(), now)
    }
}

fn trouble(expires: Timestamp, refused: Option<&str>, now: Timestamp) -> Option<(&'static str, String)> {
    if expires <= now {
        return Some((
            "failed",
            format!("the certificate expired at {expires}: clients refuse it; renew it"),
        ));
    }
    if let Some(why) = refused {
        return Some(("degraded", format!("{why}; the old certificate stays in use, until {expires}")));
    }
    (expires.duration_since(now) < WARNING)
        .then(|| ("degraded", format!("the certificate expires at {expires}: renew it")))
}

/// When the files were last changed.
fn changed(files: &TlsFiles) -> Vec<Option<SystemTime>> {
    let paths = [Some(&files.certificate), Some(&files.key), files.client_ca.as_ref()];
    paths
        .into_iter()
        .flatten()
        .map(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_trouble_two_weeks_before_its_end_and_failed_after_it() {
        let expires: Timestamp = "2026-12-31T00:00:00Z".parse().unwrap();
        let state = |refused, now: &str| {
            trouble(expires, refused, now.parse().unwrap()).map_or("ok", |(state, _)| state)
        };
        assert_eq!(state(None, "2026-12-17T00:00:00Z"), "ok");
        assert_eq!(state(None, "2026-12-17T00:00:01Z"), "degraded");
        assert_eq!(state(None, "2026-12-31T00:00:00Z"), "failed");
        assert_eq!(state(Some("no key"), "2026-11-01T00:00:00Z"), "degraded");
        assert_eq!(state(Some("no key"), "2027-01-01T00:00:00Z"), "failed");
    }
}
