//! YAML of a target: its parser's events as a value. One document is its value, several are a list. Merge keys (`<<`) are
//! merged; a tag that is not YAML's own stands as a map of one key, `{"!vault": ...}`, since it changes what is meant.

use std::collections::{BTreeMap, HashMap};

use granit_parser::{Event, Options, Parser, ScalarStyle, StrInput, Tag};
use probity_plan::{Number, Value};

/// The deepest nesting, aliases included.
const MAX_DEPTH: usize = 100;
/// The most nodes that aliases may add.
const MAX_COPIED: usize = 200_000;
/// What the names of YAML's own tags begin with.
const OWN: &str = "tag:yaml.org,2002:";

/// Reads what a YAML stream holds.
///
/// # Errors
/// A sentence, if it is no YAML, has a key twice, or costs too much.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let parser = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader { parser, anchors: HashMap::new(), copied: 0 };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            Event::StreamEnd => break,
            Event::DocumentStart(..) => reader.anchors.clear(),
            Event::StreamStart | Event::DocumentEnd => {}
            event => documents.push(reader.node(event, 1)?.value),
        }
    }
    Ok(match documents.len() {
        0 => Value::Null,
        1 => documents.remove(0),
        _ => Value::List(documents),
    })
}

struct Reader<'s> {
    parser: Parser<'s, StrInput<'s>>,
    anchors: HashMap<usize, Node>,
    copied: usize,
}

/// A value with what it costs.
#[derive(Clone)]
struct Node {
    value: Value,
    /// Whether it is a scalar without quotes, such as the `<<` of a merge.
    plain: bool,
    size: usize,
    height: usize,
}

