//! From the parser's events to the tree. Limits what a hostile document may cost; refuses what has no meaning in a
//! plan (tags, merge keys, several documents) with a message that says what to write instead.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use granit_parser::{
    ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle,
};
use probity_diagnostic::Position;

use super::{Key, Kind, Node, shortened};
use crate::error::{Errors, Flaw};

/// The greatest size of a document, in bytes.
pub(crate) const MAX_BYTES: usize = 4 << 20;
/// The deepest nesting, aliases included.
const MAX_DEPTH: usize = 64;
/// The most nodes that aliases may add.
const MAX_COPIED: usize = 200_000;

/// Reads one document. Errors go to `errors`; `None` if there is no tree at all.
pub(crate) fn parse(file: &Arc<str>, source: &str, errors: &mut Errors) -> Option<Node> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut composer = Composer {
        parser: Parser::new_from_str_with_options(source, options),
        file,
        lines: source.lines().collect(),
        anchors: HashMap::new(),
        copied: 0,
        errors,
    };
    composer.document().ok()
}

fn broken(at: &Position) -> Node {
    Node { at: at.clone(), kind: Kind::Broken, filled: false }
}

/// The document cannot be read further; the reason is among the errors.
struct Stop;

/// A node with the number of nodes in it and how deep they nest.
#[derive(Clone)]
struct Built {
    node: Node,
    size: usize,
    height: usize,
}

struct Composer<'s, 'e> {
    parser: Parser<'s, StrInput<'s>>,
    file: &'e Arc<str>,
    lines: Vec<&'s str>,
    anchors: HashMap<usize, Built>,
    copied: usize,
    errors: &'e mut Errors,
}

