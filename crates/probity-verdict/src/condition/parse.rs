//! From a condition's source to a [`Check`]: parsed by `cel`, then checked name by name, so that a mistake is found
//! before the run and at its column.

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, SourceInfo, operators};
use probity_plan::FactType;

use super::{AGAINST, Atom, Check, ConditionError, Last, Node, Scope, Test, cel_value, interval, types};
use crate::rule::LONGEST;

/// A comprehension inside another costs the product of the lists' lengths.
const MOST_COMPREHENSIONS: usize = 2;

/// The functions a condition may call, with their number of arguments besides what stands before the dot.
const FUNCTIONS: &[&str] =
    &["size", "contains", "startsWith", "endsWith", "matches", "int", "double", "string", "has"];
const MACROS: &[&str] = &["all", "exists", "exists_one", "filter", "map"];

/// Reads a condition. With `empty_ok`, looking through an empty list is no obstacle: `all` of nothing is true.
pub fn compile(source: &str, scope: &Scope, empty_ok: bool) -> Result<Check, ConditionError> {
    if source.len() > LONGEST {
        return Err(ConditionError {
            offset: 0,
            message: format!("this condition has {} bytes; a condition has at most {LONGEST}", source.len()),
            hint: "split it into several claims".to_owned(),
        });
    }
    let parsed = cel_value::environment().parser().parse_with_source_info(source);
    let (root, places) = parsed.map_err(|errors| misparsed(source, &errors))?;
    let mut reader =
        Reader { scope, places, empty_ok, comprehensions: 0, nested: false, reads: BTreeSet::new() };
    let root = reader.node(root, false)?;
    if reader.reads.is_empty() {
        return Err(ConditionError {
            offset: 0,
            message: "this condition reads no fact, so it says nothing about the target".to_owned(),
            hint: reader.facts_hint(),
        });
    }
    Ok(Check { text: collapsed(source), root, reads: reader.reads })
}

/// The name of the fact that a node is, `against.NAME` included.
pub(super) fn fact_name(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test && is_against(&select.operand.expr) => {
            Some(format!("{AGAINST}{}", select.field))
        }
        _ => None,
    }
}

fn is_against(expression: &Expr) -> bool {
    matches!(expression, Expr::Ident(name) if format!("{name}.") == AGAINST)
}

/// Whether a `? :` is one that `filter` or `exists_one` is made with: otherwise it leaves the result as it is.
fn is_own(arguments: &[IdedExpr]) -> bool {
    matches!(arguments.last(), Some(IdedExpr { expr: Expr::Ident(name), .. }) if name.starts_with('@'))
}

struct Reader<'a> {
    scope: &'a Scope,
    places: SourceInfo,
    empty_ok: bool,
    comprehensions: usize,
    /// Whether the atom being read looks through one list for each element of another.
    nested: bool,
    reads: BTreeSet<String>,
}

