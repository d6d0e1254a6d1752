//! `dns` against Debian's NSD in each state, and against sockets that are no name server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod elsewhere;
mod support;

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::time::Duration;

use probity_plan::kinds::dns::{Dns, Record};
use probity_plan::{Act, Barrier, Value};
use probity_probe::Seen;
use support::{Running, barrier, known, look, look_with, text, tool};

struct Server {
    address: String,
    _folder: tempfile::TempDir,
    _running: Running,
}

/// NSD as the authority of `example.test` and `secret.test`, of which the latter is for somebody else.
fn server() -> Option<Server> {
    let folder = support::folder();
    let port = support::free_port();
    let many: String = (0..100).map(|n| format!("many TXT \"a rather long text number {n}\"\n")).collect();
    let zone = format!(
        "$TTL 3600\n@ SOA ns hostmaster 7 3600 600 86400 300\n@ NS ns\nns A 127.0.0.1\n\
         www 60 A 192.0.2.80\nwww 30 A 192.0.2.9\nwww AAAA 2001:db8::80\nalias CNAME second\nsecond CNAME www\n\
         @ MX 10 mail\n@ MX 20 backup.example.net.\nmail A 192.0.2.25\n@ CAA 0 issue \"ca.example\"\n\
         _sip._tcp SRV 1 2 5060 www\n80.www PTR www\nspf TXT \"v=spf1 \" \"-all\"\nloop CNAME loop\n\
         child NS ns.child\nns.child A 127.0.0.2\nout CNAME www.example.net.\n\
         key1_op16._domainkey TXT found\n81.64/26.2.0.192 TXT found\nxn--bcher-kva TXT found\n\
         my\\032print PTR the\\252.b\\.c\\@d\n\
         \\252b TXT found\nsub DNAME www\n\
         hostile TXT \"\\027[2Jred\\007 <script>\"\nbytes TXT \"\\255\\254\"\nbytes CAA 0 issue \"\\255\"\n{many}"
    );
    let own = folder.path().display();
    std::fs::write(folder.path().join("zone"), zone).unwrap();
    let config = folder.path().join("nsd.conf");
    std::fs::write(
        &config,
        format!(
            "server:\n ip-address: 127.0.0.1@{port}\n username: \"\"\n chroot: \"\"\n zonesdir: \"{own}\"\n \
             pidfile: \"{own}/pid\"\n xfrdfile: \"{own}/xfrd\"\n zonelistfile: \"{own}/list\"\n database: \"\"\n \
             logfile: \"{own}/log\"\n xfrdir: \"{own}\"\n server-count: 1\n\
             remote-control:\n control-enable: no\n\
             zone:\n name: example.test\n zonefile: zone\n\
             zone:\n name: secret.test\n zonefile: zone\n allow-query: 192.0.2.1 NOKEY\n"
        ),
    )
    .unwrap();
    let running = support::start(tool("nsd")?.arg("-d").arg("-c").arg(&config));
    support::until_listens(port);
    Some(Server { address: format!("127.0.0.1:{port}"), _folder: folder, _running: running })
}

fn act(server: &str, name: &str, record: Record) -> Act {
    Act::Dns(Dns { dns: name.to_owned(), record, server: Some(server.to_owned()) })
}

fn records(seen: &Seen) -> Vec<&str> {
    let Value::List(list) = known(seen, "records") else { panic!("{seen:?}") };
    list.iter().map(|record| record.as_text().unwrap()).collect()
}

