//! The time an audit takes by the length of the report: `cargo run --release -p probity-audit --example length -- REPORT...`
//! repeats the reports given until each length is reached.

#![allow(clippy::disallowed_methods, reason = "reads files and measures time")]

fn main() {
    let text: String = std::env::args()
        .skip(1)
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .collect::<Vec<_>>()
        .join("\n\n");
    if text.is_empty() {
        println!("give one report or more");
        return;
    }
    println!("{:>10} {:>10} {:>12} {:>9}", "bytes", "ms", "ns per byte", "findings");
    for length in [125_000_usize, 250_000, 500_000, 1_000_000, 2_000_000, 4_000_000] {
        let mut long = String::with_capacity(length + text.len());
        while long.len() < length {
            long.push_str(&text);
            long.push_str("\n\n");
        }
        // The first audit compiles the patterns; the best of three is the audit's own time.
        let mut best = f64::INFINITY;
        let mut findings = 0;
        for _ in 0..3 {
            let start = std::time::Instant::now();
            findings = probity_audit::audit(&long, &[], None).findings.len();
            best = best.min(start.elapsed().as_secs_f64());
        }
        let bytes = long.len();
        println!(
            "{bytes:>10} {:>10.1} {:>12.1} {findings:>9}",
            best * 1e3,
            best * 1e9 / f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
        );
    }
}
