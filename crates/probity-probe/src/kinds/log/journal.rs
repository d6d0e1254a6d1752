//! The system's journal, through `journalctl`.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use probity_plan::{Barrier, Blocked};

use super::tally::Tally;
use super::{LogState, Span, Window};
use crate::look::{Context, time_text};
use crate::program;

/// With this the journal says that it left messages of a unit out (sd-messages.h, `SD_MESSAGE_JOURNAL_DROPPED`).
const SUPPRESSED: &str = "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e";
/// What journald.conf(5) says where the machine's does not: so many messages of a unit in so long.
const DEFAULT_RATE: Rate = Rate { messages: 10_000, interval: SignedDuration::from_secs(30) };

/// One entry.
struct Entry {
    at: Timestamp,
    text: Vec<u8>,
}

/// How many messages of a unit the journal takes in which time; more are left out, and it says so only when the next one
/// comes after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    /// None where there is no limit.
    messages: u64,
    interval: SignedDuration,
}

/// What the journal holds of the unit's window.
///
/// # Errors
/// `permission-denied` where it does not show all of it; `unsupported` where the unit writes to another journal or to none.
pub async fn see(
    unit: &str,
    mut tally: Tally,
    span: Span,
    context: &Context<'_>,
) -> Result<LogState, Blocked> {
    let start = span.start;
    let settings = settings(unit, context).await;
    // An entry bears the unit's own name, whatever others it has; what it said under a former one is its as well.
    let own = settings.as_ref().ok().and_then(|said| property(said, "Id")).unwrap_or(unit);
    let (unit_option, own_option) = (format!("--unit={unit}"), format!("--unit={own}"));
    let units = [unit_option.as_str(), own_option.as_str()];
    if let Some(namespace) = settings.as_ref().ok().and_then(|said| property(said, "LogNamespace")) {
        let why =
            format!("{unit} writes to the journal of the namespace {namespace}, which is not looked at");
        return Err(Blocked::new(Barrier::Unsupported, why));
    }
    // What it says goes elsewhere, as to a file; the journal holds only what systemd says of it.
    for key in ["StandardOutput", "StandardError"] {
        if let Some(to) = settings.as_ref().ok().and_then(|said| property(said, key))
            && ["file", "append", "truncate"].iter().any(|word| to.starts_with(word))
        {
            let why = format!("{unit} says {key}={to}: what it prints is not in the journal");
            return Err(Blocked::new(Barrier::Unsupported, why));
        }
    }
    let limits = match &settings {
        Ok(said) => limits(said, context).await,
        Err(blocked) => Err(blocked.clone()),
    };
    // Also what was said within the limit's time before: it counts towards the limit.
    let interval = limits.as_ref().map_or(DEFAULT_RATE.interval, |limits| limits.rate.interval);
    let earlier = start.checked_sub(interval).unwrap_or(start);
    // Seconds since 1970 (systemd.time(7)).
    let since = format!("--since=@{}", earlier.as_second());
    let entries = journalctl(&[&units[..], &[&since]].concat(), context).await?;
    let latest = span.latest();
    let within = entries.iter().filter(|entry| entry.at >= start);
    if within.clone().next().is_none()
        && journalctl(&[&units[..], &["--lines=1"]].concat(), context).await?.is_empty()
    {
        if journalctl(&["--lines=1"], context).await?.is_empty() {
            return Err(Blocked::new(Barrier::Unreachable, "there is no journal, or nothing in it"));
        }
        return match limits {
            Ok(Limits { left_out: Some(why), .. }) => Err(Blocked::new(Barrier::Unsupported, why)),
            _ => Ok(LogState::Absent(format!("the journal holds nothing of the unit {unit}"))),
        };
    }
    for entry in within {
        if entry.at > latest {
            tally.add_ahead(entry.at, &entry.text);
        } else {
            tally.add(entry.at, &entry.text);
        }
    }
    // Anything at all, of whatever unit, from before the window: then nothing of the window was vacuumed away. Read from
    // its end: some versions of journalctl show nothing up to a moment, some what comes after it, unless they do.
    let before = format!("--until=@{}", start.as_second());
    let before = journalctl(&[&before, "--reverse", "--lines=1"], context).await?;
    let covered = if before.iter().any(|entry| entry.at <= start) {
        Ok(())
    } else {
        Err(format!("the journal begins after {}", time_text(start)))
    };
    let suppressed = match limits {
        Ok(Limits { left_out: Some(why), .. }) => Some(Blocked::new(Barrier::Unsupported, why)),
        Ok(Limits { rate, .. }) => suppressed(&units.map(name_of), &entries, rate, start, context).await?,
        Err(blocked) => Some(blocked),
    };
    Ok(LogState::Window(Box::new(Window { tally, covered, suppressed, empty: false, rotated: Vec::new() })))
}

