//! What masking costs, in nanoseconds of processor time a byte, as a table: for several kinds of text, of two lengths, with
//! one secret and with a hundred; and in seconds what the longest body takes that is read.

use std::collections::BTreeMap;

use probity_probe::Secrets;

/// The longest body that is read.
const MAX_BODY: usize = 16 << 20;

/// Texts as targets send them, and five that are made to be slow.
const TEXTS: [(&str, &str); 10] = [
    ("log", "2026-01-31T23:59:59Z host app[4711]: GET /usr/share/doc/thing-12 took 17 ms, status=200\n"),
    ("JSON", r#"{"id":4711,"name":"user\n12","tags":["a b","c\"d"],"ok":true},"#),
    ("base64", "MIIEpAIBAAKCAQEAq83vEjRWeJonqSdv9xTLbKIeYp0aGQw8Xh2nPVqRZJtDkMfjslUCBmOy5i+1/o7W\n"),
    ("hexadecimal", "5f2a90c7e14b6d38a1f0c95b7e2d4863fa17b0e95c38d264\n"),
    ("numbers", "12, 217, 0x3f, 4, 99, -17, 8, 201, 33,\n"),
    ("escapes", "%c3%b6\\u00e4&#228;=C3=A4%25c3\\\\n"),
    ("quotes", "''\"\"'\\'''''"),
    ("backslashes", "\\\\\\\\\\\\"),
    ("escapes of escapes", "%5Cu0025\\u0034%25&#92;x3&amp;#37;41&#x5c;\\134"),
    ("base64 in escapes", "\\u0061\\x48%56&#117;dG%56y=\nMj%4D\\155"),
];

fn main() {
    println!("| text | bytes | ns a byte, 1 secret | 100 secrets | s a body |\n|---|---:|---:|---:|---:|");
    for (name, text) in TEXTS {
        for length in [1 << 19, 1 << 21] {
            let text = text.repeat(length / text.len());
            let costs = [1, 100].map(|count| {
                let secrets =
                    (0..count).map(|n| (format!("s{n}"), format!("correct {n} horse battery staple")));
                cost(&text, &Secrets::new(secrets.collect::<BTreeMap<_, _>>()).unwrap_or_default())
            });
            let body = costs[1] * MAX_BODY as f64 / 1e9;
            println!("| {name} | {} | {:.1} | {:.1} | {body:.1} |", text.len(), costs[0], costs[1]);
        }
    }
}

/// The least of three, as other programs run beside this one.
fn cost(text: &str, secrets: &Secrets) -> f64 {
    let once = || {
        let began = processor_ns();
        let masked = secrets.mask(text);
        assert_eq!(masked.len(), text.len());
        (processor_ns() - began) as f64 / text.len() as f64
    };
    (0..3).map(|_| once()).fold(f64::INFINITY, f64::min)
}

fn processor_ns() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
