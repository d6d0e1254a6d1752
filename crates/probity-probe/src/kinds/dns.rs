//! `dns`: one question, asked once, over UDP and, where the answer was cut short, over TCP (RFC 1035, 7766).

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Instant;

use hickory_proto::op::{Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use probity_plan::kinds::dns::{Dns, Record};
use probity_plan::{Barrier, Blocked};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::connect::{Conversation, Fault, zone_number};
use crate::look::{Context, Look, Seen, barrier_of, elapsed_ms, random};

impl Look for Dns {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let mut seen = Seen::default();
        let conversation = Conversation::default();
        let talk = talk(self, context, &conversation, &mut seen);
        if let Err(fault) = context.in_time(talk).await {
            conversation.end(fault, context, &mut seen);
        }
        seen
    }
}

async fn talk(
    dns: &Dns,
    context: &Context<'_>,
    conversation: &Conversation,
    seen: &mut Seen,
) -> Result<(), Fault> {
    let server = server(dns)?;
    let name = name(&dns.dns)?;
    let record = record_type(dns.record);
    seen.know("server", server.to_string());
    let began = Instant::now();
    let question = question(name.clone(), record)?;
    if dns.server.is_some() {
        // Otherwise it is our own name server that may refuse or be silent.
        conversation.call();
    }
    let answer = over_udp(server, &question, context, conversation).await.map_err(|fault| match fault {
        Fault::Target(blocked) if !conversation.called() && !conversation.heard() => Fault::Observer(blocked),
        fault => fault,
    })?;
    let over_tcp = answer.is_none();
    let answer = match answer {
        Some(answer) => answer,
        // It did answer: that the rest does not come is no silence.
        None => {
            over_tcp_too(server, &question).await.map_err(|fault| Fault::Observer(fault.blocked().clone()))?
        }
    };
    seen.know("elapsed_ms", elapsed_ms(began.elapsed()));
    let code = answer.metadata.response_code;
    seen.know("connected", true)
        .know("answered", true)
        .know("over_tcp", over_tcp)
        .know("rcode", rcode(code))
        .know("refused", code == ResponseCode::Refused)
        .know("authoritative", answer.metadata.authoritative);
    if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        seen.block_rest(Blocked::new(Barrier::Unsupported, format!("{server} answered {}", rcode(code))));
        return Ok(());
    }
    let nonsense = |seen: &mut Seen, why: &str| {
        let why = format!("{server} contradicts itself or the protocol: {why}");
        seen.block_rest(Blocked::new(Barrier::Protocol, why));
    };
    if answer.answers.iter().any(|found| found.dns_class != DNSClass::IN) {
        nonsense(seen, "a record of another class than was asked for");
        return Ok(());
    }
    let (aliases, owner) = match aliases(&answer, name, record) {
        Ok(aliases) => aliases,
        Err(why) => {
            nonsense(seen, why);
            return Ok(());
        }
    };
    let found: Vec<_> =
        answer.answers.iter().filter(|found| found.record_type() == record && found.name == owner).collect();
    if code == ResponseCode::NXDomain && !found.is_empty() {
        // Nor is it known, then, that there is no such name.
        seen.facts.remove("rcode");
        nonsense(seen, "there is no such name, and here are its records");
        return Ok(());
    }
    seen.know("aliases", aliases.clone());
    if found.is_empty() && !states_absence(&answer, &aliases) {
        let why = format!("{server} does not say whether there are records: it refers to other name servers");
        seen.block_rest(Blocked::new(Barrier::Unsupported, why));
        return Ok(());
    }
    seen.know("nxdomain", code == ResponseCode::NXDomain);
    let records: Result<Vec<String>, Blocked> = found.iter().map(|found| shown(&found.data)).collect();
    let records = records.map(|mut records| {
        records.sort();
        records
    });
    // One that seems negative is none (RFC 2181, 8).
    let ttls = found.iter().map(|found| i32::try_from(found.ttl).unwrap_or(0));
    match ttls.min() {
        Some(ttl) => seen.know("ttl_s", i64::from(ttl)),
        None => seen.block("ttl_s", Blocked::new(Barrier::Unsupported, "there is no record to live")),
    };
    seen.know("count", i64::try_from(found.len()).unwrap_or(i64::MAX)).settle("records", records);
    Ok(())
}

