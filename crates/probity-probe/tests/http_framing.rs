//! Heads and framing of HTTP: what of an answer arrived, and what tells where its body ends, against listeners that say what they are told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use probity_plan::kinds::http::Http;
use probity_plan::{Act, Barrier, Text, Value};
use probity_probe::Seen;
use support::{barrier, far, known, look, text};

fn get(url: impl Into<String>) -> Http {
    Http { http: Text::plain(url), ..Http::default() }
}

async fn see(http: Http) -> Seen {
    look(Act::Http(http)).await
}

#[tokio::test]
async fn nonsense_is_a_barrier_and_no_answer() {
    for nonsense in [
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        Vec::new(),
        b"HTTP/1.1 2000 OK\r\n\r\n".to_vec(),
        b"\x00\xff\xfe".repeat(500),
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n".to_vec(),
        b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec(),
    ] {
        let seen = see(get(format!("http://{}/", support::says(nonsense.clone())))).await;
        let shown: String = String::from_utf8_lossy(&nonsense).chars().take(60).collect();
        assert_eq!(barrier(&seen, "status"), Barrier::Protocol, "{shown:?}: {seen:?}");
        assert_eq!(far(&seen), [Some(!nonsense.is_empty()), Some(false), None, Some(false)], "{shown:?}");
    }
}

#[tokio::test]
async fn a_head_that_is_longer_than_is_read_is_neither_an_answer_nor_none() {
    let many = (0..20_000).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    for head in [many, format!("X: {}\r\n", "y".repeat(5_000_000))] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{head}\r\n");
        let seen = see(get(format!("http://{}/", support::says(head)))).await;
        assert_eq!(barrier(&seen, "answered"), Barrier::TooLarge, "{seen:?}");
        assert_eq!(far(&seen), [Some(true), None, None, None]);
    }
}

#[tokio::test]
async fn interim_answers_without_end_are_longer_than_is_read() {
    let interim = "HTTP/1.1 102 Processing\r\n\r\n";
    let seen = see(get(format!("http://{}/", support::says(interim.repeat(300_000))))).await;
    assert_eq!((far(&seen), barrier(&seen, "answered")), ([Some(true), None, None, None], Barrier::TooLarge));
    // Some are none of the answer, and its own lines are looked through all the same.
    let some =
        format!("\r\n{}HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 2\r\n\r\nok", interim.repeat(500));
    let seen = see(get(format!("http://{}/", support::says(some)))).await;
    assert_eq!((far(&seen), barrier(&seen, "headers")), ([Some(true); 4], Barrier::Protocol), "{seen:?}");
}