#[tokio::test]
async fn an_authority_answers_each_type_of_record() {
    let Some(server) = server() else { return };
    let cases: [(&str, Record, &[&str]); 11] = [
        ("www.example.test", Record::A, &["192.0.2.80", "192.0.2.9"]),
        ("WWW.example.test.", Record::Aaaa, &["2001:db8::80"]),
        ("example.test", Record::Mx, &["10 mail.example.test.", "20 backup.example.net."]),
        ("spf.example.test", Record::Txt, &["v=spf1 -all"]),
        ("example.test", Record::Ns, &["ns.example.test."]),
        ("alias.example.test", Record::Cname, &["second.example.test."]),
        ("example.test", Record::Soa, &["ns.example.test. hostmaster.example.test. 7 3600 600 86400 300"]),
        ("_sip._tcp.example.test", Record::Srv, &["1 2 5060 www.example.test."]),
        ("80.www.example.test", Record::Ptr, &["www.example.test."]),
        ("example.test", Record::Caa, &["0 issue \"ca.example\""]),
        ("mail.example.test", Record::Aaaa, &[]),
    ];
    for (name, record, expected) in cases {
        let seen = look(act(&server.address, name, record)).await;
        assert_eq!(records(&seen), expected, "{name} {record:?}");
        assert_eq!(known(&seen, "count"), &Value::from(i64::try_from(expected.len()).unwrap()));
        assert_eq!(text(&seen, "rcode"), "NOERROR");
        assert_eq!(known(&seen, "authoritative"), &Value::Bool(true));
        assert_eq!(known(&seen, "nxdomain"), &Value::Bool(false));
        assert_eq!(known(&seen, "over_tcp"), &Value::Bool(false));
        assert_eq!(text(&seen, "server"), server.address);
    }
    let seen = look(act(&server.address, "mail.example.test", Record::Mx)).await;
    assert_eq!(barrier(&seen, "ttl_s"), Barrier::Unsupported);
}

#[tokio::test]
async fn aliases_are_followed_and_listed() {
    let Some(server) = server() else { return };
    let seen = look(act(&server.address, "alias.example.test", Record::A)).await;
    assert_eq!(records(&seen), ["192.0.2.80", "192.0.2.9"]);
    assert_eq!(known(&seen, "aliases"), &Value::from(vec!["second.example.test.", "www.example.test."]));
    // The least of 60 and 30.
    assert_eq!(known(&seen, "ttl_s"), &Value::from(30));
}

#[tokio::test]
async fn a_record_that_is_to_live_longer_than_any_may_is_not_kept_at_all() {
    let longest: Make =
        |question| answer(question, 0, 1, b"\xc0\x0c\0\x01\0\x01\x7f\xff\xff\xff\0\x04\xc0\0\x02\x50");
    let longer: Make =
        |question| answer(question, 0, 1, b"\xc0\x0c\0\x01\0\x01\x80\0\0\x01\0\x04\xc0\0\x02\x50");
    for (make, ttl) in [(longest, 0x7fff_ffff), (longer, 0)] {
        let seen = look(act(&answers(make), "www.example.test", Record::A)).await;
        assert_eq!(known(&seen, "ttl_s"), &Value::from(ttl));
    }
}

#[tokio::test]
async fn a_name_that_is_not_there_is_a_fact() {
    let Some(server) = server() else { return };
    let seen = look(act(&server.address, "nobody.example.test", Record::A)).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(true));
    assert_eq!(known(&seen, "nxdomain"), &Value::Bool(true));
    assert_eq!(text(&seen, "rcode"), "NXDOMAIN");
    assert!(records(&seen).is_empty());
}

#[tokio::test]
async fn a_refusal_is_a_fact_and_the_records_stay_unknown() {
    let Some(server) = server() else { return };
    for name in ["www.secret.test", "www.example.org"] {
        let seen = look(act(&server.address, name, Record::A)).await;
        assert_eq!(known(&seen, "refused"), &Value::Bool(true), "{seen:?}");
        assert_eq!(text(&seen, "rcode"), "REFUSED");
        assert_eq!(barrier(&seen, "records"), Barrier::Unsupported);
    }
}

