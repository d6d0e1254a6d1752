//! Words of outcome beside a citation, and the verdict, against what the bundle decided; claims that it does not have.

use std::collections::HashMap;

use probity_verdict::{Judgement, Outcome};

use super::BundleView;
use super::cited::{Scope, words};
use crate::document::{Document, Place, Statement, simplify};
use crate::finding::{Finding, Rule};
use crate::rules::TOTAL;
use crate::words::pattern;

type Findings = Vec<(&'static Rule, Finding)>;

pattern!(
    HOLDS,
    r"✅|✔|☑|✓|🟢|\b(holds?|held|pass(es)?|passed|achieved|met|ok|fulfilled|satisfied|success|successful|green|confirmed|verified|proven|proved|works|working|operational|guaranteed|yes|done|ready|good)\b"
);
pattern!(FAILS, r"^\W*(is |was |has |clearly |❌ ?)*(fails?|failed|not met|missed|broken)\W*$");
pattern!(
    NOT_SAID,
    r"\b(not|no|never|none|nor|neither|without|cannot|can't|fail\w*|undetermined|undecided|inconclusive|unknown|unclear|open|if|unless|until|would|could|should|must|may|whether|once|when|before|see to it|to be|needs?|waive[rd]?\w*|planned|expected|partly|partially|isn't|wasn't|doesn't|didn't|hardly)\b|❌|\?$"
);

pattern!(
    HARMLESS,
    r"\b(no|without|zero|any) (a |an |any |single |further |other |known |open )*(failures?|errors?|exceptions?|issues?|problems?|faults?|defects?)\b|\bas (was |it was )?(expected|planned)\b"
);
// What takes an outcome back right after its word: "holds only if", "passed: no"; or later, as a finding of its own.
pattern!(
    TAKEN_BACK,
    r"^[^a-z0-9❌]*((is|was|are|were|has|have|been|still|yet|remains?|stays?|only|but) )*((not|no|never|none|cannot|can't|isn't|wasn't|doesn't|didn't|fail\w*|undetermined|undecided|inconclusive|unknown|unclear|open|if|unless|until|once|when|could|would|should|must|partly|partially)\b|❌)|[,:-] *(but |so |still |thus )?(undetermined|undecided|inconclusive)\b|\b(is|are|was|were|remains?|stays?|still) (still )?(undetermined|undecided|inconclusive)\b|\?$"
);

/// Whether the words before an outcome, or right after it, say that it is not said: praise ("no failures", "as expected")
/// does not.
fn cancelled(before: &str, after: &str) -> bool {
    let without = |text: &str| match &HARMLESS.0 {
        Some(pattern) => pattern.replace_all(text, "+").into_owned(),
        None => text.to_owned(),
    };
    NOT_SAID.is_in(&without(before)) || TAKEN_BACK.is_in(&without(after))
}

/// Whether a text gives the outcome that a claim holds: any word of it that is not cancelled.
fn says_it_holds(text: &str, may: impl Fn(&str) -> bool) -> bool {
    let words = HOLDS.0.iter().flat_map(|pattern| pattern.find_iter(text));
    words
        .map(|word| (&text[..word.start()], &text[word.end()..]))
        .any(|(before, after)| may(before) && !cancelled(before, after))
}

// What a claim would lead to, as the bundle's own report says it after "The verdict:".
pattern!(OF_VERDICT, r"\bverdict\W*$");
pattern!(LEADS_TO, r"\b(if it holds, .* if it fails|whether it holds or fails)\b");

// "Not every time", "75 % of all requests succeeded".
pattern!(
    RESERVED,
    r"\b(not|isn't|doesn't|didn't|hardly|almost|nearly|whether|if|of|must|should|to)\b[^.]{0,12}$"
);
// What one failure denies, whatever the objective: held against the counts.
pattern!(
    ALWAYS,
    r"\b(always|every time|each time|without exception|in all cases|all of the time|never (fails?|failed|misses|missed)|no (start|trial|attempt|run|look) failed|all (\d+ )?(starts|trials|attempts|runs|looks|requests|calls) (succeed(ed)?|pass(ed)?|work(ed)?|were successful|hold|held))\b"
);

/// Words of outcome against the findings of the claims that a statement cites.
pub(super) fn outcomes(
    document: &Document,
    statement: &Statement,
    scope: &Scope,
    judgement: &Judgement,
    rule: &'static Rule,
    found: &mut Findings,
) {
    let citations = scope.citations();
    let mut tell = |claim: usize, said: &str| {
        let finding = &judgement.findings[claim];
        let reason = super::numbers::summary(finding);
        let message = format!("`{}` is said to {said}; the bundle's finding is: {reason}", finding.claim);
        if !found
            .iter()
            .rev()
            .take(8)
            .any(|(_, other)| other.message == message && other.lines == [statement.line])
        {
            found.push((rule, Finding::new(message, [statement.line])));
        }
    };
    if let Some((_, row)) = document.cells(statement) {
        // A row is about whom its first cell names, whoever else its other ones do.
        let first = row.cells.first().map_or(0, |cell| cell.lower.len());
        let mut heads = citations.iter().filter(|cited| cited.start <= first);
        let claim = match (scope.claims(), heads.next(), heads.next()) {
            ([claim], ..) => *claim,
            (_, Some(head), None) => head.claim,
            _ => return,
        };
        if citations.is_empty() {
            return;
        }
        let finding = &judgement.findings[claim];
        let outcome = finding.outcome;
        let waived = finding.waived.is_some() && statement.lower.contains("waive");
        let mut start = 0;
        for cell in &row.cells {
            let cites =
                citations.iter().any(|cited| (start..=start + cell.lower.len()).contains(&cited.start));
            start += cell.lower.len() + " | ".len();
            // A cell that says more than an outcome may say something else.
            if cites || cell.lower.len() > 40 || cell.lower.contains('`') || !cell.quantities.is_empty() {
                continue;
            }
            if says_it_holds(&cell.lower, |_| true) && outcome != Outcome::Holds && !waived {
                tell(claim, "hold");
            } else if FAILS.is_in(&cell.lower) && outcome != Outcome::Fails {
                tell(claim, "fail");
            }
        }
        return;
    }
    if let [citation] = citations
        && let finding = &judgement.findings[citation.claim]
        && finding.counts.failures > 0
        && let Some(word) = ALWAYS.find(&statement.lower)
        && !RESERVED.is_in(&statement.lower[..word.start()])
        && !statement.lower.ends_with('?')
    {
        tell(citation.claim, "hold without exception");
        return;
    }
    // What is said of a claim stands between its citation and the next; "a, b and c hold" says it of all three.
    let lower = statement.lower.as_str();
    let mut last = "";
    for (at, citation) in citations.iter().enumerate().rev() {
        let to = citations.get(at + 1).map_or(lower.len(), |next| next.start.max(citation.end));
        let piece = &lower[citation.end..to];
        // What the author says, in brackets behind the name: the words about the claim stand before it.
        if lower[..citation.start].ends_with("(\"") && piece.starts_with("\")") {
            continue;
        }
        let joins = piece.trim_matches(|c: char| !c.is_alphanumeric());
        let said = if matches!(joins, "" | "and" | "or") && at + 1 < citations.len() { last } else { piece };
        last = said;
        let from = at.checked_sub(1).and_then(|at| citations.get(at)).map_or(0, |before| before.end);
        let before = lower.get(from..citation.start).unwrap_or("").rsplit([';', ',']).next().unwrap_or("");
        let finding = &judgement.findings[citation.claim];
        let outcome = finding.outcome;
        let waived = finding.waived.is_some() && lower.contains("waive");
        if cancelled(before, "") {
            continue;
        }
        // The first clause says it: "holds: 19 of 20", "was met, although ...".
        let clause = said.split([';', '(']).next().unwrap_or("");
        // "`starts` (holds)"
        let bracket =
            said.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(bracket, _)| bracket);
        let is_empty = !clause.contains(char::is_alphanumeric) && !clause.contains(['✅', '❌']);
        let clause = bracket.filter(|_| is_empty).unwrap_or(clause);
        if OF_VERDICT.is_in(before) && LEADS_TO.is_in(clause) {
            continue;
        }
        let done = matches!(statement.place, Place::Item { done: Some(true), .. }) && at == 0;
        let ticked = (done || HOLDS.is_in(before.trim())) && !before.contains(char::is_alphabetic);
        let holds =
            says_it_holds(clause, |before| !after_number(before)) || (ticked && !cancelled("", clause));
        if holds && outcome != Outcome::Holds && !waived {
            tell(citation.claim, "hold");
        } else if FAILS.is_in(
            clause.split([':', ',', '.']).find(|part| part.contains(char::is_alphabetic)).unwrap_or(""),
        ) && outcome != Outcome::Fails
        {
            tell(citation.claim, "fail");
        }
    }
}

