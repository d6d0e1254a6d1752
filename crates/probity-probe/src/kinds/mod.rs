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
mod lifecycle;
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

use probity_plan::Act;

use crate::look::{Context, Look, Seen};

/// Declares the way from an act to its look.
macro_rules! kinds {
    ($($module:ident :: $Kind:ident),* $(,)?) => {
        /// Looks once, by the act's kind.
        pub async fn look(act: &Act, context: &Context<'_>) -> Seen {
            match act { $(Act::$Kind(act) => act.look(context).await),* }
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

/// The same for a look within a look, whose size is then known.
fn look_within<'a>(
    act: &'a Act,
    context: &'a Context<'a>,
) -> Pin<Box<dyn Future<Output = Seen> + Send + 'a>> {
    Box::pin(look(act, context))
}
