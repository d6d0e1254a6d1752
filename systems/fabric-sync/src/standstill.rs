//! Why nothing is written for a fabric, though there may be something to write.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::config::{Fabric, Mode, Window};

/// Why nothing is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum Standstill {
    /// The configuration of the fabric cannot be.
    Misconfigured {
        /// What is wrong with it.
        detail: String,
    },
    /// The configuration says: only tell.
    Detect,
    /// The configuration says: paused.
    Paused,
    /// It is not the time.
    Window {
        /// When writing begins again, UTC.
        opens: Time,
    },
    /// Another instance leads.
    Follower {
        /// Which.
        holder: String,
    },
    /// Nobody leads, as there is no lease.
    Vacant,
    /// Whether we lead is not known.
    LeaseUnknown {
        /// What happened.
        detail: String,
    },
    /// The history cannot be kept; what cannot be recorded is not done.
    History {
        /// What happened.
        detail: String,
    },
    /// Another process on this machine works on the fabric, or NetBox may still be at what it sent.
    Lock {
        /// Which.
        detail: String,
    },
    /// The fabric's task failed: a fault of this program.
    Failed,
}

impl std::fmt::Display for Standstill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Standstill::Misconfigured { detail } => write!(f, "misconfigured: {detail}"),
            Standstill::Detect => f.write_str("differences are only told (`mode: detect`)"),
            Standstill::Paused => f.write_str("paused by the configuration"),
            Standstill::Window { opens } => write!(f, "outside its windows; the next opens at {opens} UTC"),
            Standstill::Follower { holder } => write!(f, "{holder} leads"),
            Standstill::Vacant => f.write_str(
                "nobody leads, as there is no lease; another is made once who held the one that was there may not write any more",
            ),
            Standstill::LeaseUnknown { detail } => {
                write!(f, "whether this instance leads is not known: {detail}")
            }
            Standstill::History { detail } => write!(f, "the history cannot be kept: {detail}"),
            Standstill::Lock { detail } => f.write_str(detail),
            Standstill::Failed => {
                f.write_str("this fabric's task failed; the log has why. Restart the service")
            }
        }
    }
}

/// Why the service does not write, by the configuration alone, at `now`.
#[must_use]
pub fn by_configuration(fabric: &Fabric, now: Timestamp) -> Option<Standstill> {
    if fabric.mode == Mode::Detect {
        return Some(Standstill::Detect);
    }
    held_back(fabric, now)
}

/// Why nobody writes at `now`, by hand or otherwise: paused, or outside the windows.
#[must_use]
pub fn held_back(fabric: &Fabric, now: Timestamp) -> Option<Standstill> {
    if fabric.paused {
        return Some(Standstill::Paused);
    }
    outside_windows(fabric, now.to_zoned(TimeZone::UTC).time())
}

fn outside_windows(fabric: &Fabric, time: Time) -> Option<Standstill> {
    if fabric.windows.is_empty() || fabric.windows.iter().any(|window| is_open(window, time)) {
        return None;
    }
    let later = fabric.windows.iter().map(|window| window.from).filter(|from| *from > time).min();
    let opens = later.or(fabric.windows.iter().map(|window| window.from).min())?;
    Some(Standstill::Window { opens })
}

fn is_open(window: &Window, time: Time) -> bool {
    if window.from < window.to {
        window.from <= time && time < window.to
    } else {
        window.from <= time || time < window.to
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn opens(windows: &str, time: &str) -> Option<String> {
        let text = format!(
            "netbox: {{ url: http://localhost, token_file: t }}\nfabrics: [{{ name: a, site: a, kubernetes: {{ kubeconfig: k }}, windows: {windows} }}]"
        );
        let config = crate::config::parse(&text, "test").unwrap();
        outside_windows(&config.fabrics[0], time.parse().unwrap()).map(|standstill| match standstill {
            Standstill::Window { opens } => opens.to_string(),
            other => other.to_string(),
        })
    }

    #[test]
    fn windows_are_half_open_and_may_cross_midnight() {
        let night = "[{ from: \"22:00\", to: \"04:30\" }]";
        assert_eq!(opens(night, "22:00"), None);
        assert_eq!(opens(night, "03:59"), None);
        assert_eq!(opens(night, "04:30"), Some("22:00:00".into()));
        let two = "[{ from: \"06:00\", to: \"07:00\" }, { from: \"12:00\", to: \"13:00\" }]";
        assert_eq!(opens(two, "06:30"), None);
        assert_eq!(opens(two, "07:00"), Some("12:00:00".into()));
        assert_eq!(opens(two, "13:00"), Some("06:00:00".into()));
        assert_eq!(opens("[]", "13:00"), None);
    }
}