/// Why messages of the unit may be missing from the window: the journal says so, or what it holds reaches its limit.
async fn suppressed(
    units: &[&str],
    entries: &[Entry],
    rate: Rate,
    start: Timestamp,
    context: &Context<'_>,
) -> Result<Option<Blocked>, Blocked> {
    let too_many = |why: String| Some(Blocked::new(Barrier::TooLarge, why));
    if let Some(many) = burst(entries, rate) {
        let seconds = rate.interval.as_secs();
        return Ok(too_many(format!(
            "{many} messages within {seconds} s: the journal leaves out what comes after {} (LogRateLimitBurst)",
            rate.messages
        )));
    }
    let since = format!("--since=@{}", start.as_second());
    let said = journalctl(&[SUPPRESSED, &since], context).await?;
    // The unit's name is the last word, with its ending.
    let of_unit = |text: &Cow<'_, str>| {
        let name = text.rsplit(' ').next().unwrap_or_default();
        units.iter().any(|unit| name == *unit || name.strip_suffix(".service") == Some(unit))
    };
    let mut texts = said.iter().map(|entry| String::from_utf8_lossy(&entry.text));
    Ok(texts.find(of_unit).and_then(|text| too_many(format!("the journal says: {text}"))))
}

/// The most entries within the limit's time, if they reach the limit.
fn burst(entries: &[Entry], rate: Rate) -> Option<usize> {
    let most = usize::try_from(rate.messages).ok().filter(|most| *most > 0)?;
    let within = |entry: &Entry| {
        let until = entry.at.checked_add(rate.interval).unwrap_or(entry.at);
        move |other: &Entry| other.at < until
    };
    let counts = entries
        .iter()
        .enumerate()
        .map(|(number, entry)| entries.get(number..).unwrap_or_default().partition_point(within(entry)));
    counts.max().filter(|many| *many >= most)
}

/// What systemd says of how the unit writes to the journal, as `KEY=VALUE` lines.
async fn settings(unit: &str, context: &Context<'_>) -> Result<String, Blocked> {
    let wanted = "--property=Id,LogNamespace,LogRateLimitBurst,LogRateLimitIntervalUSec,LogLevelMax,\
                  LogFilterPatterns,StandardOutput,StandardError";
    ask(&["systemctl", "show", "--no-pager", wanted, "--"], Some(unit), context).await
}

/// One of these, where it is not empty.
fn property<'a>(settings: &'a str, key: &str) -> Option<&'a str> {
    let value = settings.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.filter(|value| !value.is_empty())
}

/// What of a unit's messages the journal takes.
struct Limits {
    rate: Rate,
    /// Why some are left out, however few there are.
    left_out: Option<String>,
}

/// The unit's limits, and the journal's.
async fn limits(settings: &str, context: &Context<'_>) -> Result<Limits, Blocked> {
    let config =
        ask(&["systemd-analyze", "--no-pager", "cat-config", "systemd/journald.conf"], None, context).await?;
    Ok(Limits { rate: rate(settings, &config), left_out: left_out(settings, &config) })
}