#[tokio::test]
async fn an_answer_is_whole_where_its_framing_says_so() {
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
    // What is said after that, the method, the framing, whether the body is whole.
    for (answer, method, framing, whole) in [
        (format!("{close}Content-Length: 5\r\n\r\nhello"), "GET", "length", true),
        (format!("{close}Content-Length: 6\r\n\r\nhello"), "GET", "length", false),
        (format!("{close}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "GET", "chunked", true),
        (format!("{close}Transfer-Encoding: Chunked \r\n\r\n5\r\nhello\r\n"), "GET", "chunked", false),
        (
            format!("{close}Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"),
            "GET",
            "chunked",
            false,
        ),
        (
            format!("{close}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello"),
            "GET",
            "chunked",
            false,
        ),
        // Nothing tells whether that was all: it is taken as it is, and says so.
        (format!("{close}\r\nhello"), "GET", "close", true),
        ("HTTP/1.0 200 OK\n\nhello".to_owned(), "GET", "close", true),
        (format!("{close}Content-Length: 1000\r\n\r\n"), "HEAD", "none", true),
        ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), "GET", "none", true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n".to_owned(), "GET", "none", true),
        ("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n".to_owned(), "GET", "none", true),
    ] {
        let url = format!("http://{}/", support::says(answer.clone()));
        let seen = see(Http { method: Some(method.to_owned()), ..get(url) }).await;
        assert_eq!(far(&seen), [Some(true), Some(true), Some(whole), Some(whole)], "{answer:?}: {seen:?}");
        assert_eq!(text(&seen, "framing"), framing, "{answer:?}");
        if whole {
            let expected = if framing == "none" { "" } else { "hello" };
            assert_eq!(text(&seen, "body"), expected, "{answer:?}");
        } else {
            assert_eq!(barrier(&seen, "body"), Barrier::Protocol, "{answer:?}");
        }
    }
    // A coding that is not known, of which only the name ends so.
    let answer = format!("{close}Transfer-Encoding: x-chunked\r\n\r\nhello");
    let seen = see(get(format!("http://{}/", support::says(answer)))).await;
    assert_eq!((text(&seen, "framing"), barrier(&seen, "body")), ("close", Barrier::Unsupported));
    // More than is read: what came is counted, and nothing is said of the rest.
    let seen =
        see(get(format!("http://{}/", support::says(format!("{close}\r\n{}", "x".repeat(20 << 20)))))).await;
    assert_eq!(far(&seen), [Some(true), Some(true), None, None]);
    assert_eq!((barrier(&seen, "answered"), barrier(&seen, "body")), (Barrier::TooLarge, Barrier::TooLarge));
    assert!(known(&seen, "received_bytes").as_f64() > Some(f64::from(16 << 20)));
}

#[tokio::test]
async fn what_is_beside_the_chunks_of_a_body_takes_nothing_from_it() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let hello = "5;a=b;c=\"d\"\r\nhello\r\n0\r\n";
    let long = format!("X-T: {}\r\n", "y".repeat(20_000));
    for trailer in ["X-T: a\u{1}b\r\n", "no colon\r\n", "X(y): z\r\n", "X-T: y\r\n", &long] {
        let seen =
            see(get(format!("http://{}/", support::says(format!("{head}{hello}{trailer}\r\n"))))).await;
        assert_eq!(far(&seen), [Some(true); 4], "{trailer:.20}: {seen:?}");
        assert_eq!(text(&seen, "body"), "hello");
    }
    // More of it than is read says nothing of the rest.
    for (chunks, trailer) in
        [("1;ext=abcdefghij\r\nx\r\n".repeat(2000), ""), (String::new(), "X: y\r\n".repeat(20_000).as_str())]
    {
        let answer = format!("{head}{chunks}0\r\n{trailer}\r\n");
        let seen = see(get(format!("http://{}/", support::says(answer)))).await;
        assert_eq!(far(&seen), [Some(true), Some(true), None, None], "{seen:?}");
        assert_eq!(barrier(&seen, "body"), Barrier::TooLarge);
    }
}

#[tokio::test]
async fn odd_headers_do_not_make_an_answer_none() {
    let answer = |head: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{head}\r\nok");
    let many = (0..300).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    for (head, name, value) in [
        (many.as_str(), "x-299", "y"),
        ("X-Folded: one\r\n two\r\n", "x-folded", "one two"),
        ("X-Space : y\r\n", "x-space", "y"),
        ("X-Latin: caf\u{e9}\r\n", "x-latin", "caf\u{e9}"),
    ] {
        let seen = see(get(format!("http://{}/", support::says(answer(head))))).await;
        assert_eq!(text(&seen, "body"), "ok", "{head:?}");
        let Value::Map(headers) = known(&seen, "headers") else { panic!("{seen:?}") };
        assert_eq!(headers[name], Value::from(value), "{head:?}");
    }
    // A line that is no header hides which there are, and no more.
    for head in ["Set-Cookie: a=b\u{b}c\r\n", "no colon here\r\n", "X(y): z\r\n", "X-Ansi: \u{1b}[2J\r\n"] {
        let seen = see(get(format!("http://{}/", support::says(answer(head))))).await;
        assert_eq!(far(&seen), [Some(true); 4], "{head:?}");
        assert_eq!((text(&seen, "body"), barrier(&seen, "headers")), ("ok", Barrier::Protocol), "{head:?}");
    }
}

