//! Zones: by name, by offset, this machine's, and what stands behind a clock and may be one.

use std::sync::OnceLock;

use jiff::tz::{Offset, TimeZone};
use probity_plan::{Barrier, Blocked};

use crate::look::barrier_of;

/// Abbreviations that stand for zones behind a time, and for nothing that a program would say there.
pub(super) const ZONES: [&str; 52] = [
    "UTC", "GMT", "UT", "WET", "WEST", "CET", "CEST", "EET", "EEST", "MSK", "BST", "IST", "PKT", "WIB",
    "SGT", "HKT", "CST", "CDT", "JST", "KST", "AWST", "ACST", "ACDT", "AEST", "AEDT", "NZST", "NZDT", "EST",
    "EDT", "MST", "MDT", "PST", "PDT", "AKST", "AKDT", "HST", "SAST", "EAT", "WAT", "CAT", "AST", "ADT",
    "NST", "NDT", "IDT", "WITA", "WIT", "MET", "MEST", "ChST", "HDT", "SST",
];

/// Further ones, which Java, ICU and PostgreSQL write and a message may begin with as well: what stands there may be a zone, but not in square brackets.
/// Not `GET`, which is Georgia's: a method of HTTP.
const UNSURE_ZONES: [&str; 166] = [
    "ACT", "ACWST", "AFT", "ALMT", "ALMST", "AMST", "AMT", "ANAT", "ANAST", "AQTT", "AQTST", "ART", "ARST",
    "AWDT", "AZOT", "AZOST", "AZT", "AZST", "BDT", "BNT", "BOT", "BORT", "BRT", "BRST", "BTT", "CAST", "CCT",
    "CHADT", "CHAST", "CHOT", "CHST", "CHUT", "CIST", "CIT", "CKT", "CLT", "CLST", "COT", "COST", "CVT",
    "CWST", "CXT", "DAVT", "DDUT", "EASST", "EAST", "ECT", "EGT", "EGST", "EIT", "FET", "FJT", "FJST", "FKT",
    "FKST", "FNT", "FNST", "GALT", "GAMT", "GFT", "GILT", "GST", "GYT", "HADT", "HAST", "HKST", "HOVT",
    "HOVST", "ICT", "IOT", "IRDT", "IRKT", "IRKST", "IRST", "IRT", "KDT", "KGT", "KGST", "KOST", "KRAT",
    "KRAST", "LHDT", "LHST", "LIGT", "LINT", "MAGT", "MAGST", "MART", "MAWT", "MESZ", "MEZ", "MHT", "MMT",
    "MPT", "MSD", "MUT", "MVT", "MYT", "NCT", "NFT", "NFDT", "NOVT", "NOVST", "NPT", "NRT", "NUT", "NZT",
    "OMST", "OMSST", "ORAT", "PET", "PETT", "PGT", "PHOT", "PHT", "PHST", "PKST", "PMDT", "PMST", "PONT",
    "PWT", "PYT", "PYST", "QYZT", "RET", "ROTT", "SAKT", "SAMT", "SBT", "SCT", "SRT", "SRET", "SYOT", "TAHT",
    "TFT", "TJT", "TKT", "TLT", "TMT", "TOT", "TRT", "TRUT", "TVT", "ULAT", "ULAST", "UYT", "UYST", "UZT",
    "UZST", "VET", "VLAT", "VLAST", "VOLT", "VOST", "VUT", "WAKT", "WAST", "WEDT", "WFT", "WGT", "WGST",
    "WSDT", "WST", "YAKT", "YAPT", "YEKT",
];

/// Halves of the day in other languages, as CLDR has them behind the clock.
const HALVES: &str = r"[AaPp]\.?\s?[Mm] | (?i:vorm|nachm|dop|odp|p\.d|m\.d|π\.?μ|μ\.?μ|öö|ös|[\u{642}\u{628}]\.\u{638})
    | [\u{635}\u{645}] | 午[前後] | [上下]午 | 오[전후] | पूर्वाह्न | अपराह्न | (?:ก่อน|หลัง)เที่ยง";

/// What may stand between a clock and its zone: blanks, and marks that say in which direction one reads. What is not UTF-8 is
/// the no-break space of Latin-1.
const BLANK: &str = r"[\s\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}\u{2066}-\u{2069}\u{61c}\u{feff}\u{fffd}]";

pub(super) fn unknown_zone(name: &str) -> Blocked {
    let why = format!(
        "the zone `{name}` of its lines is not this machine's: say `zone`, such as Europe/Berlin; and where that calls itself \
         otherwise, `format` with `{name}` in it"
    );
    Blocked::new(Barrier::Unsupported, why)
}

pub(super) fn named(name: &str) -> Result<TimeZone, Blocked> {
    if let Some(zone) = fixed(name) {
        return Ok(zone);
    }
    let unknown = |error| Blocked::new(Barrier::Unsupported, format!("the time zone {name}: {error}"));
    if name == "UTC" { Ok(TimeZone::UTC) } else { TimeZone::get(name).map_err(unknown) }
}

/// `+02:00`, `+0200`, `+02` or `+2`.
pub(super) fn fixed(text: &str) -> Option<TimeZone> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(digits.find(':').unwrap_or(digits.len().min(2)))?;
    let minutes = minutes.trim_start_matches(':');
    let minutes: i32 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    let seconds = sign * (hours.parse::<i32>().ok()? * 60 + minutes) * 60;
    Some(TimeZone::fixed(Offset::from_seconds(seconds).ok()?))
}