#[tokio::test]
async fn what_is_too_long_for_udp_comes_over_tcp() {
    let Some(server) = server() else { return };
    let seen = look(act(&server.address, "many.example.test", Record::Txt)).await;
    assert_eq!(known(&seen, "over_tcp"), &Value::Bool(true));
    assert_eq!(known(&seen, "count"), &Value::from(100));
    assert!(records(&seen).contains(&"a rather long text number 99"));
}

#[tokio::test]
async fn hostile_texts_are_kept_as_text() {
    let Some(server) = server() else { return };
    let seen = look(act(&server.address, "hostile.example.test", Record::Txt)).await;
    assert_eq!(records(&seen), ["\u{1b}[2Jred\u{7} <script>"]);
    // What is no text has no form in which two of them would surely differ.
    for (name, record) in [("bytes.example.test", Record::Txt), ("bytes.example.test", Record::Caa)] {
        let seen = look(act(&server.address, name, record)).await;
        assert_eq!((known(&seen, "count"), barrier(&seen, "records")), (&Value::from(1), Barrier::Protocol));
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_not_answered() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    drop(socket);
    let seen = look(act(&address, "www.example.test", Record::A)).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false));
    assert_eq!(barrier(&seen, "records"), Barrier::ConnectionRefused);
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_time_out() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let seen = support::look_at_hanging(act(&address, "www.example.test", Record::A)).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false));
    // It asked once, and no more: no retry hides a lost datagram.
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 512]).is_ok());
    assert!(socket.recv(&mut [0; 512]).is_err());
}

/// What is made of a question.
type Make = fn(&[u8]) -> Vec<u8>;

/// A socket that answers a question with what this makes of it.
fn answers(make: Make) -> String {
    answers_in_turn(vec![make])
}

/// A socket that answers a question with what each of these makes of it.
fn answers_in_turn(all: Vec<Make>) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        let (n, from) = socket.recv_from(&mut question).unwrap();
        for make in all {
            socket.send_to(&make(&question[..n]), from).unwrap();
        }
    });
    address
}

/// The question as an answer with this code, this many records announced, and these bytes behind it.
fn answer(question: &[u8], code: u8, records: u8, rest: &[u8]) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    answer[3] = code;
    answer[7] = records;
    answer.extend_from_slice(rest);
    answer
}