#[tokio::test]
async fn a_header_that_is_not_utf_8_is_in_latin_1() {
    let answer =
        |byte: u8| [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: f", &[byte][..], b"r\r\n\r\n"].concat();
    for byte in [0xfc, 0xe4] {
        let seen = see(get(format!("http://{}/", support::says(answer(byte))))).await;
        let Value::Map(headers) = known(&seen, "headers") else { panic!("{seen:?}") };
        assert_eq!(headers["x-a"], Value::from(format!("f{}r", char::from(byte))));
    }
}

#[tokio::test]
async fn what_the_transfer_encoded_is_undone_as_well() {
    use std::io::Write;
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let chunked = |head: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{head}\r\n{:x}\r\n", body.len());
        [head.as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
    };
    let once = gzip(b"hello");
    for (head, body) in [
        ("Transfer-Encoding: gzip, chunked\r\n", &once),
        ("Transfer-Encoding: GZip\r\nTransfer-Encoding: Chunked\r\n", &once),
        ("Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", &once),
        ("Content-Encoding: gzip\r\nTransfer-Encoding: gzip, chunked\r\n", &gzip(&once)),
    ] {
        let seen = see(get(format!("http://{}/", support::says(chunked(head, body))))).await;
        assert_eq!((text(&seen, "body"), text(&seen, "framing")), ("hello", "chunked"), "{head}");
        assert_eq!(known(&seen, "size_bytes"), &Value::from(i64::try_from(body.len()).unwrap()));
    }
    let seen = see(get(format!(
        "http://{}/",
        support::says(chunked("Transfer-Encoding: compress, chunked\r\n", &once))
    )))
    .await;
    assert_eq!(barrier(&seen, "body"), Barrier::Unsupported);
}

#[tokio::test]
async fn where_the_line_that_tells_the_end_of_a_body_is_none_nothing_tells_it() {
    for line in
        ["Content-Length: 2\u{b}", "Transfer-Encoding: chu\u{b}nked", "transfer-encoding\u{7f}: chunked"]
    {
        let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{line}\r\n\r\nok");
        let seen = see(get(format!("http://{}/", support::says(answer)))).await;
        let lost = !line.contains('\u{7f}');
        assert_eq!(
            far(&seen),
            if lost { [Some(true), Some(true), None, None] } else { [Some(true); 4] },
            "{line:?}"
        );
        assert_eq!(
            (known(&seen, "status"), barrier(&seen, "headers")),
            (&Value::from(200), Barrier::Protocol)
        );
    }
}

#[tokio::test]
async fn a_head_that_arrived_whole_is_known_where_its_body_cannot_be_read() {
    for (version, framing) in [
        ("HTTP/1.1", "Content-Length: 5\r\nContent-Length: 6"),
        ("HTTP/1.1", "Content-Length: +5"),
        ("HTTP/1.1", "Content-Length: -1"),
        ("HTTP/1.0", "Transfer-Encoding: chunked"),
        ("HTTP/1.2", "Content-Length: 5"),
    ] {
        let answer = format!("{version} 404 Not Found\r\nServer: old\r\n{framing}\r\n\r\nhello");
        let answer = format!("HTTP/1.1 100 Continue\r\n\r\n{answer}");
        let seen = see(get(format!("http://{}/", support::says(answer)))).await;
        assert_eq!(far(&seen), [Some(true), Some(true), None, None], "{framing}: {seen:?}");
        assert_eq!((known(&seen, "status"), text(&seen, "version")), (&Value::from(404), version));
        let Value::Map(headers) = known(&seen, "headers") else { panic!("{seen:?}") };
        assert_eq!((headers.len(), &headers["server"]), (2, &Value::from("old")), "{headers:?}");
        assert_eq!(barrier(&seen, "body"), Barrier::Protocol);
    }
    // What is no status code is none (RFC 9110, 15).
    for (status, whole) in [("099", None), ("600", Some(true)), ("999", Some(true))] {
        let answer = format!("HTTP/1.1 {status} What\r\nContent-Length: 0\r\n\r\n");
        let seen = see(get(format!("http://{}/", support::says(answer)))).await;
        assert_eq!(far(&seen), [Some(true), Some(true), whole, whole], "{status}: {seen:?}");
        assert_eq!(barrier(&seen, "status"), Barrier::Protocol);
    }
}
