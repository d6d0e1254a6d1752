//! `rate-limit` against the limits of Debian's nginx (`limit_req`), and against limits that count otherwise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use probity_plan::kinds::rate_limit::{Identity, RateLimit};
use probity_plan::{Act, Barrier, Text, Value};
use probity_probe::Seen;
use serde_json::json;
use support::{HOSTILE, Running, barrier, known, look_with, tool};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

/// Long enough for every step on a busy machine.
const LONG: Duration = Duration::from_secs(40);

struct Server {
    url: String,
    _folder: tempfile::TempDir,
    _running: Running,
}

/// nginx with a request a second and some at once, counted by something else at each place; one with ten a second and five at once; one that keeps whoever is too fast
/// waiting, and one without a limit.
fn server() -> Option<Server> {
    let folder = support::folder();
    let (own, port) = (folder.path().display(), support::free_port());
    std::fs::create_dir(folder.path().join("www")).unwrap();
    for place in ["connection", "address", "identity", "everybody", "all", "slow", "free", "forbidden"] {
        std::fs::write(folder.path().join("www").join(place), "here").unwrap();
    }
    let user = if support::root() { "user root;" } else { "" };
    let counted = [
        ("connection", "$connection", "1r/s", 5),
        ("address", "$binary_remote_addr", "1r/s", 20),
        ("identity", "$http_x_user", "1r/s", 20),
        ("everybody", "$server_name", "1r/s", 20),
        ("all", "$server_name", "10r/s", 5),
    ];
    let zones: String = counted
        .map(|(place, key, rate, _)| format!("limit_req_zone {key} zone={place}:1m rate={rate};\n"))
        .concat();
    let places: String = counted
        .map(|(place, _, _, burst)| {
            format!("location /{place} {{ limit_req zone={place} burst={burst} nodelay; }}\n")
        })
        .concat();
    let conf = format!(
        "daemon off; {user} pid {own}/pid; error_log {own}/error.log;\nevents {{}}\nhttp {{ access_log off; \
         client_body_temp_path {own}/body; proxy_temp_path {own}/proxy; fastcgi_temp_path {own}/fastcgi; \
         uwsgi_temp_path {own}/uwsgi; scgi_temp_path {own}/scgi;\n{zones} \
         limit_req_zone $server_name zone=slow:1m rate=20r/s; limit_req_status 429;\n\
         server {{ listen 127.0.0.1:{port}; server_name here; root {own}/www;\n{places}\
         location /slow {{ limit_req zone=slow burst=4; }}\nlocation /forbidden {{ deny all; }} }} }}"
    );
    std::fs::write(folder.path().join("nginx.conf"), conf).unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let running = support::start(tool("nginx")?.args(["-c", &file("nginx.conf"), "-e", &file("first.log")]));
    support::until_listens(port);
    Some(Server { url: format!("http://127.0.0.1:{port}"), _folder: folder, _running: running })
}

fn act(url: impl Into<String>) -> RateLimit {
    RateLimit { rate_limit: Text::plain(url), ..RateLimit::default() }
}

async fn see(act: RateLimit) -> Seen {
    look_with(Act::RateLimit(act), &[], LONG).await
}

fn ends(seen: &Seen, fact: &str) -> (f64, f64) {
    known(seen, fact).ends().unwrap_or_else(|| panic!("{fact}: {seen:?}"))
}

/// Whether the fact's interval holds this.
fn holds(seen: &Seen, fact: &str, value: f64) -> bool {
    let (at_least, at_most) = ends(seen, fact);
    at_least <= value && value <= at_most
}

fn count(seen: &Seen, fact: &str) -> i64 {
    known(seen, fact).as_i64().unwrap()
}

fn header(name: &str, value: &str) -> BTreeMap<String, Text> {
    [(name.to_owned(), Text::plain(value))].into()
}

