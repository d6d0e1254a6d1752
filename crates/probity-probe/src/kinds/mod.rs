//! The kinds' acts, each in a file named as in `probity-plan`, where its parameters and facts are declared.

mod command;
mod container;
mod disk;
mod dns;
mod file;
mod firewall;
mod group;
mod http;
mod icmp;
mod interface;
mod jsonrpc;
mod kernel_parameter;
pub(crate) mod lifecycle;
mod log;
mod mount;
mod mysql;
mod package;
mod port;
mod postgres;
mod process;
mod rate_limit;
mod redis;
mod rows;
mod service;
mod smtp;
mod tls;
mod user;
mod websocket;

use std::pin::Pin;

use probity_plan::{Act, Barrier, Blocked};

use crate::look::{Context, Look, Seen};

/// A look under way. In a box of its own: a look may make another one within it, and all kinds' looks together would fill a thread's stack.
type UnderWay<'a> = Pin<Box<dyn Future<Output = Seen> + Send + 'a>>;

/// Declares the way from an act to its look.
macro_rules! kinds {
    ($($module:ident :: $Kind:ident),* $(,)?) => {
        /// Looks once, by the act's kind.
        pub fn look<'a>(act: &'a Act, context: &'a Context<'a>) -> UnderWay<'a> {
            // What nobody can see wherever they look is no absence.
            if let Some(flaw) = act.flaw() {
                return Box::pin(async { Seen::nothing(Blocked::new(Barrier::Unsupported, flaw)) });
            }
            match act { $(Act::$Kind(act) => Box::pin(act.look(context))),* }
        }
    };
}

kinds! {
    command::Command,
    file::File,
    http::Http,
    jsonrpc::JsonRpc,
    websocket::WebSocket,
    rate_limit::RateLimit,
    process::Process,
    port::Port,
    user::User,
    group::Group,
    mount::Mount,
    disk::Disk,
    kernel_parameter::KernelParameter,
    interface::Interface,
    firewall::Firewall,
    service::Service,
    lifecycle::Lifecycle,
    log::Log,
    package::Package,
    container::Container,
    tls::Tls,
    dns::Dns,
    redis::Redis,
    postgres::Postgres,
    mysql::Mysql,
    smtp::Smtp,
    icmp::Icmp,
}
