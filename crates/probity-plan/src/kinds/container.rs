//! `container`: what Docker or Podman says of a container.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows};

/// Asks Docker's or Podman's socket about a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// The container's name or identifier, of which 12 digits or more are written.
    pub container: String,
    /// The path of the socket; without it the first that is there of Docker's, Podman's, and Podman's for the
    /// observer's user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
}

impl Kind for Container {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "container",
        doc: "Asks Docker's or Podman's socket for a container's state.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "the socket: root, or its group",
        facts: &[
            FactSpec::new(
                "exists",
                FactType::Bool,
                "whether there is a container of this name, running or not",
            ),
            FactSpec::new("running", FactType::Bool, "whether it runs"),
            FactSpec::new(
                "status",
                FactType::Text,
                "created, running, paused, restarting, removing, exited, stopped or dead",
            ),
            FactSpec::new(
                "health",
                FactType::Text,
                "starting, healthy, unhealthy, or none if it has no health check",
            ),
            FactSpec::new("restarts", FactType::Int, "how often it was restarted by its restart policy"),
            FactSpec::new("started", FactType::Moment, "when it was last started"),
            FactSpec::new("finished", FactType::Moment, "when it last ended"),
            FactSpec::new(
                "pid",
                FactType::Int,
                "its first process as the host counts, or 0 while it does not run",
            ),
            FactSpec::new(
                "exit_code",
                FactType::Int,
                "with which status it ended; unknown while it runs or never ran",
            ),
            FactSpec::new("id", FactType::Text, "its identifier, 64 hexadecimal digits").lower_case(),
            FactSpec::new("image", FactType::Text, "the image's name it was made from"),
            FactSpec::new("image_id", FactType::Text, "the image's digest"),
            FactSpec::new(
                "ports",
                FactType::Map,
                "published ports: `8080/tcp` to the list of host addresses, such as 0.0.0.0:80",
            ),
            FactSpec::new("socket", FactType::Text, "the socket that answered"),
        ],
    };

    fn flaw(&self) -> Option<String> {
        let none = self.container.is_empty() || self.container.contains('/');
        none.then(|| format!("`{}` is no name of a container", self.container))
    }

    fn describe(&self) -> String {
        let socket = self.socket.as_deref().unwrap_or("SOCKET");
        format!("curl --unix-socket {socket} http://localhost/containers/{}/json", self.container)
    }
}
