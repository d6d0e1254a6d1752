//! The kinds of probe: one file each, with its parameters, its facts, its impact and what it can show. The act itself
//! lives in `probity-probe`, in the file of the same name. How to add one: docs/adding-a-kind.md.

pub mod command;
pub mod container;
pub mod disk;
pub mod dns;
pub mod file;
pub mod firewall;
pub mod group;
pub mod http;
pub mod icmp;
pub mod interface;
pub mod jsonrpc;
pub mod kernel_parameter;
pub mod lifecycle;
pub mod log;
pub mod mount;
pub mod mysql;
pub mod package;
pub mod port;
pub mod postgres;
pub mod process;
pub mod rate_limit;
pub mod redis;
mod server;
pub mod service;
pub mod smtp;
pub mod tls;
pub mod user;
pub mod websocket;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::text::Exposure;
use crate::value::{Moment, Value};

/// What a probe may do to its target, least first. Allowing one allows those before it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Impact {
    /// Looks and changes nothing.
    #[default]
    Observe,
    /// Puts a marker in and takes it out.
    Write,
    /// Puts load on the target.
    Load,
    /// May interrupt or destroy.
    Disrupt,
}

/// What an observation can show, weakest first (design.md, rule 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Shows {
    /// Something is there: a process, a listening port, a file, a unit's state.
    Presence,
    /// A request was answered.
    Response,
    /// Something was done: a marker put in and found again, a file that grew.
    Effect,
}

macro_rules! lowercase_names {
    ($($type:ident { $($variant:ident = $name:literal),* })*) => {$(
        impl $type {
            /// The word used in plans, logs and reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    )*};
}
lowercase_names! {
    Impact { Observe = "observe", Write = "write", Load = "load", Disrupt = "disrupt" }
    Shows { Presence = "presence", Response = "response", Effect = "effect" }
}

/// How a fact's value is to be read. Written into each log for the facts that were recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactType {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// Text.
    Text,
    /// A moment, written as RFC 3339 in UTC with microseconds.
    Moment,
    /// A list of moments.
    Moments,
    /// A measured quantity known as an interval (design.md, rule 8); only `<`, `<=`, `>`, `>=` may be asked of it.
    Interval,
    /// The version of a package, as text: its order is that of the package manager (`version(x, "dpkg")`), not of text.
    Version,
    /// A file's mode: octal digits without a zero before them, as text.
    Mode,
    /// A list.
    List,
    /// A map from text to values.
    Map,
    /// Whatever the target sent: parsed JSON, YAML, a query's rows.
    Any,
}

impl FactType {
    /// The word used in help and references.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::Text => "text",
            Self::Moment => "moment",
            Self::Moments => "moments",
            Self::Interval => "interval",
            Self::Version => "version",
            Self::Mode => "mode",
            Self::List => "list",
            Self::Map => "map",
            Self::Any => "any",
        }
    }

    /// The value of a fact of this type, from what was written of it. `None` if it can be no such value.
    pub fn adopt(self, written: Value) -> Option<Value> {
        let moment = |text: &str| Moment::parse(text).map(Value::Moment);
        match (self, written) {
            (Self::Interval, Value::Map(map)) => {
                let number = |name: &str| match map.get(name) {
                    None => Some(None),
                    Some(Value::Number(number)) => Some(Some(number.to_f64())),
                    Some(_) => None,
                };
                let (at_least, at_most) = (number("at_least")??, number("at_most")?);
                let known = 1 + usize::from(at_most.is_some());
                let ordered = at_most.is_none_or(|most| at_least <= most) && at_least.is_finite();
                (map.len() == known && ordered).then_some(Value::interval(at_least, at_most))
            }
            // Not every fact of these types is told each time: a certificate may lack what is usual.
            (Self::Moment | Self::Moments, Value::Null) => Some(Value::Null),
            (Self::Moment, Value::Text(text)) => moment(&text),
            (Self::Moments, Value::List(list)) => {
                let item = |item: &Value| match item {
                    Value::Moment(_) => Some(item.clone()),
                    item => moment(item.as_text()?),
                };
                list.iter().map(item).collect::<Option<_>>().map(Value::List)
            }
            // What was measured in this run is what it is declared to be already.
            (Self::Interval, measured @ Value::Interval(_)) | (Self::Moment, measured @ Value::Moment(_)) => {
                Some(measured)
            }
            (_, written) => self.fits(&written).then_some(written),
        }
    }

    /// Whether a fact of this type can have this value. Nothing that was not told (`null`) is of every type.
    pub fn fits(self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Null)
            | (Self::Bool, Value::Bool(_))
            | (Self::Int | Self::Float, Value::Number(_))
            | (Self::Text | Self::Version | Self::Mode, Value::Text(_))
            | (Self::Moment, Value::Moment(_)) => true,
            (Self::Interval, Value::Interval(interval)) => {
                interval.at_least.is_finite() && interval.at_most.is_none_or(|most| interval.at_least <= most)
            }
            (Self::Moments, Value::List(list)) => list.iter().all(|item| matches!(item, Value::Moment(_))),
            (Self::List | Self::Any, Value::List(list)) => list.iter().all(is_sent),
            (Self::Map | Self::Any, Value::Map(map)) => map.values().all(is_sent),
            (Self::Any, value) => is_sent(value),
            _ => false,
        }
    }
}