/// Whether an answer without records says that there are none (RFC 2308, 2), or only that another server is to be asked.
fn states_absence(answer: &Message, aliases: &[String]) -> bool {
    let names = |record| answer.authorities.iter().any(|found| found.record_type() == record);
    // What an authority says of a name need not hold of the name that it is an alias of.
    let authority = answer.metadata.authoritative && aliases.is_empty();
    answer.metadata.response_code == ResponseCode::NXDomain
        || names(RecordType::SOA)
        || authority
        // One that asks for us would have followed an alias to its end (RFC 1034, 4.3.2): bare, it says nothing of that.
        || (answer.metadata.recursion_available && aliases.is_empty() && !names(RecordType::NS))
}

/// The name as it is written, always complete. In labels any byte may stand (RFC 2181, 11): `_domainkey`, `64/26`.
fn name(text: &str) -> Result<Name, Blocked> {
    let wrong =
        |e: &dyn std::fmt::Display| Blocked::new(Barrier::Unsupported, format!("the name `{text}`: {e}"));
    let mut name = if !text.is_ascii() && !text.contains('\\') {
        // Letters beyond ASCII (RFC 5890).
        Name::from_utf8(text).map_err(|e| wrong(&e))?
    } else if matches!(text, "" | ".") {
        Name::root()
    } else {
        let labels = labels(text).ok_or_else(|| {
            wrong(&r"an escape is `\032`, a byte in decimal (RFC 1035, 5.1), or `\.`; beside it, letters beyond ASCII are `xn--`")
        })?;
        Name::from_labels(labels.iter().map(Vec::as_slice)).map_err(|e| wrong(&e))?
    };
    name.set_fqdn(true);
    Ok(name)
}

/// The labels of a name, whose escapes are those of a zone file (RFC 1035, 5.1): `\DDD`, a byte in decimal, and `\X`, which takes
/// a character its meaning.
fn labels(text: &str) -> Option<Vec<Vec<u8>>> {
    let mut labels = vec![Vec::new()];
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        let byte = match (first, behind) {
            (b'.', []) => break,
            (b'.', _) => {
                labels.push(Vec::new());
                continue;
            }
            (b'\\', [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', behind @ ..]) => {
                rest = behind;
                let digits = [a, b, c].map(|digit| u16::from(digit - b'0'));
                u8::try_from(digits.iter().fold(0, |number, digit| number * 10 + digit)).ok()?
            }
            (b'\\', [b'0'..=b'9', ..] | []) => return None,
            (b'\\', [escaped, behind @ ..]) => {
                rest = behind;
                *escaped
            }
            _ => first,
        };
        labels.last_mut()?.push(byte);
    }
    text.is_ascii().then_some(labels)
}

