//! A report held against a bundle: what it says of the bundle's claims, in numbers and in words, against what was found.
//!
//! The bundle comes as plain data, verified and recomputed by the caller; this knows nothing of files or signatures.

mod called;
mod cited;
mod numbers;
mod said;

use std::collections::HashSet;

use probity_verdict::{Judgement, Outcome};
use serde::Serialize;

use crate::document::{Document, Place, Statement};
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};
use crate::quantity::{Kind, Quantity};
use crate::words::pattern;
use called::Role;
use cited::Scope;
use numbers::Numbers;

/// What a bundle shows.
#[derive(Clone, Copy, Debug)]
pub struct BundleView<'b> {
    /// Its name, for messages.
    pub bundle: &'b str,
    /// What was decided, recomputed from its log.
    pub judgement: &'b Judgement,
    /// The labels of its plan's verdict rules, each with whether it is an acceptance.
    pub labels: &'b [(String, bool)],
    /// Its own report as Markdown: everything that it says of itself.
    pub report: &'b str,
    /// What the reader must know of its verification: an unknown signer, an incomplete run. Sentences.
    pub remarks: &'b [String],
}

/// What was held against a bundle, so that silence can be told from not having looked.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// The bundle's name.
    pub bundle: String,
    /// Its verdict.
    pub verdict: String,
    /// What the reader must know of its verification.
    pub remarks: Vec<String>,
    /// The claims that the report cites, each with its outcome.
    pub cited: Vec<(String, Outcome)>,
    /// Those it does not cite.
    pub not_cited: Vec<(String, Outcome)>,
    /// How many of the report's numbers the bundle shows.
    pub shown: usize,
    /// How many it shows otherwise.
    pub otherwise: usize,
    /// How many it does not show at all.
    pub unsupported: usize,
}

const DIFFERS: Rule = Rule {
    id: "differs-from-bundle",
    level: Level::Error,
    title: "A number is not the one in the bundle.",
    explanation: "Only with `--against`. A sentence, item or row that cites a claim, by its name (`in backticks`, in a cell of its own, as the label of \
        an item) or by its `says`, gives a share, a count, a bound, an objective or a time that the finding has otherwise. \
        Rounding is accepted: 0.8174 may be written 81.7 % or 82 %. A fraction has to be that of the finding: its whole \
        is the planned number. What follows a citation is read with it: the items below it, the rows and sentences of its \
        heading or paragraph.",
    example: "The claim `starts` was decided on 19 of 19 starts.",
};

const STRONGER: Rule = Rule {
    id: "stronger-than-bundle",
    level: Level::Error,
    title: "A word is stronger than the finding or the verdict in the bundle.",
    explanation: "Only with `--against`. The report says that a claim holds, passes, is met or achieved (or ticks it) where the bundle has \
        it as undetermined, failed or not applicable; that it fails where that was not found; or it gives as the verdict a \
        label that is not the bundle's (\"The service is READY.\"), or leaves out \"with waivers\"; or it says \
        \"always\", \"never fails\", \"all starts succeeded\" of a claim of whose trials some failed; or that more claims hold than do.",
    example: "- `starts`: passed",
};

const NO_SUCH_CLAIM: Rule = Rule {
    id: "claim-not-in-bundle",
    level: Level::Error,
    title: "A claim is said to be decided that the bundle does not have.",
    explanation: "Only with `--against`. A row or an item among others that cite claims of the bundle, or \"the claim `x`\", with an \
        outcome, and the bundle has no claim of that name.",
    example: "The claim `backup` holds.",
};

const UNSUPPORTED: Rule = Rule {
    id: "unsupported-number",
    level: Level::Unsupported,
    title: "A number is neither a claim's nor anything else that the bundle says.",
    explanation: "Only with `--against`. Such a number may be right; the bundle does not show it. They are listed line by line after everything \
        else. Numbers that only name something are left out: dates, years, versions, addresses, steps, sections, ports. What \
        would have to be shown: a claim that measures it.",
    example: "We sent 4,200 letters.",
};

/// The rules that need a bundle, in the order of the documentation.
pub const RULES: [&Rule; 4] = [&DIFFERS, &STRONGER, &NO_SUCH_CLAIM, &UNSUPPORTED];

pattern!(
    REFERENCE,
    r"\b(section|chapter|step|phase|table|figure|fig\.|page|line|lines|version|release|revision|port|ports|node|host|rack|room|item|number|no\.|nr\.|ticket|issue|point|rule|rules|entry|entries|appendix|part|day|week|run|round|stage|level|tier|q|v|january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec)\.? ?$"
);
pattern!(
    MONTH,
    r"^(january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec)$"
);

