//! Every form of a secret is masked; what holds none is left alone.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use proptest::prelude::*;

use super::*;

fn masks(texts: &[&str]) -> Masks {
    Masks::new(texts.iter().enumerate().map(|(at, text)| ((*text).to_owned(), format!("[{at}]")))).unwrap()
}

impl Masks {
    fn mask(&self, text: &str) -> String {
        self.mask_within(text, &Patience::default())
    }

    fn mask_lines(&self, lines: &[&str]) -> Vec<String> {
        self.mask_lines_within(lines, &Patience::default())
    }
}

/// An encoder, from text to text.
type Encoder = (&'static str, fn(&str) -> String);

fn each(text: &str, form: impl Fn(char) -> String) -> String {
    text.chars().map(form).collect()
}

fn bytes(text: &str, form: impl Fn(u8) -> String) -> String {
    text.bytes().map(form).collect()
}

/// Bytes of UTF-16 as characters, as what reads Latin-1 shows them.
fn latin_1(bytes: impl IntoIterator<Item = u8>) -> String {
    bytes.into_iter().map(char::from).collect()
}

const ENCODERS: &[Encoder] = &[
    ("plain", str::to_owned),
    ("percent", |text| url::form_urlencoded::byte_serialize(text.as_bytes()).collect()),
    ("percent everything", |text| bytes(text, |byte| format!("%{byte:02x}"))),
    ("escape", |text| text.encode_utf16().map(|unit| format!("%u{unit:04X}")).collect()),
    ("json", |text| serde_json::Value::from(text).to_string()),
    ("json ascii", |text| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()),
    ("braces", |text| each(text, |c| format!("\\u{{{:x}}}", u32::from(c)))),
    ("c", |text| bytes(text, |byte| format!("\\x{byte:02X}"))),
    ("octal", |text| bytes(text, |byte| format!("\\{byte:03o}"))),
    ("html", |text| each(text, |c| format!("&#{};", u32::from(c)))),
    ("html zeros", |text| each(text, |c| format!("&#x{:06X}", u32::from(c)))),
    ("html names", |text| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('ö', "&ouml;")
    }),
    ("csv", |text| format!("\"{}\"", text.replace('"', "\"\""))),
    ("sql", |text| format!("'{}'", text.replace('\'', "''"))),
    ("shell", |text| format!("'{}'", text.replace('\'', "'\\''"))),
    ("quoted-printable", |text| {
        each(text, |c| {
            if c.is_ascii_alphanumeric() {
                c.to_string()
            } else {
                bytes(&c.to_string(), |byte| format!("={byte:02X}"))
            }
        })
    }),
    ("base64", |text| STANDARD.encode(text)),
    ("base64 url", |text| URL_SAFE.encode(format!("u:{text}"))),
    ("base64 lines", |text| {
        let encoded = STANDARD_NO_PAD.encode(format!("user:{text}!"));
        encoded
            .as_bytes()
            .chunks(8)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect::<Vec<_>>()
            .join("\r\n")
    }),
    ("hex", |text| bytes(text, |byte| format!("{byte:02x}"))),
    ("dump", |text| bytes(text, |byte| format!("{byte:02X}:"))),
    ("bytea", |text| format!("\\x{}", bytes(text, |byte| format!("{byte:02x}")))),
    ("utf-16 le", |text| latin_1(text.encode_utf16().flat_map(u16::to_le_bytes))),
    ("mojibake", |text| latin_1(text.bytes())),
    ("mojibake of windows-1252", |text| encoding_rs::WINDOWS_1252.decode(text.as_bytes()).0.into_owned()),
    ("utf-16 be", |text| latin_1(text.encode_utf16().flat_map(u16::to_be_bytes))),
];

