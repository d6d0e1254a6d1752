//! The forms in which lines begin with a time, and what may be one in a form that is not known.

use std::sync::OnceLock;

use memchr::memchr_iter;

/// No time is looked for beyond so many bytes of a line.
pub(super) const NEAR: usize = 200;

pub(super) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Words of an access log before the time: the virtual host, the client, two names.
pub(super) const MAX_WORDS: usize = 5;

/// The forms of times at the beginning of a line.
pub(super) fn patterns() -> &'static [regex::Regex] {
    static PATTERNS: OnceLock<Vec<regex::Regex>> = OnceLock::new();
    PATTERNS.get_or_init(|| {
        // The priority of syslog; a level; the name of a field.
        let before = r#"^\x{feff}?(?:<[0-9]{1,3}>(?:1\ )?)?
            (?:\[?(?i:trace|debug|info|information|notice|warn|warning|error|err|crit|critical|alert|emerg|fatal|severe|panic)\]?
               [\ \t:|-]+(?:\[[^\[\]]{0,60}\]\ +)? | level=[a-z]+\ )?
            [\[(]?(?:(?:time|ts|timestamp|t|date)="?)?"#;
        let clock = r"(?<minute>[0-9]{2}:[0-9]{2}):(?<second>[0-9]{2})(?:[.,](?<fraction>[0-9]+))?";
        let month = format!("(?<month>{})", MONTHS.join("|"));
        let forms = [
            // RFC 3339 and its relatives: a space for the `T`, a comma for the point, slashes, no zone.
            format!(r"{before}(?<year>[0-9]{{4}})[-/.](?<month>[0-9]{{2}})[-/.](?<day>[0-9]{{2}})[Tt\ _]{clock}"),
            // RFC 3164.
            format!(r"^(?:<[0-9]{{1,3}}>)?{month}\ (?<day>[\ 0-9][0-9])\ {clock}"),
            // The Common Log Format.
            format!(r"^(?:\S+\ ){{0,{MAX_WORDS}}}(?<bracket>\[)(?<day>[0-9]{{2}})/{month}/(?<year>[0-9]{{4}}):{clock}(?<zone>\ [+-][0-9]{{4}})"),
            // klog, of Kubernetes.
            format!(r"^[IWEF](?<month>[0-9]{{2}})(?<day>[0-9]{{2}})\ {clock}"),
            // ctime(3) and date(1), as Apache's errors.
            format!(r"^\[?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\ {month}\ (?<day>[\ 0-9][0-9])\ {clock}(?<zone>\ [A-Z]{{3,5}})?\ (?<year>[0-9]{{4}})"),
            // Redis, PHP, BIND.
            format!(r"^(?:[0-9]+:[A-Z]\ )?\[?(?<day>[0-9]{{1,2}})[-\ ]{month}[-\ ](?<year>[0-9]{{4}})\ {clock}"),
        ];
        forms.iter().filter_map(|form| regex::Regex::new(&format!("(?x){form}")).ok()).collect()
    })
}

/// The beginning of a line, in which its time stands.
pub(super) fn near(line: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(line.get(..NEAR).unwrap_or(line))
}

/// Whether an access log's line bears more than one time in brackets before the request: the client chooses the name that
/// stands before the true one.
pub(super) fn has_two_brackets(line: &[u8]) -> bool {
    let quote = memchr_iter(b'"', line).find(|at| *at == 0 || line[at - 1] != b'\\');
    let before = &line[..quote.unwrap_or(line.len())];
    let time = |at: &usize| matches!(before[at + 1..], [b'0'..=b'9', b'0'..=b'9', b'/', ..]);
    memchr_iter(b'[', before).filter(time).nth(1).is_some()
}

/// What may be a time, and within how many bytes of a line.
pub(super) fn may_be_times() -> &'static [(regex::bytes::Regex, usize)] {
    static FORMS: OnceLock<Vec<(regex::bytes::Regex, usize)>> = OnceLock::new();
    FORMS.get_or_init(|| {
        let forms = [(near_time(), NEAR), (foreign_time(), NEAR), (far_time(), usize::MAX)];
        forms
            .iter()
            .filter_map(|(form, within)| Some((regex::bytes::Regex::new(form).ok()?, *within)))
            .collect()
    })
}

/// What may be a time near the beginning of a line: clocks, dates, numbers since 1970 or since the boot.
pub(super) fn near_time() -> String {
    let month = "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)";
    // A terminal is told a colour by something that ends in a letter.
    let apart = r"(?:^|[^0-9A-Za-z.]|\x1b\[[0-9;]*m)";
    format!(
        r#"(?x-u)
          (?:^|[^0-9A-Za-z:.]|\x1b\[[0-9;]*m) [0-9]{{1,2}}:[0-9]{{2}}:[0-9]{{2}} (?:[^0-9:]|:[0-9]{{3}}|:[^0-9A-Fa-f]|$)
        | ^(?:\x1b\[[0-9;]*m)* [\[(<"']{{0,2}} [0-9]{{1,2}}:[0-9]{{2}} (?:[^0-9:]|$)
        | {apart} [0-9]{{4}}[-/.][0-9]{{1,2}}[-/.][0-9]{{1,2}} (?:[^0-9.]|\.[^0-9]|$)
        | {apart} [0-9]{{1,2}}[-/.][0-9]{{1,2}}[-/.](?:[0-9]{{4}}|[0-9]{{2}}) (?:[^0-9.]|\.[^0-9]|$)
        | {apart} [0-9]{{4}}-?W[0-9]{{2}}
        | (?i: \b{month}[-/\ ,.]{{1,3}}[0-9]{{1,2}}\b | \b[0-9]{{1,2}}[-/\ .]{{1,2}}{month}\b )
        | {apart} [12][0-9]{{9}}(?:[0-9]{{3}}){{0,3}} (?:[^0-9A-Za-z]|$)
        | {apart} (?:19|20)[0-9]{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]) (?:[T_-]?[0-9]{{4,6}}|[^0-9A-Za-z]|$)
        | {apart} [0-9]{{6}}[-_\ T][0-9]{{6}} | {apart} [0-9]{{4}}/[0-9]{{6}}
        | ^[\[(<]?\ *[0-9]+\.[0-9]{{3,}} (?:[^0-9.]|$)
        | ^<[0-9]{{1,3}}> | ^@[0-9a-f]{{24}}"#
    )
}

/// What may be one near the beginning in other digits than ours, or with the words of other writings.
pub(super) fn foreign_time() -> String {
    r"[\p{Nd}&&[^0-9]]{1,2}[:：][\p{Nd}&&[^0-9]]{2}|\p{Nd}{4}\s?[年년]".to_owned()
}

/// What is one wherever it stands: behind a name, however long it is, and as the last field of a line.
pub(super) fn far_time() -> String {
    let month = MONTHS.join("|");
    format!(r#"(?-u)\[[0-9]{{2}}/(?:{month})/[0-9]{{4}}:|\b(?:time|timestamp|ts|date)=["']?[0-9]{{4}}"#)
}
