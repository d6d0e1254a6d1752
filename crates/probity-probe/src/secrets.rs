//! Secrets: where they come from, and that nothing of them is recorded or shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use probity_plan::units::counted;
use probity_plan::{Barrier, Blocked, Cause, FactType, InputValue, Number, Observation, Plan, Text, Value};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::OFlags;
use url::Url;

use crate::look::Seen;
use crate::mask::{self, Masks, Patience};
use crate::plaintext::{Plaintext, Syntax};

/// The least length of a secret, and of each of its lines, in bytes; a shorter one would be found by accident all over the
/// evidence.
const MIN_SECRET: usize = 8;

/// The most bytes of a secret.
const MAX_SECRET: usize = 64 << 10;

/// The most bytes of all secrets of a plan.
const MAX_SECRETS: usize = 16 << 20;

/// How long somebody is waited for who writes a secret into a pipe.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The secrets of a run. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Secrets {
    values: Arc<BTreeMap<String, String>>,
    masks: Arc<Masks>,
    /// The masks of those that are numbers, by the bits of the nearest double.
    numbers: Arc<BTreeMap<u64, String>>,
    /// Those that are tokens and become others by themselves, by name, and when.
    until: Arc<BTreeMap<String, jiff::Timestamp>>,
    /// How long masking may go on.
    patience: Arc<Patience>,
}

