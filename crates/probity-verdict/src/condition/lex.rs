//! Tokens: the lexical part of CEL's syntax that conditions and verdict rules keep (docs/plan-language.md).

use probity_plan::Number;

/// A piece of a source.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A name, or a word such as `true` and `in`.
    Name(String),
    Number(Number),
    Text(String),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
    /// What is no token; nothing follows.
    Wrong(Fault),
    End,
}

/// A token with where it stands, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// Why a source cannot be read. Who shows it knows whether it is a condition or a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Empty,
    EndsTooEarly,
    /// `and`, `or`, `not`, with what is written instead.
    Word(&'static str, &'static str),
    /// `=`
    SingleEquals,
    /// `&` or `|`
    Halved,
    TextNotClosed,
    /// `\q`
    Escape,
    /// `0640`
    LeadingZero,
    /// `5u`, `0x1f`, `1.5.2`: digits and then something.
    NumberEnd,
    TextNotExpected,
    TooDeep,
    /// What cannot be read from here on.
    NotReadable(String),
}

const SYMBOLS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "(", ")", "[", "]", "{", "}",
    ",", ".", ":", "?",
];

/// The tokens of a source, [`Token::End`] or [`Token::Wrong`] last.
pub(crate) fn tokens(source: &str) -> Vec<Lexeme> {
    let mut lexemes = Vec::new();
    let mut at = 0;
    loop {
        let rest = &source[at..];
        let from = at + rest.len() - rest.trim_start().len();
        let (token, length) = token(&source[from..]);
        at = from + length;
        let last = matches!(token, Token::End | Token::Wrong(_));
        lexemes.push(Lexeme { token, from, to: at });
        if last {
            return lexemes;
        }
    }
}

/// The first token of a text that does not begin with a blank, and its length.
fn token(rest: &str) -> (Token, usize) {
    let Some(first) = rest.chars().next() else { return (Token::End, 0) };
    let second = rest.as_bytes().get(1).copied().unwrap_or(0);
    match first {
        '"' | '\'' => text(rest, false),
        'r' | 'R' if matches!(second, b'"' | b'\'') => {
            let (token, length) = text(&rest[1..], true);
            (token, length + 1)
        }
        '0'..='9' => number(rest),
        '.' if second.is_ascii_digit() => number(rest),
        'a'..='z' | 'A'..='Z' | '_' => {
            let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            (Token::Name(rest[..length].to_owned()), length)
        }
        _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(symbol) => (Token::Symbol(symbol), symbol.len()),
            None => {
                let fault = match first {
                    '=' => Fault::SingleEquals,
                    '&' | '|' => Fault::Halved,
                    other => Fault::NotReadable(other.escape_default().to_string()),
                };
                (Token::Wrong(fault), 0)
            }
        },
    }
}

/// How many bytes the token has that a source begins with; 0 where there is none.
pub(crate) fn length(source: &str) -> usize {
    token(source).1
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// `12`, `1.5`, `.5`, `1e3`; nothing else may follow at once.
fn number(rest: &str) -> (Token, usize) {
    let bytes = rest.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(0);
    let mut length = whole;
    if bytes.get(length) == Some(&b'.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        if bytes.len() > length + 1 + sign && digits(length + 1 + sign) > 0 {
            length += 1 + sign + digits(length + 1 + sign);
        }
    }
    if whole > 1 && bytes[0] == b'0' {
        return (Token::Wrong(Fault::LeadingZero), 0);
    }
    if rest[length..].starts_with(is_word) {
        return (Token::Wrong(Fault::NumberEnd), 0);
    }
    let written = if whole == 0 { format!("0{}", &rest[..length]) } else { rest[..length].to_owned() };
    match Number::parse(&written) {
        Some(number) => (Token::Number(number), length),
        None => (Token::Wrong(Fault::NumberEnd), 0),
    }
}

/// Text between quotes; `raw` takes backslashes as they are.
fn text(rest: &str, raw: bool) -> (Token, usize) {
    let mut characters = rest.char_indices();
    let quote = characters.next().map_or('"', |(_, quote)| quote);
    let mut text = String::new();
    while let Some((at, c)) = characters.next() {
        match c {
            '\n' | '\r' => break,
            _ if c == quote => return (Token::Text(text), at + c.len_utf8()),
            '\\' if !raw => match escape(&rest[at + 1..]) {
                Some((c, length)) => {
                    text.push(c);
                    // All that an escape consists of is ASCII.
                    if let Some(skipped) = length.checked_sub(1) {
                        characters.nth(skipped);
                    }
                }
                // Where the text does not end at all, that is what is wrong.
                None if rest[at..].len() == 1 => break,
                None => return (Token::Wrong(Fault::Escape), 0),
            },
            _ => text.push(c),
        }
    }
    (Token::Wrong(Fault::TextNotClosed), 0)
}

/// What stands behind a backslash (CEL, "String and Bytes Values"), and its length.
fn escape(rest: &str) -> Option<(char, usize)> {
    let simple = |c| Some((c, 1));
    let code = |skipped: usize, digits: usize, radix: u32| {
        let digits = rest.get(skipped..skipped + digits)?;
        let code =
            digits.chars().all(|c| c.is_digit(radix)).then(|| u32::from_str_radix(digits, radix).ok())??;
        Some((char::from_u32(code)?, skipped + digits.len()))
    };
    match rest.chars().next()? {
        c @ ('\\' | '"' | '\'' | '`' | '?') => simple(c),
        'n' => simple('\n'),
        't' => simple('\t'),
        'r' => simple('\r'),
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'v' => simple('\u{b}'),
        'x' | 'X' => code(1, 2, 16),
        'u' => code(1, 4, 16),
        'U' => code(1, 8, 16),
        '0'..='3' => code(0, 3, 8),
        _ => None,
    }
}