#[tokio::test]
async fn a_limit_lies_between_what_was_granted_and_what_was_refused() {
    let Some(server) = server() else { return };
    let seen = see(act(format!("{}/all", server.url))).await;
    for fact in ["connected", "answered", "limited"] {
        assert_eq!(known(&seen, fact), &Value::Bool(true), "{fact}: {seen:?}");
    }
    // Five beside the one that is due, and what was forgiven while they were sent.
    let (at_least, at_most) = ends(&seen, "burst");
    assert!(at_least < 20.0 && at_most >= 6.0, "{seen:?}");
    assert!(holds(&seen, "limit_per_s", 10.0), "{seen:?}");
    let (at_least, at_most) = ends(&seen, "limit_per_s");
    assert!(at_most / at_least < 2.0, "{seen:?}");
    let (_, forgives) = ends(&seen, "forgives_ms");
    assert!((20.0..2000.0).contains(&forgives), "{seen:?}");
    assert_eq!((count(&seen, "refusal"), known(&seen, "retry_after")), (429, &Value::Null));
    assert_eq!(known(&seen, "per_connection"), &Value::Bool(false));
    let sum = count(&seen, "granted") + count(&seen, "refused") + count(&seen, "failed");
    assert_eq!(count(&seen, "sent"), sum);
    let Value::Map(statuses) = known(&seen, "statuses") else { panic!("{seen:?}") };
    assert_eq!(statuses["200"], *known(&seen, "granted"));
    assert_eq!(statuses["429"], *known(&seen, "refused"));
    assert!(ends(&seen, "rate_per_s").0 > 20.0, "{seen:?}");
    let (median, most) = (ends(&seen, "latency_p50_ms"), ends(&seen, "latency_p99_ms"));
    assert!(median.0 <= median.1 && median.1 <= most.1, "{seen:?}");
}

#[tokio::test]
async fn what_a_limit_counts_by_is_who_else_is_let_in() {
    let Some(server) = server() else { return };
    let look = |place: &'static str| {
        let act = RateLimit {
            headers: header("x-user", "anna"),
            other_address: Some("127.0.0.2".parse().unwrap()),
            other_identity: Some(Identity { headers: header("X-User", "berta"), ..Identity::default() }),
            ..act(format!("{}/{place}", server.url))
        };
        async move { (place, look_with(Act::RateLimit(act), &[], Duration::from_secs(12)).await) }
    };
    let places = ["connection", "address", "identity", "everybody"];
    for (place, seen) in futures_util::future::join_all(places.map(look)).await {
        let by = |what: &str| Value::Bool(place == what);
        assert_eq!(known(&seen, "per_connection"), &by("connection"), "{place}: {seen:?}");
        for (fact, what) in [("per_address", "address"), ("per_identity", "identity")] {
            match place {
                "connection" => assert_eq!(barrier(&seen, fact), Barrier::Prerequisite, "{fact}: {seen:?}"),
                _ => assert_eq!(known(&seen, fact), &by(what), "{place} {fact}: {seen:?}"),
            }
        }
    }
    // Without the means it is not known.
    let seen =
        look_with(Act::RateLimit(act(format!("{}/all", server.url))), &[], Duration::from_secs(2)).await;
    for fact in ["per_address", "per_identity"] {
        assert_eq!(barrier(&seen, fact), Barrier::Unsupported, "{fact}");
    }
    // An address that is not ours says nothing of the limit.
    let foreign =
        RateLimit { other_address: Some("192.0.2.1".parse().unwrap()), ..act(format!("{}/all", server.url)) };
    let seen = look_with(Act::RateLimit(foreign), &[], Duration::from_secs(2)).await;
    assert_eq!(barrier(&seen, "per_address"), Barrier::Unreachable);
    assert_eq!(known(&seen, "limited"), &Value::Bool(true));
}

