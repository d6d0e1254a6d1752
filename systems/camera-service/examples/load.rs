//! Loads a server as its clients would and prints what came of it as one JSON object: `load MODE ADDRESS TOKEN COUNT SECONDS`.
//!
//! * `calls`: COUNT clients, each with one call under way, a status call after another; calls a second, and how long they took.
//! * `connections`: COUNT connections that each authenticate and are answered, and then stay until this ends.
//! * `soak`: COUNT clients that call and subscribe for SECONDS, while cameras come and go and recordings begin and end; what was
//!   promised and did not come.
//! * `events`: COUNT subscribers, while another client stops and starts the stream of camera `one`; from the event to its arrival.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(address: &str) -> Result<Socket, Error> {
    // Small buffers: thousands of clients live in this one process.
    let config = WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(0);
    let url = format!("ws://{address}/ws");
    Ok(tokio_tungstenite::connect_async_with_config(url, Some(config), true).await?.0)
}

async fn text(socket: &mut Socket) -> Result<Utf8Bytes, Error> {
    loop {
        match socket.next().await.ok_or("the server closed the connection")?? {
            Message::Text(text) => return Ok(text),
            Message::Close(frame) => {
                return Err(format!("the server closed the connection: {frame:?}").into());
            }
            _ => {}
        }
    }
}

async fn call(socket: &mut Socket, method: &str, params: Value) -> Result<Value, Error> {
    let request = json!({ "jsonrpc": "2.0", "id": "call", "method": method, "params": params });
    socket.send(Message::text(request.to_string())).await?;
    loop {
        let answer: Value = serde_json::from_str(&text(socket).await?)?;
        if answer["id"] == "call" {
            return if answer["error"].is_null() { Ok(answer) } else { Err(answer.to_string().into()) };
        }
    }
}

async fn client(address: &str, token: &str) -> Result<Socket, Error> {
    let mut socket = connect(address).await?;
    call(&mut socket, "authenticate", json!({ "auth_token": token })).await?;
    Ok(socket)
}

/// The value below which that share of them lies, in milliseconds.
fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).map_or(0.0, |duration| duration.as_secs_f64() * 1000.0)
}

fn summary(mut took: Vec<Duration>, seconds: f64) -> Value {
    took.sort_unstable();
    json!({
        "count": took.len(),
        "per_second": took.len() as f64 / seconds,
        "p50_ms": quantile(&took, 0.5),
        "p99_ms": quantile(&took, 0.99),
        "max_ms": quantile(&took, 1.0),
    })
}

async fn calls(address: &str, token: &str, count: usize, seconds: f64) -> Result<Value, Error> {
    const ASKED: [&str; 4] = ["ping", "get_system_status", "get_camera_list", "get_server_info"];
    let method = std::env::var("METHOD").ok();
    let mut sockets = Vec::new();
    for _ in 0..count {
        sockets.push(client(address, token).await?);
    }
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(seconds);
    let mut clients = JoinSet::new();
    for (number, mut socket) in sockets.into_iter().enumerate() {
        let method = method.clone();
        clients.spawn(async move {
            let mut took = Vec::new();
            let mut turn = number;
            while Instant::now() < until {
                let method = method.as_deref().unwrap_or(ASKED[turn % ASKED.len()]);
                turn += 1;
                let request = format!(r#"{{"jsonrpc":"2.0","id":{turn},"method":"{method}","params":{{}}}}"#);
                let sent = Instant::now();
                socket.send(Message::text(request)).await?;
                let answer = text(&mut socket).await?;
                took.push(sent.elapsed());
                if !answer.starts_with(r#"{"jsonrpc":"2.0","result":"#) {
                    return Err::<_, Error>(answer.to_string().into());
                }
            }
            Ok(took)
        });
    }
    let mut took = Vec::new();
    while let Some(client) = clients.join_next().await {
        took.extend(client??);
    }
    Ok(summary(took, begun.elapsed().as_secs_f64()))
}

async fn connections(address: &str, token: &str, count: usize) -> Result<Value, Error> {
    let begun = Instant::now();
    let mut sockets = Vec::new();
    for _ in 0..count {
        sockets.push(client(address, token).await?);
    }
    let opened = begun.elapsed();
    let mut served = 0;
    for socket in &mut sockets {
        served += usize::from(call(socket, "ping", json!({})).await.is_ok());
    }
    println!("{}", json!({ "opened": sockets.len(), "served": served, "seconds": opened.as_secs_f64() }));
    // Whoever measures the server ends this by closing its input.
    tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin())).await??;
    Ok(json!({ "still_served": count_served(&mut sockets).await }))
}

