//! `http`: one request over a connection of its own, so that each phase is timed and nothing is reused.

pub(super) mod body;
pub(super) mod client;
mod content;
mod cookies;
pub(super) mod head;
pub(super) mod request;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use probity_plan::Text;
use probity_plan::kinds::Kind;
use probity_plan::kinds::http::{Cookies, Http};

use self::request::Destination;
use crate::connect::{self, Conversation, Fault, Talk, tls};
use crate::look::{Context, Seen, elapsed_ms};
use crate::memory;
use crate::plaintext::Syntax;

/// Time of each phase over all redirects.
#[derive(Default)]
pub(super) struct Phases {
    resolve: Duration,
    connect: Duration,
    tls: Duration,
    first_byte: Duration,
}

impl Talk for Http {
    async fn talk(
        &self,
        context: &Context<'_>,
        conversation: &Conversation,
        seen: &mut Seen,
    ) -> Result<(), Fault> {
        let mut destination = Destination::parse(&self.http, &context.expand(&self.http, Syntax::Url)?)?;
        let mut phases = Phases::default();
        let mut followed = Vec::new();
        let mut http = Cow::Borrowed(self);
        let mut method = self.method.clone().unwrap_or_else(|| "GET".to_owned());
        let mut with_body = true;
        let jar = self.cookies.map(|kept| match kept {
            Cookies::Looks => memory::kept(),
            Cookies::Redirects => Arc::default(),
        });
        loop {
            // The connection is driven beside it, and ends with it: at the time-out too.
            let cookies = jar.as_ref().map(|jar| cookies::of(jar, &destination.url)).unwrap_or_default();
            let asked = request::Inquiry {
                http: &http,
                context,
                destination: &destination,
                method: &method,
                with_body,
                cookies,
                own: None,
            };
            let (mut answer, _connection) = asked.send(conversation, &mut phases, seen).await?;
            if let Some(jar) = &jar {
                cookies::keep(jar, &destination.url, answer.response.headers());
            }
            let status = answer.response.status();
            let allowed = usize::from(self.redirects.unwrap_or(0));
            // Those that a browser follows (Fetch, "redirect status"): 304 sends nobody elsewhere.
            if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
                && followed.len() < allowed
                && let Some(to) = head::location(&answer.response, &destination.url)
                // The target decides where to, but not who else gets to see a secret.
                && (to.origin() == destination.url.origin() || !holds_secret(self))
            {
                // RFC 9110, 15.4: 303, and by custom 301 and 302 after a POST, continue without the body as GET; HEAD as HEAD
                // (Fetch, 4.4, step 12).
                if status == 303 || (matches!(status.as_u16(), 301 | 302) && method == "POST") {
                    if method != "HEAD" {
                        method = "GET".to_owned();
                    }
                    with_body = false;
                }
                // Nor does another server learn who asks, where that is no secret (Fetch, 4.4, step 13).
                if to.origin() != destination.url.origin() {
                    http = http.anonymous().map_or(http, Cow::Owned);
                }
                followed.push(request::without_user(&to).to_string());
                destination = destination.redirected(to);
                // Who answered with a redirect was reached, wherever that leads.
                seen.know("connected", true).know("redirects", followed.clone());
                for fact in tls::FACTS {
                    seen.facts.remove(fact);
                }
                continue;
            }
            seen.know("connected", true)
                .know("head_received", true)
                .settle("status", connect::status_code(status.as_u16()))
                .know("version", format!("{:?}", answer.response.version()))
                .know("redirects", followed)
                .know("resolve_ms", elapsed_ms(phases.resolve))
                .know("connect_ms", elapsed_ms(phases.connect))
                .know("tls_ms", elapsed_ms(phases.tls))
                .know("first_byte_ms", elapsed_ms(phases.first_byte))
                .settle("headers", answer.headers());
            if destination.url.scheme() != "https" {
                tls::not_spoken(seen);
            }
            if let Some(blocked) = head::lost_framing(&answer) {
                return Err(blocked.into());
            }
            let body = body::receive(&mut answer.response, &method, seen).await?;
            seen.know("body_received", true).know("answered", true);
            body::see(body, answer.response.headers().clone(), context, seen).await;
            return Ok(());
        }
    }
}

/// Whether what is sent holds a secret beside the URL, which a redirect replaces.
fn holds_secret(http: &Http) -> bool {
    http.client_certificate.is_some() || http.headers.values().chain(&http.body).any(Text::has_secret)
}