/// Whether a target can have sent this: inside of lists and maps nothing is measured.
fn is_sent(value: &Value) -> bool {
    match value {
        Value::Interval(_) | Value::Moment(_) => false,
        Value::List(list) => list.iter().all(is_sent),
        Value::Map(map) => map.values().all(is_sent),
        _ => true,
    }
}

/// Values of a fact that have a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// `false`.
    False,
    /// `true`.
    True,
    /// Empty text.
    Empty,
    /// These codes.
    Codes(&'static [i64]),
    /// Codes from the first to the last.
    Range(i64, i64),
    /// These texts.
    Texts(&'static [&'static str]),
    /// Texts that begin with one of these.
    Prefixes(&'static [&'static str]),
    /// Lists that are not empty.
    Filled,
    /// Maps of which a key begins with one of these.
    AnyKey(&'static [&'static str]),
    /// Maps that are not empty, and of which every key begins with one of these.
    OnlyKeys(&'static [&'static str]),
    /// Replies of JSON-RPC, one or more, of which each is an error: lists of maps with `error`.
    Errors,
    /// Whatever it is: that it is known at all says it.
    Any,
}

impl Values {
    /// Whether this value is one of them.
    pub fn include(self, value: &Value) -> bool {
        match (self, value) {
            (Self::False, Value::Bool(bool)) => !bool,
            (Self::True, Value::Bool(bool)) => *bool,
            (Self::Empty, Value::Text(text)) => text.is_empty(),
            (Self::Codes(codes), value) => value.as_i64().is_some_and(|code| codes.contains(&code)),
            (Self::Range(first, last), value) => {
                value.as_i64().is_some_and(|code| (first..=last).contains(&code))
            }
            (Self::Texts(texts), Value::Text(text)) => texts.contains(&text.as_str()),
            (Self::Filled, Value::List(list)) => !list.is_empty(),
            (Self::AnyKey(prefixes), Value::Map(map)) => map.keys().any(|key| begins(key, prefixes)),
            (Self::OnlyKeys(prefixes), Value::Map(map)) => {
                !map.is_empty() && map.keys().all(|key| begins(key, prefixes))
            }
            (Self::Errors, Value::List(replies)) => {
                let is_error = |reply: &Value| matches!(reply, Value::Map(map) if map.contains_key("error"));
                !replies.is_empty() && replies.iter().all(is_error)
            }
            (Self::Any, _) => true,
            (Self::Prefixes(prefixes), Value::Text(text)) => begins(text, prefixes),
            _ => false,
        }
    }
}

fn begins(text: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| text.starts_with(prefix))
}