/// Whether these are within one another anywhere: what writes another character set does it once, and what is written
/// round UTF-16 is what is made for bytes; what is read in another character set is text of a target.
fn is_sensible(path: &[usize]) -> bool {
    let is = |at: &usize, names: &[&str]| names.iter().any(|name| ENCODERS[*at].0.starts_with(name));
    let wide = |at: &usize| is(at, &["utf-16", "mojibake"]);
    let inside = |pair: &[usize]| {
        !wide(&pair[0]) || is(&pair[1], &["plain", "base64", "hex", "dump", "bytea", "json", "c"])
    };
    path.iter().filter(|at| wide(at)).count() <= 1
        && !path.iter().skip(1).any(|at| is(at, &["mojibake"]))
        && path.windows(2).all(inside)
}

/// Whether nothing is left between the brackets but the mask, and what encoders put round a whole.
fn is_gone(masked: &str, form: &str) -> bool {
    masked.contains("[0]")
        && !form.trim_matches(|c: char| !c.is_alphanumeric()).is_empty()
        && !masked.contains(form)
}

fn encoded(path: &[usize], secret: &str) -> (String, String) {
    let names: Vec<&str> = path.iter().map(|at| ENCODERS[*at].0).collect();
    (names.join(", then "), path.iter().fold(secret.to_owned(), |text, at| ENCODERS[*at].1(&text)))
}

#[test]
fn a_secret_in_utf_8_that_is_read_as_what_is_labelled_latin_1_is_masked() {
    let secret = "Straße-Größe";
    for label in ["latin1", "iso-8859-1", "windows-1252"] {
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
        let read = encoding.decode(format!("pw={secret}").as_bytes()).0.into_owned();
        assert_eq!(masks(&[secret]).mask(&read), "pw=[0]", "{label}");
    }
}

/// Bytes of UTF-16, which no UTF-8 is near.
fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn a_secret_is_masked_where_its_other_form_takes_fewer_bytes() {
    let hexadecimal = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for secret in ["秘密の鍵", "密碼不要說出去", "ﬀﬀﬀﬀ-ﬀﬀ"] {
        for form in [
            STANDARD_NO_PAD.encode(utf16(secret)),
            hexadecimal(utf16(secret)),
            STANDARD_NO_PAD.encode(secret.to_uppercase()),
            hexadecimal(secret.to_uppercase().into_bytes()),
        ] {
            assert_eq!(masks(&[secret]).mask(&format!("<{form}>")), "<[0]>", "{secret} as {form}");
        }
    }
}

#[test]
fn a_secret_is_masked_in_every_normal_form() {
    use unicode_normalization::UnicodeNormalization as _;
    for secret in ["crème-brûlée", "Ｐａｓｓｗｏｒｄ１", "ﬁnal-ﬂight-é№5", "Ệệ-cà-phê", "한국어비밀번호"]
    {
        let (composed, apart): (String, String) = (secret.nfc().collect(), secret.nfd().collect());
        let compatible: String = secret.nfkc().collect();
        for known in [&composed, &apart, &compatible] {
            let masks = masks(&[known.as_str()]);
            for shown in [&composed, &apart, &compatible] {
                assert_eq!(masks.mask(&format!("<{shown}>")), "<[0]>", "{known:?} as {shown:?}");
                let form = STANDARD_NO_PAD.encode(shown);
                assert_eq!(masks.mask(&form), "[0]", "{known:?} as {shown:?}");
            }
        }
    }
}

#[test]
fn a_secret_is_masked_in_full_width_letters() {
    let wide = |c: char| char::from_u32(u32::from(c) + 0xfee0).unwrap();
    for secret in ["correct-horse!", "crème-brûlée"] {
        let shown: String = secret.chars().map(|c| if c.is_ascii_graphic() { wide(c) } else { c }).collect();
        assert_eq!(masks(&[secret]).mask(&format!("é<{shown}>")), "é<[0]>", "{shown}");
        let escaped = serde_json::Value::from(shown.to_uppercase()).to_string();
        assert_eq!(masks(&[secret]).mask(&escaped), "\"[0]\"", "{shown}");
    }
}

