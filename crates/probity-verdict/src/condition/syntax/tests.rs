//! What is written is read as it is meant, however few brackets it has; and nothing that is written panics.

use proptest::prelude::*;

use super::*;

/// With every bracket, so that two trees of one meaning are written alike.
fn written(expr: &Expr) -> String {
    let all = |parts: &[Expr], with: &str| parts.iter().map(written).collect::<Vec<_>>().join(with);
    let joined = |parts: &[Expr], with: &str| {
        parts.iter().map(written).reduce(|left, right| format!("({left} {with} {right})")).unwrap_or_default()
    };
    match &expr.node {
        Node::Literal(Value::Text(text)) => format!("{text:?}"),
        Node::Literal(value) => serde_json::to_string(value).unwrap_or_default(),
        Node::Name(name) => name.clone(),
        Node::Field(operand, field) => format!("{}.{field}", written(operand)),
        Node::Index(operand, index) => format!("{}[{}]", written(operand), written(index)),
        Node::Call(None, name, arguments) => format!("{name}({})", all(arguments, ", ")),
        Node::Call(Some(target), name, arguments) => {
            format!("{}.{name}({})", written(target), all(arguments, ", "))
        }
        Node::List(items) => format!("[{}]", all(items, ", ")),
        Node::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{}: {}", written(key), written(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Node::Not(inner) => format!("(!({}))", written(inner)),
        Node::Negative(inner) => format!("(-({}))", written(inner)),
        Node::And(parts) => joined(parts, "&&"),
        Node::Or(parts) => joined(parts, "||"),
        Node::Binary(operator, left, right) => {
            format!("({} {} {})", written(left), operator.symbol(), written(right))
        }
        Node::Choice => "?:".to_owned(),
    }
}

/// A condition twice: with as few brackets as there may be, and with all. The number is how much its outermost operator
/// binds.
type Both = (String, String, u8);

fn leaf() -> impl Strategy<Value = Both> {
    prop_oneof![
        Just("status"),
        Just("json.a.b"),
        Just("true"),
        Just("null"),
        Just("200"),
        Just("1.5"),
        Just("\"a b\""),
        Just("lines[0]"),
        Just("[]"),
        Just("size(lines)"),
    ]
    .prop_map(|text| (text.to_owned(), text.to_owned(), 9))
}

/// In brackets where it binds less than it has to.
fn bound(part: &Both, least: u8) -> String {
    if part.2 < least { format!("({})", part.0) } else { part.0.clone() }
}

fn both() -> impl Strategy<Value = Both> {
    let operators = prop::sample::select(vec![
        ("||", 1),
        ("&&", 2),
        ("==", 3),
        ("!=", 3),
        ("<", 3),
        (">=", 3),
        ("in", 3),
        ("+", 4),
        ("-", 4),
        ("*", 5),
        ("/", 5),
        ("%", 5),
    ]);
    leaf().prop_recursive(6, 40, 3, move |inner| {
        prop_oneof![
            4 => (inner.clone(), operators.clone(), inner.clone()).prop_map(|(left, (operator, strength), right)| {
                (
                    format!("{} {operator} {}", bound(&left, strength), bound(&right, strength + 1)),
                    format!("({} {operator} {})", left.1, right.1),
                    strength,
                )
            }),
            1 => inner.clone().prop_map(|part| (format!("!{}", bound(&part, 8)), format!("(!({}))", part.1), 7)),
            1 => inner.clone().prop_filter("no literal", |part| !part.0.starts_with(|c: char| c.is_ascii_digit()))
                .prop_map(|part| (format!("-{}", bound(&part, 8)), format!("(-({}))", part.1), 7)),
            1 => inner.clone().prop_map(|part| (format!("[{}]", part.0), format!("[{}]", part.1), 9)),
            1 => (inner.clone(), inner.clone()).prop_map(|(list, body)| {
                (
                    format!("{}.all(x, {})", bound(&list, 8), body.0),
                    format!("{}.all(x, {})", list.1, body.1),
                    9,
                )
            }),
            1 => (inner.clone(), inner).prop_map(|(a, b)| {
                (format!("{{\"k\": {}, 'l': {}}}", a.0, b.0), format!("{{\"k\": {}, \"l\": {}}}", a.1, b.1), 9)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn brackets_that_are_left_out_are_where_they_belong((few, all, _) in both()) {
        match (parse(&few), parse(&all)) {
            (Ok(few_tree), Ok(all_tree)) => {
                prop_assert_eq!(written(&few_tree), written(&all_tree), "{}", few);
                prop_assert_eq!(written(&parse(&written(&few_tree)).unwrap()), written(&few_tree));
            }
            // Brackets count as depth, so that only the one with all of them may be too deep.
            (few_tree, all_tree) => {
                prop_assert_eq!(all_tree.map(|_| ()).unwrap_err().1, Fault::TooDeep);
                prop_assert!(few_tree.is_ok() || few_tree.unwrap_err().1 == Fault::TooDeep);
            }
        }
    }

    #[test]
    fn no_text_panics(source in any::<String>()) {
        let _ = parse(&source);
    }

    #[test]
    fn no_pieces_of_a_condition_panic(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "a", "1", "0", "0x1", "1e", "'", "\"", "\\", "r'", "(", ")", "[", "]", "{", "}", ":", ",", ".", "..", "!", "-",
                "&&", "||", "&", "|", "=", "==", "<", ">=", "in", "?", "%", " ", "\n", "é", "true", "null", "\u{202e}",
            ]),
            0..60,
        )
    ) {
        if let Err((at, _)) = parse(&pieces.concat()) {
            prop_assert!(pieces.concat().is_char_boundary(at));
        }
    }
}

#[test]
fn trees_of_any_width_and_no_depth() {
    let wide = vec!["a"; 300].join("&&");
    assert!(parse(&wide).is_ok());
    for (source, deep) in [
        ("(".repeat(60) + "a" + &")".repeat(60), false),
        ("(".repeat(70) + "a" + &")".repeat(70), true),
        ("!".repeat(1000) + "a", false),
        ("- ".repeat(500) + "a", false),
        (vec!["a"; 60].join("+"), false),
        (vec!["a"; 70].join("+"), true),
        ("a".to_owned() + &".a".repeat(70), true),
        ("a?b:".repeat(200) + "c", true),
        ("a".to_owned() + &"[a".repeat(400) + &"]".repeat(400), true),
    ] {
        let parsed = parse(&source);
        assert_eq!(matches!(parsed, Err((_, Fault::TooDeep))), deep, "{source}");
        assert_eq!(parsed.is_ok(), !deep, "{source}");
    }
}