/// "19 of 20 passed" is said of trials, not of the claim.
fn after_number(before: &str) -> bool {
    let last = before.trim_end().rsplit([',', ':', '.']).next().unwrap_or("");
    last.contains(|c: char| c.is_ascii_digit())
}

pattern!(
    VERDICT,
    r"\b(verdict|decision|conclusion|overall (status|result|assessment|verdict)|final (status|result|assessment|verdict)|overall|status|release status)\b[^a-z0-9]*(is|was|are)?[^a-z0-9]*"
);
// "Result: READY"; any other result is that of something else.
pattern!(RESULT, r"^[^a-z0-9]*results?[*_]*: ?[*_`]*");

// "Verdict: GOLD"
pattern!(
    IN_CAPITALS,
    r"^\W*(?i:(the )?(final |overall )?verdict)[*_]*( is|:)[\s*_`]*(?<label>[A-Z]{2,}([ -][A-Z]{2,}){0,3})\W*$"
);

pattern!(
    ACCEPTED,
    r"^(unconditionally |fully )?(accepted|approved|passed|pass|ready|go\b|released|production[- ]ready)"
);

// "NOT READY (accepted)"
pattern!(CALLED_ACCEPTED, r"^[^a-z0-9.;]*(accepted|approved)\b");

// "READY if ..." and "READY, whether it holds or fails" give no verdict yet; "READY, even if ..." does.
pattern!(IF, r"^[^a-z0-9,;.]*(only )?if\b|^, whether it holds or fails\b");