/// What is denied, or granted, from the outside in: who is granted one of them was granted those before it. A grant shows
/// that a denial of the same could have been otherwise (design.md, rule 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    /// To be reached: nobody listens, or nobody answers. A connection made by any kind contradicts it.
    Connection,
    /// What was asked for: 401, 403, a log-in that is refused. Only a grant of the same kind contradicts it.
    Request,
    /// That there is a name: `NXDOMAIN`. Only a grant of the same kind contradicts it.
    Name,
    /// A whole answer, although somebody was reached: nonsense, a certificate that is not to be trusted, a body cut short.
    /// No fact grants it: such a denial never counts, since whom it is about is there.
    Answer,
}

/// The declaration of one fact.
#[derive(Clone, Copy, Debug)]
pub struct FactSpec {
    /// Its name, with the unit in it: `elapsed_ms`, `size_bytes`.
    pub name: &'static str,
    /// How its value is to be read.
    pub ty: FactType,
    /// What it is, in one sentence, with range or format.
    pub doc: &'static str,
    /// What it shows, where that differs from its kind.
    pub shows: Option<Shows>,
    /// What a difference between two looks shows, where that is more than one look: a file that grew.
    pub change_shows: Option<Shows>,
    /// Looked up and kept only when a claim reads it, the plan says `keep: all`, or in `try`: large or costly.
    pub on_demand: bool,
    /// Values that deny something. A look with one of them is a denial, whichever facts of it are read.
    pub denial: Option<(Denied, Values)>,
    /// Values that show that something was granted.
    pub grant: Option<(Denied, Values)>,
    /// Values that show that more was granted than `grant` does.
    pub further_grant: Option<(Denied, Values)>,
    /// Values beside which nothing shows that this was granted: a page that a redirect led to may be another one than was
    /// asked for.
    pub withdrawal: Option<(Denied, Values)>,
    /// Of an interval: whether its ends already hold what the observer's own delay may have added, as those of a rate or a
    /// count do; of a time, that is taken off for the whole look.
    pub bounded: bool,
    /// Whether it says nothing about outcome or content: how long it took, how it was encrypted, what the header was. A
    /// claim that reads nothing else needs no positive control.
    pub aside: bool,
    /// Of times that are looked for within a window.
    pub window: Option<Window>,
    /// Whether it is known also where no connection was made: from the machine's own tables.
    pub unconnected: bool,
    /// The least and the greatest whole number that it can be.
    pub range: Option<(i64, i64)>,
    /// How its text, or the keys of its map, are always written.
    pub spelling: Spelling,
}

/// A window of a record within which times are looked for: names of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Where it begins.
    pub start: &'static str,
    /// Whether the record reaches back so far.
    pub covered: &'static str,
    /// The times that were found, whether it does or not: what `periodic` reads, to which what is before them is a gap.
    pub found: &'static str,
}

/// How text of a fact is always written, so that what is written otherwise is never equal to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// In any way.
    Any,
    /// Without a capital letter of ASCII.
    LowerCase,
    /// As one of these words.
    OneOf(&'static [&'static str]),
}

impl Spelling {
    /// Whether text can be written so.
    pub fn allows(self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::LowerCase => !text.contains(|c: char| c.is_ascii_uppercase()),
            Self::OneOf(words) => words.contains(&text),
        }
    }
}