impl<'s> Reader<'s> {
    fn next(&mut self) -> Result<Event<'s>, String> {
        match self.parser.next() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(error.to_string()),
            None => Ok(Event::StreamEnd),
        }
    }

    fn node(&mut self, event: Event<'s>, depth: usize) -> Result<Node, String> {
        if depth > MAX_DEPTH {
            return Err(format!("nested more than {MAX_DEPTH} deep"));
        }
        let (mut node, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let value = scalar(text.into_owned(), plain, tag.as_deref())?;
                (Node { value, plain, size: 1, height: 1 }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => (tagged(self.list(depth)?, tag.as_deref()), anchor),
            Event::MappingStart(_, anchor, tag) => (tagged(self.map(depth)?, tag.as_deref()), anchor),
            _ => return Err("it ends within a document".to_owned()),
        };
        if anchor != 0 {
            node.plain = false;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, depth: usize) -> Result<Node, String> {
        let node = self.anchors.get(&anchor).cloned().ok_or("an alias stands inside what it names")?;
        self.copied = self.copied.saturating_add(node.size);
        if self.copied > MAX_COPIED {
            return Err(format!("aliases copy more than {MAX_COPIED} nodes"));
        }
        if depth + node.height - 1 > MAX_DEPTH {
            return Err(format!("nested more than {MAX_DEPTH} deep, through an alias"));
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Node, String> {
        let (mut items, mut size, mut height) = (Vec::new(), 1, 1);
        loop {
            let event = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Node { value: Value::List(items), plain: false, size, height });
            }
            let item = self.node(event, depth + 1)?;
            size += item.size;
            height = height.max(item.height + 1);
            items.push(item.value);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Node, String> {
        let (mut entries, mut merged) = (BTreeMap::new(), Vec::new());
        let (mut size, mut height) = (1, 1);
        loop {
            let event = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.node(event, depth + 1)?;
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            size += value.size + 1;
            height = height.max(value.height + 1);
            let text = match key.value {
                Value::Text(text) if key.plain && text == "<<" => {
                    merged.extend(maps(value.value)?);
                    continue;
                }
                Value::Text(text) => text,
                Value::Null => String::new(),
                Value::Bool(bool) => bool.to_string(),
                Value::Number(number) => number.to_string(),
                _ => return Err("a key is a list or a map".to_owned()),
            };
            if entries.contains_key(&text) {
                return Err(format!("the key {} is there twice", probity_text::whole(&text, 80)));
            }
            entries.insert(text, value.value);
        }
        // What the map says itself counts, and of several merged ones the first that says something.
        for (key, value) in merged.into_iter().flatten() {
            entries.entry(key).or_insert(value);
        }
        Ok(Node { value: Value::Map(entries), plain: false, size, height })
    }
}

/// The maps that a merge key names.
fn maps(value: Value) -> Result<Vec<BTreeMap<String, Value>>, String> {
    let one = |value| match value {
        Value::Map(map) => Ok(map),
        _ => Err("`<<` merges what is no map".to_owned()),
    };
    match value {
        Value::List(list) => list.into_iter().map(one).collect(),
        value => Ok(vec![one(value)?]),
    }
}

/// The core schema of YAML 1.2 (section 10.3.2), narrowed so that nothing changes in silence: `0644` stays text, whose value
/// is another one in YAML 1.1; so do `.inf` and `.nan`, which no number is. Numbers are exact.
fn scalar(text: String, plain: bool, tag: Option<&Tag>) -> Result<Value, String> {
    let Some(tag) = tag else { return Ok(if plain { untagged(text) } else { Value::Text(text) }) };
    match tag.to_string().strip_prefix(OWN) {
        Some("int" | "float") => number(&text)
            .map(Value::Number)
            .ok_or_else(|| format!("the text {} is no number", probity_text::whole(&text, 60))),
        Some("bool" | "null") => Ok(untagged(text)),
        Some(_) => Ok(Value::Text(text)),
        None => Ok(tagged(Node { value: Value::Text(text), plain, size: 1, height: 1 }, Some(tag)).value),
    }
}

fn untagged(text: String) -> Value {
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(&text).map_or(Value::Text(text), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let radix = |digits: &str, radix| {
        let plain = digits.chars().all(|c| c.is_digit(radix));
        u128::from_str_radix(digits, radix)
            .ok()
            .filter(|_| plain)
            .and_then(|it| Number::parse(&it.to_string()))
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    // `+5`, `.5` and `5.` are numbers here, and none in JSON.
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, rest) =
        unsigned.split_at(unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len()));
    let sign = if text.starts_with('-') { "-" } else { "" };
    let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let rest = match rest.strip_prefix('.') {
        Some(after) if !digit(after) && !whole.is_empty() => after,
        Some(after) if whole.is_empty() && !digit(after) => return None,
        _ => rest,
    };
    Number::parse(&format!("{sign}{}{rest}", if whole.is_empty() { "0" } else { whole }))
        .filter(|_| !whole.is_empty() || rest.starts_with('.'))
}

fn tagged(mut node: Node, tag: Option<&Tag>) -> Node {
    if let Some(tag) = tag.filter(|tag| !tag.to_string().starts_with(OWN)) {
        node.value = Value::Map([(tag.original(), node.value)].into());
        (node.size, node.height, node.plain) = (node.size + 1, node.height + 1, false);
    }
    node
}

#[cfg(test)]
mod tests {
    fn parsed(text: &str) -> String {
        super::parse(text).map_or_else(|error| format!("! {error}"), |it| serde_json::to_string(&it).unwrap())
    }

    #[test]
    fn documents_merges_tags_and_numbers_are_read() {
        for (text, expected) in [
            ("", "null"),
            ("a: 1\n---\nb: 2\n---\n", r#"[{"a":1},{"b":2},null]"#),
            (
                "x: &d { privileged: true, image: a }\ny: { <<: *d, image: b }\n",
                r#"{"x":{"image":"a","privileged":true},"y":{"image":"b","privileged":true}}"#,
            ),
            (
                "- &a {p: 1, q: 1}\n- &b {q: 2, r: 2}\n- {<<: [*a, *b], r: 3}\n",
                r#"[{"p":1,"q":1},{"q":2,"r":2},{"p":1,"q":1,"r":3}]"#,
            ),
            // In quotes it is a key as any other.
            ("{\"<<\": 1}", r#"{"<<":1}"#),
            (
                "a: !vault secret\nb: !Ref x\nc: !!str 5\nd: !!int 5\ne: !seq [1]\nf: !!binary aGk=\n",
                r#"{"a":{"!vault":"secret"},"b":{"!Ref":"x"},"c":"5","d":5,"e":{"!seq":[1]},"f":"aGk="}"#,
            ),
            (
                "[18446744073709551617, -170141183460469231731687303715884105729, 0x1F, 0o17, +5, .5, 5., 1e3, -.5]",
                "[18446744073709551617,-170141183460469231731687303715884105729,31,15,5,0.5,5,1e3,-0.5]",
            ),
            // What YAML 1.1 and 1.2 read differently is text, and so is what is no number.
            (
                "[0644, yes, off, .inf, -.inf, .nan, 1_000, 12:30:45, 2026-01-02, ., +, 1., e3, 0x, '5', \"true\"]",
                r#"["0644","yes","off",".inf","-.inf",".nan","1_000","12:30:45","2026-01-02",".","+",1,"e3","0x","5","true"]"#,
            ),
            ("{1: a, true: b, null: c, 1.5: d}", r#"{"":"c","1":"a","1.5":"d","true":"b"}"#),
            ("a: |\n  one\n  two\n", r#"{"a":"one\ntwo\n"}"#),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
        for wrong in
            ["a: 1\na: 2\n", "[a]: 1\n? {b: 1}\n: 2\n", "<<: 5\n", "a: !!int x\n", "a: *a\n", "a: [1"]
        {
            assert!(parsed(wrong).starts_with("! "), "{wrong}: {}", parsed(wrong));
        }
        assert!(parsed(&"[".repeat(5000)).starts_with("! "));
        let bomb = (0..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
            format!("{text}a{0}: &a{0} [*a{n}, *a{n}, *a{n}]\n", n + 1)
        });
        assert!(parsed(&bomb).starts_with("! "));
    }
}