impl Reader<'_> {
    fn node(&mut self, node: IdedExpr, negated: bool) -> Result<Node, ConditionError> {
        match node.expr {
            Expr::Call(CallExpr { func_name, target: None, mut args })
                if func_name == operators::LOGICAL_NOT && args.len() == 1 =>
            {
                self.node(args.remove(0), !negated)
            }
            Expr::Call(CallExpr { func_name, target: None, args })
                if func_name == operators::LOGICAL_AND || func_name == operators::LOGICAL_OR =>
            {
                let all = (func_name == operators::LOGICAL_AND) != negated;
                let parts =
                    args.into_iter().map(|part| self.node(part, negated)).collect::<Result<_, _>>()?;
                Ok(if all { Node::All(parts) } else { Node::Any(parts) })
            }
            expr => self.atom(IdedExpr { id: node.id, expr }, negated).map(Node::Atom),
        }
    }

    fn atom(&mut self, mut atom: IdedExpr, negated: bool) -> Result<Atom, ConditionError> {
        let mut facts = BTreeSet::new();
        self.nested = false;
        self.names(&mut atom, &mut Vec::new(), &mut facts)?;
        let place = |id| place(&self.places, id);
        let timed = facts.iter().any(|name| self.scope.get(name) == Some(FactType::Interval));
        let test = if timed {
            Test::Interval(interval::Comparison::compile(&atom, self.scope, &place)?)
        } else {
            let ty = types::check(&atom, self.scope, &place)?;
            if let Some(ty) = ty.filter(|ty| *ty != FactType::Bool) {
                let what = fact_name(&atom.expr).map_or("this".to_owned(), |name| format!("`{name}`"));
                return Err(ConditionError {
                    offset: place(atom.id),
                    message: format!("{what} is {}, not true or false", types::article(ty)),
                    hint: "compare it with something, as in `== 200`".to_owned(),
                });
            }
            Test::Cel(Box::new(atom))
        };
        self.reads.extend(facts.iter().cloned());
        Ok(Atom {
            negated,
            facts: facts.into_iter().collect(),
            nested: self.nested,
            test,
            last: Last::default(),
        })
    }

    /// Checks every name, collects facts, and puts [`cel_value::NOT_EMPTY`] round each list that is looked through.
    /// `bound` are the names that comprehensions around the node introduce.
    fn names(
        &mut self,
        node: &mut IdedExpr,
        bound: &mut Vec<String>,
        facts: &mut BTreeSet<String>,
    ) -> Result<(), ConditionError> {
        let id = node.id;
        if let Some(name) = fact_name(&node.expr)
            && !bound.contains(&name)
        {
            if self.scope.get(&name).is_none() {
                return Err(self.unknown_fact(id, &name));
            }
            facts.insert(name);
            return Ok(());
        }
        match &mut node.expr {
            Expr::Ident(_) | Expr::Literal(_) => Ok(()),
            Expr::Select(select) => {
                if is_against(&select.operand.expr) {
                    return Err(self.error(
                        id,
                        "a fact of the other observation is always there, or behind a barrier",
                        "",
                    ));
                }
                self.names(&mut select.operand, bound, facts)
            }
            Expr::List(list) => {
                for element in &mut list.elements {
                    self.names(element, bound, facts)?;
                }
                Ok(())
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.names(&mut entry.key, bound, facts)?;
                        self.names(&mut entry.value, bound, facts)?;
                    }
                }
                Ok(())
            }
            Expr::Call(call) => {
                self.function(id, call)?;
                self.nested |= call.func_name == operators::IN && !bound.is_empty();
                for argument in call.target.iter_mut().map(AsMut::as_mut).chain(&mut call.args) {
                    self.names(argument, bound, facts)?;
                }
                Ok(())
            }
            Expr::Comprehension(comprehension) => {
                self.comprehensions += 1;
                self.nested |= !bound.is_empty();
                if self.comprehensions > MOST_COMPREHENSIONS {
                    return Err(self.error(
                        id,
                        "a condition looks through at most two lists",
                        "split it into several claims",
                    ));
                }
                self.names(&mut comprehension.iter_range, bound, facts)?;
                let outside = bound.len();
                bound.push(comprehension.iter_var.clone());
                bound.push(comprehension.accu_var.clone());
                // `filter` and `exists_one` are made with a `? :` of their own.
                let step = match &mut comprehension.loop_step.expr {
                    Expr::Call(call) if call.func_name == operators::CONDITIONAL && is_own(&call.args) => {
                        call.args.as_mut_slice()
                    }
                    _ => std::slice::from_mut(&mut comprehension.loop_step),
                };
                for part in step {
                    self.names(part, bound, facts)?;
                }
                bound.truncate(outside);
                if !self.empty_ok {
                    let range = std::mem::take(&mut comprehension.iter_range);
                    comprehension.iter_range = IdedExpr {
                        id: range.id,
                        expr: Expr::Call(CallExpr {
                            func_name: cel_value::NOT_EMPTY.to_owned(),
                            target: None,
                            args: vec![range],
                        }),
                    };
                }
                Ok(())
            }
            Expr::Struct(_) | Expr::Unspecified => {
                Err(self.error(id, "this is not allowed in a condition", ""))
            }
        }
    }

    fn function(&self, id: u64, call: &CallExpr) -> Result<(), ConditionError> {
        let name = call.func_name.as_str();
        if name == operators::CONDITIONAL {
            return Err(self.error(id, "`? :` is not allowed in a condition", "say it with && and ||"));
        }
        let operator = !name.chars().all(|c| c.is_alphanumeric() || c == '_')
            || name.contains("__")
            || name.starts_with('@');
        if operator || name == operators::NEGATE {
            return Ok(());
        }
        let given = call.args.len() + usize::from(call.target.is_some());
        let wanted = match name {
            "size" | "int" | "double" | "string" | "has" => 1,
            "contains" | "startsWith" | "endsWith" | "matches" => 2,
            _ if MACROS.contains(&name) => {
                let hint = "write it as in `lines.all(line, line.contains(\"ok\"))`";
                return Err(self.error(id, &format!("`{name}` is used otherwise"), hint));
            }
            _ => {
                let known: Vec<&str> = FUNCTIONS.iter().chain(MACROS).copied().collect();
                let message =
                    format!("there is no function `{name}`{}", did_you_mean(name, known.iter().copied()));
                return Err(self.error(id, &message, &format!("a condition knows {}", known.join(", "))));
            }
        };
        if given != wanted || (wanted == 2 && call.target.is_none()) {
            let hint = if wanted == 2 {
                format!("write it as in `body.{name}(\"ok\")`")
            } else {
                format!("write it as in `{name}(x)`")
            };
            return Err(self.error(id, &format!("`{name}` is used otherwise"), &hint));
        }
        if name == "matches"
            && let [IdedExpr { expr: Expr::Literal(cel::common::ast::LiteralValue::String(pattern)), id }] =
                call.args.as_slice()
        {
            self.pattern(*id, pattern.inner())?;
        }
        Ok(())
    }

    /// Tries a regular expression that is written out, so that a wrong one is found before the run.
    fn pattern(&self, id: u64, pattern: &str) -> Result<(), ConditionError> {
        let mut context = cel::Context::with_env(cel_value::environment());
        context.add_variable_from_value("pattern", pattern);
        let parsed = cel_value::environment().parser().parse("''.matches(pattern)");
        let tried = parsed.map(|expression| context.resolve(&expression));
        match tried {
            Ok(Ok(_)) => Ok(()),
            _ => Err(self.error(
                id,
                "this regular expression cannot be read",
                "see https://docs.rs/regex for its syntax",
            )),
        }
    }

    fn unknown_fact(&self, id: u64, name: &str) -> ConditionError {
        let known = self.scope.0.keys().map(String::as_str);
        // A selection's own place is its dot.
        let offset = place(&self.places, id) + usize::from(name.starts_with(AGAINST));
        let short = name.strip_prefix(AGAINST).unwrap_or(name);
        let message = if is_against(&Expr::Ident(name.to_owned())) {
            "`against` stands before the name of a fact, as in `against.size_bytes`".to_owned()
        } else {
            format!("there is no fact `{short}` here{}", did_you_mean(name, known))
        };
        ConditionError { offset, message, hint: self.facts_hint() }
    }

    fn facts_hint(&self) -> String {
        let names: Vec<&str> = self.scope.0.keys().map(String::as_str).collect();
        format!("facts that may be read: {}", names.join(", "))
    }

    fn error(&self, id: u64, message: &str, hint: &str) -> ConditionError {
        ConditionError { offset: place(&self.places, id), message: message.to_owned(), hint: hint.to_owned() }
    }
}