#[tokio::test]
async fn without_a_refusal_it_is_known_up_to_where_it_was_looked() {
    let Some(server) = server() else { return };
    let all = RateLimit { rate: Some(500), at_most: Some(50), ..act(format!("{}/free", server.url)) };
    let seen = see(all).await;
    assert_eq!((known(&seen, "limited"), known(&seen, "refusal")), (&Value::Bool(false), &Value::Null));
    assert_eq!((count(&seen, "sent"), count(&seen, "granted")), (50, 50));
    let ((at_least, at_most), (really, _)) = (ends(&seen, "limit_per_s"), ends(&seen, "rate_per_s"));
    assert!(at_most.is_infinite() && at_least.to_bits() == really.to_bits() && really < 600.0, "{seen:?}");
    assert_eq!(ends(&seen, "burst").0.to_bits(), 50_f64.to_bits());
    for fact in ["forgives_ms", "per_connection"] {
        assert_eq!(barrier(&seen, fact), Barrier::Prerequisite, "{fact}");
    }
    // Too few requests to meet it, and too few to look further.
    let few = RateLimit { at_most: Some(5), ..act(format!("{}/all", server.url)) };
    assert_eq!(known(&see(few).await, "limited"), &Value::Bool(false));
    let some = RateLimit { at_most: Some(12), ..act(format!("{}/all", server.url)) };
    let seen = see(some).await;
    assert_eq!(known(&seen, "limited"), &Value::Bool(true));
    assert!(count(&seen, "sent") <= 12, "{seen:?}");
    let (at_least, at_most) = ends(&seen, "limit_per_s");
    assert!(at_least.abs() < 0.001 && at_most > 50.0, "{seen:?}");
}

#[tokio::test]
async fn who_is_kept_waiting_does_not_keep_the_next_request() {
    let Some(server) = server() else { return };
    let slow = RateLimit { rate: Some(200), at_most: Some(12), ..act(format!("{}/slow", server.url)) };
    let seen = see(slow).await;
    // One after the other it would be 20 a second. What was not refused had to wait for its turn, 50 ms each.
    assert_eq!(known(&seen, "limited"), &Value::Bool(true), "{seen:?}");
    assert!(ends(&seen, "rate_per_s").0 > 25.0, "{seen:?}");
    assert!(count(&seen, "connections") >= 3, "{seen:?}");
    assert!(ends(&seen, "latency_p99_ms").0 > 90.0, "{seen:?}");
}

#[tokio::test]
async fn who_may_not_at_all_meets_no_limit_and_the_plan_says_what_a_refusal_is() {
    let Some(server) = server() else { return };
    let few = RateLimit { at_most: Some(20), ..act(format!("{}/forbidden", server.url)) };
    let seen = see(few.clone()).await;
    assert_eq!((known(&seen, "limited"), count(&seen, "granted")), (&Value::Bool(false), 20));
    let Value::Map(statuses) = known(&seen, "statuses") else { panic!("{seen:?}") };
    assert_eq!(statuses["403"], Value::from(20));
    let seen = see(RateLimit { refused_status: vec![403], ..few }).await;
    assert_eq!((barrier(&seen, "limited"), count(&seen, "refusal")), (Barrier::Prerequisite, 403));
    assert_eq!(barrier(&seen, "burst"), Barrier::Prerequisite, "{seen:?}");
}

/// What somebody still has.
#[derive(Default)]
struct Window {
    began: Option<Instant>,
    used: usize,
}

impl Window {
    /// Whether this request is one of the first so many since the last window ended.
    fn grants(&mut self) -> bool {
        let (now, (most, window)) = (Instant::now(), WINDOW);
        if self.began.is_none_or(|began| now.duration_since(began) >= window) {
            *self = Self { began: Some(now), used: 0 };
        }
        self.used += 1;
        self.used <= most
    }
}

/// How many requests are granted, and in which time.
const WINDOW: (usize, Duration) = (20, Duration::from_secs(2));

/// Serves beside the test, so that neither keeps the other waiting; at which address.
fn serve<F: Future<Output = ()>>(
    serve: impl FnOnce(tokio::net::TcpListener) -> F + Send + 'static,
) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { serve(tokio::net::TcpListener::from_std(listener).unwrap()).await });
    });
    address.to_string()
}

