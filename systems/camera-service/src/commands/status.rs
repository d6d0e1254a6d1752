//! `status`: what the running service says of itself.

use hyper::StatusCode;
use serde::Deserialize;
use service_setup::say;

use super::Failure;
use super::ask::{self, AskError};
use crate::home::Home;
use crate::lock::{Lock, LockError};

#[derive(Deserialize)]
struct System {
    status: String,
    version: String,
    uptime: f64,
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    state: String,
    reason: Option<String>,
}

/// Prints the components; well only if the service is ready.
///
/// # Errors
/// It is not ready or cannot be reached, and what to do next.
pub fn show(home: &Home) -> Result<(), Failure> {
    let (config, _) = home.read()?;
    let address = ask::address(&config);
    let asked = |path| ask::get(&config, path).map_err(|error| unreachable(home, &error));
    let (_, body) = asked("/health/system")?;
    let system: System = serde_json::from_slice(&body).map_err(|_| {
        Failure::Failed(format!(
            "another program answers at {address}: give the service another port in server.health"
        ))
    })?;
    say!(
        "camera-service {} at {address}: {}, for {}",
        harmless(&system.version),
        harmless(&system.status),
        span(system.uptime)
    );
    for component in &system.components {
        let reason = component.reason.as_deref().unwrap_or_default();
        let line = format!("  {:<14} {:<10} {reason}", component.name, component.state);
        say!("{}", harmless(line.trim_end()));
    }
    match asked("/health/ready")?.0 {
        StatusCode::OK => Ok(()),
        _ => Err(Failure::Failed("not ready. What happened: journalctl -u camera-service -n 50".into())),
    }
}

/// Whether the service is ready; what it says if not.
pub(super) fn is_ready(config: &camera_config::Config) -> Result<(), String> {
    match ask::get(config, "/health/ready") {
        Ok((StatusCode::OK, _)) => Ok(()),
        Ok((_, body)) => Err(harmless(&String::from_utf8_lossy(&body))),
        Err(error) => Err(error.to_string()),
    }
}

fn unreachable(home: &Home, error: &AskError) -> Failure {
    let next = match (error, Lock::look(home)) {
        (AskError::Unable(_), _) => String::new(),
        (_, Err(LockError::Held { .. })) => {
            "; it is just starting, or it runs otherwise than this configuration says: after a change, systemctl restart \
             camera-service. What happened: journalctl -u camera-service -n 50"
                .into()
        }
        _ => "; it is not running: systemctl start camera-service, and if that fails: journalctl -u camera-service -n 50".into(),
    };
    Failure::Failed(format!("{error}{next}"))
}

/// What somebody else says, fit for a terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn span(seconds: f64) -> String {
    let minutes = (seconds / 60.0).floor();
    let (days, hours, minutes) =
        ((minutes / 1440.0).floor(), (minutes / 60.0).floor() % 24.0, minutes % 60.0);
    match () {
        () if days >= 1.0 => format!("{days} d {hours} h"),
        () if hours >= 1.0 => format!("{hours} h {minutes} min"),
        () if minutes >= 1.0 => format!("{minutes} min"),
        () => format!("{:.0} s", seconds.floor()),
    }
}