/// What stands after a claim's name: "The verdict: starts: READY if it holds".
fn after_claim<'t>(after: &'t str, shown: &BundleView<'_>) -> &'t str {
    let mut names = shown.judgement.findings.iter().map(|finding| simplify(&finding.claim));
    let rest =
        names.find_map(|name| after.strip_prefix(name.as_str())?.trim_start_matches('`').strip_prefix(": "));
    rest.map_or(after, |rest| rest.trim_start_matches(['*', '_', '`']))
}

/// The labels right after the word "verdict", in whatever case, as one or a list of them; and what follows them.
fn given<'l, 't>(labels: &[&'l (String, bool)], after: &'t str) -> (Vec<&'l (String, bool)>, &'t str) {
    let (mut given, mut rest, mut next) = (Vec::new(), after, after);
    loop {
        let whole = |label: &str| {
            let left = next.strip_prefix(simplify(label).as_str())?;
            (!left.starts_with(char::is_alphanumeric)).then_some(left)
        };
        let Some((label, left)) = labels.iter().find_map(|label| Some((*label, whole(&label.0)?))) else {
            return (given, rest);
        };
        given.push(label);
        rest = left;
        let signs = [' ', ',', '/', '*', '_', '`', '"'];
        let separated = left.trim_start_matches(signs);
        next = ["or ", "and "].iter().find_map(|word| separated.strip_prefix(word)).unwrap_or(separated);
        next = next.trim_start_matches(signs);
    }
}

/// The verdict that a statement gives, against the bundle's.
pub(super) fn verdict(
    statement: &Statement,
    shown: &BundleView<'_>,
    rule: &'static Rule,
    found: &mut Findings,
) {
    let verdict = &shown.judgement.verdict;
    let lower = statement.lower.as_str();
    if matches!(statement.place, Place::Row { .. })
        && !lower.contains("verdict")
        && !lower.contains("overall")
    {
        return;
    }
    let after = VERDICT.find(lower).map(|found| &lower[found.end()..]);
    let labelled = after.or_else(|| RESULT.find(lower).map(|found| &lower[found.end()..]));
    let text = statement.text.trim_matches(|c: char| !c.is_alphanumeric());
    // Labels in the report's own letters, the longest where several fit.
    let mut labels: Vec<&(String, bool)> =
        shown.labels.iter().filter(|(label, _)| !label.is_empty()).collect();
    labels.sort_by_key(|(label, _)| usize::MAX - label.len());
    let mut rest = text.to_owned();
    let mut named: Vec<&(String, bool)> = Vec::new();
    let mut alone = true;
    let (given, follows) =
        labelled.map_or((Vec::new(), ""), |after| given(&labels, after_claim(after, shown)));
    for label in labels {
        if words(&rest, &label.0).next().is_some() {
            rest = rest.replace(&label.0, " ");
            named.push(label);
        }
    }
    for word in rest.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        alone &= matches!(
            word,
            "or" | "and" | "with" | "waivers" | "accepted" | "rejected" | "inconclusive" | "not"
        );
    }
    if !given.is_empty() {
        named.clone_from(&given);
        alone = true;
    }
    // "The service is READY.", in the letters of the label.
    let states = matches!(statement.place, Place::Prose | Place::Item { .. })
        && named.iter().any(|label| {
            let text = text.strip_suffix(" with waivers").unwrap_or(text);
            let before = text.strip_suffix(label.0.as_str()).unwrap_or("");
            label.0.chars().all(|c| !c.is_lowercase())
                && ["is ", "is now ", "are ", "is therefore "].iter().any(|verb| before.ends_with(verb))
                && !NOT_SAID.is_in(&before.to_lowercase())
        });
    let says = !named.is_empty() && (alone || states);
    let called_accepted =
        !given.is_empty() && CALLED_ACCEPTED.is_in(follows) && verdict.accepted != Some(true);
    let actual = || match verdict.accepted {
        Some(true) => format!("{} (accepted)", verdict.label),
        Some(false) => format!("{} (rejected)", verdict.label),
        None => format!("{} (inconclusive)", verdict.label),
    };
    if says {
        let is_possible = |label: &str| {
            verdict
                .possible
                .iter()
                .any(|(other, _)| other == label || other.starts_with(&format!("{label} with waivers")))
        };
        let missing = verdict
            .possible
            .iter()
            .filter(|(label, _)| !named.iter().any(|(other, _)| label.starts_with(other.as_str())))
            .count();
        let wrong = named.iter().any(|(label, _)| !is_possible(label)) || missing > 0;
        let waivers = !verdict.waivers.is_empty() && !lower.contains("waive");
        if (wrong && !IF.is_in(follows)) || waivers || called_accepted {
            let mut names = named.iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>().join(", ");
            if called_accepted {
                names += " (accepted)";
            }
            let message = format!("the verdict is given as {names}; in the bundle it is {}", actual());
            found.push((rule, Finding::new(message, [statement.line])));
        }
    } else if named.is_empty()
        && verdict.accepted != Some(true)
        && after.is_some_and(|after| {
            ACCEPTED.find(after).is_some_and(|word| !cancelled("", &after[word.end()..]))
        })
        && !matches!(statement.place, Place::Row { .. })
    {
        let message = format!("the verdict is given as an acceptance; in the bundle it is {}", actual());
        found.push((rule, Finding::new(message, [statement.line])));
    } else if named.is_empty()
        && let Some(label) = IN_CAPITALS.captures(&statement.text).and_then(|parts| parts.name("label"))
    {
        let message = format!(
            "the verdict is given as {}, which the plan does not have; in the bundle it is {}",
            label.as_str(),
            actual()
        );
        found.push((rule, Finding::new(message, [statement.line])));
    }
}

