//! Clients that make the service work: guess, have hashes computed, files looked at and networks searched, come from everywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use camera_access::Role;
use futures_util::stream::{self, StreamExt};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Client, Installation, http, install_script, token};
use crate::{grown, print};

/// What so many clients at once are answered.
async fn all<T>(clients: usize, ask: impl AsyncFn(usize) -> T) -> Vec<T> {
    stream::iter(0..clients).map(|number| ask(number)).buffer_unordered(clients).collect().await
}

fn count<T: PartialEq>(answers: &[T], of: &T) -> usize {
    answers.iter().filter(|answer| *answer == of).count()
}

fn new_key(installation: &Installation) -> String {
    let arguments = ["api-key", "new", "--name", "script", "--role", "viewer"];
    let made = installation.command().args(arguments).output().unwrap();
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

async fn code(client: &mut Client, credential: &str) -> Option<i64> {
    client.call("authenticate", json!({ "auth_token": credential })).await["error"]["code"].as_i64()
}

#[tokio::test]
async fn wrong_credentials_are_looked_at_five_times_and_no_more() {
    let installation = Installation::new("cameras: []\nlimits: { connections_per_address: 400 }\n");
    let key = new_key(&installation);
    let wrong = format!("{}{}", &key[..key.len() - 8], "00000000");
    let service = installation.start();
    let guess = async |_| code(&mut service.connect().await, "a guess").await;
    let flood = stream::iter(0..1000).map(guess).buffer_unordered(50).collect::<Vec<_>>();
    let others = async {
        for _ in 0..5 {
            let mut client = Client::connect_from("127.0.0.99", service.clients).await;
            client.succeed("authenticate", json!({ "auth_token": token(Role::Viewer) })).await;
            client.succeed("get_camera_list", json!({})).await;
        }
    };
    let (codes, ()) = tokio::join!(flood, others);
    // One more for each six seconds that this took.
    let looked_at = count(&codes, &Some(-32001));
    // The same key from everywhere.
    let mut of_key = Vec::new();
    for last in 2..42 {
        let mut client = Client::connect_from(&format!("127.0.0.{last}"), service.clients).await;
        of_key.push(code(&mut client, &wrong).await);
    }
    let tried = count(&of_key, &Some(-32001));
    let audit = std::fs::read_to_string(installation.path().join("audit.jsonl")).unwrap();
    let on_record = audit.lines().filter(|line| line.contains(r#""outcome":"denied""#)).count();
    print(
        "1,000 wrong tokens of one address, and one key guessed from 40 addresses",
        &format!("{looked_at} and {tried} are looked at; {on_record} on record"),
    );
    assert!(looked_at < 50 && looked_at + count(&codes, &Some(-32040)) == 1000, "{codes:?}");
    assert!(tried < 20 && tried + count(&of_key, &Some(-32040)) == 40, "{of_key:?}");
    assert_eq!(on_record, looked_at + tried, "{audit}");
    let mut client = service.connect().await;
    assert_eq!(
        code(&mut client, &key).await,
        None,
        "and the right key opens the door, from the same address"
    );
}

#[tokio::test]
async fn hashes_are_computed_two_at_a_time() {
    let installation = Installation::new("cameras: []\n");
    let key = new_key(&installation);
    let service = installation.start();
    let before = service.memory();
    let codes = all(100, async |_| code(&mut service.connect().await, &key).await).await;
    let grown = grown(&service, before);
    let (well, busy) = (count(&codes, &None), count(&codes, &Some(-32050)));
    print(
        "a good API key over 100 connections at once",
        &format!("{well} let in, {busy} told to come again; {grown} MB more"),
    );
    assert!(well > 0 && well + busy == 100, "{codes:?}");
    // Each takes 19 MiB while it is computed.
    assert!(grown < 60, "{grown} MB");
}

#[tokio::test]
async fn files_are_looked_at_four_at_a_time() {
    let installation = Installation::new("media: { ffmpeg: HERE/ffmpeg }\ncameras: []\n");
    let log = installation.path().join("looks");
    // In ffprobe's place, as it has to be seen how many there are at once.
    let shown = log.display();
    install_script(
        &format!("echo + >>{shown}; sleep 0.2; echo - >>{shown}"),
        &installation.path().join("ffprobe"),
    );
    install_script("exec ffmpeg \"$@\"", &installation.path().join("ffmpeg"));
    for number in 0..30 {
        std::fs::write(installation.path().join(format!("recordings/{number}.mp4")), "x").unwrap();
    }
    let service = installation.start();
    all(30, async |number| {
        let asked = json!({ "filename": format!("{number}.mp4") });
        service.client(Role::Viewer).await.call("get_recording_info", asked).await
    })
    .await;
    let looks = std::fs::read_to_string(&log).unwrap();
    let (mut most, mut now) = (0, 0);
    for line in looks.lines() {
        now += if line == "+" { 1 } else { -1 };
        most = most.max(now);
    }
    print(
        "30 clients ask for files of unknown length at once",
        &format!("ffprobe runs {most} times at once"),
    );
    assert_eq!(looks.matches('+').count(), 30);
    assert!(most <= 4, "{looks}");
}

#[tokio::test]
async fn one_search_is_made_at_a_time() {
    // Where RTSP servers listen; only root may.
    let Ok(listener) = TcpListener::bind("127.77.0.1:554").await else {
        assert!(std::env::var_os("CI").is_none(), "CI runs these tests as root");
        eprintln!("SKIPPED: a camera to be found needs root, to listen where cameras do");
        return;
    };
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = (Arc::clone(&now), Arc::clone(&most));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (now, most) = (Arc::clone(&seen.0), Arc::clone(&seen.1));
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::spawn(async move {
                // It answers nothing, until it is not waited for any more.
                let _ = stream.read_to_end(&mut Vec::new()).await;
                now.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    let installation =
        Installation::new("cameras: []\ndiscovery: { v4l2: false, networks: [\"127.77.0.1/32\"] }\n");
    let service = installation.start();
    let codes = all(20, async |_| {
        let answer = service.client(Role::Operator).await.call("discover_cameras", json!({})).await;
        answer["error"]["code"].as_i64()
    })
    .await;
    let (searched, refused) = (count(&codes, &None), count(&codes, &Some(-32020)));
    let most = most.load(Ordering::SeqCst);
    print("20 clients search for cameras at once", &format!("{searched} searches, {most} at once"));
    assert!(searched > 0 && searched + refused == 20, "{codes:?}");
    assert_eq!(most, 1);
}

/// Requests of ever other callers, through a proxy that is trusted.
#[tokio::test]
async fn callers_without_number_are_counted_in_bounded_memory() {
    const CONNECTIONS: usize = 7;
    const EACH: usize = 10_000;
    let installation = Installation::new(
        "server: { listen: \"127.0.0.1:0\", health: \"127.0.0.1:0\", trusted_proxies: { addresses: [\"127.0.0.1/32\"], \
         speak: forwarded } }\ncameras: []\nlimits: {}\n",
    );
    let service = installation.start();
    let before = service.memory();
    let answers = all(CONNECTIONS, async |connection| {
        let mut stream = TcpStream::connect(service.clients).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let ask = async {
            for number in 0..EACH {
                let caller = format!("[2001:db8:{connection:x}:{number:x}::1]");
                let (end, address) = (if number + 1 == EACH { "close" } else { "keep-alive" }, service.clients);
                let request = format!(
                    "GET /files/recordings/x HTTP/1.1\r\nHost: {address}\r\nForwarded: for=\"{caller}\"\r\nConnection: {end}\r\n\r\n"
                );
                writing.write_all(request.as_bytes()).await.unwrap();
            }
        };
        let mut answers = Vec::new();
        let read = async { reading.read_to_end(&mut answers).await.unwrap() };
        tokio::join!(ask, read);
        String::from_utf8_lossy(&answers).matches("HTTP/1.1 401").count()
    })
    .await;
    let grown = grown(&service, before);
    print(
        "70,000 callers with an address each",
        &format!("{} answered; {grown} MB more", answers.iter().sum::<usize>()),
    );
    assert_eq!(answers, [EACH; CONNECTIONS]);
    assert!(grown < 60, "{grown} MB");
    let (status, ..) = http(service.health, "/health/live", &[]).await;
    assert_eq!(status, 200);
}