impl FactSpec {
    /// A fact with the defaults of its kind.
    pub const fn new(name: &'static str, ty: FactType, doc: &'static str) -> Self {
        Self {
            name,
            ty,
            doc,
            shows: None,
            change_shows: None,
            on_demand: false,
            denial: None,
            grant: None,
            further_grant: None,
            withdrawal: None,
            bounded: false,
            aside: false,
            window: None,
            unconnected: false,
            range: None,
            spelling: Spelling::Any,
        }
    }
    /// Its text, or the keys of its map, are written without a capital letter.
    pub const fn lower_case(mut self) -> Self {
        self.spelling = Spelling::LowerCase;
        self
    }
    /// Its text is one of these words.
    pub const fn one_of(mut self, words: &'static [&'static str]) -> Self {
        self.spelling = Spelling::OneOf(words);
        self
    }
    /// It is known also where no connection was made.
    pub const fn unconnected(mut self) -> Self {
        self.unconnected = true;
        self
    }
    /// It is a whole number from the first to the last.
    pub const fn between(mut self, first: i64, last: i64) -> Self {
        self.range = Some((first, last));
        self
    }
    /// Shows this, rather than what its kind does.
    pub const fn shows(mut self, shows: Shows) -> Self {
        self.shows = Some(shows);
        self
    }
    /// A difference between two looks shows this.
    pub const fn change_shows(mut self, shows: Shows) -> Self {
        self.change_shows = Some(shows);
        self
    }
    /// Only when asked for.
    pub const fn on_demand(mut self) -> Self {
        self.on_demand = true;
        self
    }
    /// These values deny this.
    pub const fn denies(mut self, what: Denied, values: Values) -> Self {
        self.denial = Some((what, values));
        self
    }
    /// These values show that this was granted.
    pub const fn grants(mut self, what: Denied, values: Values) -> Self {
        self.grant = Some((what, values));
        self
    }
    /// These values show that this too was granted, which is more.
    pub const fn grants_further(mut self, what: Denied, values: Values) -> Self {
        self.further_grant = Some((what, values));
        self
    }
    /// Beside these values nothing shows that this, or more, was granted.
    pub const fn withdraws(mut self, what: Denied, values: Values) -> Self {
        self.withdrawal = Some((what, values));
        self
    }
    /// True shows that the connection was granted, false that it was denied.
    pub const fn shows_connection(self) -> Self {
        self.denies(Denied::Connection, Values::False).grants(Denied::Connection, Values::True)
    }
    /// Whether it tells what was denied or granted.
    pub const fn tells(&self) -> bool {
        self.denial.is_some() || self.grant.is_some() || self.withdrawal.is_some()
    }
    /// It is looked for within this window.
    pub const fn within(mut self, window: Window) -> Self {
        self.window = Some(window);
        self
    }
    /// Its ends already hold what the observer's own delay may have added.
    pub const fn bounded(mut self) -> Self {
        self.bounded = true;
        self
    }
    /// It says nothing about outcome or content.
    pub const fn aside(mut self) -> Self {
        self.aside = true;
        self
    }
}

/// The declaration of a kind.
#[derive(Debug)]
pub struct KindSpec {
    /// Its key in a plan.
    pub name: &'static str,
    /// What it looks at, in one sentence.
    pub doc: &'static str,
    /// What its facts show, unless a fact says otherwise.
    pub shows: Shows,
    /// The least impact it has without the plan saying otherwise.
    pub floor: Impact,
    /// What it can see only as root, or with which membership; empty if nothing.
    pub privilege: &'static str,
    /// Its facts.
    pub facts: &'static [FactSpec],
}