#[tokio::test]
async fn nonsense_and_answers_to_other_questions_are_a_barrier() {
    let cases: [(&str, Make); 7] = [
        ("text", |_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("nothing", |_| Vec::new()),
        ("the question itself", <[u8]>::to_vec),
        ("another id", |question| {
            let mut other = answer(question, 0, 0, b"");
            other[0] ^= 0xff;
            other
        }),
        ("another question", |question| {
            let mut other = answer(question, 0, 0, b"");
            other[13] ^= 1;
            other
        }),
        ("a record cut short", |question| answer(question, 0, 1, b"\xc0\x0c\x00\x01\x00\x01\x00\x00")),
        ("a name that points at itself", |question| {
            let at = u8::try_from(question.len()).unwrap();
            answer(question, 0, 1, &[0xc0, at, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4])
        }),
    ];
    for (what, make) in cases {
        let asked = act(&answers(make), "www.example.test", Record::A);
        let seen = look_with(asked, &[], Duration::from_secs(2)).await;
        assert_eq!(barrier(&seen, "records"), Barrier::Protocol, "{what}: {seen:?}");
        assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{what}");
    }
}

#[tokio::test]
async fn an_answer_with_another_id_is_not_taken_for_the_one_that_follows() {
    let forged: Make = |question| {
        let mut other = answer(question, 3, 0, b"");
        other[0] ^= 0xff;
        other
    };
    let right: Make =
        |question| answer(question, 0, 1, b"\xc0\x0c\x00\x01\x00\x01\0\0\0\x01\0\x04\xc0\0\x02\x50");
    let seen = look(act(&answers_in_turn(vec![forged, right]), "www.example.test", Record::A)).await;
    assert_eq!(records(&seen), ["192.0.2.80"]);
}

#[tokio::test]
async fn an_answer_that_contradicts_itself_is_a_barrier() {
    let cases: [(&str, Make); 5] = [
        ("class CH", |question| {
            answer(question, 0, 1, b"\xc0\x0c\x00\x01\x00\x03\0\0\0\x01\0\x04\xc0\0\x02\x50")
        }),
        ("NXDOMAIN and a record", |question| {
            answer(question, 3, 1, b"\xc0\x0c\x00\x01\x00\x01\0\0\0\x01\0\x04\xc0\0\x02\x50")
        }),
        ("two aliases", |question| {
            let alias = b"\xc0\x0c\x00\x05\x00\x01\0\0\0\x01\0\x03\x01x\0\xc0\x0c\x00\x05\x00\x01\0\0\0\x01\0\x03\x01y\0";
            answer(question, 0, 2, alias)
        }),
        ("an alias of itself", |question| {
            answer(question, 0, 1, b"\xc0\x0c\x00\x05\x00\x01\0\0\0\x01\0\x02\xc0\x0c")
        }),
        ("an alias of an alias of itself", |question| {
            let loop_ = b"\xc0\x0c\x00\x05\x00\x01\0\0\0\x01\0\x03\x01x\0\x01x\0\x00\x05\x00\x01\0\0\0\x01\0\x02\xc0\x0c";
            answer(question, 0, 2, loop_)
        }),
    ];
    for (what, make) in cases {
        let seen = look(act(&answers(make), "www.example.test", Record::A)).await;
        assert_eq!(known(&seen, "answered"), &Value::Bool(true), "{what}: {seen:?}");
        for fact in ["records", "count", "nxdomain", "aliases"] {
            assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{what} {fact}: {seen:?}");
        }
        // That there is no such name is not said by its code either.
        assert_eq!(seen.facts.contains_key("rcode"), what != "NXDOMAIN and a record", "{what}");
    }
}

#[tokio::test]
async fn a_failing_server_and_records_of_another_name_are_told_apart_from_an_answer() {
    let failing = answers(|question| answer(question, 2, 0, b""));
    let seen = look(act(&failing, "www.example.test", Record::A)).await;
    assert_eq!(text(&seen, "rcode"), "SERVFAIL");
    assert_eq!(barrier(&seen, "records"), Barrier::Unsupported);
    // An address, but of `x.`: not an answer for the name asked for. From an authority it means that there is none.
    let other: Make =
        |question| answer(question, 0, 1, b"\x01x\0\x00\x01\x00\x01\0\0\0\x01\0\x04\x06\x06\x06\x06");
    let seen = look(act(&answers(other), "www.example.test", Record::A)).await;
    assert_eq!(
        (barrier(&seen, "records"), barrier(&seen, "count")),
        (Barrier::Unsupported, Barrier::Unsupported)
    );
    let authority = answers(|question| {
        let mut answer = answer(question, 0, 1, b"\x01x\0\x00\x01\x00\x01\0\0\0\x01\0\x04\x06\x06\x06\x06");
        answer[2] |= 4;
        answer
    });
    let seen = look(act(&authority, "www.example.test", Record::A)).await;
    assert!(records(&seen).is_empty());
}

#[tokio::test]
async fn a_referral_says_nothing_of_the_records() {
    // An authority for example.test knows only who is asked for what is below `child`: NSD refers to it.
    let Some(server) = server() else { return };
    let seen = look(act(&server.address, "www.child.example.test", Record::A)).await;
    assert_eq!((text(&seen, "rcode"), known(&seen, "authoritative")), ("NOERROR", &Value::Bool(false)));
    assert_eq!(
        (barrier(&seen, "records"), barrier(&seen, "count")),
        (Barrier::Unsupported, Barrier::Unsupported)
    );
    // An alias that leads out of what the authority knows: whether there is an address, only another can say.
    let seen = look(act(&server.address, "out.example.test", Record::A)).await;
    assert_eq!(known(&seen, "aliases"), &Value::from(vec!["www.example.net."]));
    assert_eq!(barrier(&seen, "count"), Barrier::Unsupported);
    // A resolver, which has asked them all, says so with an empty answer.
    let resolver = answers(|question| {
        let mut answer = answer(question, 0, 0, b"");
        answer[3] |= 0x80;
        answer
    });
    let seen = look(act(&resolver, "www.example.test", Record::A)).await;
    assert_eq!(known(&seen, "count"), &Value::from(0));
    // But not with an alias alone, which it would have followed: `x.`, and nothing of it.
    let bare = answers(|question| {
        let mut answer = answer(question, 0, 1, b"\xc0\x0c\x00\x05\x00\x01\0\0\0\x01\0\x03\x01x\0");
        answer[3] |= 0x80;
        answer
    });
    let seen = look(act(&bare, "www.example.test", Record::A)).await;
    assert_eq!(known(&seen, "aliases"), &Value::from(vec!["x."]));
    assert_eq!(barrier(&seen, "count"), Barrier::Unsupported, "{seen:?}");
}

#[tokio::test]
async fn a_name_is_shown_as_it_is_sent() {
    // `xn--mnchen-3ya.`, once as an alias and once as what an alias leads to.
    let alias: Make =
        |question| answer(question, 0, 1, b"\xc0\x0c\x00\x05\x00\x01\0\0\0\x01\0\x10\x0exn--mnchen-3ya\0");
    let seen = look(act(&answers(alias), "www.example.test", Record::Cname)).await;
    assert_eq!(records(&seen), ["xn--mnchen-3ya."]);
    let seen = look(act(&answers(alias), "www.example.test", Record::A)).await;
    assert_eq!(known(&seen, "aliases"), &Value::from(vec!["xn--mnchen-3ya."]));
    let mail = answers(|question| {
        answer(question, 0, 1, b"\xc0\x0c\x00\x0f\x00\x01\0\0\0\x01\0\x12\0\x0a\x0exn--mnchen-3ya\0")
    });
    let seen = look(act(&mail, "www.example.test", Record::Mx)).await;
    assert_eq!(records(&seen), ["10 xn--mnchen-3ya."]);
}

#[tokio::test]
async fn an_answer_cut_short_whose_rest_does_not_come_is_neither_an_answer_nor_none() {
    let cut = answers(|question| {
        let mut answer = answer(question, 0, 0, b"");
        answer[2] |= 2;
        answer
    });
    let seen = look(act(&cut, "www.example.test", Record::A)).await;
    assert_eq!(known(&seen, "connected"), &Value::Bool(true));
    assert_eq!(barrier(&seen, "answered"), Barrier::ConnectionRefused, "{seen:?}");
}

#[tokio::test]
async fn wherever_an_answer_was_cut_short_its_rest_is_asked_for() {
    let record = b"\xc0\x0c\x00\x01\x00\x01\0\0\0\x01\0\x04\xc0\0\x02\x50";
    let cut = |question: &[u8], records: u8, rest: &[u8]| {
        let mut answer = answer(question, 0, records, rest);
        answer[2] |= 2;
        answer
    };
    for (what, datagram) in [
        ("within a record", cut(QUESTION, 2, &[&record[..], &record[..7]].concat())),
        ("before every record", cut(QUESTION, 2, b"")),
        ("within the question", cut(QUESTION, 1, record)[..20].to_vec()),
        ("behind the header", cut(QUESTION, 1, record)[..12].to_vec()),
        ("without the question", {
            let mut header = cut(QUESTION, 0, b"")[..12].to_vec();
            header[5] = 0;
            header
        }),
    ] {
        let server = answers_cut_short(datagram, record);
        let seen = look(act(&server, "www.example.test", Record::A)).await;
        assert_eq!(known(&seen, "over_tcp"), &Value::Bool(true), "{what}: {seen:?}");
        assert_eq!(records(&seen), ["192.0.2.80"], "{what}");
    }
}

/// A question for `www.example.test`.
const QUESTION: &[u8] = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x04test\0\0\x01\0\x01";

/// Answers a question over UDP with this datagram under its id, and over TCP with the record.
fn answers_cut_short(mut datagram: Vec<u8>, record: &'static [u8]) -> String {
    let (listener, socket) = loop {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
            break (listener, socket);
        }
    };
    let address = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        let (_, from) = socket.recv_from(&mut question).unwrap();
        datagram[..2].copy_from_slice(&question[..2]);
        socket.send_to(&datagram, from).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question).unwrap();
        let answer = answer(&question, 0, 1, record);
        let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
        stream.write_all(&[&length[..], &answer].concat()).unwrap();
    });
    address
}

