//! `dns`: one question, asked once, over UDP and, where the answer was cut short, over TCP (RFC 1035, 7766).

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use probity_plan::kinds::dns::{Dns, Record};
use probity_plan::{Barrier, Blocked};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::look::{Context, Look, Seen, barrier_of, elapsed_ms, unanswered};

impl Look for Dns {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let mut seen = Seen::default();
        let done = tokio::time::timeout_at(context.deadline(), see(self, &mut seen)).await;
        if let Err(blocked) = done.unwrap_or_else(|_| Err(context.timed_out())) {
            unanswered(&mut seen, blocked, context);
        }
        seen
    }
}

async fn see(dns: &Dns, seen: &mut Seen) -> Result<(), Blocked> {
    let server = server(dns)?;
    let mut name = Name::from_utf8(&dns.dns)
        .map_err(|e| Blocked::new(Barrier::Unsupported, format!("the name `{}`: {e}", dns.dns)))?;
    name.set_fqdn(true);
    let record = record_type(dns.record);
    seen.know("server", server.to_string());
    let began = Instant::now();
    let question = question(name.clone(), record)?;
    let mut answer = over_udp(server, &question).await?;
    let over_tcp = answer.metadata.truncation;
    if over_tcp {
        answer = over_tcp_too(server, &question).await?;
    }
    seen.know("elapsed_ms", elapsed_ms(began.elapsed()));
    let code = answer.metadata.response_code;
    seen.know("answered", true)
        .know("over_tcp", over_tcp)
        .know("rcode", rcode(code))
        .know("nxdomain", code == ResponseCode::NXDomain)
        .know("refused", code == ResponseCode::Refused)
        .know("authoritative", answer.metadata.authoritative);
    if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        seen.block_rest(Blocked::new(Barrier::Unsupported, format!("{server} answered {}", rcode(code))));
        return Ok(());
    }
    let (aliases, owner) = aliases(&answer, name, record);
    let found: Vec<_> =
        answer.answers.iter().filter(|found| found.record_type() == record && found.name == owner).collect();
    let mut records: Vec<String> = found.iter().map(|found| shown(&found.data)).collect();
    records.sort();
    match found.iter().map(|found| found.ttl).min() {
        Some(ttl) => seen.know("ttl_s", i64::from(ttl)),
        None => seen.block("ttl_s", Blocked::new(Barrier::Unsupported, "there is no record to live")),
    };
    seen.know("count", i64::try_from(records.len()).unwrap_or(i64::MAX))
        .know("records", records)
        .know("aliases", aliases);
    Ok(())
}

/// Where to ask.
fn server(dns: &Dns) -> Result<SocketAddr, Blocked> {
    const PORT: u16 = 53;
    if let Some(text) = &dns.server {
        let address = text.parse().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT)));
        return address.map_err(|_| {
            Blocked::new(
                Barrier::Unsupported,
                format!("the server `{text}`; write ip or ip:port, such as 127.0.0.1:53"),
            )
        });
    }
    let path = "/etc/resolv.conf";
    let text = std::fs::read(path).map_err(|e| barrier_of(&format!("open {path}"), &e))?;
    let config = resolv_conf::Config::parse(text)
        .map_err(|e| Blocked::new(Barrier::Protocol, format!("{path}: {e}")))?;
    match config.nameservers.first() {
        Some(server) => Ok(SocketAddr::new(server.into(), PORT)),
        None => Err(Blocked::new(Barrier::ToolMissing, format!("{path} names no name server"))),
    }
}

fn question(name: Name, record: RecordType) -> Result<Message, Blocked> {
    let mut id = [0; 2];
    getrandom::getrandom(&mut id)
        .map_err(|e| Blocked::new(Barrier::ToolMissing, format!("random bytes: {e}")))?;
    let mut message = Message::new(u16::from_ne_bytes(id), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, record));
    Ok(message)
}

async fn over_udp(server: SocketAddr, question: &Message) -> Result<Message, Blocked> {
    let any: SocketAddr = if server.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let failed = |e: &std::io::Error| barrier_of(&format!("ask {server}"), e);
    // A random port, by the kernel, and connected: only the server's own datagrams arrive, and a refusal shows.
    let socket = UdpSocket::bind(any).await.map_err(|e| failed(&e))?;
    socket.connect(server).await.map_err(|e| failed(&e))?;
    socket.send(&packed(question)?).await.map_err(|e| failed(&e))?;
    let mut buffer = vec![0; 65536];
    let n = socket.recv(&mut buffer).await.map_err(|e| failed(&e))?;
    unpacked(buffer.get(..n).unwrap_or_default(), question)
}

async fn over_tcp_too(server: SocketAddr, question: &Message) -> Result<Message, Blocked> {
    let failed = |e: &std::io::Error| barrier_of(&format!("ask {server} over TCP"), e);
    let mut stream = TcpStream::connect(server).await.map_err(|e| failed(&e))?;
    let bytes = packed(question)?;
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
    stream.write_all(&[&length[..], &bytes].concat()).await.map_err(|e| failed(&e))?;
    let length = stream.read_u16().await.map_err(|e| failed(&e))?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await.map_err(|e| failed(&e))?;
    unpacked(&buffer, question)
}

fn packed(question: &Message) -> Result<Vec<u8>, Blocked> {
    question.to_vec().map_err(|e| Blocked::new(Barrier::Unsupported, format!("the question: {e}")))
}

/// The answer to this very question.
fn unpacked(bytes: &[u8], question: &Message) -> Result<Message, Blocked> {
    let wrong = |what: &dyn std::fmt::Display| Blocked::new(Barrier::Protocol, format!("the answer: {what}"));
    let answer = Message::from_vec(bytes).map_err(|e| wrong(&e))?;
    if answer.metadata.message_type != MessageType::Response || answer.metadata.id != question.metadata.id {
        return Err(wrong(&"is not one to this question (its id or kind is another)"));
    }
    // A server that cannot read a question may leave it out of its complaint (RFC 1035, 4.1.1).
    let complaint = answer.queries.is_empty() && answer.metadata.response_code != ResponseCode::NoError;
    if answer.queries != question.queries && !complaint {
        return Err(wrong(&"is to another question"));
    }
    Ok(answer)
}

/// The aliases from this name on, in order, and the name at their end.
fn aliases(answer: &Message, mut name: Name, record: RecordType) -> (Vec<String>, Name) {
    let mut aliases = Vec::new();
    if record == RecordType::CNAME {
        return (aliases, name);
    }
    // No longer than the answer: an alias of itself ends too.
    for _ in 0..answer.answers.len() {
        let next = answer.answers.iter().find_map(|found| match &found.data {
            RData::CNAME(alias) if found.name == name => Some(alias.0.clone()),
            _ => None,
        });
        let Some(next) = next else { break };
        aliases.push(next.to_utf8());
        name = next;
    }
    (aliases, name)
}

fn shown(data: &RData) -> String {
    match data {
        // The texts of one record belong together (RFC 7208, 3.3); hickory would put nothing between odd bytes either.
        RData::TXT(texts) => {
            let bytes: Vec<u8> = texts.txt_data.iter().flat_map(|part| part.iter().copied()).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        other => other.to_string(),
    }
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
    let name = match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::NotAuth => "NOTAUTH",
        other => return format!("RCODE{}", u16::from(other)),
    };
    name.to_owned()
}
