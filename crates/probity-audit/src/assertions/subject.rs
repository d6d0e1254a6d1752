//! What an assertion is about, in a form in which the same subject is the same in every section.

use std::collections::HashSet;
use std::sync::LazyLock;

type Words = LazyLock<HashSet<&'static str>>;

fn words_of(list: &'static str) -> HashSet<&'static str> {
    list.split(' ').collect()
}

/// Words that many subjects share: alone they name nothing, and a section named by them is about the whole report.
static GENERIC: Words = LazyLock::new(|| {
    words_of(
        "achieved achievement action actual all analysis appendix area assessment at average avg breakdown \
     case category check checklist complete completed completion conclusion count coverage criteria \
     criterion current data decision detail detailed duration evidence execution executive fail failed \
     failing failure final finding gate glance goal health highlight improvement indicator introduction \
     issue item key kpi main measure measurement median metric number objective outcome overall overview \
     pass passed passing percentage performance point production progress project quality quick rate \
     rating readiness recommendation report requirement response result review run score section sign off \
     skipped state statistic stat status success suite summary target task test testing time total \
     validation value verdict verification rationale standard statement gap",
    )
});

/// Words that carry no meaning of their own.
static EMPTY: Words = LazyLock::new(|| {
    words_of(
        "the a an and of for with in on to by from that this these those our its their is are was were be \
     been has have had all each per now new measured current currently overall both every more than as \
     into it we you",
    )
});

/// Orders that begin an action: "start the scheduler" is about the scheduler.
static ORDERS: Words = LazyLock::new(|| {
    words_of(
        "start run execute implement add create fix enable configure set setup deploy write update complete \
     perform conduct finish validate verify test",
    )
});

/// Words of headings that say what kind of thing stands below, not of what.
static LAYOUT: Words = LazyLock::new(|| {
    words_of(
        "risk limitation note known remaining open next step immediate required background scope approach \
     methodology method follow up observation lesson learned work future todo blocker critical high table \
     release readiness ready deployment environment system technical phase accomplishment deliverable \
     acceptance compliance numbers context brief tl dr tldr comparison impact benefit what was done how \
     did do before must p0 p1 full feature verified final recommended confidence level executive closing \
     thought",
    )
});

/// Whether a word of a heading names a thing of its own.
pub(crate) fn names(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit()) || !(is_generic(word) || LAYOUT.contains(&singular(word)))
}

/// What an assertion is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Normal form: the words that carry meaning, in the singular, sorted, each once, with a space between.
    words: String,
}

/// A word in the singular, as far as spelling tells.
pub(crate) fn singular(word: &str) -> &str {
    let plural = word.len() > 3 && !word.ends_with("ss") && !word.ends_with("us") && !word.ends_with("is");
    if plural { word.strip_suffix('s').unwrap_or(word) } else { word }
}

/// Whether a word names nothing by itself.
pub(crate) fn is_generic(word: &str) -> bool {
    let word = singular(word);
    word.len() < 2
        || GENERIC.contains(&word)
        || EMPTY.contains(&word)
        || word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The words of a text, in lower case.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

impl Subject {
    /// The subject of words in lower case.
    pub fn of(text: &str) -> Self {
        let mut first = words(text);
        let order = first.next().is_some_and(|word| ORDERS.contains(word)) && first.next() == Some("the");
        let all = words(text).skip(usize::from(order)).filter(|word| !EMPTY.contains(word));
        let mut words: Vec<&str> = all.map(singular).collect();
        words.sort_unstable();
        words.dedup();
        Self { words: words.join(" ") }
    }
    /// The normal form, to look it up by.
    pub fn key(&self) -> &str {
        &self.words
    }
    /// Its words.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        words(&self.words)
    }
    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
    /// How many of its words name something by themselves.
    pub fn specific(&self) -> usize {
        self.words().filter(|word| !is_generic(word)).count()
    }
    /// Whether every word that names something is one of the other's, and there is one.
    pub fn within(&self, other: &Self) -> bool {
        self.specific() > 0 && self.words().filter(|word| !is_generic(word)).all(|word| other.has(word))
    }
    /// Whether it has this word.
    pub fn has(&self, word: &str) -> bool {
        self.words().any(|own| own == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_subject_is_the_same_in_other_words() {
        for (one, other) in [
            ("integration coverage", "coverage of the integration"),
            ("the test coverage", "measured test coverage"),
            ("start the scheduler", "the scheduler"),
            ("backups", "backup"),
            ("overall coverage", "coverage"),
            ("error handling: test cases", "error handling test case"),
        ] {
            assert_eq!(Subject::of(one), Subject::of(other));
        }
    }

    /// Measured on the subjects that reports are full of: how many pairs of different ones fall together.
    #[test]
    fn different_subjects_do_not_fall_together() {
        let different = [
            "unit coverage",
            "integration coverage",
            "line coverage",
            "branch coverage",
            "test coverage",
            "coverage of the login",
            "response time",
            "start time",
            "build time",
            "time to resolve",
            "response size",
            "bundle size",
            "memory",
            "cpu",
            "disk",
            "error rate",
            "success rate",
            "pass rate",
            "cache hit rate",
            "failed logins",
            "logins",
            "users",
            "active users",
            "requests",
            "failed requests",
            "requests per second",
            "p50 latency",
            "p95 latency",
            "p99 latency",
            "phase 1",
            "phase 2",
            "week 12",
            "backups",
            "backup policy",
            "restore",
            "monitoring",
            "alerts",
            "authentication",
            "authorisation",
            "access",
            "process",
            "status",
            "class",
            "classes of service",
            "bus",
            "analysis",
            "basis",
            "database",
            "data",
            "news",
            "new users",
        ];
        let keys: Vec<Subject> = different.iter().map(|text| Subject::of(text)).collect();
        let mut together = Vec::new();
        for (at, one) in keys.iter().enumerate() {
            for (other, text) in keys.iter().zip(different).skip(at + 1) {
                if one == other {
                    together.push((different[at], text));
                }
            }
        }
        // "active users" and "users" do not; "new users" are "users" to us.
        assert_eq!(together, [("users", "new users")]);
    }
}