/// This machine's zone, whatever the observer's variables say; UTC where it has none (localtime(5)).
pub(super) fn of_the_machine() -> Result<TimeZone, Blocked> {
    const PATH: &str = "/etc/localtime";
    match crate::whole::read(PATH, 1 << 20) {
        Ok(bytes) => TimeZone::tzif(PATH, &bytes)
            .map_err(|error| Blocked::new(Barrier::Protocol, format!("{PATH}: {error}"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(TimeZone::UTC),
        Err(error) => Err(barrier_of(&format!("open {PATH}"), &error)),
    }
}

/// No name of a zone is longer than so many bytes.
const MAX_ZONE: usize = 80;

/// What stands behind a clock.
pub(super) enum Behind<'a> {
    Nothing,
    /// The name of a zone or a half of the day, and where it ends.
    Zone(&'a str, usize),
    /// Something that may belong to the time.
    Unclear,
}

/// What stands behind the clock that a line begins with. What has a slash is a zone if there is such a one; where it cannot
/// be the name of a host or a component, also if there is none.
pub(super) fn behind(rest: &str, host: bool) -> Behind<'_> {
    static ZONE: OnceLock<Option<regex::Regex>> = OnceLock::new();
    static UNCLEAR: OnceLock<Option<regex::Regex>> = OnceLock::new();
    let zone = || {
        let names = ZONES.join("|");
        regex::Regex::new(&format!(
            r"(?x)^[\])]?{BLANK}{{0,20}}[\[(]?
              (?<name> [Zz] | (?i:utc|gmt)(?:[+−-][0-9]{{1,2}}(?::?[0-9]{{2}})?)? | [+−-][0-9]{{2}}(?::?[0-9]{{2}})? | {names}
                | [AaPp](?:\.[Mm]\.?|[Mm]) | [A-Z][A-Za-z]+/[A-Za-z_/+-]+[0-9]* )
              (?:[^0-9A-Za-z:.+_-] | :(?:[^0-9]|$) | \.(?:\s|$) | $)"
        ))
        .ok()
    };
    let unclear = || {
        let (names, unsure) = (ZONES.join("|"), UNSURE_ZONES.join("|"));
        regex::Regex::new(&format!(
            r"(?x)^(?: [0-9A-Za-z] | [.,:+‐-―−-][0-9] | [\])]?{BLANK}{{1,20}}(?:(?i:utc|gmt)\s?)?[+‐-―−-][0-9]
              | [\])]?(?:{BLANK}{{0,20}}|[,;|_-]{BLANK}{{0,3}})(?:[\[(]?(?:{HALVES}|{names}|(?i:utc|gmt))|\(?(?:{unsure}))
                (?:[^\p{{L}}\p{{M}}0-9:.+_/-]|:(?:[^0-9]|$)|\.(?:\s|$)|$)
              | {BLANK}{{0,20}}[\[(]?(?:[A-Z][A-Za-z.&-]*\s){{0,4}}(?:Standard|Daylight|Summer|Mean|Universal)\sTime\b )"
        ))
        .ok()
    };
    let found = ZONE.get_or_init(zone).as_ref().and_then(|zone| zone.captures(rest));
    match found.and_then(|found| found.name("name")) {
        // So may a host be called.
        Some(name)
            if host
                && name.start() > 0
                && matches!(name.as_str(), "Z" | "z" | "utc" | "gmt" | "am" | "pm") =>
        {
            Behind::Unclear
        }
        Some(name) => {
            let name_alone = !host && !rest[..name.start()].contains(['[', '(', ']', ')']);
            if name.as_str().contains('/') && !name_alone && TimeZone::get(name.as_str()).is_err() {
                return Behind::Nothing;
            }
            Behind::Zone(name.as_str(), name.end())
        }
        None if UNCLEAR.get_or_init(unclear).as_ref().is_some_and(|it| it.is_match(rest)) => Behind::Unclear,
        None => Behind::Nothing,
    }
}

/// Whether it takes a closer look to tell that no zone stands behind a clock.
pub(super) fn may_name_zone(rest: &[u8]) -> bool {
    match rest {
        [byte, ..] if byte.is_ascii_alphanumeric() => return true,
        [b'.' | b',' | b':' | b'+' | b'-', b'0'..=b'9', ..] => return true,
        _ => {}
    }
    let first = rest.iter().position(|byte| !b" \t[](),;|_-".contains(byte)).unwrap_or(rest.len());
    let (before, word) = rest.split_at(first);
    let length = word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (word, next) = word.split_at(length);
    match (word, next) {
        ([], [b'+', b'0'..=b'9', ..]) => true,
        ([], [byte, ..]) => !byte.is_ascii() || (byte.is_ascii_digit() && before.ends_with(b"-")),
        (_, [b'/', ..]) | ([b'Z' | b'z' | b'A' | b'a' | b'P' | b'p'], _) => true,
        _ if memchr::memmem::find(rest.get(..MAX_ZONE).unwrap_or(rest), b" Time").is_some() => true,
        _ => {
            let in_any_case = ["UTC", "GMT", "AM", "PM", "M", "VORM", "NACHM", "DOP", "ODP"];
            ZONES.iter().chain(&UNSURE_ZONES).any(|zone| word == zone.as_bytes())
                || in_any_case.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
        }
    }
}