#[test]
fn a_mask_stands_where_the_secret_did_behind_characters_that_are_longer_to_a_mask() {
    let masks = masks(&["straße-ärger"]);
    // In Latin-1, each of these is a byte.
    for before in [&b"\xdf\xdf "[..], b"\xbd \xdf", "\u{212a}\u{212a} \u{fb03}".as_bytes()] {
        let latin_1 = [before, b"stra\xdfe-\xe4rger>"].concat();
        let (mut digest, plain) = (masks.digest(), Masks::default());
        digest.update(&latin_1);
        let mut expected = plain.digest();
        expected.update(&[before, b"[0]>"].concat());
        assert_eq!(digest.finish(), expected.finish(), "{before:?}");
    }
}

#[test]
fn a_secret_in_utf_8_that_was_read_wrongly_twice_is_masked() {
    let latin_1 = |text: &str| text.bytes().map(char::from).collect::<String>();
    let windows = |text: &str| encoding_rs::WINDOWS_1252.decode(text.as_bytes()).0.into_owned();
    for secret in ["Straße-Größe", "秘密の鍵-秘密"] {
        for read in [latin_1(&latin_1(secret)), windows(&windows(secret)), windows(&latin_1(secret))] {
            assert_eq!(masks(&[secret]).mask(&format!("pw={read}")), "pw=[0]", "{secret} as {read}");
        }
    }
}

#[test]
fn a_secret_is_masked_as_a_list_of_numbers() {
    let joined = |secret: &str, between: &str, form: fn(u8) -> String| {
        secret.bytes().map(form).collect::<Vec<_>>().join(between)
    };
    for secret in ["correct horse", "Straße-Größe"] {
        for shown in [
            joined(secret, ", ", |byte| format!("0x{byte:02x}")),
            joined(secret, ",", |byte| format!("0x{byte:X}")),
            joined(secret, ", ", |byte| byte.to_string()),
            joined(secret, " ", |byte| format!("{byte:03}")),
            joined(secret, ",\n    ", |byte| byte.to_string()),
            joined(secret, ", ", |byte| byte.cast_signed().to_string()),
            joined(secret, ",\\n", |byte| byte.to_string()),
            joined(secret, ",&#32;", |byte| format!("0x{byte:02x}")),
        ] {
            assert_eq!(masks(&[secret]).mask(&format!("[{shown}]")), "[[0]]", "{shown}");
        }
        let within = STANDARD.encode(joined(secret, ", ", |byte| byte.to_string()));
        assert_eq!(masks(&[secret]).mask(&within).trim_end_matches('='), "[0]");
    }
    // What is next to it, or has other numbers, is not it.
    let masks = masks(&["correct horse"]);
    for text in ["[1, 2, 3, 300, -200, 0x, 0x100, 4711, 99,, 111]", "2026-01-31 23:59:59, 12, 17"] {
        assert_eq!(masks.mask(text), text);
    }
}

/// What may stand before a form, such that it is not of the form.
const BEFORE: &[&str] = &[
    "",
    " ",
    "\t",
    "word ",
    "word\t",
    "k=",
    "a=1&k=",
    "k = ",
    "k: ",
    "\"",
    "[",
    "{\"a\":\"",
    "word\n",
    "word\r\n  ",
    "Basic ",
];

/// How a character is written in an escape.
type Escape = fn(char) -> String;

/// Each character that is no letter and no digit in the escape of an encoder.
const ESCAPED: &[(&str, Escape)] = &[
    ("percent", |c| format!("%{:02X}", u32::from(c))),
    ("percent twice", |c| format!("%25{:02X}", u32::from(c))),
    ("json", |c| format!("\\u{:04x}", u32::from(c))),
    ("html", |c| format!("&#{};", u32::from(c))),
    ("html hexadecimal", |c| format!("&#x{:x};", u32::from(c))),
    ("quoted-printable", |c| format!("={:02X}", u32::from(c))),
];