/// A server of HTTP that answers what `answer` makes of each request and of the number of its connection; none: it never does.
fn answers(
    latency: Duration,
    answer: impl FnMut(&str, usize) -> Option<&'static str> + Send + 'static,
) -> String {
    let answer = Arc::new(Mutex::new(answer));
    serve(move |listener| async move {
        for connection in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    let request = String::from_utf8_lossy(&buffer[..length]).to_lowercase();
                    let Some(status) = (answer.lock().unwrap())(&request, connection) else {
                        return std::future::pending().await;
                    };
                    tokio::time::sleep(latency).await;
                    let whole = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                    if stream.write_all(whole.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    })
}

/// So many requests at once, and then so many a second.
struct Bucket {
    most: f64,
    a_second: f64,
    left: f64,
    at: Instant,
}

impl Bucket {
    fn new(most: f64, a_second: f64) -> Self {
        Self { most, a_second, left: most, at: Instant::now() }
    }

    fn grants(&mut self) -> bool {
        let now = Instant::now();
        let forgiven = now.duration_since(self.at).as_secs_f64() * self.a_second;
        (self.left, self.at) = ((self.left + forgiven).min(self.most), now);
        let grants = self.left >= 1.0;
        self.left -= f64::from(u8::from(grants));
        grants
    }

    fn answer(&mut self) -> Option<&'static str> {
        Some(if self.grants() { "200 OK" } else { "429 Slower" })
    }
}

#[tokio::test]
async fn each_connection_alone_is_not_all_together_however_many_the_first_requests_took() {
    let latency = Duration::from_millis(50);
    let apart = || {
        let mut each: BTreeMap<usize, Bucket> = BTreeMap::new();
        answers(latency, move |_, connection| {
            each.entry(connection).or_insert_with(|| Bucket::new(10.0, 5.0)).answer()
        })
    };
    let mut all = Bucket::new(10.0, 20.0);
    let together = answers(latency, move |_, _| all.answer());
    let look = |address: String, at_most: u32| {
        let other_identity = Some(Identity { headers: header("X-User", "berta"), ..Identity::default() });
        let at_most = Some(at_most);
        let act = RateLimit { other_identity, at_most, ..act(format!("http://{address}/")) };
        async move { look_with(Act::RateLimit(act), &[], Duration::from_secs(20)).await }
    };
    // Too few to find out where it lies, so that little is known of what is forgiven meanwhile.
    let looks = futures_util::future::join_all([apart(), apart(), apart()].map(|address| look(address, 330)));
    let (looks, together) = tokio::join!(looks, look(together, 1000));
    for seen in looks {
        assert!(ends(&seen, "burst").1 > 50.0, "it took few connections: {seen:?}");
        for fact in ["per_connection", "per_identity"] {
            assert_ne!(seen.facts.get(fact), Some(&Value::Bool(false)), "{fact}: {seen:?}");
        }
    }
    for fact in ["per_connection", "per_identity"] {
        assert_ne!(together.facts.get(fact), Some(&Value::Bool(true)), "{fact}: {together:?}");
    }
    assert_eq!(known(&together, "per_connection"), &Value::Bool(false), "{together:?}");
}

#[tokio::test]
async fn who_has_no_answer_when_the_look_ends_was_perhaps_refused() {
    let mut count = 0;
    let address = answers(Duration::ZERO, move |_, _| {
        count += 1;
        (count <= 10).then_some("200 OK")
    });
    let some = RateLimit { at_most: Some(50), ..act(format!("http://{address}/")) };
    let seen = look_with(Act::RateLimit(some), &[], Duration::from_secs(2)).await;
    assert_eq!((known(&seen, "granted"), known(&seen, "sent")), (&Value::from(10), &Value::from(50)));
    for fact in ["limited", "refusal", "retry_after", "failed", "limit_per_s", "burst"] {
        assert_eq!(barrier(&seen, fact), Barrier::TimedOut, "{fact}");
    }
}

#[tokio::test]
async fn who_refuses_now_and_then_has_no_limit() {
    let mut count = 0;
    let address = answers(Duration::ZERO, move |_, _| {
        count += 1;
        Some(if count % 10 == 0 { "429 Slower" } else { "200 OK" })
    });
    let seen =
        look_with(Act::RateLimit(act(format!("http://{address}/"))), &[], Duration::from_secs(20)).await;
    assert_eq!(
        (known(&seen, "limited"), barrier(&seen, "limit_per_s")),
        (&Value::Bool(true), Barrier::Changed)
    );
}

