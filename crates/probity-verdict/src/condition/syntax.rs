//! From a source to a tree, by CEL's grammar as far as the plan language keeps it (docs/plan-language.md). The tree knows
//! nothing of facts, claims or types: conditions and verdict rules read it each in their own way.

use probity_plan::Value;

use super::lex::{Fault, Lexeme, Token, tokens};

/// The longest source that is read, in bytes.
pub const MAX_SOURCE: usize = 1024;

/// The deepest tree; so deep is the recursion of whatever walks it.
const MAX_DEPTH: usize = 64;

/// A piece of a source that has a value. Places are in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expr {
    pub(crate) node: Node,
    /// Where its operator, function or name stands.
    pub(crate) at: usize,
    /// Where it begins and ends.
    pub(crate) span: (usize, usize),
    depth: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Literal(Value),
    Name(String),
    Field(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    /// `name(...)`, or `target.name(...)`.
    Call(Option<Box<Expr>>, String, Vec<Expr>),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `a ? b : c`, which neither language has; read so that both can say so.
    Choice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    const ALL: [Self; 12] = [
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::AtMost,
        Self::More,
        Self::AtLeast,
        Self::In,
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Divide,
        Self::Remainder,
    ];

    /// As it is written.
    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::In => "in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }

    /// Relations bind less than sums, sums less than products.
    const fn strength(self) -> u8 {
        match self {
            Self::Add | Self::Subtract => 2,
            Self::Multiply | Self::Divide | Self::Remainder => 3,
            _ => 1,
        }
    }
}

/// Reads a whole source. The fault comes with its place in bytes.
pub(crate) fn parse(source: &str) -> Result<Expr, (usize, Fault)> {
    if source.trim().is_empty() {
        return Err((0, Fault::Empty));
    }
    let mut parser = Parser { lexemes: tokens(source), next: 0, depth: 0 };
    let whole = parser.whole()?;
    match &parser.peek().token {
        Token::End => Ok(whole),
        _ => Err(parser.unexpected()),
    }
}

struct Parser {
    lexemes: Vec<Lexeme>,
    next: usize,
    /// How many brackets are open.
    depth: usize,
}

type Parsed<T> = Result<T, (usize, Fault)>;