/// A name as in a zone file, with its last dot (RFC 1035, 5.1), as it is sent: two of them may look alike once `xn--` is decoded.
fn zone_text(name: &Name) -> String {
    let mut text = String::new();
    for label in name.iter() {
        for &byte in label {
            match byte {
                b'"' | b'(' | b')' | b'.' | b';' | b'\\' | b'@' | b'$' => {
                    text.extend(['\\', char::from(byte)]);
                }
                b'!'..=b'~' => text.push(char::from(byte)),
                _ => text.push_str(&format!("\\{byte:03}")),
            }
        }
        text.push('.');
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

/// Where to ask.
fn server(dns: &Dns) -> Result<SocketAddr, Blocked> {
    const PORT: u16 = 53;
    if let Some(text) = &dns.server {
        return match zoned(text, PORT)? {
            Some(address) => Ok(address.into()),
            None => text
                .parse()
                .or_else(|_| text.parse().map(|ip: IpAddr| SocketAddr::new(ip, PORT)))
                .map_err(|_| {
                    let why = format!("the server `{text}`; write ip or ip:port, such as 127.0.0.1:53");
                    Blocked::new(Barrier::Unsupported, why)
                }),
        };
    }
    let path = "/etc/resolv.conf";
    let text = std::fs::read(path).map_err(|e| barrier_of(&format!("open {path}"), &e))?;
    // As the C library does, which leaves out what it does not know.
    let (config, _) = resolv_conf::Config::parse_with_errors(&text);
    match config.nameservers.first() {
        Some(resolv_conf::ScopedIp::V4(ip)) => Ok(SocketAddr::new((*ip).into(), PORT)),
        Some(resolv_conf::ScopedIp::V6(ip, zone)) => {
            let zone = zone.as_deref().map_or(Ok(0), zone_number)?;
            Ok(SocketAddrV6::new(*ip, PORT, 0, zone).into())
        }
        None => Err(Blocked::new(Barrier::ToolMissing, format!("{path} names no name server"))),
    }
}

/// An address with an interface (RFC 4007, 11), with a port or without: `[fe80::1%eth0]:53`. `None` for any other.
fn zoned(text: &str, port: u16) -> Result<Option<SocketAddrV6>, Blocked> {
    let (place, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some((place, port)) => (place, port.parse().ok()),
        None => (text, Some(port)),
    };
    let parts = place.split_once('%').and_then(|(ip, zone)| Some((ip.parse().ok()?, zone, port?)));
    // The kernel would take `eth0:53` for an old way to name eth0.
    let Some((ip, zone, port)) = parts.filter(|(_, zone, _)| !zone.contains(':')) else { return Ok(None) };
    Ok(Some(SocketAddrV6::new(ip, port, 0, zone_number(zone)?)))
}

fn question(name: Name, record: RecordType) -> Result<Message, Blocked> {
    let mut message = Message::new(u16::from_ne_bytes(random()?), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, record));
    Ok(message)
}

/// The answer, or none where it was cut short.
async fn over_udp(
    server: SocketAddr,
    question: &Message,
    context: &Context<'_>,
    conversation: &Conversation,
) -> Result<Option<Message>, Fault> {
    let any: SocketAddr = if server.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let failed = |e: &std::io::Error| Fault::of_io(&format!("ask {server}"), e);
    // A random port, by the kernel, and connected: only the server's own datagrams arrive, and a refusal shows.
    let socket = UdpSocket::bind(any).await.map_err(|e| failed(&e))?;
    socket.connect(server).await.map_err(|e| failed(&e))?;
    socket.send(&packed(question)?).await.map_err(|e| failed(&e))?;
    let mut buffer = vec![0; 65536];
    let mut others = None;
    loop {
        let received = tokio::time::timeout_at(context.deadline(), socket.recv(&mut buffer)).await;
        let Ok(received) = received else {
            return Err(others.unwrap_or_else(|| context.timed_out().into()));
        };
        let n = received.map_err(|e| failed(&e))?;
        conversation.hear(n.max(1));
        let datagram = buffer.get(..n).unwrap_or_default();
        match unpacked(datagram, question) {
            // What was cut short may end within a record (RFC 2181, 9).
            Err(_) if is_cut_short(datagram, question) => return Ok(None),
            Err(fault) => return Err(fault),
            Ok(Unpacked::Answer(answer)) => return Ok((!answer.metadata.truncation).then_some(answer)),
            // Anybody may have sent it (RFC 5452, 9.1); the answer may still come.
            Ok(Unpacked::Other) => others = Some(not_to_this()),
        }
    }
}

/// Whether an answer to this question says in its header that it was cut short (RFC 1035, 4.1.1). The question itself may be
/// missing from it, but is no other one.
fn is_cut_short(datagram: &[u8], question: &Message) -> bool {
    let mut decoder = BinDecoder::new(datagram);
    let Ok(header) = Header::read(&mut decoder) else { return false };
    let asked = Query::read(&mut decoder).ok();
    header.metadata.id == question.metadata.id
        && header.metadata.message_type == MessageType::Response
        && header.metadata.truncation
        && (header.counts.queries == 0 || asked.is_none_or(|asked| question.queries.contains(&asked)))
}

fn not_to_this() -> Fault {
    Fault::nonsense("the answer: is not one to this question (its id is another)")
}

async fn over_tcp_too(server: SocketAddr, question: &Message) -> Result<Message, Fault> {
    let failed = |e: &std::io::Error| Fault::of_io(&format!("ask {server} over TCP"), e);
    let mut stream = TcpStream::connect(server).await.map_err(|e| failed(&e))?;
    let bytes = packed(question)?;
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
    stream.write_all(&[&length[..], &bytes].concat()).await.map_err(|e| failed(&e))?;
    let length = stream.read_u16().await.map_err(|e| failed(&e))?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await.map_err(|e| failed(&e))?;
    match unpacked(&buffer, question)? {
        Unpacked::Answer(answer) => Ok(answer),
        Unpacked::Other => Err(not_to_this()),
    }
}

fn packed(question: &Message) -> Result<Vec<u8>, Blocked> {
    question.to_vec().map_err(|e| Blocked::new(Barrier::Unsupported, format!("the question: {e}")))
}

/// What came, as far as its id says.
enum Unpacked {
    Answer(Message),
    Other,
}

/// The answer to this very question.
fn unpacked(bytes: &[u8], question: &Message) -> Result<Unpacked, Fault> {
    let wrong = |what: &dyn std::fmt::Display| Fault::nonsense(format!("the answer: {what}"));
    let answer = Message::from_vec(bytes).map_err(|e| wrong(&e))?;
    if answer.metadata.id != question.metadata.id {
        return Ok(Unpacked::Other);
    }
    if answer.metadata.message_type != MessageType::Response {
        return Err(wrong(&"is a question"));
    }
    // A server that cannot read a question may leave it out of its complaint (RFC 1035, 4.1.1).
    let complaint = answer.queries.is_empty() && answer.metadata.response_code != ResponseCode::NoError;
    if answer.queries != question.queries && !complaint {
        return Err(wrong(&"is to another question"));
    }
    Ok(Unpacked::Answer(answer))
}

/// The aliases from this name on, in order, and the name at their end; or why there is none.
fn aliases(
    answer: &Message,
    mut name: Name,
    record: RecordType,
) -> Result<(Vec<String>, Name), &'static str> {
    let mut aliases = Vec::new();
    if record == RecordType::CNAME {
        return Ok((aliases, name));
    }
    loop {
        let mut next = answer.answers.iter().filter_map(|found| match &found.data {
            RData::CNAME(alias) if found.name == name => Some(&alias.0),
            _ => None,
        });
        let Some(first) = next.next() else { break };
        if answer.answers.iter().any(|found| found.name == name && found.record_type() == record) {
            return Err("a name that is an alias and has records of its own");
        }
        if next.any(|other| other != first) {
            return Err("a name that is an alias of two others");
        }
        aliases.push(zone_text(first));
        name = first.clone();
        // Longer than the answer.
        if aliases.len() > answer.answers.len() {
            return Err("aliases that lead to themselves");
        }
    }
    // Whoever tells of it makes the alias too (RFC 6672, 3.1).
    let is_above = |domain: &Name| domain.zone_of(&name) && *domain != name;
    if answer.answers.iter().any(|found| found.record_type() == RecordType::DNAME && is_above(&found.name)) {
        return Err("a domain that is an alias (DNAME), without the alias of the name in it");
    }
    Ok((aliases, name))
}

