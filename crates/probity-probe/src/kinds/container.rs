//! `container`: one HTTP request over the Unix socket of Docker or Podman, which answer alike.

use std::collections::BTreeMap;
use std::path::Path;

use http_body_util::{BodyExt, Full, Limited};
use probity_plan::kinds::container::Container;
use probity_plan::{Barrier, Blocked, Value};
use serde_json::Value as Json;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use super::http::client::Client;
use crate::look::{Context, Look, Seen, barrier_of, not_ahead};

/// The longest answer that is read, in bytes.
const MAX_LENGTH: usize = 4 << 20;

impl Look for Container {
    async fn look(&self, context: &Context<'_>) -> Seen {
        context.in_time(see(self)).await.unwrap_or_else(Seen::nothing)
    }
}

async fn see(container: &Container) -> Result<Seen, Blocked> {
    let name = container.container.as_str();
    // What Docker and Podman allow; anything else would be another request.
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
    {
        return Err(Blocked::new(Barrier::Unsupported, format!("`{name}` is not a container's name")));
    }
    let socket = match &container.socket {
        Some(path) => path.clone(),
        None => usual_socket()?,
    };
    let stream =
        UnixStream::connect(&socket).await.map_err(|e| barrier_of(&format!("connect {socket}"), &e))?;
    let (status, json) = get(stream, &format!("/containers/{name}/json")).await?;
    let mut seen = Seen::default();
    match status {
        200 if is_called(&json, name)? => tell(&json, &mut seen)?,
        200 => {
            seen.know("exists", false);
            let why = format!("there is no container {name}, only one whose identifier begins so");
            seen.block_rest(Blocked::new(Barrier::Unreachable, why));
        }
        404 if says(&json).to_ascii_lowercase().contains("no such container") => {
            seen.know("exists", false);
            seen.block_rest(Blocked::new(Barrier::Unreachable, format!("there is no container {name}")));
        }
        _ => {
            let barrier =
                if matches!(status, 401 | 403) { Barrier::PermissionDenied } else { Barrier::Protocol };
            return Err(Blocked::new(barrier, format!("{socket}: status {status}: {}", says(&json))));
        }
    }
    seen.know("socket", socket);
    Ok(seen)
}

/// The first socket that is there.
fn usual_socket() -> Result<String, Blocked> {
    let user = rustix::process::getuid().as_raw();
    let usual = [
        "/run/docker.sock".to_owned(),
        "/run/podman/podman.sock".to_owned(),
        format!("/run/user/{user}/podman/podman.sock"),
    ];
    let mut forbidden = None;
    for path in &usual {
        match std::fs::metadata(Path::new(path)) {
            Ok(_) => return Ok(path.clone()),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                forbidden = forbidden.or(Some(barrier_of(path, &error)));
            }
            Err(_) => {}
        }
    }
    Err(forbidden.unwrap_or_else(|| {
        Blocked::new(
            Barrier::Unreachable,
            format!("none of the usual sockets is there: {}; name one with `socket`", usual.join(", ")),
        )
    }))
}

async fn get(stream: UnixStream, path: &str) -> Result<(u16, Json), Blocked> {
    let broken = |error: &dyn std::fmt::Display| Blocked::new(Barrier::Protocol, error.to_string());
    let mut driving = JoinSet::new();
    let mut client = Client::over(stream, &mut driving).await.map_err(|e| broken(&e))?;
    let request = hyper::Request::get(path)
        .header("host", "localhost")
        .header("user-agent", concat!("probity/", env!("CARGO_PKG_VERSION")))
        .body(Full::default())
        .map_err(|e| broken(&e))?;
    let response = client.send(request).await.0.map_err(|e| broken(&e))?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_LENGTH).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            Blocked::new(Barrier::TooLarge, format!("the answer has more than {MAX_LENGTH} bytes"))
        } else {
            broken(&error)
        }
    })?;
    let json = serde_json::from_slice(&body.to_bytes()).map_err(|e| {
        Blocked::new(Barrier::Protocol, format!("the answer (status {status}) is not JSON: {e}"))
    })?;
    Ok((status, json))
}

/// What an error says.
fn says(json: &Json) -> &str {
    json.get("message").and_then(Json::as_str).unwrap_or_default()
}