impl KindSpec {
    /// The fact of this name.
    pub fn fact(&self, name: &str) -> Option<&'static FactSpec> {
        self.facts.iter().find(|fact| fact.name == name)
    }

    /// What a fact of this name shows; `changed`: where two looks saw it differ.
    pub fn shows_of(&self, name: &str, changed: bool) -> Option<Shows> {
        let fact = self.fact(name)?;
        let look = fact.shows.unwrap_or(self.shows);
        Some(if changed { fact.change_shows.unwrap_or(look) } else { look })
    }

    /// The facts that can show that this was granted, or more than this, with the values that do; none where the kind does
    /// not tell.
    pub fn grants(&self, what: Denied) -> impl Iterator<Item = (&'static str, Values)> {
        let grants = self.facts.iter().flat_map(|fact| {
            fact.grant.into_iter().chain(fact.further_grant).map(|grant| (fact.name, grant))
        });
        grants
            .filter(move |(_, (of, _))| *of >= what && what != Denied::Answer)
            .map(|(name, (_, values))| (name, values))
    }

    /// What the look denied in which these facts were seen, if it did: the first denial in the order of the facts. Whoever
    /// was reached denied no connection, whatever came of it: a whole answer, unless all that is `read` is what itself
    /// denies something, such as the status of a page of which the rest did not come.
    pub fn denial(&self, seen: &BTreeMap<String, Value>, read: &[&str]) -> Option<Denied> {
        let denied = |fact: &FactSpec| {
            let (what, values) = fact.denial?;
            seen.get(fact.name).is_some_and(|value| values.include(value)).then_some(what)
        };
        let first = self.facts.iter().find_map(denied)?;
        if first != Denied::Connection || !self.granted(Denied::Connection, seen) {
            return Some(first);
        }
        let mut itself = read.iter().map(|name| self.fact(name).and_then(denied));
        let own = itself.next().flatten().filter(|own| *own != Denied::Connection);
        Some(own.filter(|own| itself.all(|other| other == Some(*own))).unwrap_or(Denied::Answer))
    }

    /// The facts beside some values of which nothing shows that this was granted, with those values.
    pub fn withdrawals(&self, what: Denied) -> impl Iterator<Item = (&'static str, Values)> {
        let withdrawals = self.facts.iter().filter_map(|fact| Some((fact.name, fact.withdrawal?)));
        withdrawals.filter(move |(_, (of, _))| *of <= what).map(|(name, (_, values))| (name, values))
    }

    /// Whether a fact says that this was granted, and none that it may have been something else.
    pub fn granted(&self, what: Denied, seen: &BTreeMap<String, Value>) -> bool {
        let says = |name: &str, values: Values| seen.get(name).is_some_and(|value| values.include(value));
        let withdrawn = self.withdrawals(what).any(|(name, values)| says(name, values));
        !withdrawn && self.grants(what).any(|(name, values)| says(name, values))
    }

    /// Whether a fact of this name says something about outcome or content.
    pub fn states(&self, name: &str) -> bool {
        self.fact(name).is_some_and(|fact| !fact.aside)
    }
}

/// The parameters of one kind.
pub trait Kind: Serialize + DeserializeOwned + JsonSchema {
    /// Its declaration.
    const SPEC: &'static KindSpec;
    /// The impact with these parameters, if the plan does not say.
    fn impact(&self) -> Impact {
        Self::SPEC.floor
    }
    /// The same act without who asks (tokens, passwords): two acts of which this is equal differ in nothing else. `None`
    /// where the kind does not tell who asks from what is asked.
    fn anonymous(&self) -> Option<Self> {
        None
    }
    /// Whether a look with these parameters may see something beside which nothing shows a grant ([`FactSpec::withdrawal`]).
    fn may_withdraw(&self) -> bool {
        true
    }
    /// Why no look with these parameters can see anything, wherever it is made, if that can be told from them alone.
    fn flaw(&self) -> Option<String> {
        None
    }
    /// The secrets that it hands over where others can read them.
    fn exposes(&self) -> Vec<Exposure> {
        Vec::new()
    }

    /// What it does, for `--dry-run` and `reproduce`: as near as possible to what a person would type. Secrets by name.
    fn describe(&self) -> String;
}