impl Parser {
    /// The last token is `End` or `Wrong`, and is never passed.
    fn peek(&self) -> &Lexeme {
        &self.lexemes[self.next.min(self.lexemes.len() - 1)]
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek().token, Token::Symbol(next) if next == symbol)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let is = self.is(symbol);
        self.next += usize::from(is);
        is
    }

    fn expect(&mut self, symbol: &str) -> Parsed<usize> {
        let end = self.peek().to;
        if self.take(symbol) { Ok(end) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> (usize, Fault) {
        let lexeme = self.peek();
        let fault = match &lexeme.token {
            Token::End => Fault::EndsTooEarly,
            Token::Wrong(fault) => fault.clone(),
            Token::Text(_) => Fault::TextNotExpected,
            Token::Number(number) => Fault::NotReadable(number.to_string()),
            Token::Symbol(symbol) => Fault::NotReadable((*symbol).to_owned()),
            Token::Name(name) => match name.to_ascii_lowercase().as_str() {
                "and" => Fault::Word("and", "&&"),
                "or" => Fault::Word("or", "||"),
                "not" => Fault::Word("not", "!"),
                _ => Fault::NotReadable(name.clone()),
            },
        };
        (lexeme.from, fault)
    }

    /// A node over these children, unless the tree gets too deep.
    fn node(&self, node: Node, at: usize, span: (usize, usize), children: &[usize]) -> Parsed<Expr> {
        let depth = 1 + children.iter().copied().max().unwrap_or(0);
        if depth > MAX_DEPTH { Err((at, Fault::TooDeep)) } else { Ok(Expr { node, at, span, depth }) }
    }

    /// Within brackets, or the whole source.
    fn whole(&mut self) -> Parsed<Expr> {
        if self.depth > MAX_DEPTH {
            return Err((self.peek().from, Fault::TooDeep));
        }
        self.depth += 1;
        let mut whole = self.joined("||")?;
        if self.is("?") {
            let at = self.peek().from;
            self.next += 1;
            self.whole()?;
            self.expect(":")?;
            let last = self.whole()?;
            whole = self.node(Node::Choice, at, (whole.span.0, last.span.1), &[])?;
        }
        self.depth -= 1;
        Ok(whole)
    }

    /// `a || b || c`, or `a && b && c`.
    fn joined(&mut self, symbol: &'static str) -> Parsed<Expr> {
        let part = |parser: &mut Self| if symbol == "||" { parser.joined("&&") } else { parser.binary(1) };
        let first = part(self)?;
        if !self.is(symbol) {
            return Ok(first);
        }
        let at = self.peek().from;
        let mut parts = vec![first];
        while self.take(symbol) {
            parts.push(part(self)?);
        }
        let span = (parts[0].span.0, parts[parts.len() - 1].span.1);
        let depths: Vec<usize> = parts.iter().map(|part| part.depth).collect();
        let node = if symbol == "||" { Node::Or(parts) } else { Node::And(parts) };
        self.node(node, at, span, &depths)
    }

    /// What is joined by operators of at least this strength, from the left.
    fn binary(&mut self, strength: u8) -> Parsed<Expr> {
        let mut left = if strength > 3 { return self.unary() } else { self.binary(strength + 1)? };
        loop {
            let Lexeme { token, from: at, .. } = self.peek();
            let at = *at;
            let symbol = match token {
                Token::Symbol(symbol) => symbol,
                Token::Name(name) if name == "in" => "in",
                _ => return Ok(left),
            };
            let operator = Operator::ALL
                .into_iter()
                .find(|operator| operator.symbol() == symbol && operator.strength() == strength);
            let Some(operator) = operator else { return Ok(left) };
            self.next += 1;
            let right = self.binary(strength + 1)?;
            let (span, depths) = ((left.span.0, right.span.1), [left.depth, right.depth]);
            left = self.node(Node::Binary(operator, Box::new(left), Box::new(right)), at, span, &depths)?;
        }
    }

    /// `!!a`, `--a`, or neither.
    fn unary(&mut self) -> Parsed<Expr> {
        let from = self.peek().from;
        let (mut nots, mut minuses) = (0_usize, 0_usize);
        while self.take("!") {
            nots += 1;
        }
        while nots == 0 && self.take("-") {
            minuses += 1;
        }
        let mut inner = self.member()?;
        if let (1, Node::Literal(Value::Number(number))) = (minuses, &inner.node)
            && let Some(negative) = probity_plan::Number::parse(&format!("-{number}"))
        {
            inner.node = Node::Literal(Value::Number(negative));
            inner.span.0 = from;
            inner.at = from;
            return Ok(inner);
        }
        // Two of them are none, but for what they are made for.
        for _ in 0..if nots > 2 { 2 - nots % 2 } else { nots } {
            let (span, depth) = ((from, inner.span.1), inner.depth);
            inner = self.node(Node::Not(Box::new(inner)), from, span, &[depth])?;
        }
        for _ in 0..if minuses > 2 { 2 - minuses % 2 } else { minuses } {
            let (span, depth) = ((from, inner.span.1), inner.depth);
            inner = self.node(Node::Negative(Box::new(inner)), from, span, &[depth])?;
        }
        Ok(inner)
    }

    /// A primary with what follows it: `.field`, `.function(...)`, `[...]`.
    fn member(&mut self) -> Parsed<Expr> {
        let mut inner = self.primary()?;
        loop {
            let (from, depth) = (inner.span.0, inner.depth);
            if self.take(".") {
                let Lexeme { token: Token::Name(name), from: at, to } = self.peek().clone() else {
                    return Err(self.unexpected());
                };
                self.next += 1;
                if self.take("(") {
                    let (arguments, end) = self.list(")")?;
                    let mut depths: Vec<usize> = arguments.iter().map(|argument| argument.depth).collect();
                    depths.push(depth);
                    let node = Node::Call(Some(Box::new(inner)), name, arguments);
                    inner = self.node(node, at, (from, end), &depths)?;
                } else {
                    inner = self.node(Node::Field(Box::new(inner), name), at, (from, to), &[depth])?;
                }
            } else if self.is("[") {
                let at = self.peek().from;
                self.next += 1;
                let index = self.whole()?;
                let end = self.expect("]")?;
                let depths = [depth, index.depth];
                inner = self.node(Node::Index(Box::new(inner), Box::new(index)), at, (from, end), &depths)?;
            } else {
                return Ok(inner);
            }
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let Lexeme { token, from, to } = self.peek().clone();
        let leaf = |parser: &mut Self, node| {
            parser.next += 1;
            parser.node(node, from, (from, to), &[])
        };
        match token {
            Token::Number(number) => leaf(self, Node::Literal(Value::Number(number))),
            Token::Text(text) => leaf(self, Node::Literal(Value::Text(text))),
            Token::Name(name) => match name.as_str() {
                "true" => leaf(self, Node::Literal(Value::Bool(true))),
                "false" => leaf(self, Node::Literal(Value::Bool(false))),
                "null" => leaf(self, Node::Literal(Value::Null)),
                "in" => Err(self.unexpected()),
                _ => {
                    self.next += 1;
                    if !self.take("(") {
                        return self.node(Node::Name(name), from, (from, to), &[]);
                    }
                    let (arguments, end) = self.list(")")?;
                    let depths: Vec<usize> = arguments.iter().map(|argument| argument.depth).collect();
                    self.node(Node::Call(None, name, arguments), from, (from, end), &depths)
                }
            },
            Token::Symbol("(") => {
                self.next += 1;
                let mut inner = self.whole()?;
                inner.span = (from, self.expect(")")?);
                Ok(inner)
            }
            Token::Symbol("[") => {
                self.next += 1;
                let (elements, end) = self.list("]")?;
                let depths: Vec<usize> = elements.iter().map(|element| element.depth).collect();
                self.node(Node::List(elements), from, (from, end), &depths)
            }
            Token::Symbol("{") => {
                self.next += 1;
                let mut entries = Vec::new();
                let mut depths = Vec::new();
                while !self.is("}") {
                    let key = self.whole()?;
                    self.expect(":")?;
                    let value = self.whole()?;
                    depths.extend([key.depth, value.depth]);
                    entries.push((key, value));
                    if !self.take(",") {
                        break;
                    }
                }
                let end = self.expect("}")?;
                self.node(Node::Map(entries), from, (from, end), &depths)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Expressions between commas up to a closing bracket, and where that ends.
    fn list(&mut self, close: &str) -> Parsed<(Vec<Expr>, usize)> {
        let mut elements = Vec::new();
        while !self.is(close) {
            elements.push(self.whole()?);
            if !self.take(",") {
                break;
            }
        }
        Ok((elements, self.expect(close)?))
    }
}

#[cfg(test)]
mod tests;
