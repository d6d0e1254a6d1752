//! The kinds of probe: one file each, with its parameters, its facts, its impact and what it can show. The act itself
//! lives in `probity-probe`, in the file of the same name. How to add one: docs/adding-a-kind.md.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::fact::Value;

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

/// How a fact's value is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactType {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// Text.
    Text,
    /// A moment: RFC 3339 text in UTC with microseconds; compares as text.
    Time,
    /// A measured quantity known as an interval (design.md, rule 8); only `<`, `<=`, `>`, `>=` may be asked of it.
    Interval,
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
            Self::Time => "time",
            Self::Interval => "interval",
            Self::List => "list",
            Self::Map => "map",
            Self::Any => "any",
        }
    }
}

/// Which values of a fact are a denial: they count only beside a positive control (design.md, rule 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// `false` is: a port that cannot be reached.
    False,
    /// `true` is: a server that refused the user.
    True,
    /// These codes are: HTTP 401 and 403.
    Codes(&'static [i64]),
}

impl Denial {
    /// Whether this value is a denial.
    pub fn is(self, value: &Value) -> bool {
        match (self, value) {
            (Self::False, Value::Bool(bool)) => !bool,
            (Self::True, Value::Bool(bool)) => *bool,
            (Self::Codes(codes), Value::Int(code)) => codes.contains(code),
            _ => false,
        }
    }
}

/// Which values of a fact say that what was asked was granted: a look is a positive control of others only if all such
/// facts of its kind do (design.md, rule 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// `true` does: a server that answered.
    True,
    /// Empty text does: no error.
    Empty,
    /// Codes from the first to the last do: HTTP 200 to 299.
    Codes(i64, i64),
}

impl Grant {
    /// Whether this value says so.
    pub fn is(self, value: &Value) -> bool {
        match (self, value) {
            (Self::True, Value::Bool(bool)) => *bool,
            (Self::Empty, Value::Text(text)) => text.is_empty(),
            (Self::Codes(first, last), Value::Int(code)) => (first..=last).contains(code),
            _ => false,
        }
    }
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
    /// Values that are a denial.
    pub denial: Option<Denial>,
    /// Values without which nothing was granted.
    pub grant: Option<Grant>,
}

impl FactSpec {
    /// A fact with the defaults of its kind.
    pub const fn new(name: &'static str, ty: FactType, doc: &'static str) -> Self {
        Self { name, ty, doc, shows: None, change_shows: None, on_demand: false, denial: None, grant: None }
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
    /// These values are a denial.
    pub const fn denial(mut self, denial: Denial) -> Self {
        self.denial = Some(denial);
        self
    }
    /// Without these values nothing was granted.
    pub const fn grant(mut self, grant: Grant) -> Self {
        self.grant = Some(grant);
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

    /// The facts that say together whether what was asked was granted; none where the kind does not tell.
    pub fn grants(&self) -> impl Iterator<Item = (&'static str, Grant)> {
        self.facts.iter().filter_map(|fact| Some((fact.name, fact.grant?)))
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
    /// What it does, for `--dry-run` and `reproduce`: as near as possible to what a person would type. Secrets by name.
    fn describe(&self) -> String;
}

/// Declares the modules, the enum over them and the table of declarations.
macro_rules! kinds {
    ($($module:ident :: $Kind:ident),* $(,)?) => {
        $(pub mod $module;)*

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
    process::Process,
    port::Port,
    user::User,
    group::Group,
    mount::Mount,
    disk::Disk,
    kernel_parameter::KernelParameter,
    interface::Interface,
    service::Service,
    log::Log,
    package::Package,
    container::Container,
    tls::Tls,
    dns::Dns,
    redis::Redis,
    postgres::Postgres,
}

/// The kind of this name.
pub fn kind(name: &str) -> Option<&'static KindSpec> {
    KINDS.iter().copied().find(|spec| spec.name == name)
}