async fn count_served(sockets: &mut [Socket]) -> usize {
    let mut served = 0;
    for socket in sockets {
        served += usize::from(call(socket, "ping", json!({})).await.is_ok());
    }
    served
}

async fn events(address: &str, token: &str, count: usize, seconds: f64) -> Result<Value, Error> {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let mut subscribers = JoinSet::new();
    for _ in 0..count {
        let mut socket = client(address, token).await?;
        call(&mut socket, "subscribe_events", json!({ "topics": ["camera.status_change"] })).await?;
        subscribers.spawn(async move {
            let mut took = Vec::new();
            while let Ok(Ok(message)) = tokio::time::timeout_at(until.into(), text(&mut socket)).await {
                let arrived = Timestamp::now();
                let message: Value = serde_json::from_str(&message).unwrap_or_default();
                if message["method"] == "events_lost" {
                    return Err(format!("a subscriber lost notifications: {message}"));
                }
                let told =
                    message["params"]["timestamp"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
                let told = told.ok_or_else(|| format!("no time in {message}"))?;
                took.push(Duration::try_from(arrived.duration_since(told)).unwrap_or_default());
            }
            Ok(took)
        });
    }
    let mut operator = client(address, token).await?;
    let mut changes = 0;
    while Instant::now() + Duration::from_secs(2) < until {
        call(&mut operator, "stop_streaming", json!({ "device": "one" })).await?;
        call(&mut operator, "start_streaming", json!({ "device": "one" })).await?;
        changes += 2;
    }
    let mut took = Vec::new();
    while let Some(subscriber) = subscribers.join_next().await {
        took.extend(subscriber??);
    }
    let mut summary = summary(took, seconds);
    summary["changes"] = json!(changes);
    Ok(summary)
}

/// What a subscriber was told of recordings: the first file of each, and how it ended.
type Told = std::collections::BTreeMap<String, Option<&'static str>>;

/// Listens to recordings until the end, then until nothing has come for a while.
async fn listen(address: String, token: String, until: Instant) -> Result<Told, Error> {
    let mut socket = client(&address, &token).await?;
    let topics =
        json!({ "topics": ["recording.start", "recording.stop", "recording.error", "camera.status_change"] });
    call(&mut socket, "subscribe_events", topics).await?;
    let mut told = Told::new();
    loop {
        let quiet = until.max(Instant::now()) + Duration::from_secs(15);
        let Ok(message) = tokio::time::timeout_at(quiet.into(), text(&mut socket)).await else {
            return Ok(told);
        };
        let message: Value = serde_json::from_str(&message?)?;
        let file = message["params"]["filename"].as_str().unwrap_or_default().to_owned();
        match message["method"].as_str() {
            Some("events_lost") => {
                return Err(format!("a reader that reads lost notifications: {message}").into());
            }
            Some("recording.start") => drop(told.entry(file).or_insert(None)),
            Some("recording.stop") => drop(told.insert(file, Some("stop"))),
            Some("recording.error") => drop(told.insert(file, Some("error"))),
            _ => {}
        }
    }
}

/// Calls one status call after another; an error that is not the answer for a camera that is gone ends the soak.
async fn ask(address: String, token: String, until: Instant) -> Result<u64, Error> {
    let mut socket = client(&address, &token).await?;
    let mut answered = 0;
    while Instant::now() < until {
        for (method, params) in [
            ("get_camera_list", json!({})),
            ("get_system_status", json!({})),
            ("list_recordings", json!({ "limit": 20 })),
            ("get_camera_status", json!({ "device": "one" })),
        ] {
            call(&mut socket, method, params).await?;
            answered += 1;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(answered)
}

/// Records on one camera again and again; gives the first file of each recording that was answered with success.
async fn record(
    address: String,
    token: String,
    device: String,
    until: Instant,
) -> Result<Vec<String>, Error> {
    let mut socket = client(&address, &token).await?;
    let mut files = Vec::new();
    let formats = ["fmp4", "mp4", "mkv"];
    while Instant::now() + Duration::from_secs(10) < until {
        let format = formats[files.len() % formats.len()];
        match call(&mut socket, "start_recording", json!({ "device": device, "format": format })).await {
            Ok(answer) => files.push(answer["result"]["filename"].as_str().unwrap_or_default().to_owned()),
            // Its ffmpeg was killed a moment ago: that is answered clearly.
            Err(error) if error.to_string().contains("-32050") => continue,
            Err(error) => return Err(error),
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
        if let Err(error) = call(&mut socket, "stop_recording", json!({ "device": device })).await
            && !error.to_string().contains("-320")
        {
            return Err(error);
        }
    }
    Ok(files)
}

/// Adds a camera and removes it, again and again.
async fn come_and_go(address: String, token: String, until: Instant) -> Result<u64, Error> {
    let mut socket = client(&address, &token).await?;
    let mut times = 0;
    while Instant::now() + Duration::from_secs(5) < until {
        call(&mut socket, "add_camera", json!({ "name": "guest", "source": "test:pattern" })).await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        call(&mut socket, "delete_camera", json!({ "device": "guest" })).await?;
        times += 1;
    }
    Ok(times)
}

async fn soak(address: &str, token: &str, count: usize, seconds: f64) -> Result<Value, Error> {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let own = || (address.to_owned(), token.to_owned());
    let (mut listeners, mut askers, mut recorders) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for _ in 0..count / 4 {
        let (address, token) = own();
        listeners.spawn(listen(address, token, until));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..count - count / 4 - 4 {
        let (address, token) = own();
        askers.spawn(ask(address, token, until));
    }
    for device in ["one", "two", "three"] {
        let (address, token) = own();
        recorders.spawn(record(address, token, device.to_owned(), until));
    }
    let (address, token) = own();
    let guests = tokio::spawn(come_and_go(address, token, until));
    let mut answered = 0;
    while let Some(asker) = askers.join_next().await {
        answered += asker??;
    }
    let mut files = Vec::new();
    while let Some(recorder) = recorders.join_next().await {
        files.extend(recorder??);
    }
    let guests = guests.await??;
    let (mut not_told, mut failed) = (0, 0);
    let subscribers = listeners.len();
    while let Some(listener) = listeners.join_next().await {
        let told = listener??;
        not_told += files.iter().filter(|file| !matches!(told.get(*file), Some(Some(_)))).count();
        failed = told.values().filter(|end| **end == Some("error")).count();
    }
    Ok(json!({
        "answered": answered, "recordings": files, "failed": failed, "guests": guests, "subscribers": subscribers,
        "beginnings_or_ends_not_told": not_told,
    }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, mode, address, token, count, seconds] = arguments.as_slice() else {
        return Err("load MODE ADDRESS TOKEN COUNT SECONDS".into());
    };
    let (count, seconds) = (count.parse()?, seconds.parse()?);
    let outcome = match mode.as_str() {
        "calls" => calls(address, token, count, seconds).await?,
        "connections" => connections(address, token, count).await?,
        "events" => events(address, token, count, seconds).await?,
        "soak" => soak(address, token, count, seconds).await?,
        other => return Err(format!("{other}: calls, connections, events or soak").into()),
    };
    println!("{outcome}");
    Ok(())
}