impl<'s> Composer<'s, '_> {
    fn position(&self, line: usize, column: usize) -> Position {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position { file: Arc::clone(self.file), line: number(line), column: number(column) }
    }

    fn start(&self, span: &Span) -> Position {
        self.position(span.start.line(), span.start.col() + 1)
    }

    fn stop<T>(&mut self, at: &Position, message: impl Into<String>) -> Result<T, Stop> {
        self.errors.push(Flaw::Yaml, at, message);
        Err(Stop)
    }

    fn next(&mut self) -> Result<(Event<'s>, Span), Stop> {
        match self.parser.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let at = self.position(error.marker().line(), error.marker().col() + 1);
                let message = self.explain(&error);
                self.stop(&at, message)
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Node, Stop> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd => {
                    let at = self.position(1, 1);
                    return self.stop(&at, "the file is empty; a plan starts with `plan: TITLE`");
                }
                event => {
                    let root = self.node(event, &span, 1)?.node;
                    self.rest()?;
                    return Ok(root);
                }
            }
        }
    }

    /// Nothing may follow the document.
    fn rest(&mut self) -> Result<(), Stop> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::DocumentStart(..) => {
                    let at = self.start(&span);
                    return self.stop(&at, "a plan is one document; `---` starts another one");
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'s>, span: &Span, depth: usize) -> Result<Built, Stop> {
        let at = self.start(span);
        if depth > MAX_DEPTH {
            return self.stop(&at, format!("nested more than {MAX_DEPTH} deep"));
        }
        let (mut built, anchor, tagged) = match event {
            Event::Alias(anchor) => return self.alias(anchor, &at, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let at = self.first_character(span, style);
                let moved = !is_verbatim(&text, span, style);
                let kind = match style {
                    ScalarStyle::Plain => Kind::Plain(text.into_owned()),
                    _ => Kind::Text(text.into_owned()),
                };
                (Built { node: Node { at, kind, filled: moved }, size: 1, height: 1 }, anchor, tag.is_some())
            }
            Event::SequenceStart(_, anchor, tag) => (self.list(at.clone(), depth)?, anchor, tag.is_some()),
            Event::MappingStart(style, anchor, tag) => {
                (self.map(at.clone(), style == StructureStyle::Flow, depth)?, anchor, tag.is_some())
            }
            _ => return self.stop(&at, "this is not YAML that a plan can use"),
        };
        if tagged {
            let at = span.tag_start().map_or(at, |tag| self.position(tag.line(), tag.col() + 1));
            self.errors.push(Flaw::Yaml, &at,
                "a `!` at the start is a tag in YAML, and a plan has none; if it belongs to a condition, quote it: \"!...\"",
            );
            built.node.kind = Kind::Broken;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, built.clone());
        }
        Ok(built)
    }

    fn alias(&mut self, anchor: usize, at: &Position, depth: usize) -> Result<Built, Stop> {
        let Some(built) = self.anchors.get(&anchor).cloned() else {
            return self.stop(at, "this alias stands inside what it names");
        };
        self.copied = self.copied.saturating_add(built.size);
        if self.copied > MAX_COPIED {
            return self.stop(at, format!("aliases copy more than {MAX_COPIED} nodes"));
        }
        if depth + built.height - 1 > MAX_DEPTH {
            return self.stop(at, format!("nested more than {MAX_DEPTH} deep, through this alias"));
        }
        Ok(built)
    }

    fn list(&mut self, at: Position, depth: usize) -> Result<Built, Stop> {
        let (mut items, mut size, mut height) = (Vec::new(), 1, 1);
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Built {
                    node: Node { at, kind: Kind::List(Rc::new(items)), filled: false },
                    size,
                    height,
                });
            }
            let item = self.node(event, &span, depth + 1)?;
            size += item.size;
            height = height.max(item.height + 1);
            items.push(item.node);
        }
    }

    fn map(&mut self, at: Position, flow: bool, depth: usize) -> Result<Built, Stop> {
        let (mut entries, mut size, mut height) = (Vec::new(), 1, 1);
        let mut seen: HashMap<String, Position> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Built {
                    node: Node { at, kind: Kind::Map(Rc::new(entries)), filled: false },
                    size,
                    height,
                });
            }
            let braces = flow && matches!(event, Event::MappingStart(StructureStyle::Flow, ..));
            let before = self.errors.len();
            let key = self.node(event, &span, depth + 1)?.node;
            let (event, span) = self.next()?;
            let value = self.node(event, &span, depth + 1)?;
            let (Kind::Plain(text) | Kind::Text(text)) = key.kind else {
                // What is wrong inside such a key is of no interest.
                self.errors.truncate(before);
                entries.push((Key { text: String::new(), at: key.at.clone() }, broken(&key.at)));
                self.errors.push(
                    Flaw::Yaml,
                    &key.at,
                    if braces {
                        "`{{` starts two maps in YAML; if this is text, quote it"
                    } else {
                        "a key is plain text; if this is text with brackets or braces, quote it"
                    },
                );
                continue;
            };
            if flow && value.node.is_null() && span.start == span.end {
                self.errors.push(Flaw::Yaml, &key.at, format!(
                    "`{}` has no value; if it belongs to the text before it, quote that text: a comma ends a value between braces",
                    shortened(&text)
                ));
                let nothing = broken(&key.at);
                entries.push((Key { text, at: key.at }, nothing));
                continue;
            }
            if text == "<<" {
                self.errors.push(
                    Flaw::Yaml,
                    &key.at,
                    "merge keys (`<<`) are not part of a plan; write the keys out",
                );
                continue;
            }
            if let Some(first) = seen.get(&text) {
                let message =
                    format!("key `{}` repeated; first at {}:{}", shortened(&text), first.line, first.column);
                self.errors.push(Flaw::Yaml, &key.at, message);
                continue;
            }
            seen.insert(text.clone(), key.at.clone());
            size += value.size + 1;
            height = height.max(value.height + 1);
            entries.push((Key { text, at: key.at }, value.node));
        }
    }

    /// Where a scalar's text begins: behind the quote, or in the first line of a block.
    fn first_character(&self, span: &Span, style: ScalarStyle) -> Position {
        let (line, column) = (span.start.line(), span.start.col() + 1);
        match style {
            ScalarStyle::Plain => self.position(line, column),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => self.position(line, column + 1),
            _ => {
                // The span of a block begins below its indicator, at the earliest line that can be text.
                let mut below = self.lines.iter().enumerate().skip(line.saturating_sub(1));
                match below.find(|(_, text)| !text.trim().is_empty()) {
                    Some((i, text)) => {
                        self.position(i + 1, text.chars().take_while(|c| *c == ' ').count() + 1)
                    }
                    None => self.position(line, column),
                }
            }
        }
    }

    /// The scanner's message, with what to do where the cause is most often a text that wants quotes.
    fn explain(&self, error: &ScanError) -> String {
        let line = error.marker().line().checked_sub(1).and_then(|line| self.lines.get(line));
        let hint = match error.kind() {
            ErrorKind::RecursionLimitExceeded => return format!("nested more than {MAX_DEPTH} deep"),
            ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
                "; indent with spaces"
            }
            ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator
                if line.is_some_and(|line| line.contains("${")) =>
            {
                "; between braces or brackets, a text with ${name} must be quoted"
            }
            ErrorKind::UnknownAnchor
            | ErrorKind::MissingAnchorOrAliasName
            | ErrorKind::MappingValueNotAllowed
            | ErrorKind::InvalidMappingValueWhitespace
            | ErrorKind::InvalidColonPlacement
            | ErrorKind::FlowMappingValueAdjacentCollection
            | ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedNodeContent
            | ErrorKind::UnexpectedCharacter { .. }
            | ErrorKind::InvalidTrailingSingleQuotedScalar
            | ErrorKind::InvalidTrailingDoubleQuotedScalar
            | ErrorKind::UndeclaredTagHandle
            | ErrorKind::InvalidTagTerminator
            | ErrorKind::ExpectedTagBang
            | ErrorKind::MissingTagUri
            | ErrorKind::UnexpectedEndOfPlainScalar
            | ErrorKind::MisplacedFlowCollectionEnd
            | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
                "; if this is text, such as a condition, quote it as a whole"
            }
            _ => "",
        };
        format!("not YAML: {}{hint}", error.info())
    }
}

/// Whether a scalar's text stands on one line of the plan, character by character.
fn is_verbatim(text: &str, span: &Span, style: ScalarStyle) -> bool {
    let quotes = match style {
        ScalarStyle::Plain => 0,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 2,
        ScalarStyle::Literal => return !text.trim_end_matches('\n').contains('\n'),
        ScalarStyle::Folded => return false,
    };
    span.start.line() == span.end.line()
        && span.end.index().saturating_sub(span.start.index()) == text.chars().count() + quotes
}