#[tokio::test]
async fn who_is_turned_away_for_another_reason_is_not_counted_apart() {
    for status in ["401 Who", "500 Oh"] {
        let mut all = Bucket::new(10.0, 1.0);
        let address = answers(Duration::ZERO, move |request, _| match request.contains("berta") {
            true => Some(status),
            false => all.answer(),
        });
        let other_identity = Some(Identity { headers: header("X-User", "berta"), ..Identity::default() });
        let act = RateLimit { other_identity, ..act(format!("http://{address}/")) };
        let seen = look_with(Act::RateLimit(act), &[], Duration::from_secs(6)).await;
        assert_eq!(known(&seen, "per_connection"), &Value::Bool(false), "{seen:?}");
        assert_eq!(barrier(&seen, "per_identity"), Barrier::Prerequisite, "{seen:?}");
    }
}

#[tokio::test]
async fn a_limit_by_windows_is_no_lower_than_what_it_grants_in_each() {
    let counted = Arc::new(Mutex::new(Window::default()));
    let address = serve(move |listener| async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let counted = counted.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {
                    let answer = match counted.lock().unwrap().grants() {
                        true => "HTTP/1.1 204 No Content\r\n\r\n",
                        false => "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
                    };
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let seen = see(act(format!("http://{address}/"))).await;
    assert_eq!((count(&seen, "refusal"), count(&seen, "retry_after")), (503, 1));
    assert!(holds(&seen, "burst", 20.0), "{seen:?}");
    assert!(holds(&seen, "limit_per_s", 10.0), "{seen:?}");
    assert!(ends(&seen, "forgives_ms").1 < 4000.0, "{seen:?}");
    assert_eq!(known(&seen, "per_connection"), &Value::Bool(false));
}

/// A server of JSON-RPC with a limit of twenty calls at once and then one a second by who asks, whom the first call of a session names.
fn calls() -> String {
    let everybody: Arc<Mutex<BTreeMap<String, Vec<Instant>>>> = Arc::default();
    let address = serve(move |listener| async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let everybody = everybody.clone();
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                let (mut who, mut in_a_row) = (None, 0);
                while let Some(Ok(Message::Text(text))) = socket.next().await {
                    let call: serde_json::Value = serde_json::from_str(&text).unwrap();
                    let reply = match (call["method"].as_str().unwrap(), &who) {
                        ("authenticate", _) if call["params"]["token"] == "none" => {
                            json!({ "error": { "code": -32001, "message": "who are you" } })
                        }
                        ("authenticate", _) => {
                            who = Some(call["params"]["token"].as_str().unwrap().to_owned());
                            json!({ "result": true })
                        }
                        (_, None) => json!({ "error": { "code": -32001, "message": "who are you" } }),
                        (_, Some(who)) => {
                            let mut everybody = everybody.lock().unwrap();
                            let own = everybody.entry(who.clone()).or_default();
                            // Each call takes a second to be forgiven, one after the other.
                            own.retain(|forgiven| *forgiven > Instant::now());
                            if own.len() < 20 {
                                let last = own.last().copied().unwrap_or_else(Instant::now);
                                own.push(last + Duration::from_secs(1));
                                json!({ "result": HOSTILE })
                            } else {
                                let data = json!({ "retry_after": 1 });
                                json!({ "error": { "code": -32040, "message": "slower", "data": data } })
                            }
                        }
                    };
                    in_a_row = if reply["error"]["code"] == -32040 { in_a_row + 1 } else { 0 };
                    let mut reply = reply;
                    reply["jsonrpc"] = "2.0".into();
                    reply["id"] = call["id"].clone();
                    // What is said of its own accord is no reply.
                    let event = json!({ "jsonrpc": "2.0", "method": "tick" });
                    for message in [event, reply] {
                        if socket.send(Message::text(message.to_string())).await.is_err() {
                            return;
                        }
                    }
                    // Who does not wait is let go.
                    if in_a_row == 10 {
                        _ = socket.close(None).await;
                        return;
                    }
                }
            });
        }
    });
    format!("ws://{address}/")
}