#[test]
fn a_secret_is_masked_in_many_bytes_at_once_in_escapes_whatever_stands_before() {
    let joined = |secret: &str, between: &str, form: fn(u8) -> String| {
        secret.bytes().map(form).collect::<Vec<_>>().join(between)
    };
    for secret in ["pass?word>>~~12", "密碼不要說出去"] {
        let masks = masks(&[secret]);
        for (name, form) in [
            ("base64", STANDARD.encode(secret)),
            ("base64 url", URL_SAFE.encode(secret)),
            ("base64 lines", STANDARD.encode(secret).replacen("k", "k\n", 1)),
            ("hexadecimal", joined(secret, ":", |byte| format!("{byte:02x}"))),
            ("numbers", joined(secret, ",", |byte| byte.to_string())),
            ("numbers apart", joined(secret, ", ", |byte| format!("0x{byte:02x}"))),
        ] {
            for ((escape, escaped), before) in
                ESCAPED.iter().flat_map(|escape| BEFORE.iter().map(move |before| (escape, before)))
            {
                let form = each(&form, |c| if c.is_alphanumeric() { c.to_string() } else { escaped(c) });
                let masked = masks.mask(&format!("{before}{form}"));
                assert!(masked.contains("[0]"), "{name} in {escape}: {before}{form} -> {masked}");
            }
        }
    }
}

#[test]
fn a_secret_is_masked_in_base32_in_escapes_behind_a_blank() {
    let shown = each("MNXXE4TFMN2C22DPOJZWK", |c| format!("%{:02X}", u32::from(c)));
    for before in BEFORE {
        assert_eq!(masks(&["correct-horse"]).mask(&format!("{before}{shown}")), format!("{before}[0]"));
    }
}

#[test]
fn a_list_of_numbers_is_masked_where_it_touches_an_escape() {
    let masks = masks(&["correct-horse"]);
    let list = bytes("correct-horse", |byte| format!("{byte},"));
    for before in ["\\u0027", "\\n", "\\t", "%5B", "%20", "k\\u003d", "k=3D", "\\\\n", "'word \\\\u003c"] {
        assert_eq!(masks.mask(&format!("{{\"a\":\"{before}{list}")), format!("{{\"a\":\"{before}[0],"));
    }
}

#[test]
fn a_secret_is_masked_where_quoted_printable_cuts_its_escapes() {
    let secret = "it's <b>\"quoted\" & more";
    let masks = masks(&[secret]);
    let cut = |text: &str, at: usize| format!("{}=\r\n{}", &text[..at], &text[at..]);
    for (name, encode) in ENCODERS.iter().filter(|(name, _)| !name.starts_with("quoted")) {
        // A character beyond ASCII is not cut there, but the escapes that it is in.
        let text = encode(&encode(secret));
        let once = encode(secret);
        for form in [once, text] {
            for at in (1..form.len()).filter(|at| form.is_ascii() && form.as_bytes()[at - 1] != b'=') {
                let masked = masks.mask(&format!("<{}>", cut(&form, at)));
                assert!(masked.contains("[0]"), "{name}, cut at {at}: {form} -> {masked}");
            }
        }
    }
}

#[test]
fn a_secret_is_masked_in_octal_of_four_digits() {
    let shown = bytes("correct-horse", |byte| format!("\\0{byte:03o}"));
    assert_eq!(masks(&["correct-horse"]).mask(&format!("<{shown}>")), "<[0]>");
}

#[test]
fn a_secret_is_masked_as_names_of_ldap_and_css_write_it() {
    let masks = masks(&["top!secret-9,x"]);
    let hex = |end: &str| bytes("top!secret-9,x", |byte| format!("\\{byte:02x}{end}"));
    for shown in ["top\\21secret\\2D9\\2Cx", "top\\21secret-9\\,x", &hex(""), &hex(" ")] {
        assert_eq!(masks.mask(&format!("<{shown}>")), "<[0]>", "{shown}");
    }
}