// "All 4 claims hold", "3 of 4 claims passed".
pattern!(
    ALL_CLAIMS,
    r"\b(all|each|every|both)( one)?( of)?( the| its| our| these)?( \w+)? claims? (hold|holds|held|pass|passes|passed|(is|are|was|were|has been|have been) (met|confirmed|fulfilled|satisfied|verified|proven|successful))\b"
);
// Also "4 claims hold" and "of 4 claims, 3 hold".
pattern!(
    SOME_CLAIMS,
    r"\b(?<of>\d+) (of|out of)( the| its| our)? (\d+) claims (hold|held|pass|passed|(are|were|have been) (met|confirmed|fulfilled|satisfied|verified))\b|\bof( the| its| our)? \d+ claims,? (?<among>\d+) (holds?|held|pass|passed|passes|(are|were|is) (met|confirmed|fulfilled|satisfied|verified))\b|(^|[^a-z0-9 ] *)(?<these>\d+) claims (hold|held|pass|passed|(are|were|have been) (met|confirmed|fulfilled|satisfied|verified))\b"
);
pattern!(
    NONE_FAILS,
    r"\b(no|none of the|not one|not a single) ([a-z]+ )?claims? (fails?|failed|is not met|was not met)\b"
);

/// How many claims are said to hold, against how many do.
pub(super) fn tally(statement: &Statement, judgement: &Judgement, rule: &'static Rule, found: &mut Findings) {
    let lower = statement.lower.as_str();
    let is = |outcome| judgement.findings.iter().filter(|finding| finding.outcome == outcome).count();
    let (all, holding) = (judgement.findings.len(), is(Outcome::Holds));
    let every = ALL_CLAIMS.find(lower).filter(|word| !RESERVED.is_in(&lower[..word.start()]));
    let counted = SOME_CLAIMS.captures(lower).and_then(|parts| {
        let counted = ["of", "among", "these"].into_iter().find_map(|name| parts.name(name))?;
        counted.as_str().parse::<usize>().ok()
    });
    let failing = is(Outcome::Fails);
    if failing > 0 && !lower.ends_with('?') && NONE_FAILS.is_in(lower) {
        let message = format!("no claim is said to fail; in the bundle {failing} of {all} do");
        found.push((rule, Finding::new(message, [statement.line])));
    }
    // "All 5 claims", where there are not as many.
    let named =
        every.and_then(|every| every.as_str().split_whitespace().find_map(|word| word.parse::<usize>().ok()));
    let more = match (every, counted) {
        _ if named.is_some_and(|named| named > holding + is(Outcome::NotApplicable)) => true,
        (Some(_), _) => holding + is(Outcome::NotApplicable) < all,
        (None, Some(counted)) => counted > holding,
        (None, None) => false,
    };
    if more && !lower.ends_with('?') {
        let message = format!("more claims are said to hold than do: in the bundle {holding} of {all} do");
        found.push((rule, Finding::new(message, [statement.line])));
    }
}