fn session(token: &str) -> Vec<probity_plan::kinds::jsonrpc::Call> {
    serde_json::from_value(json!([{ "method": "authenticate", "params": { "token": token } }])).unwrap()
}

fn calling(url: String, token: &str) -> RateLimit {
    RateLimit {
        call: Some(serde_json::from_value(json!({ "method": "ping" })).unwrap()),
        session: session(token),
        refused_code: vec![-32040],
        ..act(url)
    }
}

#[tokio::test]
async fn calls_over_a_websocket_are_counted_by_who_the_session_says() {
    let other = Identity { session: session("berta"), ..Identity::default() };
    let act = RateLimit { other_identity: Some(other), ..calling(calls(), "anna") };
    let seen = look_with(Act::RateLimit(act), &[], Duration::from_secs(12)).await;
    assert_eq!((count(&seen, "refusal"), count(&seen, "retry_after")), (-32040, 1));
    assert_eq!(
        (known(&seen, "per_connection"), known(&seen, "per_identity")),
        (&Value::Bool(false), &Value::Bool(true))
    );
    assert!(holds(&seen, "burst", 20.0) && holds(&seen, "limit_per_s", 1.0), "{seen:?}");
    let Value::Map(statuses) = known(&seen, "statuses") else { panic!("{seen:?}") };
    assert_eq!(statuses["result"], *known(&seen, "granted"));
    // A session that does not begin is no limit.
    let seen = see(calling(calls(), "none")).await;
    assert_eq!(barrier(&seen, "limited"), Barrier::Protocol);
    assert_eq!(known(&seen, "answered"), &Value::Bool(false));
    // Nor is what nobody called a refusal.
    let nameless = RateLimit { session: Vec::new(), at_most: Some(5), ..calling(calls(), "") };
    let seen = see(nameless).await;
    assert_eq!((known(&seen, "limited"), count(&seen, "granted")), (&Value::Bool(false), 5));
}

