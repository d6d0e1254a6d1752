//! `smtp`: greeting, EHLO, STARTTLS, AUTH; and then goes.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_plan::kinds::smtp::{DENIALS, Smtp};
use probity_plan::{Barrier, Blocked};

use crate::connect::smtp::{self, Reply};
use crate::connect::{self, Conversation, Fault, Stream, Talk, tls};
use crate::look::{Context, Seen, elapsed_ms};
use crate::plaintext::Syntax;

/// User and password.
type Login = (String, String);

impl Talk for Smtp {
    async fn talk(
        &self,
        context: &Context<'_>,
        conversation: &Conversation,
        seen: &mut Seen,
    ) -> Result<(), Fault> {
        let (place, in_tls) = match self.smtp.split_once("://") {
            Some(("smtps", place)) => (place, true),
            Some(("smtp", place)) => (place, false),
            _ => (self.smtp.as_str(), false),
        };
        let (host, port) = connect::host_and_port(place.trim_end_matches('/'))?;
        let login = login(self, in_tls, context)?;
        if self
            .hello
            .as_ref()
            .is_some_and(|name| name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            let why = "`hello` is a name without blanks, such as mail.example.org";
            return Err(Blocked::new(Barrier::Unsupported, why).into());
        }
        let files = tls::Files {
            ca: self.ca.as_deref(),
            certificate: self.client_certificate.as_deref(),
            key: self.client_key.as_deref(),
        };
        let secure = in_tls || self.starttls;
        let client = if secure { Some(tls::Client::load(host, &files, &[]).await?) } else { None };
        let addresses = connect::resolve(host, port).await?;
        let began = Instant::now();
        conversation.call();
        let stream = connect::tcp(&addresses).await?;
        seen.know("connect_ms", elapsed_ms(began.elapsed()));
        let hello = self.hello.clone().unwrap_or_else(|| literal(stream.local_addr().ok()));
        let mut stream: Stream = Box::new(conversation.listen(stream));
        if client.is_none() {
            tls::not_spoken(seen);
        }
        if let Some(client) = client.as_ref().filter(|_| in_tls) {
            stream = Box::new(client.shake_hands(stream, seen).await?);
        }
        let greeting = smtp::read(&mut stream).await?;
        seen.know("connected", true).settle("greeting", greeting.shown());
        if !greeting.confirms(220)? {
            return refused(&greeting, seen);
        }
        let mut offer = smtp::ask(&mut stream, &format!("EHLO {hello}")).await?;
        if !offer.confirms(250)? {
            return refused(&offer, seen);
        }
        let offers_tls = lines_of(&offer, "STARTTLS").next().is_some();
        if in_tls {
            let why = "TLS began with the first byte; there was nothing to offer";
            seen.block("starttls", Blocked::new(Barrier::NotMade, why));
        } else {
            seen.know("starttls", offers_tls);
        }
        if let Some(client) = client.as_ref().filter(|_| !in_tls) {
            if !offers_tls {
                return Err(Fault::nonsense("the server does not offer to go on in TLS"));
            }
            let ready = smtp::ask(&mut stream, "STARTTLS").await?;
            if !ready.confirms(220)? {
                return refused(&ready, seen);
            }
            stream = Box::new(client.shake_hands(stream, seen).await?);
            offer = smtp::ask(&mut stream, &format!("EHLO {hello}")).await?;
            if !offer.confirms(250)? {
                return refused(&offer, seen);
            }
        }
        see_offer(&offer, seen);
        let last = match login {
            Some(login) => {
                let reply = log_in(&mut stream, &offer, &login).await?;
                // Somebody who asks for more (334) has not let us in either.
                if reply.code != 334 && reply.confirms(235)? {
                    seen.know("logged_in", true);
                } else if is_denial(&reply) {
                    seen.know("logged_in", false);
                }
                reply
            }
            None => {
                let why = "the probe does not log in; `username` and `password` do";
                seen.block("logged_in", Blocked::new(Barrier::NotMade, why));
                offer
            }
        };
        if last.code >= 300 {
            return refused(&last, seen);
        }
        see_reply(&last, seen);
        // Politely; whether it says good-bye is of no interest.
        _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"QUIT\r\n").await;
        Ok(())
    }
}

/// Who logs in, if anybody. A password is not sent where everybody can read it.
fn login(smtp: &Smtp, in_tls: bool, context: &Context<'_>) -> Result<Option<Login>, Blocked> {
    let unsupported = |why: &str| Err(Blocked::new(Barrier::Unsupported, why));
    match (&smtp.username, &smtp.password) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) if !in_tls && !smtp.starttls => {
            unsupported("a password is sent in TLS only; say `starttls: true` or `smtps://`")
        }
        (Some(user), Some(password)) => {
            Ok(Some((user.clone(), context.expand(password, Syntax::Plain)?.reveal().to_owned())))
        }
        _ => unsupported("to log in takes both `username` and `password`"),
    }
}

