//! Cookies of `http`: which are kept, for how long, and how they are sent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;

use probity_plan::kinds::http::{Cookies, Http};
use probity_plan::{Act, Text, Value};
use probity_probe::Seen;
use support::{known, look, text};

fn get(url: impl Into<String>) -> Http {
    Http { http: Text::plain(url), ..Http::default() }
}

async fn see(http: Http) -> Seen {
    look(Act::Http(http)).await
}

/// Sends whoever comes without a cookie elsewhere, which gives one; tells which cookies came.
fn gives_cookies() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).unwrap();
            let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
            let cookies = request.lines().find_map(|line| line.strip_prefix("cookie: ")).unwrap_or("none");
            let answer = if request.starts_with("GET /login") {
                "HTTP/1.1 302 Found\r\nLocation: /\r\nSet-Cookie: session=4711; Path=/; HttpOnly\r\n\
                 Set-Cookie: other=x; Path=/elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    .to_owned()
            } else if cookies.contains("session=") {
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{cookies}",
                    cookies.len()
                )
            } else {
                "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    .to_owned()
            };
            _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/")
}

#[tokio::test]
async fn cookies_are_kept_for_as_long_as_the_plan_says() {
    use probity_probe::memory::Memories;
    struct Only(String);
    impl probity_plan::Sources for Only {
        fn read(&self, _: &str) -> Result<Vec<u8>, String> {
            Ok(self.0.clone().into_bytes())
        }
    }
    let url = gives_cookies();
    let asking = |cookies| Http { cookies, redirects: Some(4), ..get(&*url) };
    // Without them it goes round in circles.
    let seen = see(asking(None)).await;
    assert_eq!(known(&seen, "status"), &Value::from(302));
    let seen = see(asking(Some(Cookies::Redirects))).await;
    assert_eq!((known(&seen, "status"), text(&seen, "body")), (&Value::from(200), "session=4711"));
    // With one of the plan's own before it.
    let headers = BTreeMap::from([("Cookie".to_owned(), Text::plain("own=1"))]);
    let seen = see(Http { headers, ..asking(Some(Cookies::Redirects)) }).await;
    assert_eq!(text(&seen, "body"), "own=1; session=4711");

    // From look to look, row by row: who has been let in goes in at once.
    let plan = format!(
        "plan: Cookies\nprobes:\n  kept: {{ http: \"{url}\", redirects: 4, cookies: looks, repeat: 2, matrix: [{{ x: 1 }}, {{ x: 2 }}] }}\n  \
         new: {{ http: \"{url}\", redirects: 4, cookies: redirects, repeat: 2 }}\nclaims:\n  let_in: {{ of: kept, check: answered }}\nverdict:\n  - \
         {{ label: DONE }}\n"
    );
    let plan = probity_plan::load("plan.yaml", &Only(plan), &Default::default()).unwrap().plan;
    let memories = Memories::default();
    for (probe, row, again) in [("kept", 0, true), ("kept", 1, true), ("new", 0, false)] {
        let probe = plan.probe(probe).unwrap();
        let cell = &probe.cells[row];
        let mut ways = Vec::new();
        for _ in 0..2 {
            let seen = memories.recall(&probe.name, &cell.row, &cell.act, look(cell.act.clone())).await;
            assert_eq!(known(&seen, "status"), &Value::from(200), "{seen:?}");
            let Value::List(way) = known(&seen, "redirects") else { panic!("{seen:?}") };
            ways.push(way.len());
        }
        assert_eq!(ways, [2, if again { 0 } else { 2 }], "{} {row}", probe.name);
    }
}

/// Sets these cookies with a redirect, and tells which came with the next request.
fn sets_cookies(set: &[u8]) -> (String, std::sync::mpsc::Receiver<Vec<u8>>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let moved =
        [b"HTTP/1.1 302 Found\r\nLocation: /b\r\n", set, b"Content-Length: 0\r\nConnection: close\r\n\r\n"]
            .concat();
    let (send, came) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
        for (stream, said) in listener.incoming().zip([moved, ok]) {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).unwrap();
            stream.write_all(&said).unwrap();
            let lines = buffer[..read].split(|byte| *byte == b'\n');
            let cookies =
                lines.into_iter().find_map(|line| line.strip_prefix(b"cookie: ")).unwrap_or_default();
            _ = send.send(cookies.trim_ascii_end().to_vec());
        }
    });
    (format!("http://localhost:{port}/"), came)
}

#[tokio::test]
async fn only_cookies_are_kept_that_a_browser_keeps_and_they_are_sent_as_they_came() {
    for (set, sent) in [
        (&b"Set-Cookie: a=1; Path=/\r\n"[..], &b"a=1"[..]),
        (b"Set-Cookie: __Host-a=1; Secure; Path=/\r\n", b"__Host-a=1"),
        (b"Set-Cookie: __Secure-a=1; Secure\r\n", b"__Secure-a=1"),
        // Without what the prefix says.
        (b"Set-Cookie: __Host-a=1; Path=/\r\n", b""),
        (b"Set-Cookie: __Host-sid=1; Secure; Path=/x; Domain=localhost\r\n", b""),
        (b"Set-Cookie: __Host-a=1; Secure; Path=/; Domain=localhost\r\n", b""),
        (b"Set-Cookie: __Host-a=1; Secure\r\n", b""),
        (b"Set-Cookie: __Secure-a=1\r\n", b""),
        (b"Set-Cookie: __secure-a=1\r\n", b""),
        // The longest path comes first (RFC 6265, 5.4).
        (
            b"Set-Cookie: a=1; Path=/\r\nSet-Cookie: a=2; Path=/b\r\nSet-Cookie: 0=3; Path=/\r\n",
            b"a=2; 0=3; a=1",
        ),
        // Bytes are what they are.
        (b"Set-Cookie: a=caf\xe9\r\n", b"a=caf\xe9"),
        (b"Set-Cookie: a=\xe0\xa0\r\n", b"a=\xe0\xa0"),
        ("Set-Cookie: a=caf\u{e9} \u{e0}; Path=/\r\n".as_bytes(), "a=caf\u{e9} \u{e0}".as_bytes()),
    ] {
        let (url, came) = sets_cookies(set);
        see(Http { redirects: Some(1), cookies: Some(Cookies::Redirects), ..get(url) }).await;
        let sets = String::from_utf8_lossy(set).into_owned();
        assert_eq!(came.iter().nth(1).as_deref(), Some(sent), "{sets}");
    }
}