/// Declares the enum over the kinds and the table of declarations.
macro_rules! kinds {
    ($($module:ident :: $Kind:ident),* $(,)?) => {
        /// One probe's kind and parameters.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        #[expect(missing_docs, reason = "each variant is documented by the type it holds")]
        pub enum Act { $($Kind($module::$Kind)),* }

        /// Every kind, in the order of the reference.
        pub const KINDS: &[&KindSpec] = &[$(<$module::$Kind as Kind>::SPEC),*];

        impl Act {
            /// The kind's declaration.
            pub fn spec(&self) -> &'static KindSpec {
                match self { $(Self::$Kind(_) => <$module::$Kind as Kind>::SPEC),* }
            }
            /// The impact with these parameters, if the plan does not say.
            pub fn impact(&self) -> Impact {
                match self { $(Self::$Kind(act) => act.impact()),* }
            }
            /// The same act without who asks; `None` where the kind does not tell that from what is asked.
            pub fn anonymous(&self) -> Option<Self> {
                match self { $(Self::$Kind(act) => act.anonymous().map(Self::$Kind)),* }
            }
            /// Whether a look may see something beside which nothing shows a grant.
            pub fn may_withdraw(&self) -> bool {
                match self { $(Self::$Kind(act) => act.may_withdraw()),* }
            }
            /// Why no look with these parameters can see anything.
            pub fn flaw(&self) -> Option<String> {
                match self { $(Self::$Kind(act) => act.flaw()),* }
            }
            /// The secrets that it hands over where others can read them.
            pub fn exposes(&self) -> Vec<Exposure> {
                match self { $(Self::$Kind(act) => act.exposes()),* }
            }
            /// What it does, as near as possible to what a person would type. Secrets by name.
            pub fn describe(&self) -> String {
                match self { $(Self::$Kind(act) => act.describe()),* }
            }
            /// Reads the parameters of the kind of this name; `None` if there is no such kind.
            pub fn deserialize<'de, D: serde::Deserializer<'de>>(kind: &str, from: D) -> Option<Result<Self, D::Error>> {
                $(if kind == <$module::$Kind as Kind>::SPEC.name {
                    return Some(<$module::$Kind as Deserialize>::deserialize(from).map(Self::$Kind));
                })*
                None
            }
        }

        /// The JSON Schema of each kind's parameters, by the kind's name.
        pub fn schemas(generator: &mut schemars::SchemaGenerator) -> Vec<(&'static str, schemars::Schema)> {
            vec![$((<$module::$Kind as Kind>::SPEC.name, <$module::$Kind as JsonSchema>::json_schema(generator))),*]
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

/// The kind of this name.
pub fn kind(name: &str) -> Option<&'static KindSpec> {
    KINDS.iter().copied().find(|spec| spec.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_not_reached_denies_a_connection() {
        let seen = |facts: &[(&str, Value)]| {
            facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        let (no, yes) = (Value::Bool(false), Value::Bool(true));
        for kind in ["http", "tls", "dns", "redis", "postgres", "mysql", "smtp"] {
            let spec = kind_of(kind);
            let refused = seen(&[("connected", no.clone()), ("answered", no.clone())]);
            assert_eq!(spec.denial(&refused, &[]), Some(Denied::Connection), "{kind}");
            // Nonsense, or a certificate that is not to be trusted.
            let reached = seen(&[("connected", yes.clone()), ("answered", no.clone())]);
            assert_eq!(spec.denial(&reached, &[]), Some(Denied::Answer), "{kind}");
            assert!(spec.grants(Denied::Answer).next().is_none(), "{kind}");
            // An answer whose rest did not come in time is no denial.
            assert_eq!(spec.denial(&seen(&[("connected", yes.clone())]), &[]), None, "{kind}");
            assert!(spec.granted(Denied::Connection, &reached), "{kind}");
        }
        let forbidden = seen(&[("connected", yes.clone()), ("answered", yes), ("status", Value::from(403))]);
        assert_eq!(kind_of("http").denial(&forbidden, &[]), Some(Denied::Request));
    }

    #[test]
    fn a_denial_that_is_cut_short_is_one_to_who_reads_nothing_else() {
        let cut = BTreeMap::from([
            ("connected".to_owned(), Value::Bool(true)),
            ("answered".to_owned(), Value::Bool(false)),
            ("body_received".to_owned(), Value::Bool(false)),
            ("status".to_owned(), Value::from(403)),
        ]);
        let denial = |read: &[&str]| kind_of("http").denial(&cut, read);
        assert_eq!(denial(&["status"]), Some(Denied::Request));
        for read in [&["answered"][..], &["connected"], &["body_received"], &["status", "answered"], &[]] {
            assert_eq!(denial(read), Some(Denied::Answer), "{read:?}");
        }
    }

    #[test]
    fn a_page_that_a_redirect_led_to_may_be_another_than_was_asked_for() {
        let seen = |way: Vec<String>| {
            let facts = [("connected", true.into()), ("status", Value::from(200)), ("redirects", way.into())];
            facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        };
        let http = kind_of("http");
        assert!(http.granted(Denied::Request, &seen(Vec::new())));
        let moved = seen(vec!["http://x/login".to_owned()]);
        assert!(!http.granted(Denied::Request, &moved));
        assert!(http.granted(Denied::Connection, &moved));
    }

    fn kind_of(name: &str) -> &'static KindSpec {
        kind(name).unwrap()
    }
}