pattern!(NAMED, r"\bclaims? `([a-z_][a-z0-9_.-]*)`|`([a-z_][a-z0-9_.-]*)` claim\b");
pattern!(FIRST_CODE, r"^\W*`([a-z_][a-z0-9_.-]*)`[*_]* ?(:|-|=|\bis\b)");
pattern!(
    OUTCOME,
    r"\b(holds?|held|pass(es|ed)?|fails?|failed|met|achieved|undetermined|verified|confirmed)\b|✅|❌"
);

/// Claims that the bundle does not have, among those it has.
pub(super) fn invented(
    document: &Document,
    scopes: &[Scope],
    judgement: &Judgement,
    rule: &'static Rule,
    found: &mut Findings,
) {
    // What else of the bundle has a name.
    let known = |name: &str| {
        judgement
            .findings
            .iter()
            .any(|finding| finding.claim.to_lowercase() == name || finding.of.to_lowercase() == name)
            || judgement.scores.iter().any(|score| score.name.to_lowercase() == name)
    };
    let mut tell = |name: &str, line: usize| {
        let message = format!("the bundle has no claim `{name}`");
        found.push((rule, Finding::new(message, [line])));
    };
    // The column and the lists in which claims are cited.
    let (mut columns, mut lists): (HashMap<usize, usize>, HashMap<usize, usize>) =
        (HashMap::new(), HashMap::new());
    for (statement, scope) in
        document.statements.iter().zip(scopes).filter(|(_, scope)| !scope.citations().is_empty())
    {
        match statement.place {
            Place::Row { table, .. } => {
                if let (Some((_, row)), Some(first)) = (document.cells(statement), scope.citations().first())
                {
                    let first_cell = row.cells.first().map_or(0, |cell| cell.lower.len());
                    if first.start <= first_cell {
                        *columns.entry(table).or_default() += 1;
                    }
                }
            }
            Place::Item { .. } => *lists.entry(statement.block).or_default() += 1,
            _ => {}
        }
    }
    for (statement, scope) in document.statements.iter().zip(scopes) {
        let lower = statement.lower.as_str();
        if !scope.citations().is_empty() || !OUTCOME.is_in(lower) {
            continue;
        }
        if let Some(parts) = NAMED.captures(lower) {
            let name = parts.get(1).or_else(|| parts.get(2)).map_or("", |name| name.as_str());
            if !known(name) {
                tell(name, statement.line);
            }
            continue;
        }
        match statement.place {
            Place::Row { table, .. } if columns.contains_key(&table) => {
                let Some((_, row)) = document.cells(statement) else { continue };
                let [first, others @ ..] = row.cells.as_slice() else { continue };
                let decided = others.iter().any(|cell| cell.lower.len() <= 40 && OUTCOME.is_in(&cell.lower));
                let name = first.words();
                if decided && !name.is_empty() && !TOTAL.is_in(name) && !known(name) {
                    tell(name, statement.line);
                }
            }
            Place::Item { .. } if lists.contains_key(&statement.block) => {
                if let Some(name) = FIRST_CODE.captures(lower).and_then(|parts| parts.get(1))
                    && !known(name.as_str())
                {
                    tell(name.as_str(), statement.line);
                }
            }
            _ => {}
        }
    }
}