/// Ends the patience of who masks when dropped: nobody waits any more.
pub(crate) struct Waiting(Arc<Patience>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// When a token becomes another one.
pub(crate) struct Ending {
    token: String,
    until: jiff::Timestamp,
}

impl Ending {
    /// Why a look with it says nothing any more, if that is so.
    pub(crate) fn over(&self) -> Option<Blocked> {
        let Self { token, until } = self;
        let cause = || Cause::TokenOver { token: token.clone(), until: *until };
        (*until <= jiff::Timestamp::now()).then(|| Blocked::by(cause()))
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Secrets {
    /// Reads every secret input of a plan from where the plan says. `environment` is asked for variables.
    ///
    /// # Errors
    /// Lists every secret that is missing, unreadable, too long, or not one that can be masked, and how to give it.
    pub fn read(plan: &Plan, environment: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        let mut problems = Vec::new();
        let mut tokens = Vec::new();
        for (name, input) in &plan.inputs {
            let read = match &input.value {
                InputValue::Plain(_) => continue,
                InputValue::SecretToken(token) => {
                    tokens.push((name, token));
                    continue;
                }
                InputValue::SecretEnv(variable) => {
                    environment(variable).ok_or_else(|| format!("set the environment variable {variable}"))
                }
                InputValue::SecretFile(path) => read_file(path, path),
                InputValue::SecretDescriptor(number) => {
                    read_file(&format!("/proc/self/fd/{number}"), &format!("descriptor {number}"))
                        .map_err(|e| format!("{e}; open it in the shell, such as `{number}< FILE`"))
                }
            };
            match read {
                Ok(text) => _ = values.insert(name.clone(), text.trim_end_matches(['\n', '\r']).to_owned()),
                Err(how) => problems.push(format!("the secret `{name}` is missing: {how}")),
            }
        }
        let (now, mut until) = (jiff::Timestamp::now(), BTreeMap::new());
        for (name, token) in tokens {
            // Where its key is missing, that is said already.
            let Some(key) = values.get(&token.key) else { continue };
            match crate::token::sign(token, key, now) {
                Ok(signed) => {
                    values.insert(name.clone(), signed.text);
                    until.extend(signed.until.map(|until| (name.clone(), until)));
                }
                Err(why) => problems.push(format!("the secret `{name}` cannot be made: {why}")),
            }
        }
        match Self::new(values) {
            Ok(secrets) if problems.is_empty() => Ok(Self { until: Arc::new(until), ..secrets }),
            Ok(_) => Err(problems),
            Err(more) => Err(problems.into_iter().chain(more).collect()),
        }
    }

    /// These secrets by name.
    ///
    /// # Errors
    /// Lists every secret that cannot be masked: it, or one of its lines, is too short; or it is too long.
    pub fn new(values: BTreeMap<String, String>) -> Result<Self, Vec<String>> {
        let mut problems: Vec<String> =
            values.iter().filter_map(|(name, value)| refuse(name, value).err()).collect();
        if values.values().map(String::len).sum::<usize>() > MAX_SECRETS {
            problems.push(format!("the secrets of a plan may have {MAX_SECRETS} bytes in all"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let texts: Vec<(String, String)> = values
            .iter()
            .flat_map(|(name, value)| {
                let mask = format!("[secret {name}]");
                shown_parts(value).into_iter().map(move |part| (part, mask.clone()))
            })
            .collect();
        let numbers = texts.iter().filter_map(|(text, mask)| Some((number_bits(text)?, mask.clone())));
        let numbers = Arc::new(numbers.collect());
        let masks =
            Masks::new(texts).map_err(|error| vec![format!("the secrets cannot be masked: {error}")])?;
        Ok(Self { masks: Arc::new(masks), numbers, values: Arc::new(values), ..Self::default() })
    }

    /// The same secrets for who masks for at most so long, and no longer than somebody waits. What these mask is to be thrown
    /// away where they [gave up](Self::gave_up).
    pub(crate) fn within(&self, most: Duration) -> (Self, Waiting) {
        let patience = Arc::new(Patience::of(most));
        (Self { patience: Arc::clone(&patience), ..self.clone() }, Waiting(patience))
    }

    /// Whether something was not masked, as patience came to its end.
    pub(crate) fn gave_up(&self) -> bool {
        self.patience.gave_up()
    }

    /// The token among the secrets of these names that is the first to become another one.
    pub(crate) fn first_to_end(&self, names: impl FnOnce() -> Vec<String>) -> Option<Ending> {
        if self.until.is_empty() {
            return None;
        }
        let ending = |token: String| Some(Ending { until: *self.until.get(&token)?, token });
        names().into_iter().filter_map(ending).min_by_key(|ending| ending.until)
    }

    /// Those of these names, by name, for another process that masks them itself.
    pub(crate) fn only(&self, names: &BTreeSet<String>) -> BTreeMap<String, String> {
        let known = |name: &String| Some((name.clone(), self.values.get(name)?.clone()));
        names.iter().filter_map(known).collect()
    }

    /// The text with its secrets in their places; the name of one that was not given is the error.
    ///
    /// # Errors
    /// The name of a secret that was not given.
    pub fn fill(&self, text: &Text, syntax: Syntax) -> Result<Plaintext, String> {
        syntax.fill(text, |name| self.values.get(name).map(String::as_str))
    }

    /// The text with every secret in every form replaced by its name.
    pub fn mask(&self, text: &str) -> String {
        self.masks.mask_within(text, &self.patience)
    }

    /// The SHA-256 of these bytes as they would be recorded, in lower-case hexadecimal: a digest of what holds a secret
    /// would let a guess at it be tried.
    pub fn sha256(&self, bytes: &[u8]) -> String {
        let mut digest = self.masks.digest();
        digest.update(bytes);
        digest.finish()
    }

    /// What masks them, for a digest of what is too long to be held.
    pub(crate) fn masks(&self) -> Arc<Masks> {
        Arc::clone(&self.masks)
    }

    /// What a value begins with, masked: as text, or as the JSON of its first parts; of so many bytes about, before they were
    /// masked.
    pub(crate) fn mask_beginning(&self, value: &Value, length: usize) -> String {
        let mut left = length;
        match self.beginning(value, &mut left) {
            Value::Text(text) => text,
            value => serde_json::to_string(&value).unwrap_or_default(),
        }
    }

    fn beginning(&self, value: &Value, left: &mut usize) -> Value {
        let begin = |text: &str, left: &mut usize| {
            let masked = self.masks.mask_beginning(text, *left);
            *left = left.saturating_sub(text.len());
            masked
        };
        match value {
            Value::Text(text) => Value::Text(begin(text, left)),
            Value::List(list) => match lines_of(list) {
                Some(lines) => {
                    let mut room = *left + mask::OVERLAP;
                    let enough = lines.iter().take_while(|line| {
                        let more = room > 0;
                        room = room.saturating_sub(line.len() + 1);
                        more
                    });
                    let text = enough.copied().collect::<Vec<_>>().join("\n");
                    Value::List(begin(&text, left).split('\n').map(Value::from).collect())
                }
                None => {
                    let parts = list.iter().map_while(|part| (*left > 0).then(|| self.beginning(part, left)));
                    Value::List(parts.collect())
                }
            },
            Value::Map(map) => {
                let parts = map.iter().map_while(|(key, part)| {
                    let key = (*left > 0).then(|| self.mask(key))?;
                    Some((key, self.beginning(part, left)))
                });
                Value::Map(parts.collect())
            }
            other => {
                let mut other = other.clone();
                self.mask_value(&mut other);
                *left = left.saturating_sub(MIN_SECRET);
                other
            }
        }
    }

    /// Masks every text of an observation, keys included. A number inside a list or a map that would show a secret becomes
    /// text that says so. A fact that is no text, but a number, a moment, a version, is then behind the barrier `masked`:
    /// no claim holds on a value that is not what was seen. `declared` tells a fact's type.
    pub fn mask_observation(
        &self,
        observation: &mut Observation,
        declared: impl Fn(&str) -> Option<FactType>,
    ) {
        if self.masks.is_empty() {
            return;
        }
        let seen = Seen {
            facts: std::mem::take(&mut observation.facts),
            unknown: std::mem::take(&mut observation.unknown),
        };
        Seen { facts: observation.facts, unknown: observation.unknown } = self.mask_seen(seen, declared);
        observation.cell.values_mut().for_each(|value| self.mask_value(value));
    }

    /// The same of what was seen, before it is an observation.
    pub(crate) fn mask_seen(&self, mut seen: Seen, declared: impl Fn(&str) -> Option<FactType>) -> Seen {
        if self.masks.is_empty() {
            return seen;
        }
        for blocked in seen.unknown.values_mut() {
            blocked.detail = self.mask(&blocked.detail);
        }
        for (name, mut value) in std::mem::take(&mut seen.facts) {
            match self.mask_fact(declared(&name), &mut value) {
                None => seen.know(&name, value),
                Some(mask) => seen.block(&name, Blocked::new(Barrier::Masked, format!("it shows {mask}"))),
            };
        }
        seen
    }

    /// Masks a fact; what stands in its place if that cannot be, as it is of a type of which no part can be left out.
    fn mask_fact(&self, ty: Option<FactType>, value: &mut Value) -> Option<String> {
        let masked = |text: String| Some(self.mask(&text)).filter(|masked| *masked != text);
        let whole = matches!(ty, Some(FactType::Version | FactType::Mode | FactType::Moments));
        match value {
            Value::Number(number) => self.mask_number(number),
            Value::Moment(moment) => masked(moment.to_string()),
            Value::Text(text) if whole => masked(text.clone()),
            Value::List(list) if whole => list.iter_mut().find_map(|item| self.mask_fact(ty, item)),
            _ => {
                self.mask_value(value);
                None
            }
        }
    }

    fn mask_value(&self, value: &mut Value) {
        match value {
            Value::Text(text) => *text = self.mask(text),
            Value::List(list) => match lines_of(list) {
                Some(lines) => {
                    *list = self
                        .masks
                        .mask_lines_within(&lines, &self.patience)
                        .into_iter()
                        .map(Value::Text)
                        .collect();
                }
                None => list.iter_mut().for_each(|value| self.mask_value(value)),
            },
            Value::Map(map) => {
                let mut masked = BTreeMap::new();
                for (key, mut value) in std::mem::take(map) {
                    self.mask_value(&mut value);
                    // Two keys may become one; neither is lost.
                    let key = self.mask(&key);
                    let mut free = key.clone();
                    let mut number = 1;
                    while masked.contains_key(&free) {
                        number += 1;
                        free = format!("{key} {number}");
                    }
                    masked.insert(free, value);
                }
                *map = masked;
            }
            Value::Number(number) => {
                if let Some(masked) = self.mask_number(number) {
                    *value = Value::Text(format!("{masked} (a number)"));
                }
            }
            Value::Moment(moment) => {
                let text = moment.to_string();
                let masked = self.mask(&text);
                if masked != text {
                    *value = Value::Text(format!("{masked} (a moment)"));
                }
            }
            Value::Null | Value::Bool(_) | Value::Interval(_) => {}
        }
    }

    /// The number with what is a secret of it masked; nothing if none of it is. A number is a secret in whatever way it is
    /// written: with leading zeros, an exponent, in hexadecimal, or no more exactly than a double holds it.
    fn mask_number(&self, number: &Number) -> Option<String> {
        let whole = number.as_i64();
        let forms = [
            Some(number.to_string()),
            Number::calculated(&number.to_string()).map(|plain| plain.to_string()),
            whole.map(|whole| whole.to_string()),
            whole.map(|whole| format!("{whole:x}")),
            whole.map(|whole| format!("{whole:o}")),
        ];
        let masked = forms.into_iter().flatten().find_map(|form| {
            let masked = self.mask(&form);
            (masked != form).then_some(masked)
        });
        masked.or_else(|| self.numbers.get(&number.to_f64().to_bits()).cloned())
    }
}

/// The lines of an output, over which a form may go on.
fn lines_of(list: &[Value]) -> Option<Vec<&str>> {
    list.iter().map(Value::as_text).collect::<Option<Vec<_>>>().filter(|lines| lines.len() > 1)
}

/// The bits of the double that is nearest to a text that is a number, if it is not one that stands everywhere.
fn number_bits(text: &str) -> Option<u64> {
    let digits = text.replace('_', "");
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => Number::from(u128::from_str_radix(digits, 16).ok()?).to_f64(),
        None => digits.parse::<f64>().ok()?,
    };
    let telling = number.to_string().bytes().filter(u8::is_ascii_digit).count() >= MIN_SECRET;
    (number.is_finite() && telling).then(|| number.to_bits())
}

/// The text of a file, a pipe or a device, if it is no longer than a secret may be.
fn read_file(path: &str, shown: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    open(path)
        .and_then(|file| file.take(MAX_SECRET as u64 + 3).read_to_end(&mut bytes))
        .map_err(|error| format!("{shown}: {error}"))?;
    if bytes.len() > MAX_SECRET + 2 {
        return Err(format!("{shown} has more than {MAX_SECRET} bytes, which is the most for a secret"));
    }
    String::from_utf8(bytes)
        .map_err(|_| format!("{shown} is not UTF-8; give a secret as text, such as in base64"))
}

/// Opens it; of a pipe no later than somebody has it open for writing, who is not waited for longer than [`MAX_WAIT`].
fn open(path: &str) -> io::Result<impl Read> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let mut first = Vec::new();
    if file.metadata()?.file_type().is_fifo() {
        let patience = MAX_WAIT.try_into().map_err(io::Error::other)?;
        rustix::event::poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&patience))?;
        // Where nobody has it open for writing, it is at its end; else it would have to be waited for.
        match file.by_ref().take(1).read_to_end(&mut first) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody writes into this pipe")),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
    rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
    Ok(io::Cursor::new(first).chain(file))
}

/// Whether it can be masked.
fn refuse(name: &str, value: &str) -> Result<(), String> {
    let least = format!("at least {MIN_SECRET} are needed to mask it reliably");
    if value.trim().len() < MIN_SECRET {
        let length = counted(value.trim().len() as u64, "byte", "bytes");
        return Err(format!("the secret `{name}` has {length}; {least}"));
    }
    if value.len() > MAX_SECRET {
        return Err(format!("the secret `{name}` has {} bytes; it may have {MAX_SECRET}", value.len()));
    }
    let says_something = |line: &str| line.chars().any(char::is_alphanumeric);
    let short = lines(value).position(|line| line.len() < MIN_SECRET && says_something(line));
    match short {
        None => Ok(()),
        Some(line) => Err(format!(
            "line {} of the secret `{name}` is shorter than {MIN_SECRET} bytes; {least}, as a target may show a line alone. \
             Give it in one line, such as in base64",
            line + 1
        )),
    }
}

fn lines(value: &str) -> impl Iterator<Item = &str> {
    value.split('\n').map(str::trim)
}

/// What a target may show of a secret: the whole, each of its lines, and what of a URL or a connection string is sent on
/// its own.
fn shown_parts(value: &str) -> BTreeSet<String> {
    let mut parts = BTreeSet::from([value.to_owned(), value.trim().to_owned()]);
    parts.extend(lines(value).map(str::to_owned));
    if let Ok(url) = Url::parse(value)
        && url.has_host()
    {
        parts.extend(parts_of(&url));
    }
    if let Ok(config) = tokio_postgres::Config::from_str(value) {
        let password = config.get_password().unwrap_or_default();
        parts.insert(String::from_utf8_lossy(password).into_owned());
    }
    parts.extend(passwords_by_key(value));
    parts.extend(password_before_place(value).map(str::to_owned));
    // The name of a host is sent as IDNA writes it.
    if let Ok(url::Host::Domain(domain)) = url::Host::parse(value) {
        parts.insert(domain);
    }
    parts.retain(|part| part.len() >= MIN_SECRET);
    parts
}

/// What is sent of a URL: who asks, and what for.
fn parts_of(url: &Url) -> Vec<String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (url.username(), url.password());
    let mut parts = vec![password.unwrap_or_default().to_owned(), decoded(password.unwrap_or_default())];
    let is_web = matches!(url.scheme(), "http" | "https" | "ws" | "wss");
    // A token is the user of many a URL; one with a password is a name, which others may bear, but where both are sent as one.
    if is_web || password.is_none() {
        parts.extend([user.to_owned(), decoded(user)]);
    }
    if is_web {
        parts.push(format!("{}:{}", decoded(user), decoded(password.unwrap_or_default())));
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        parts.extend([url.path().to_owned(), format!("{}{query}", url.path())]);
        parts.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
    }
    parts
}

/// The passwords of a connection string that calls them so: `Password=...;` of ADO.NET, `PWD={...};` of ODBC,
/// `&password=...` of JDBC; and ` password=...` of libpq beside what tokio-postgres does not know.
fn passwords_by_key(value: &str) -> Vec<String> {
    let mut passwords = Vec::new();
    for (at, _) in value.match_indices('=') {
        let (before, behind) = (value[..at].trim_end(), value[at + 1..].trim_start());
        let is_called = |name: &str| {
            let (rest, key) =
                before.split_at_checked(before.len().wrapping_sub(name.len())).unwrap_or_default();
            let is_whole = |c: char| matches!(c, ';' | '?' | '&') || c.is_whitespace();
            key.eq_ignore_ascii_case(name) && (rest.is_empty() || rest.ends_with(is_whole))
        };
        if !is_called("password") && !is_called("pwd") {
            continue;
        }
        // In braces and quotes the sign that ends it stands for itself where it is there twice.
        let quoted = [('"', '"'), ('\'', '\''), ('{', '}')].into_iter().find_map(|(begin, end)| {
            let inner = behind.strip_prefix(begin)?;
            let closed = inner.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
            let inner = inner.split_once(&format!("{end};")).map_or(closed, |(inner, _)| inner);
            Some(inner.strip_suffix(end).unwrap_or(inner).replace(&format!("{end}{end}"), &end.to_string()))
        });
        let plain = behind.split(';').next().unwrap_or_default().trim_end();
        let word = behind.split_whitespace().next().unwrap_or_default();
        let in_query = behind.split(['&', '#']).next().unwrap_or_default();
        let decoded = percent_decode_str(in_query).decode_utf8_lossy().into_owned();
        passwords.extend(quoted.into_iter().chain([
            plain.to_owned(),
            word.to_owned(),
            in_query.to_owned(),
            decoded,
        ]));
    }
    passwords
}

/// The password of `user:password@tcp(host:port)/database`, as Go's driver of MySQL takes it apart.
fn password_before_place(value: &str) -> Option<&str> {
    let (login, place) = value.rsplit_once('/')?.0.rsplit_once('@')?;
    let network = place.split('(').next().unwrap_or_default();
    let is_place = network.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && (place == network || place.ends_with(')') || place.contains('/'));
    let (_, password) = login.split_once(':')?;
    (is_place && !password.starts_with("//")).then_some(password)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn secrets(value: &str) -> Secrets {
        Secrets::new(BTreeMap::from([("it".to_owned(), value.to_owned())])).unwrap()
    }

    #[test]
    fn a_token_whose_time_is_over_is_sent_no_more() {
        let at = |text: &str| Arc::new(BTreeMap::from([("it".to_owned(), text.parse().unwrap())]));
        let named = |name: &'static str| move || vec![name.to_owned()];
        let over = Secrets { until: at("2020-01-01T00:00:00Z"), ..secrets("correct horse battery") };
        let blocked = over.first_to_end(named("it")).unwrap().over().unwrap();
        assert_eq!(blocked.barrier, Barrier::NotMade);
        let why = "the token `it` is what the plan says of it until 2020-01-01T00:00:00Z only";
        assert_eq!(blocked.why(), why);
        assert!(over.first_to_end(named("other")).is_none());
        let good = Secrets { until: at("2999-01-01T00:00:00Z"), ..secrets("correct horse battery") };
        assert!(good.first_to_end(named("it")).unwrap().over().is_none());
    }

    fn refusal(value: &str) -> String {
        Secrets::new(BTreeMap::from([("it".to_owned(), value.to_owned())])).unwrap_err().join("\n")
    }

    #[test]
    fn a_token_is_made_of_its_key_and_masked_like_any_secret() {
        let plan = "plan: P\ninputs:\n  key: { env: KEY, secret: true }\n  op: { token: { key: key, claims: { sub: op } }, secret: true }\nprobes: { r: { http: http://h, headers: { authorization: $op } } }\nclaims: { c: { of: r, check: answered } }\nverdict: [ label: L ]\n";
        let file = |_: &str| Ok(plan.as_bytes().to_vec());
        struct One<F>(F);
        impl<F: Fn(&str) -> Result<Vec<u8>, String>> probity_plan::Sources for One<F> {
            fn read(&self, path: &str) -> Result<Vec<u8>, String> {
                (self.0)(path)
            }
        }
        let loaded = probity_plan::load("plan.yaml", &One(file), &BTreeMap::new()).unwrap();
        let given = |name: &str| (name == "KEY").then(|| "correct horse battery".to_owned());
        let secrets = Secrets::read(&loaded.plan, given).unwrap();
        let sent = secrets
            .fill(&Text(vec![probity_plan::text::Piece::Secret("op".to_owned())]), Syntax::Plain)
            .unwrap();
        assert_eq!(sent.reveal().split('.').count(), 3);
        assert_eq!(secrets.mask(&format!("got {}", sent.reveal())), "got [secret op]");
        // Without its key it is not made, and that alone is said.
        let problems = Secrets::read(&loaded.plan, |_| None).unwrap_err();
        assert_eq!(problems, ["the secret `key` is missing: set the environment variable KEY"]);
    }

    #[test]
    fn each_line_of_a_secret_is_masked_for_itself() {
        let key = secrets("-----BEGIN KEY-----\nMIIEpAIBAAKC\n  q83vEjRWeJo=\n}\n-----END KEY-----");
        assert_eq!(key.mask("MIIEpAIBAAKC"), "[secret it]");
        assert_eq!(key.mask("> q83vEjRWeJo= { }"), "> [secret it] { }");
        assert_eq!(key.mask("MIIEpAIBAAKC, and q83vEjRWeJo"), "[secret it], and q83vEjRWeJo");
        assert_eq!(format!("{key:?}"), r#"{"it"}"#);
    }

    #[test]
    fn a_secret_that_could_not_be_masked_is_refused() {
        let least = "at least 8 are needed to mask it reliably";
        assert_eq!(refusal("hunter2"), format!("the secret `it` has 7 bytes; {least}"));
        assert_eq!(refusal("  hunter2  "), format!("the secret `it` has 7 bytes; {least}"));
        let said = refusal("correct horse\nqz7xk1\nbattery staple");
        assert!(said.starts_with("line 2 of the secret `it` is shorter than 8 bytes"), "{said}");
        let said = refusal(&"x".repeat(MAX_SECRET + 1));
        assert_eq!(said, "the secret `it` has 65537 bytes; it may have 65536");
        let many = (0..MAX_SECRETS / MAX_SECRET + 1).map(|at| (format!("s{at}"), "x".repeat(MAX_SECRET)));
        assert_eq!(
            Secrets::new(many.collect()).unwrap_err(),
            ["the secrets of a plan may have 16777216 bytes in all"]
        );
    }

    #[test]
    fn what_is_sent_of_a_url_or_a_connection_string_is_masked_too() {
        for (secret, text, expected) in [
            (
                "postgresql://me:p%40ssw0rd1@db/app",
                "no entry for p@ssw0rd1 of me",
                "no entry for [secret it] of me",
            ),
            ("host=db password='p@ss w0rd1'", "p%40ss+w0rd1", "[secret it]"),
            (
                "https://hooks.example/T0001/B0002?key=a%26b-c-d-e",
                "GET /T0001/B0002?key=a%26b-c-d-e",
                "GET [secret it]",
            ),
            ("https://hooks.example/T0001/B0002?key=a%26b-c-d-e", "key: a&b-c-d-e", "key: [secret it]"),
            ("https://hooks.example/T0001/B0002?key=a%26b-c-d-e", "/T0001/B0002", "[secret it]"),
            ("wss://hooks.example/T0001/B0002", "GET /T0001/B0002", "GET [secret it]"),
            // What this program sends of a user in a URL: `ghp_ABCDEFGHIJKL:` and `ghp_ABCDEFGHIJKL:x-oauth-basic` in base64.
            (
                "http://ghp_ABCDEFGHIJKL@127.0.0.1/auth",
                "Basic Z2hwX0FCQ0RFRkdISUpLTDo=",
                "Basic [secret it]=",
            ),
            (
                "http://ghp_ABCDEFGHIJKL:x-oauth-basic@127.0.0.1/auth",
                "Basic Z2hwX0FCQ0RFRkdISUpLTDp4LW9hdXRoLWJhc2lj",
                "Basic [secret it]",
            ),
            ("http://me:pw@127.0.0.1/auth", "Basic bWU6cHc=", "Basic bWU6cHc="),
            ("http://api%40key12@127.0.0.1/", "hello api@key12", "hello [secret it]"),
            ("redis://ghp_ABCDEFGHIJKL@127.0.0.1", "user ghp_ABCDEFGHIJKL", "user [secret it]"),
            ("postgresql://monitoring:p%40ssw0rd1@db/app", "monitoring may not", "monitoring may not"),
            ("Server=db;User Id=a;Password=hunter2hunter2;", "sent hunter2hunter2.", "sent [secret it]."),
            ("Server=db;Pwd = 'hunter2; hunter2'", "sent hunter2; hunter2.", "sent [secret it]."),
            ("Driver={x};PWD={hunter2}hunter2}", "sent hunter2}hunter2.", "sent [secret it]."),
            (
                "jdbc:postgresql://db/x?user=a&password=hunter2hunter2",
                "sent hunter2hunter2.",
                "sent [secret it].",
            ),
            (
                "jdbc:mysql://db/x?password=hunter%32%2Bhunter2&user=a",
                "sent hunter2+hunter2.",
                "sent [secret it].",
            ),
            (
                "jdbc:sqlserver://db;user=a;password=hunter2hunter2;x=y",
                "sent hunter2hunter2.",
                "sent [secret it].",
            ),
            ("host=db password=hunter2hunter2 sslcrl=/x", "sent hunter2hunter2.", "sent [secret it]."),
            ("nopassword=hunter2hunter2", "sent hunter2hunter2.", "sent hunter2hunter2."),
            ("root:hunter2hunter2@tcp(db:3306)/x", "sent hunter2hunter2.", "sent [secret it]."),
            ("root:hunter2@hunter2@unix(/run/db.sock)/x?a=b", "sent hunter2@hunter2.", "sent [secret it]."),
            ("root:hunter2hunter2@/x", "sent hunter2hunter2.", "sent [secret it]."),
            ("a secret without any word=that is one", "that is one", "that is one"),
            ("Bücher-Lager", "xn--bcher-lager-thb.", "[secret it]."),
            (" correct horse ", "correct horse", "[secret it]"),
        ] {
            assert_eq!(secrets(secret).mask(text), expected, "{secret}");
        }
    }

    #[test]
    fn a_number_that_is_a_secret_is_masked_however_it_is_written() {
        for (secret, number, shown) in [
            ("73912846501837", "73912846501837", Some("[secret it]")),
            ("73912846501837", "9973912846501837", Some("99[secret it]")),
            ("73912846501837", "-73912846501837.5", Some("-[secret it].5")),
            ("73912846501837", "7.3912846501837e13", Some("[secret it].0")),
            ("73912846501837", "7391284650183.70e1", Some("[secret it].0")),
            ("73912846501837", "7391284650183.75e1", Some("[secret it].5")),
            ("0073912846501837", "73912846501837", Some("[secret it]")),
            ("739_128_465_018", "739128465018", Some("[secret it]")),
            ("12345678.90", "12345678.9", Some("[secret it]")),
            ("deadbeefcafe", "244837814094590", Some("[secret it]")),
            ("0xDEADBEEFCAFE", "244837814094590", Some("[secret it]")),
            // A double is the most that some parsers keep of it.
            ("739128465018371234567890", "7.391284650183712e23", Some("[secret it]")),
            ("73912846501837", "73912846501838", None),
            ("73912846501837", "7391284650183", None),
            ("1.000000", "1", None),
            ("00000000", "0", None),
            ("infinity", "1e400", None),
        ] {
            let number = Number::parse(number).unwrap();
            assert_eq!(secrets(secret).mask_number(&number).as_deref(), shown, "{secret} in {number}");
        }
    }

    #[test]
    fn no_claim_can_hold_on_what_was_masked_in_a_number() {
        let secrets = secrets("73912846501837");
        let at: jiff::Timestamp = "2026-01-31T23:59:59Z".parse().unwrap();
        let mut observation: Observation = serde_json::from_str(
            r#"{"probe":"p","lane":"parallel","started":"2026-01-31T00:00:00Z","offset_us":0,"duration_us":0}"#,
        )
        .unwrap();
        let pin = || Number::parse("73912846501837").unwrap();
        for (fact, value) in [
            ("size", Value::from(pin())),
            ("seen", Value::from(at)),
            ("json", Value::from(vec![Value::from(pin()), Value::from(1), Value::from("73912846501837")])),
            ("version", Value::from("1.73912846501837-2")),
        ] {
            observation.facts.insert(fact.to_owned(), value);
        }
        secrets.mask_observation(&mut observation, |fact| {
            Some(if fact == "version" { FactType::Version } else { FactType::Any })
        });
        let list = ["[secret it] (a number)", "[secret it]"].map(Value::from);
        let [number, text] = list;
        assert_eq!(observation.facts["json"], Value::from(vec![number, Value::from(1), text]));
        assert_eq!(observation.facts["seen"], Value::from(at));
        for (fact, detail) in [("size", "it shows [secret it]"), ("version", "it shows 1.[secret it]-2")] {
            assert_eq!(observation.unknown[fact], Blocked::new(Barrier::Masked, detail), "{fact}");
            assert!(!observation.facts.contains_key(fact));
        }
    }

    #[test]
    fn of_what_is_too_long_only_the_beginning_is_masked_and_nothing_of_a_secret_across_its_end_is_left() {
        let secrets = secrets("correct horse battery staple");
        let long = format!("{}correct horse battery staple{}", "x".repeat(90), "y".repeat(1 << 20));
        for length in [80, 95, 100, 118] {
            let begun = secrets.mask_beginning(&Value::from(long.as_str()), length);
            let expected =
                if length < 90 { "x".repeat(length) } else { format!("{}[secret it]", "x".repeat(90)) };
            assert_eq!(begun, expected, "{length}");
        }
        let lines = ["a", "Y29ycmVjdCBob3Jz", "ZSBiYXR0ZXJ5IHN0YXBsZQ", "b"].map(Value::from);
        assert_eq!(secrets.mask_beginning(&Value::from(lines.to_vec()), 4), r#"["a","[secret it]"]"#);
        let map = Value::Map(
            [
                ("a", Value::from(7)),
                ("correct horse battery staple", Value::from(long)),
                ("z", Value::from(1)),
            ]
            .map(|(key, value)| (key.to_owned(), value))
            .into(),
        );
        let expected = format!(r#"{{"[secret it]":"{}[secret it]","a":7}}"#, "x".repeat(90));
        assert_eq!(secrets.mask_beginning(&map, 100), expected);
    }

    #[test]
    fn keys_that_are_masked_stay_apart() {
        let mut value = Value::Map(
            [("correct horse", 1), ("CORRECT HORSE", 2), ("other", 3)]
                .map(|(key, value)| (key.to_owned(), Value::from(value)))
                .into(),
        );
        secrets("correct horse").mask_value(&mut value);
        let Value::Map(map) = value else { panic!("{value:?}") };
        assert_eq!(map.keys().collect::<Vec<_>>(), ["[secret it]", "[secret it] 2", "other"]);
    }

    #[test]
    fn a_secret_is_read_to_its_end_and_no_further_than_a_secret_goes() {
        assert_eq!(
            read_file("/dev/zero", "/dev/zero"),
            Err("/dev/zero has more than 65536 bytes, which is the most for a secret".to_owned())
        );
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all("x".repeat(MAX_SECRET).as_bytes()).unwrap();
        file.write_all(b"\r\n").unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        assert_eq!(read_file(&path, "it").map(|text| text.len()), Ok(MAX_SECRET + 2));
        file.write_all(b"x").unwrap();
        assert!(read_file(&path, "it").unwrap_err().starts_with("it has more than 65536 bytes"));
        std::fs::write(&path, b"\xff\xfe").unwrap();
        assert_eq!(
            read_file(&path, "it").unwrap_err(),
            "it is not UTF-8; give a secret as text, such as in base64"
        );
        assert!(read_file("/", "/").unwrap_err().starts_with("/: "));
        assert!(
            read_file("/proc/self/fd/999", "descriptor 999").unwrap_err().starts_with("descriptor 999: ")
        );
    }

    #[test]
    fn a_pipe_is_read_to_its_end_and_not_waited_for_where_nobody_writes() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let path = &pipe.display().to_string();
        let error = read_file(path, "pipe").unwrap_err();
        assert!(error.contains("nobody writes into this pipe"), "{error}");
        // One who comes later, and takes a while; and one who went before, as a shell's `<(...)` may have.
        let writer = std::thread::spawn(move || {
            let mut writer = File::options().write(true).open(&pipe).unwrap();
            writer.write_all(b"correct ").unwrap();
            std::thread::sleep(Duration::from_millis(50));
            writer.write_all(b"horse").unwrap();
        });
        assert_eq!(read_file(path, "pipe").unwrap(), "correct horse");
        writer.join().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"battery staple").unwrap();
        drop(writer);
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        assert_eq!(read_file(&path, "pipe").unwrap(), "battery staple");
    }
}