/// By which setting messages of the unit do not come into the journal (systemd.exec(5), journald.conf(5)).
fn left_out(settings: &str, config: &str) -> Option<String> {
    let prints_to = |key: &&str| {
        property(settings, key)
            .is_some_and(|to| ["null", "tty", "fd"].iter().any(|word| to.split(':').next() == Some(word)))
    };
    let from_unit = |key: &&str| match *key {
        // -1 stands for none, 7 for all.
        "LogLevelMax" => property(settings, key).is_some_and(|level| !matches!(level, "-1" | "7")),
        _ => property(settings, key).is_some(),
    };
    let of_unit = ["StandardOutput", "StandardError"].into_iter().filter(prints_to);
    let of_unit = of_unit.chain(["LogLevelMax", "LogFilterPatterns"].into_iter().filter(from_unit));
    let of_unit =
        of_unit.map(|key| format!("the unit has {key}={}", property(settings, key).unwrap_or_default()));
    let stored = configured(config, "MaxLevelStore").filter(|level| !matches!(*level, "" | "debug" | "7"));
    let mut all = of_unit.chain(stored.map(|level| format!("journald has MaxLevelStore={level}")));
    all.next().map(|why| format!("messages may be missing: {why}"))
}

/// A name of a unit, from the option that asks for it.
fn name_of(option: &str) -> &str {
    option.trim_start_matches("--unit=")
}

/// The unit's limit, or the journal's where it has none of its own. On a disk with much room the journal takes more.
fn rate(settings: &str, config: &str) -> Rate {
    let burst = property(settings, "LogRateLimitBurst").and_then(|number| number.parse().ok()).unwrap_or(0);
    let interval = property(settings, "LogRateLimitIntervalUSec").and_then(seconds);
    if let (1.., Some(interval)) = (burst, interval.filter(|interval| !interval.is_zero())) {
        return Rate { messages: burst, interval };
    }
    let value = |key| configured(config, key);
    let messages = value("RateLimitBurst").and_then(|number| number.parse().ok());
    let interval = value("RateLimitIntervalSec").or_else(|| value("RateLimitInterval")).and_then(seconds);
    let rate = Rate {
        messages: messages.unwrap_or(DEFAULT_RATE.messages),
        interval: interval.unwrap_or(DEFAULT_RATE.interval),
    };
    // Zero switches the limit off.
    if rate.interval.is_zero() { Rate { messages: 0, ..rate } } else { rate }
}

/// What journald.conf says: the last word counts.
fn configured<'a>(config: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = config.lines().filter_map(|line| line.trim().strip_prefix(key)?.trim().strip_prefix('='));
    lines.next_back().map(str::trim)
}

/// A span as systemd.time(7) writes it, `30s` or `1min 30s`; a number alone is seconds.
fn seconds(text: &str) -> Option<SignedDuration> {
    if let Ok(number) = text.parse() {
        return Some(SignedDuration::from_secs(number));
    }
    text.replace("min", "m").parse().ok()
}

async fn ask(words: &[&str], unit: Option<&str>, context: &Context<'_>) -> Result<String, Blocked> {
    let arguments: Vec<&str> = words.iter().copied().chain(unit).collect();
    let (code, stdout, stderr) = program::ask(&arguments, &[], context).await?;
    if code == 0 {
        return Ok(stdout);
    }
    let why = format!("the limit at which the journal leaves messages out is not known: {}", stderr.trim());
    Err(Blocked::new(Barrier::Unsupported, why))
}