#[tokio::test]
async fn where_nobody_listens_nobody_answers() {
    let nobody = format!("127.0.0.1:{}/", support::free_port());
    for act in [act(format!("http://{nobody}")), calling(format!("ws://{nobody}"), "anna")] {
        let seen = see(act).await;
        assert_eq!(
            (known(&seen, "answered"), known(&seen, "connected")),
            (&Value::Bool(false), &Value::Bool(false))
        );
        assert_eq!(barrier(&seen, "limited"), Barrier::ConnectionRefused, "{seen:?}");
        // Nobody is asked a thousand times who is not there.
        assert!(count(&seen, "sent") < 200 && count(&seen, "sent") == count(&seen, "failed"), "{seen:?}");
    }
    for wrong in [
        act("ftp://127.0.0.1/"),
        act(format!("ws://{nobody}")),
        RateLimit { refused_code: Vec::new(), ..calling(format!("ws://{nobody}"), "anna") },
        calling(format!("http://{nobody}"), "anna"),
        RateLimit { rate: Some(0), ..act(format!("http://{nobody}")) },
        RateLimit { at_most: Some(0), ..act(format!("http://{nobody}")) },
    ] {
        assert_eq!(barrier(&see(wrong.clone()).await, "answered"), Barrier::Unsupported, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_time_out() {
    let silent = support::silent();
    let act = RateLimit { rate: Some(20), ..act(format!("http://{}/", silent.address)) };
    let seen = look_with(Act::RateLimit(act), &[], Duration::from_millis(400)).await;
    assert_eq!(
        (known(&seen, "answered"), barrier(&seen, "limited")),
        (&Value::Bool(false), Barrier::TimedOut)
    );
    // Nobody's silence keeps the next request.
    assert!(count(&seen, "sent") >= 3, "{seen:?}");
    silent.until_gone().await;
}

#[tokio::test]
async fn nonsense_is_a_barrier_and_a_server_that_goes_away_may_have_refused() {
    let seen = see(act(format!("http://{}/", support::says("nonsense\r\n\r\n")))).await;
    assert_eq!(
        (known(&seen, "answered"), barrier(&seen, "limited")),
        (&Value::Bool(false), Barrier::Protocol)
    );
    assert_eq!(known(&seen, "connected"), &Value::Bool(true));
    // What this client does not read says nothing of the server.
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (answer, expected) in [
        ("HTTP/1.1 102 Processing\r\n\r\n".repeat(100_000), Barrier::TooLarge),
        (format!("{head}{}0\r\n\r\n", "1;ext=abcdefghij\r\nx\r\n".repeat(2000)), Barrier::TooLarge),
        ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello".to_owned(), Barrier::Protocol),
    ] {
        let act = RateLimit { at_most: Some(1), ..act(format!("http://{}/", support::says(answer.clone()))) };
        let seen = see(act).await;
        assert_eq!(barrier(&seen, "answered"), expected, "{answer:.60}: {seen:?}");
        assert_eq!((known(&seen, "connected"), count(&seen, "failed")), (&Value::Bool(true), 1));
    }
    // A trailer that is none takes nothing from the answer.
    let answer = format!("{head}1\r\nx\r\n0\r\nX: a\u{1}b\r\n\r\n");
    let seen = see(RateLimit { at_most: Some(1), ..act(format!("http://{}/", support::says(answer))) }).await;
    assert_eq!(count(&seen, "granted"), 1, "{seen:?}");
    // Every second connection is hung up on.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            _ = stream.read(&mut buffer).await;
            if number % 2 == 0 {
                let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    let seen = see(RateLimit { at_most: Some(10), ..act(url) }).await;
    assert!(count(&seen, "granted") > 0 && count(&seen, "failed") > 0, "{seen:?}");
    assert_eq!(known(&seen, "answered"), &Value::Bool(true));
    for fact in ["limited", "burst", "limit_per_s"] {
        assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{fact}");
    }
}

#[tokio::test]
async fn hostile_answers_are_counted_and_not_kept() {
    let refused = async |headers: &str| {
        let refusal = format!("HTTP/1.1 429 {}\r\n{headers}Content-Length: 0\r\n\r\n", "x".repeat(100));
        let url = format!("http://{}/", support::says(refusal));
        let seen = see(RateLimit { at_most: Some(5), ..act(url) }).await;
        assert_eq!(count(&seen, "refusal"), 429);
        seen
    };
    assert_eq!(known(&refused("").await, "retry_after"), &Value::Null);
    assert_eq!(known(&refused("Retry-After: 7\r\n").await, "retry_after"), &Value::from(7));
    // What is said otherwise is not said to be nothing.
    let nines = format!("Retry-After: {}\r\n", "9".repeat(40));
    for headers in [
        nines.as_str(),
        "Retry-After: Fri, 04 Dec 2026 07:28:00 GMT\r\n",
        "Retry-After: -3\r\n",
        "Retry-After: 3\r\nRetry-After: 5\r\n",
    ] {
        assert_eq!(barrier(&refused(headers).await, "retry_after"), Barrier::Unsupported, "{headers}");
    }
    let body = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n{HOSTILE}", "y".repeat(1000));
    let seen = see(RateLimit { at_most: Some(3), ..act(format!("http://{}/", support::says(body))) }).await;
    assert_eq!(count(&seen, "granted"), 3, "{seen:?}");
    assert!(!format!("{:?}", seen.facts).contains("owned"));
}

#[tokio::test]
async fn who_grants_nothing_has_no_limit_that_was_seen() {
    let url = format!("http://{}/", answers(Duration::ZERO, |_, _| Some("503 Down")));
    let seen = see(RateLimit { at_most: Some(30), ..act(url) }).await;
    assert_eq!((count(&seen, "granted"), count(&seen, "refused")), (0, count(&seen, "sent")), "{seen:?}");
    for fact in ["limited", "burst", "limit_per_s", "forgives_ms", "per_connection"] {
        assert_eq!(barrier(&seen, fact), Barrier::Prerequisite, "{fact}: {seen:?}");
    }
    // What was said is known.
    assert_eq!(known(&seen, "refusal"), &Value::from(503));
}
