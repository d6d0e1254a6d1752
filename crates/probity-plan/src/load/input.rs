//! `inputs`: values with a default, values that must be given, and where secrets come from.

use std::collections::BTreeMap;

use probity_diagnostic::Position;

use super::Loader;
use super::part::Part;
use super::scope::Bound;
use crate::error::{Errors, Flaw, did_you_mean};
use crate::model::{Input, InputValue};
use crate::source::InputSource;
use crate::text::Piece;
use crate::token::Defect;
use crate::value::Value;
use crate::yaml::{Key, Kind, Node, typed};

/// A value handed in for an input.
pub(super) enum Given {
    /// From the command line.
    CommandLine(String),
    /// From the plan that includes this one.
    Outer(Bound, Position),
}

impl Loader<'_> {
    /// The inputs of the plan itself.
    pub(super) fn overridden_inputs(
        &mut self,
        part: &mut Part,
        section: Option<&Node>,
        overrides: &BTreeMap<String, String>,
    ) {
        let given =
            overrides.iter().map(|(name, text)| (name.clone(), Given::CommandLine(text.clone()))).collect();
        self.inputs(part, section, given);
    }

    /// Declares a part's inputs, with the values handed in.
    pub(super) fn inputs(
        &mut self,
        part: &mut Part,
        section: Option<&Node>,
        mut given: BTreeMap<String, Given>,
    ) {
        let declared = self.named(section, "an input");
        for (key, node) in &declared {
            let bound = self.input(part, key, node, given.remove(&key.text), &declared);
            part.scope.bind(&key.text, bound.unwrap_or(Bound::Broken));
        }
        for (name, given) in given {
            let hint = did_you_mean(&name, declared.iter().map(|(key, _)| key.text.as_str()));
            let shown = crate::yaml::shortened(&name);
            match given {
                Given::CommandLine(_) => {
                    self.errors.push(
                        Flaw::Input,
                        &Self::command_line(),
                        format!("the plan has no input `{shown}`{hint}"),
                    );
                }
                Given::Outer(_, at) => {
                    self.errors.push(
                        Flaw::Input,
                        &at,
                        format!("the included plan has no input `{shown}`{hint}"),
                    );
                }
            }
        }
    }

    fn input(
        &mut self,
        part: &mut Part,
        key: &Key,
        node: &Node,
        given: Option<Given>,
        declared: &[(&Key, &Node)],
    ) -> Option<Bound> {
        let name = key.text.as_str();
        if node.is_broken() {
            return None;
        }
        let default = match &node.kind {
            _ if node.is_null() => {
                self.errors.push(
                    Flaw::Input,
                    &key.at,
                    format!(
                        "input `{name}` has no value; write one, or {{ required: true }} if it must be given"
                    ),
                );
                return None;
            }
            Kind::Plain(text) => {
                self.no_dollar(node, text, declared);
                Default::Value(typed(text), text.clone())
            }
            Kind::Text(text) => {
                self.no_dollar(node, text, declared);
                Default::Value(Value::Text(text.clone()), text.clone())
            }
            Kind::Map(_) => self.declaration(part, name, node, given.is_some())?,
            Kind::Broken => return None,
            Kind::List(_) | Kind::Pieces(_) => {
                self.errors.push(
                    Flaw::Input,
                    &node.at,
                    format!("input `{name}` is {}; an input is text, a number, true or false", node.found()),
                );
                return None;
            }
        };
        let plain = |loader: &mut Self, value: Value, bound: Bound, at: &Position| {
            loader.declare(part.full(name), InputValue::Plain(value), at)?;
            Some(bound)
        };
        match (default, given) {
            (Default::Secret(_) | Default::RequiredSecret, Some(Given::CommandLine(_))) => {
                self.errors.push(Flaw::Input, &Self::command_line(),
                    format!("input `{name}` is a secret; a secret is not given on the command line, where others can read it"),
                );
                None
            }
            (Default::Secret(_) | Default::RequiredSecret, Some(Given::Outer(bound, at))) => {
                if matches!(bound, Bound::Plain(_) | Bound::Text(_)) {
                    self.errors.push(
                        Flaw::Input,
                        &at,
                        format!("input `{name}` is a secret; hand over a secret input, as in ${name}"),
                    );
                    return None;
                }
                Some(bound)
            }
            (_, Some(Given::Outer(bound, at))) => match &bound {
                Bound::Plain(text) => plain(self, typed(text), bound.clone(), &at),
                Bound::Text(text) => plain(self, Value::Text(text.clone()), bound.clone(), &at),
                Bound::Secret(_) | Bound::Broken => Some(bound),
            },
            (_, Some(Given::CommandLine(text))) => {
                let value = typed(&text);
                plain(self, value.clone(), Bound::new(text, &value), &key.at)
            }
            (Default::Value(value, text), None) => {
                plain(self, value.clone(), Bound::new(text, &value), &node.at)
            }
            (Default::Secret(mut value), None) => {
                if let InputValue::SecretToken(token) = &mut value {
                    let Some(key) = part.scope.secret(&token.key) else {
                        let message = format!(
                            "in input `{name}`: the token's key `{}` is no secret input that is declared before it",
                            crate::yaml::shortened(&token.key)
                        );
                        self.errors.push(Flaw::Input, &node.at, message);
                        return None;
                    };
                    token.key = key;
                    let own = token.defect.and_then(Defect::own_claim);
                    if let Some(own) = own.filter(|own| token.claims.contains_key(*own)) {
                        let message = format!(
                            "in input `{name}`: the claim `{own}` is the token's defect; leave it out of `claims`"
                        );
                        self.errors.push(Flaw::Input, &node.at, message);
                        return None;
                    }
                }
                let full = part.full(name);
                self.declare(full.clone(), value, &node.at)?;
                Some(Bound::Secret(vec![Piece::Secret(full)]))
            }
            (Default::Required, None) => {
                let how = if part.prefix.is_empty() {
                    format!("give it with `--input {name}=VALUE`")
                } else {
                    "the plan that includes this one must give it, under `inputs`".to_owned()
                };
                self.errors.push(Flaw::Input, &node.at, format!("input `{name}` is required; {how}"));
                None
            }
            (Default::RequiredSecret, None) => {
                let message = if part.prefix.is_empty() {
                    format!("the secret `{name}` needs a source: `env`, `file`, `descriptor` or `token`")
                } else {
                    format!(
                        "input `{name}` is required; the plan that includes this one must give it a secret, under `inputs`"
                    )
                };
                self.errors.push(Flaw::Input, &node.at, message);
                None
            }
        }
    }

    /// Adds an input under its full name: two of the same name would be taken for each other.
    fn declare(&mut self, full: String, value: InputValue, at: &Position) -> Option<()> {
        if self.plan.inputs.contains_key(&full) {
            self.errors.push(
                Flaw::Input,
                at,
                format!("here this input is called `{full}`, and there is one of that name already"),
            );
            return None;
        }
        self.plan.inputs.insert(full, Input { value, at: at.clone() });
        Some(())
    }

    /// The map form of an input.
    fn declaration(&mut self, part: &Part, name: &str, node: &Node, given: bool) -> Option<Default> {
        let of = format!("input `{name}`");
        if let Some(value) = node.get("value").or_else(|| node.get("default")) {
            let message = if node.get("secret").is_some() {
                "a secret is never written in a plan; say where it comes from: `env`, `file`, `descriptor` or `token`"
                    .to_owned()
            } else {
                format!("write the value itself: `{name}: VALUE`")
            };
            self.errors.push(Flaw::Input, &value.at, format!("in {of}: {message}"));
            return None;
        }
        let source: InputSource = self.decode(node, &of)?;
        let mut sources: Vec<InputValue> = Vec::new();
        sources.extend(source.env.map(InputValue::SecretEnv));
        sources.extend(source.file.map(InputValue::SecretFile));
        sources.extend(source.descriptor.map(InputValue::SecretDescriptor));
        sources.extend(source.token.map(InputValue::SecretToken));
        let wrong = match (sources.as_slice(), source.secret, source.required) {
            (_, Some(false), _) => "`secret` is `true` or left out".to_owned(),
            (_, _, Some(false)) => "`required` is `true` or left out".to_owned(),
            ([_, _, ..], ..) => "a secret has one source: `env`, `file`, `descriptor` or `token`".to_owned(),
            ([_], _, Some(true)) => "a secret with a source is not `required`".to_owned(),
            ([_], None, _) => {
                "what comes from the environment, a file or a descriptor, or is a token, is a secret; add `secret: true`"
                    .to_owned()
            }
            ([InputValue::SecretEnv(env)], ..) if !is_variable(env) => {
                format!("`{}` is not the name of an environment variable", crate::yaml::shortened(env))
            }
            ([InputValue::SecretFile(file)], ..) if file.is_empty() => "the file name is empty".to_owned(),
            ([InputValue::SecretDescriptor(0..=2)], ..) => {
                "descriptors 0, 1 and 2 are taken; use 3 or higher".to_owned()
            }
            ([value], ..) => return Some(Default::Secret(value.clone())),
            ([], Some(true), None) if !given || part.prefix.is_empty() => {
                "a secret needs a source: `env`, `file`, `descriptor` or `token`".to_owned()
            }
            ([], Some(true), _) => return Some(Default::RequiredSecret),
            ([], None, Some(true)) => return Some(Default::Required),
            ([], None, None) => "the map is empty; write a value, or { required: true }".to_owned(),
        };
        self.errors.push(Flaw::Input, &node.at, format!("in {of}: {wrong}"));
        None
    }

    /// An input is taken as it is; a use of another one in it would be lost in silence.
    fn no_dollar(&mut self, node: &Node, text: &str, declared: &[(&Key, &Node)]) {
        let used = |name: &str| text.contains(&format!("${name}")) || text.contains(&format!("${{{name}}}"));
        if let Some((key, _)) = declared.iter().find(|(key, _)| used(&key.text)) {
            let message = format!("an input is taken as it is; `${}` is not filled in here", key.text);
            self.errors.push(Flaw::Input, &node.at, message);
        }
    }

    /// Every input must be used somewhere in its own document.
    pub(super) fn unused_inputs(&mut self, part: &mut Part, root: &Node) {
        let mut ignored = Errors::default();
        for (key, node) in root.entries() {
            if key.text != "inputs" {
                part.scope.fill(node, &mut ignored);
            }
        }
        let Some(section) = root.get("inputs") else { return };
        for (key, _) in section.entries() {
            if part.scope.is_idle(&key.text) {
                let name = &key.text;
                self.errors.push(
                    Flaw::Input,
                    &key.at,
                    format!("input `{name}` is not used; use it as ${name}, or take it out"),
                );
            }
        }
    }
}

/// What an input is if nothing is handed in.
enum Default {
    /// A value, and the text it was written as.
    Value(Value, String),
    Secret(InputValue),
    Required,
    RequiredSecret,
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The bound and the text of a scalar that is handed to an included plan; `None` if it is no scalar.
pub(super) fn handed(node: &Node) -> Option<Bound> {
    match &node.kind {
        _ if node.is_null() => None,
        Kind::Plain(text) => {
            let value = typed(text);
            Some(Bound::new(text.clone(), &value))
        }
        Kind::Text(text) => Some(Bound::Text(text.clone())),
        Kind::Pieces(pieces) => Some(Bound::Secret(pieces.clone())),
        Kind::List(_) | Kind::Map(_) | Kind::Broken => None,
    }
}