/// Our address as a name (RFC 5321, 4.1.3).
fn literal(own: Option<SocketAddr>) -> String {
    match own.map(|own| own.ip()) {
        Some(IpAddr::V4(ip)) => format!("[{ip}]"),
        Some(IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
        None => "localhost".to_owned(),
    }
}

/// PLAIN (RFC 4616), or LOGIN where the server offers nothing better.
async fn log_in(stream: &mut Stream, offer: &Reply, (user, password): &Login) -> Result<Reply, Fault> {
    let offered = mechanisms(offer);
    if offered.contains("PLAIN") {
        let initial = STANDARD.encode(format!("\0{user}\0{password}"));
        return smtp::ask(stream, &format!("AUTH PLAIN {initial}")).await;
    }
    if offered.contains("LOGIN") {
        let mut reply = smtp::ask(stream, "AUTH LOGIN").await?;
        for answer in [user, password] {
            if reply.code != 334 {
                break;
            }
            reply = smtp::ask(stream, &STANDARD.encode(answer)).await?;
        }
        return Ok(reply);
    }
    let why = format!("the server lets nobody in by PLAIN or LOGIN, but by: {offered:?}");
    Err(Blocked::new(Barrier::Unsupported, why).into())
}

/// The lines of the offer that begin with this keyword: the words behind it in each. The first line is the server's name.
fn lines_of<'r>(offer: &'r Reply, keyword: &str) -> impl Iterator<Item = Vec<&'r str>> {
    offer.lines.iter().skip(1).filter_map(move |line| {
        let mut words = line.split_whitespace();
        words.next()?.eq_ignore_ascii_case(keyword).then(|| words.collect())
    })
}

/// The ways to log in: of every line that tells some, and of those with the `=` of before the standard, which servers send
/// beside the others or instead of them.
fn mechanisms(offer: &Reply) -> BTreeSet<String> {
    let old = offer.lines.iter().skip(1).filter_map(|line| {
        let (keyword, words) = line.split_once('=')?;
        keyword.eq_ignore_ascii_case("AUTH").then(|| words.split_whitespace().collect())
    });
    lines_of(offer, "AUTH").chain(old).flatten().map(str::to_ascii_uppercase).collect()
}

fn see_offer(offer: &Reply, seen: &mut Seen) {
    let capabilities: BTreeSet<&str> = offer.lines.iter().skip(1).map(String::as_str).collect();
    seen.settle("capabilities", offer.check_text().map(|()| capabilities.into_iter().collect::<Vec<_>>()))
        .know("auth_mechanisms", mechanisms(offer).into_iter().collect::<Vec<_>>());
    seen.settle("max_size_bytes", max_size(offer));
}

/// The longest mail (RFC 1870, 3): without a number, or with 0, there is no limit.
fn max_size(offer: &Reply) -> Result<i64, Blocked> {
    let wrong = |why: &dyn std::fmt::Display| Blocked::new(Barrier::Protocol, format!("SIZE: {why}"));
    let size = |words: Vec<&str>| words.first().map_or(Ok(0), |word| word.parse::<i64>());
    let sizes: BTreeSet<i64> =
        lines_of(offer, "SIZE").map(size).collect::<Result<_, _>>().map_err(|e| wrong(&e))?;
    match sizes.iter().collect::<Vec<_>>()[..] {
        [size] => Ok(*size),
        [] => Err(Blocked::new(Barrier::Unsupported, "the server does not say how long a mail may be")),
        _ => Err(wrong(&format_args!("offered several times, with {sizes:?}"))),
    }
}

fn is_denial(reply: &Reply) -> bool {
    DENIALS.contains(&i64::from(reply.code))
}

/// The last reply.
fn see_reply(reply: &Reply, seen: &mut Seen) {
    let error = if reply.code < 300 { Ok(String::new()) } else { reply.shown() };
    seen.know("answered", true)
        .know("code", i64::from(reply.code))
        .know("enhanced_code", reply.enhanced.clone().unwrap_or_default())
        .settle("error", error)
        .know("denied", is_denial(reply));
}

/// A reply that is an answer all the same, but not the one that the rest needs.
fn refused(reply: &Reply, seen: &mut Seen) -> Result<(), Fault> {
    see_reply(reply, seen);
    let barrier = if is_denial(reply) { Barrier::PermissionDenied } else { Barrier::Unsupported };
    seen.block_rest(Blocked::new(barrier, format!("{} {}", reply.code, reply.text())));
    Ok(())
}