async fn journalctl(options: &[&str], context: &Context<'_>) -> Result<Vec<Entry>, Blocked> {
    // Not `--quiet`: the hint that there are entries we may not see would go with it.
    let command = ["journalctl", "--no-pager", "--all", "--output=json", "--output-fields=MESSAGE"];
    let (code, stdout, stderr) = program::ask(&[&command, options].concat(), &[], context).await?;
    let said = |barrier| Err(Blocked::new(barrier, format!("journalctl: {}", stderr.trim())));
    if stderr.contains("insufficient permissions") || stderr.contains("not seeing messages from other users")
    {
        return said(Barrier::PermissionDenied);
    }
    if code != 0 {
        return said(Barrier::Protocol);
    }
    stdout.lines().filter(|line| !line.is_empty() && !line.starts_with("-- ")).map(entry).collect()
}

fn entry(line: &str) -> Result<Entry, Blocked> {
    let wrong = || Blocked::new(Barrier::Protocol, format!("journalctl: `{line}` is no entry"));
    let json: serde_json::Value = serde_json::from_str(line).map_err(|_| wrong())?;
    let at = json.get("__REALTIME_TIMESTAMP").and_then(|at| at.as_str()?.parse().ok()).ok_or_else(wrong)?;
    let at = Timestamp::from_microsecond(at).map_err(|_| wrong())?;
    Ok(Entry { at, text: json.get("MESSAGE").map(message).unwrap_or_default() })
}

/// Text; the bytes of what is not plain text; or several of these, where a program logged several.
fn message(json: &serde_json::Value) -> Vec<u8> {
    match json {
        serde_json::Value::String(text) => text.clone().into_bytes(),
        serde_json::Value::Array(list) => {
            let bytes: Option<Vec<u8>> = list.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()).collect();
            match bytes {
                Some(bytes) => bytes,
                None => list.iter().map(message).collect::<Vec<_>>().join(&b'\n'),
            }
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_the_configuration_counts() {
        let rate = |messages, seconds| Rate { messages, interval: SignedDuration::from_secs(seconds) };
        let configured = |config| super::rate("", config);
        assert_eq!(configured("# /etc/systemd/journald.conf\n[Journal]\n#RateLimitBurst=5\n"), DEFAULT_RATE);
        assert_eq!(configured("RateLimitBurst=5\nRateLimitIntervalSec=1min 30s\n"), rate(5, 90));
        assert_eq!(configured("RateLimitBurst=5\nRateLimitBurst=7\nRateLimitIntervalSec=2\n"), rate(7, 2));
        assert_eq!(configured("RateLimitIntervalSec=0\n").messages, 0);
    }

    #[test]
    fn what_is_left_out_by_a_setting_is_told() {
        let usual = "LogLevelMax=-1\nStandardOutput=journal\nStandardError=inherit\nLogFilterPatterns=\n";
        assert_eq!(left_out(usual, "#MaxLevelStore=warning\n[Journal]\nMaxLevelStore=debug\n"), None);
        // What goes to a peer's socket is an answer.
        assert_eq!(left_out("StandardOutput=socket\nLogLevelMax=7\n", ""), None);
        for (settings, config) in [
            ("LogLevelMax=4\n", ""),
            ("StandardOutput=null\n", ""),
            ("StandardError=tty\n", ""),
            ("StandardOutput=fd:out\n", ""),
            ("LogFilterPatterns=~noise\n", ""),
            (usual, "MaxLevelStore=notice\n"),
        ] {
            assert!(left_out(settings, config).is_some(), "{settings}{config}");
        }
    }

    #[test]
    fn a_limit_is_reached_by_as_many_as_fit_into_its_time() {
        let entry = |ms| Entry { at: Timestamp::from_millisecond(ms).unwrap(), text: Vec::new() };
        let rate = |messages| Rate { messages, interval: SignedDuration::from_secs(1) };
        let entries = [entry(0), entry(900), entry(1500), entry(1899), entry(1900)];
        assert_eq!(burst(&entries, rate(3)), Some(3));
        assert_eq!(burst(&entries, rate(4)), None);
        assert_eq!(burst(&entries, rate(0)), None);
    }
}
