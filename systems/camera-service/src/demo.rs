//! `run --demo`: a fresh folder with two moving test cameras, a secret of its own and a token for each role. Everything else is as
//! always; nothing that `run` requires is left out.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use camera_access::{Role, Secret};
use jiff::Timestamp;

use crate::home::Home;
use crate::run::{Addresses, StartError, tokens};

/// A demonstration's folder and its tokens.
pub struct Demo {
    /// The installation.
    pub home: Home,
    tokens: Vec<(Role, String)>,
}

impl Demo {
    /// Makes the folder below the system's folder for temporary files.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new() -> Result<Demo, StartError> {
        let stamp = Timestamp::now().strftime("%Y%m%d-%H%M%S");
        let folder = std::env::temp_dir().join(format!("camera-service-demo-{stamp}-{}", std::process::id()));
        let home = Home::new(&folder);
        prepare(&folder, &home).map_err(|error| {
            StartError::Other(format!(
                "the demonstration's folder {} cannot be made: {error}",
                folder.display()
            ))
        })?;
        let (config, environment) = home.read()?;
        let (issuer, _) = tokens(&home, &config, &environment)?;
        let lifetime = config.security.jwt.lifetime.duration();
        let issue = |role: Role| {
            let issued = issuer.issue(&format!("demo-{role}"), role, lifetime, Timestamp::now());
            issued
                .map(|issued| (role, issued.text.expose_text().unwrap_or_default().to_owned()))
                .map_err(|error| StartError::Other(error.to_string()))
        };
        let tokens =
            [Role::Viewer, Role::Operator, Role::Admin].into_iter().map(issue).collect::<Result<_, _>>()?;
        Ok(Demo { home, tokens })
    }

    /// What to do next, for the one who started it.
    #[must_use]
    pub fn greeting(&self, addresses: Addresses) -> String {
        let clients = addresses.clients;
        let mut text = format!(
            "The camera service is ready, with two test cameras: front and yard.\n\n  \
             console    http://{clients}/     (sign in with one of the tokens below)\n  \
             WebSocket  ws://{clients}/ws\n  \
             health     http://{}/health/ready\n  \
             files      {}\n\n",
            addresses.health,
            self.home.folder().display()
        );
        for (role, token) in &self.tokens {
            let _ = writeln!(text, "  {:<9}  {token}", role.to_string());
        }
        let operator = self.tokens.iter().find(|(role, _)| *role == Role::Operator);
        let token = operator.map_or("", |(_, token)| token.as_str());
        let _ = write!(
            text,
            "\nOne call, from another terminal (a ten-second recording; pip install websockets):\n\n  \
             printf '%s\\n' '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"authenticate\",\"params\":{{\"auth_token\":\"{token}\"}}}}' \\\n    \
             '{{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"start_recording\",\"params\":{{\"device\":\"front\",\"duration\":10}}}}' \\\n    \
             | python3 -m websockets ws://{clients}/ws\n\nCtrl-C ends it; the folder stays.\n",
        );
        text
    }
}

fn prepare(folder: &Path, home: &Home) -> std::io::Result<()> {
    let make = |path: PathBuf| std::fs::DirBuilder::new().mode(0o700).create(path);
    make(folder.to_owned())?;
    for name in ["config", "security", "state", "recordings", "snapshots"] {
        make(folder.join(name))?;
    }
    let secret = Secret::random().map_err(std::io::Error::other)?;
    let secret = secret.expose_text().unwrap_or_default().to_owned();
    write(&home.env_file(), &format!("{}={secret}\n", camera_config::JWT_SECRET))?;
    let at = folder.display();
    let (clients, health) = (free_port(8002), free_port(8003));
    write(
        &home.config(),
        &format!(
            "# A demonstration. Every key: docs/camera-service/configuration.md\n\
             server: {{ listen: \"127.0.0.1:{clients}\", health: \"127.0.0.1:{health}\" }}\n\
             security: {{ api_keys: {at}/security/api-keys.json }}\n\
             cameras:\n\
             \x20 - {{ name: front, source: \"test:pattern\", resolution: 1280x720, fps: 25 }}\n\
             \x20 - {{ name: yard, source: \"test:bars\" }}\n\
             storage: {{ recordings: {at}/recordings, snapshots: {at}/snapshots }}\n\
             log: {{ level: warn }}\n\
             audit_log: {at}/audit.jsonl\n"
        ),
    )
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// The usual port, or any other (0) if something else is there already.
fn free_port(usual: u16) -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, usual)).map_or(0, |_| usual)
}