/// Whether a number only names something: a year, a day of a month, a step, a port.
fn names(statement: &Statement, q: &Quantity) -> bool {
    if q.kind != Kind::Plain || q.decimals > 0 {
        return false;
    }
    let year = (1900.0..2100.0).contains(&q.value) && !statement.lower[q.start..q.end].contains(',');
    (year && q.unit.is_empty())
        || MONTH.is_in(&q.unit)
        || REFERENCE.is_in(crate::words::tail(&statement.lower[..q.start]))
        || matches!(statement.place, Place::Heading(_))
}

/// Holds what a report says against what a bundle shows.
pub(crate) fn compare(
    document: &Document,
    shown: &BundleView<'_>,
) -> (Compared, Vec<(&'static Rule, Finding)>) {
    let judgement = shown.judgement;
    let scopes = cited::scopes(document, judgement);
    let own: Vec<Numbers> =
        judgement.findings.iter().map(|finding| Numbers::of_claim(finding, judgement)).collect();
    let elsewhere = Numbers::of_report(shown.report, judgement);
    let mut found: Vec<(&'static Rule, Finding)> = Vec::new();
    let (mut right, mut otherwise, mut unsupported) = (0, 0, 0);
    let said = |(statement, _): &(&Statement, &Scope)| statement.place != Place::Code;
    for (statement, scope) in document.statements.iter().zip(&scopes).filter(said) {
        let mut without: Vec<&str> = Vec::new();
        for q in &statement.quantities {
            let minutes = called::minutes(q, &statement.lower);
            let q = minutes.as_ref().unwrap_or(q);
            let place = called::place(document, statement, q);
            let role = called::role(&statement.lower, q, place.as_ref());
            if scope.quotes(q) || role == Role::Reference {
                continue;
            }
            let claims = scope.beside(q, &statement.lower);
            let is_claims = |claim: &usize| own[*claim].has(q, role, place.as_ref(), &statement.lower);
            if claims.iter().any(is_claims) {
                right += 1;
                continue;
            }
            if names(statement, q) {
                continue;
            }
            // What only follows a citation may be about something else, unless it speaks of a result.
            let about =
                claims.iter().find(|claim| own[**claim].measures(q, role, place.as_ref(), &statement.lower));
            let shown_elsewhere = || elsewhere.shows(q, role, place.as_ref(), &statement.lower);
            let meant = (matches!(scope, Scope::Cites(..)) || called::measured(&statement.lower, q))
                // The probability of an error is one of the verdict, beside whatever claim it stands.
                && !(called::of_an_error(&statement.lower, q) && shown_elsewhere());
            let written = statement.lower[q.start..q.end].trim();
            if let Some(claim) = about.filter(|_| meant) {
                otherwise += 1;
                let finding = &judgement.findings[*claim];
                let summary = numbers::summary(finding);
                let message = format!("{written} is not what was found of `{}`: {summary}", finding.claim);
                found.push((&DIFFERS, Finding::new(message, [statement.line])));
            } else if shown_elsewhere() {
                right += 1;
            } else {
                unsupported += 1;
                without.push(written);
            }
        }
        if !without.is_empty() {
            found.push((&UNSUPPORTED, Finding::new(without.join(", "), [statement.line])));
        }
        said::outcomes(document, statement, scope, judgement, &STRONGER, &mut found);
        said::verdict(statement, shown, &STRONGER, &mut found);
        said::tally(statement, judgement, &STRONGER, &mut found);
    }
    said::invented(document, &scopes, judgement, &NO_SUCH_CLAIM, &mut found);
    let cited: HashSet<usize> = scopes.iter().flat_map(|scope| scope.claims().to_vec()).collect();
    let outcomes = |wanted: bool| {
        let chosen = judgement.findings.iter().enumerate().filter(|(at, _)| cited.contains(at) == wanted);
        chosen.map(|(_, finding)| (finding.claim.clone(), finding.outcome)).collect()
    };
    let compared = Compared {
        bundle: shown.bundle.to_owned(),
        verdict: judgement.verdict.label.clone(),
        remarks: shown.remarks.to_vec(),
        cited: outcomes(true),
        not_cited: outcomes(false),
        shown: right,
        otherwise,
        unsupported,
    };
    (compared, found)
}