/// Whether the container bears this name, or this identifier as it is shown, in 12 digits or more: the engines also take
/// any shorter beginning of one for it.
fn is_called(json: &Json, name: &str) -> Result<bool, Blocked> {
    let text = |key: &str| {
        json.get(key)
            .and_then(Json::as_str)
            .ok_or_else(|| Blocked::new(Barrier::Protocol, format!("the answer has no /{key}")))
    };
    let (own, id) = (text("Name")?, text("Id")?);
    Ok(own.strip_prefix('/').unwrap_or(own) == name || (name.len() >= 12 && id.starts_with(name)))
}

fn tell(json: &Json, seen: &mut Seen) -> Result<(), Blocked> {
    let missing = |what: &str| Blocked::new(Barrier::Protocol, format!("the answer has no {what}"));
    let get = |pointer: &str| {
        json.pointer(pointer).filter(|value| !value.is_null()).ok_or_else(|| missing(pointer))
    };
    let text = |pointer: &str| get(pointer)?.as_str().map(str::to_owned).ok_or_else(|| missing(pointer));
    let int = |pointer: &str| get(pointer)?.as_i64().ok_or_else(|| missing(pointer));
    // Without these it is no container's description.
    let status = text("/State/Status")?;
    let active = get("/State/Running")?.as_bool().ok_or_else(|| missing("/State/Running"))?;
    // Docker calls it running, too, between two starts, where nothing of it runs.
    let restarting = json.pointer("/State/Restarting").and_then(Json::as_bool) == Some(true);
    let running = active && !restarting && json.pointer("/State/Pid").and_then(Json::as_i64) != Some(0);
    let health = match json.pointer("/State/Health/Status").and_then(Json::as_str) {
        None | Some("") => "none",
        Some(health) => health,
    };
    // Podman says `configured` of what Docker calls `created`.
    let ended = !active && !matches!(status.as_str(), "created" | "configured" | "paused" | "restarting");
    let exit_code = if ended {
        int("/State/ExitCode")
    } else {
        Err(Blocked::new(Barrier::Unreachable, format!("it has not ended: it is {status}")))
    };
    seen.know("exists", true)
        .know("running", running)
        .know("status", status)
        .know("health", health)
        .settle("restarts", int("/RestartCount"))
        .settle("started", time(&text("/State/StartedAt")?, "it has never been started"))
        .settle("finished", time(&text("/State/FinishedAt")?, "it has never ended"))
        .settle("pid", int("/State/Pid"))
        .settle("exit_code", exit_code)
        .settle("id", text("/Id"))
        .settle("image", text("/Config/Image"))
        .settle("image_id", text("/Image"))
        .settle("ports", ports(json));
    Ok(())
}

/// The year 1 stands for never.
fn time(text: &str, never: &str) -> Result<jiff::Timestamp, Blocked> {
    let at: jiff::Timestamp =
        text.parse().map_err(|error| Blocked::new(Barrier::Protocol, format!("`{text}`: {error}")))?;
    if at < jiff::Timestamp::UNIX_EPOCH {
        Err(Blocked::new(Barrier::Unreachable, never))
    } else {
        not_ahead("its time", at, jiff::Timestamp::now())
    }
}

fn ports(json: &Json) -> Result<Value, Blocked> {
    let wrong = || Blocked::new(Barrier::Protocol, "the answer's ports are not what Docker describes");
    let mut ports = BTreeMap::new();
    let published = match json.pointer("/NetworkSettings/Ports") {
        None | Some(Json::Null) => return Ok(Value::Map(ports)),
        Some(published) => published.as_object().ok_or_else(wrong)?,
    };
    for (port, hosts) in published {
        let mut addresses = Vec::new();
        // `null`: exposed by the image, not published.
        for host in hosts.as_array().into_iter().flatten() {
            let part = |key: &str| host.get(key).and_then(Json::as_str).ok_or_else(wrong);
            let (ip, number) = (part("HostIp")?, part("HostPort")?);
            let ip = if ip.is_empty() { "0.0.0.0" } else { ip };
            addresses.push(if ip.contains(':') {
                format!("[{ip}]:{number}")
            } else {
                format!("{ip}:{number}")
            });
        }
        ports.insert(port.clone(), Value::from(addresses));
    }
    Ok(Value::Map(ports))
}