#[tokio::test]
async fn a_name_may_hold_what_no_host_is_called() {
    let Some(server) = server() else { return };
    for name in ["key1_op16._domainkey.example.test", "81.64/26.2.0.192.example.test"] {
        let seen = look(act(&server.address, name, Record::Txt)).await;
        assert_eq!(records(&seen), ["found"], "{name}");
    }
    let seen = look(act(&server.address, "b\u{fc}cher.example.test", Record::Txt)).await;
    assert_eq!(records(&seen), ["found"]);
}

/// Asks the machine's own name server, as `/etc/resolv.conf` says.
#[tokio::test]
async fn the_systems_own_name_server_is_found_as_the_c_library_does_and_its_silence_is_ours() {
    if !elsewhere::needs_root("looks with another resolv.conf") {
        return;
    }
    let folder = support::folder();
    let file = folder.path().join("resolv.conf");
    let mount = format!("mount --bind {} /etc/resolv.conf && exec \"$@\"", file.display());
    let there = elsewhere::here()
        .under(&["unshare", "--mount", "sh", "-c", &mount, "sh"])
        .within(Duration::from_millis(500));
    // Somebody listens there who does not answer, and nobody at all.
    let _silent = UdpSocket::bind("127.0.0.53:53");
    for (text, server) in [
        ("nameserver 127.0.0.53\noptions no-such-option\nnonsense\n", "127.0.0.53:53"),
        ("nameserver nonsense\nnameserver 127.0.0.54\n", "127.0.0.54:53"),
        ("nameserver fe80::1%lo\n", "[fe80::1%1]:53"),
    ] {
        std::fs::write(&file, text).unwrap();
        let seen = there.look("dns", &serde_json::json!({ "dns": "www.example.test" }));
        assert_eq!(support::text(&seen, "server"), server, "{text:?}");
        assert!(
            !seen.facts.contains_key("answered") && !seen.facts.contains_key("connected"),
            "{text:?}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn look_sent_elsewhere() {
    elsewhere::answer().await;
}

#[tokio::test]
async fn a_server_or_name_that_is_none_says_what_would_be_right() {
    let seen = look(act("dns.example.test", "www.example.test", Record::A)).await;
    assert!(seen.unknown["*"].detail.contains("ip:port"), "{seen:?}");
    let long = "x".repeat(64);
    let seen = look(act("127.0.0.1", &long, Record::A)).await;
    assert_eq!(barrier(&seen, "answered"), Barrier::Unsupported);
}

#[tokio::test]
async fn what_is_escaped_in_a_name_is_written_as_in_a_zone_file() {
    let Some(server) = server() else { return };
    // RFC 1035, 5.1: decimal, as dig shows it.
    let seen = look(act(&server.address, r"my\032print.example.test", Record::Ptr)).await;
    assert_eq!(records(&seen), [r"the\252.b\.c\@d.example.test."], "{seen:?}");
    for name in [r"\252b.example.test", r"\252\b.example.test.", r"\252\098.example.test"] {
        let seen = look(act(&server.address, name, Record::Txt)).await;
        assert_eq!(records(&seen), ["found"], "{name}: {seen:?}");
    }
    for name in [r"a\256.example.test", r"a\1", r"a\", "b\u{fc}\\032cher.example.test", "a..b", ".a"] {
        let seen = look(act("127.0.0.1", name, Record::A)).await;
        assert_eq!(barrier(&seen, "answered"), Barrier::Unsupported, "{name}");
    }
}

#[tokio::test]
async fn an_alias_has_no_records_of_its_own_and_one_that_a_server_leaves_out_leads_nowhere() {
    let Some(server) = server() else { return };
    // NSD makes the alias that RFC 6672, 3.1 asks for, of which it knows the end.
    let seen = look(act(&server.address, "80.sub.example.test", Record::Ptr)).await;
    assert_eq!(records(&seen), ["www.example.test."], "{seen:?}");
    let cases: [(&str, Make); 3] = [
        ("an alias and a record of its own", |question| {
            let both = b"\xc0\x0c\x00\x05\x00\x01\0\0\0\x01\0\x03\x01a\0\xc0\x0c\x00\x01\x00\x01\0\0\0\x01\0\x04\xc0\0\x02\x01\x01a\0\x00\x01\x00\x01\0\0\0\x01\0\x04\xc0\0\x02\x09";
            answer(question, 0, 3, both)
        }),
        ("an alias of the whole domain alone", |question| {
            let mut answer =
                answer(question, 0, 1, b"\x07example\x04test\0\x00\x27\x00\x01\0\0\0\x01\0\x03\x01x\0");
            answer[2] |= 4;
            answer
        }),
        ("the same behind an alias", |question| {
            let both = b"\xc0\x0c\x00\x05\x00\x01\0\0\0\x01\0\x05\x01a\x01b\0\x01b\0\x00\x27\x00\x01\0\0\0\x01\0\x03\x01x\0";
            let mut answer = answer(question, 0, 2, both);
            answer[2] |= 4;
            answer
        }),
    ];
    for (what, make) in cases {
        let seen = look(act(&answers(make), "www.example.test", Record::A)).await;
        for fact in ["records", "count", "nxdomain"] {
            assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{what} {fact}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn a_response_code_has_the_name_of_its_rfc() {
    for (make, name) in [
        ((|question| answer(question, 6, 0, b"")) as Make, "YXDOMAIN"),
        (|question| answer(question, 10, 0, b""), "NOTZONE"),
        (|question| answer(question, 12, 0, b""), "RCODE12"),
        // Its upper bits are in the additional section (RFC 6891, 6.1.3).
        (
            |question| {
                let mut answer = answer(question, 0, 0, b"\0\0\x29\x04\xd0\x01\0\0\0\0\0");
                answer[11] = 1;
                answer
            },
            "BADVERS",
        ),
    ] {
        let seen = look(act(&answers(make), "www.example.test", Record::A)).await;
        assert_eq!(text(&seen, "rcode"), name);
    }
}

#[tokio::test]
async fn a_server_on_a_link_is_named_with_its_interface() {
    for (server, shown) in [
        ("fe80::1%lo", "[fe80::1%1]:53"),
        ("[fe80::1%lo]:5353", "[fe80::1%1]:5353"),
        ("fe80::1%1", "[fe80::1%1]:53"),
        ("[fe80::1]:5353", "[fe80::1]:5353"),
    ] {
        let seen =
            look_with(act(server, "www.example.test", Record::A), &[], Duration::from_millis(200)).await;
        assert_eq!(text(&seen, "server"), shown, "{seen:?}");
    }
    for server in ["fe80::1%nowhere", "127.0.0.1%lo", "fe80::1%lo:53", "[fe80::1%lo]"] {
        let seen = look(act(server, "www.example.test", Record::A)).await;
        assert_eq!(barrier(&seen, "server"), Barrier::Unsupported, "{server}");
    }
}