fn shown(data: &RData) -> Result<String, Blocked> {
    let text = |bytes: Vec<u8>| {
        let wrong = |_| Blocked::new(Barrier::Protocol, "a record that is not UTF-8");
        String::from_utf8(bytes).map_err(wrong)
    };
    Ok(match data {
        // The texts of one record belong together (RFC 7208, 3.3); hickory would put nothing between odd bytes either.
        RData::TXT(texts) => {
            let bytes: Vec<u8> = texts.txt_data.iter().flat_map(|part| part.iter().copied()).collect();
            text(bytes)?
        }
        RData::CAA(caa) => {
            text(caa.value.clone())?;
            caa.to_string()
        }
        RData::CNAME(name) => zone_text(&name.0),
        RData::NS(name) => zone_text(&name.0),
        RData::PTR(name) => zone_text(&name.0),
        RData::MX(mx) => format!("{} {}", mx.preference, zone_text(&mx.exchange)),
        RData::SRV(srv) => {
            format!("{} {} {} {}", srv.priority, srv.weight, srv.port, zone_text(&srv.target))
        }
        RData::SOA(soa) => format!(
            "{} {} {} {} {} {} {}",
            zone_text(&soa.mname),
            zone_text(&soa.rname),
            soa.serial,
            // 32 bits without a sign (RFC 1035, 3.3.13).
            soa.refresh.cast_unsigned(),
            soa.retry.cast_unsigned(),
            soa.expire.cast_unsigned(),
            soa.minimum
        ),
        other => other.to_string(),
    })
}

fn record_type(record: Record) -> RecordType {
    match record {
        Record::A => RecordType::A,
        Record::Aaaa => RecordType::AAAA,
        Record::Mx => RecordType::MX,
        Record::Txt => RecordType::TXT,
        Record::Ns => RecordType::NS,
        Record::Cname => RecordType::CNAME,
        Record::Soa => RecordType::SOA,
        Record::Srv => RecordType::SRV,
        Record::Ptr => RecordType::PTR,
        Record::Caa => RecordType::CAA,
    }
}

/// The name of a response code in the IANA registry of DNS RCODEs.
fn rcode(code: ResponseCode) -> String {
    let code = u16::from(code);
    let name = match code {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        11 => "DSOTYPENI",
        16 => "BADVERS",
        23 => "BADCOOKIE",
        _ => return format!("RCODE{code}"),
    };
    name.to_owned()
}