/// The parser counts bytes, people count characters.
fn place(places: &SourceInfo, id: u64) -> usize {
    let bytes = places.offset_for(id).map_or(0, |(start, _)| start as usize);
    places.source.char_indices().take_while(|(at, _)| *at < bytes).count()
}

fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, _)| *distance <= name.chars().count().div_ceil(3))
        .min()
        .map_or(String::new(), |(_, known)| format!("; did you mean `{known}`?"))
}

/// What to say in the place of the parser's own words.
fn misparsed(source: &str, errors: &cel::parser::ParseErrors) -> ConditionError {
    let first = errors.errors.iter().filter(|error| error.pos.0 > 0).min_by_key(|error| error.pos);
    let (line, column) = first.map_or((1, 1), |error| error.pos);
    let before = source.split_inclusive('\n').take(usize::try_from(line - 1).unwrap_or(0));
    let offset =
        before.map(|line| line.chars().count()).sum::<usize>() + usize::try_from(column - 1).unwrap_or(0);
    let offset = offset.min(source.chars().count());
    let rest: String = source.chars().skip(offset).collect();
    let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let said = first.map_or("", |error| error.msg.as_str());
    let (message, hint) = match (word.as_str(), rest.trim_start().chars().next()) {
        _ if source.trim().is_empty() => ("this condition is empty".to_owned(), ""),
        _ if said.contains("recursion") => {
            ("this condition is nested too deeply".to_owned(), "split it into several claims")
        }
        _ if said.contains("has()") => {
            ("`has` asks for a field".to_owned(), "write it as in `has(json.name)`")
        }
        (_, None) => (
            "this condition ends too early".to_owned(),
            "something is missing at its end: a value, or a closing bracket",
        ),
        ("and" | "AND", _) => ("`and` is written `&&`".to_owned(), ""),
        ("or" | "OR", _) => ("`or` is written `||`".to_owned(), ""),
        ("not" | "NOT", _) => ("`not` is written `!`".to_owned(), ""),
        (_, Some('=')) => ("a comparison is written `==`".to_owned(), ""),
        (_, Some('&' | '|')) => {
            ("conditions are joined with `&&` and `||`, each written twice".to_owned(), "")
        }
        (_, Some('"' | '\'')) => ("this text is not closed, or stands where none is expected".to_owned(), ""),
        ("", Some(other)) => {
            (format!("this condition cannot be read from `{}` on", other.escape_default()), "")
        }
        (word, _) => (format!("this condition cannot be read from `{word}` on"), ""),
    };
    ConditionError { offset, message, hint: hint.to_owned() }
}

/// White space outside of quotes made one space.
fn collapsed(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut quote = None;
    let mut escaped = false;
    for c in source.trim().chars() {
        match quote {
            Some(open) => {
                if c == open && !escaped {
                    quote = None;
                }
                escaped = c == '\\' && !escaped;
                text.push(c);
            }
            None if c.is_whitespace() => {
                if !text.ends_with(' ') {
                    text.push(' ');
                }
            }
            None => {
                if c == '"' || c == '\'' {
                    quote = Some(c);
                }
                text.push(c);
            }
        }
    }
    text
}