#[test]
fn a_secret_is_masked_in_every_form_within_every_form() {
    let secret = "p@ss/w\u{f6}rd\"&+S1 x'9\\%41=3D";
    let masks = masks(&[secret]);
    for outer in 0..ENCODERS.len() {
        for path in (0..ENCODERS.len()).map(|inner| [inner, outer]).filter(|path| is_sensible(path)) {
            let (name, form) = encoded(&path, secret);
            let masked = masks.mask(&format!("<{form}>"));
            // What a form says of something else may be left: a name before it, padding, quotes.
            assert!(is_gone(&masked, &form), "{name}: {form} -> {masked}");
            assert!(masked.len() < 32 + form.len() / 2, "{name}: {form} -> {masked}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_global_rejects: 99999, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_secret_is_masked_in_any_form_within_a_form_within_a_form(
        secret in "[!-~ äöß€🔑]{8,24}",
        path in proptest::collection::vec(0..ENCODERS.len(), 3),
        upper in any::<bool>(),
        before in "[ -~]{0,6}",
        after in "[ -~]{0,6}",
    ) {
        prop_assume!(is_sensible(&path));
        let wide = path.iter().any(|at| ENCODERS[*at].0.starts_with("utf-16"));
        prop_assume!(!wide || secret.chars().all(|c| u8::try_from(c).is_ok()));
        // Not masked, as docs/trust.md says.
        let shells = path.iter().all(|at| ENCODERS[*at].0 == "shell");
        prop_assume!(!shells || !secret.contains('\''));
        let shown = if upper { secret.to_uppercase() } else { secret.clone() };
        let (name, form) = encoded(&path, &shown);
        let masked = masks(&[&secret]).mask(&format!("{before}<{form}>{after}"));
        prop_assert!(masked.contains("[0]"), "{}: {} -> {}", name, form, masked);
    }

    #[test]
    fn any_secret_is_masked_in_any_form_within_a_form_whatever_stands_before(
        secret in "[!-~ äöß€🔑]{8,24}",
        path in proptest::collection::vec(0..ENCODERS.len(), 2),
        before in proptest::sample::select(BEFORE),
    ) {
        prop_assume!(is_sensible(&path));
        let wide = path.iter().any(|at| ENCODERS[*at].0.starts_with("utf-16"));
        prop_assume!(!wide || secret.chars().all(|c| u8::try_from(c).is_ok()));
        let (name, form) = encoded(&path, &secret);
        let masked = masks(&[&secret]).mask(&format!("{before}{form}"));
        prop_assert!(masked.contains("[0]"), "{}: {}{} -> {}", name, before, form, masked);
    }

    #[test]
    fn what_holds_no_secret_is_left_alone(text in "([ -~äö\\n]|%[0-9a-f]{2}|\\\\u00[0-9a-f]{2}|&#[0-9]{2};|[A-Za-z0-9+/]{12}){0,80}") {
        let masks = masks(&["Xq7-hunter2-zz9", "7391284650183712", "correct horse battery"]);
        prop_assert_eq!(masks.mask(&text), text);
    }

    #[test]
    fn a_digest_is_that_of_the_masked_text_however_it_is_cut(
        parts in proptest::collection::vec("[a-c]{0,9}|correct horse|Y29ycmVjdCBob3JzZQ==", 0..40),
        cuts in proptest::collection::vec(0_usize..400, 0..6),
    ) {
        let (masks, text) = (masks(&["correct horse"]), parts.concat());
        let mut digest = masks.digest();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        let ends = cuts.iter().copied().chain([text.len()]);
        for (start, end) in std::iter::once(0).chain(cuts.iter().copied()).zip(ends) {
            digest.update(&text.as_bytes()[start..end]);
        }
        let plain = Masks::default();
        let mut expected = plain.digest();
        expected.update(masks.mask(&text).as_bytes());
        prop_assert_eq!(digest.finish(), expected.finish());
    }
}

#[test]
fn forms_that_overlap_are_masked_as_one() {
    let masks = masks(&["abcdefgh", "abcdefghijkl", "ghijklmnop"]);
    assert_eq!(
        masks.mask("<abcdefgh> <abcdefghijkl> <abcdefghijklmnop> <ghijklmnop>"),
        "<[0]> <[1]> <[1]> <[2]>"
    );
}

#[test]
fn a_text_is_masked_in_any_letter_case() {
    let masks = masks(&["Straße-Ärger", "AbcdEfgh12345"]);
    for text in ["straße-ärger", "STRASSE-ÄRGER", "Strasse-ärGER", "stra\\xdfe-\\xe4rger", "stra%dfe-%C4rger"]
    {
        assert_eq!(masks.mask(&format!("<{text}>")), "<[0]>", "{text}");
    }
    assert_eq!(masks.mask("x-abcdefgh12345: 1"), "x-[1]: 1");
}

#[test]
fn a_character_that_begins_its_own_escape_is_read_both_ways() {
    let masks = masks(&[&"\\".repeat(40)]);
    assert_eq!(masks.mask(&"\\".repeat(39)), "\\".repeat(39));
    for count in [40, 60, 80, 320] {
        assert_eq!(masks.mask(&format!("<{}>", "\\".repeat(count))), "<[0]>", "{count}");
    }
}

#[test]
fn a_form_across_lines_is_masked_in_each_of_them() {
    let masks = masks(&["correct horse battery", "other words"]);
    let lines = [
        "first",
        "Y29ycmVjdCBob",
        "3JzZSBiYXR0ZXJ5",
        "other words",
        "",
        "63 6f 72 72 65 63 74 20 68 6f",
        "72 73 65 20 62 61 74 74 65 72 79 00",
        "other words and ",
        "last",
    ];
    let expected = ["first", "[0]", "[0]", "[1]", "", "[0]", "[0] 00", "[1] and ", "last"];
    assert_eq!(masks.mask_lines(&lines), expected);
    let many = vec!["x y z"; WINDOW / 3];
    assert_eq!(masks.mask_lines(&many), many);
    for at in [0, (WINDOW - OVERLAP) / 6 - 1, WINDOW / 6 - 1, many.len() - 2] {
        let mut lines = many.clone();
        (lines[at], lines[at + 1]) = ("Y29ycmVjdCBob", "3JzZSBiYXR0ZXJ5");
        let masked = masks.mask_lines(&lines);
        assert_eq!((masked[at].as_str(), masked[at + 1].as_str()), ("[0]", "[0]"), "{at}");
        assert_eq!(masked.iter().filter(|line| *line != "x y z").count(), 2, "{at}");
    }
}

#[test]
fn a_long_text_is_masked_in_windows() {
    let masks = masks(&["correct horse"]);
    // At the end of a window, across it, and where the next one has begun.
    for at in [WINDOW - OVERLAP - 5, WINDOW - 5, WINDOW + 7] {
        let text = |middle: &str| format!("{}{middle}{}", "x ".repeat(at / 2), "y ".repeat(WINDOW / 2));
        for form in ["correct horse", "Y29ycmVjdCBob3JzZQ"] {
            assert!(masks.mask(&text(form)) == text("[0]"), "{form} at {at}");
        }
    }
}

#[test]
fn base64_in_utf_16_in_json_is_read_also_where_it_has_a_plus_or_an_underscore() {
    // Their base64 has one of 62 and 63, which forms and headers take for a blank.
    for secret in ["ö/ö ßäaa", "ßßßßßßßß", "~~~~~>>>>>"] {
        for encode in [|text: &str| URL_SAFE.encode(text), |text: &str| STANDARD.encode(text)] {
            let base64 = ["", "u:", "us:"].map(|before| encode(&format!("{before}{secret}")));
            for base64 in base64 {
                let wide: String = latin_1(base64.encode_utf16().flat_map(u16::to_le_bytes));
                let json = serde_json::Value::from(wide).to_string();
                assert!(masks(&[secret]).mask(&json).contains("[0]"), "{secret}: {base64}");
            }
        }
    }
}

#[test]
fn what_is_not_masked_in_time_is_not_handed_on() {
    let masks = masks(&["correct horse"]);
    let long = "x y ".repeat(WINDOW / 2);
    let ended = Patience::default();
    ended.end();
    for patience in [ended, Patience::of(std::time::Duration::ZERO)] {
        assert!(!patience.gave_up());
        assert_eq!(masks.mask_within(&long, &patience), "");
        assert!(patience.gave_up());
        assert_eq!(masks.mask_lines_within(&["short", "lines"], &patience), Vec::<String>::new());
    }
}
