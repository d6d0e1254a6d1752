//! Where a report cites a claim of the bundle: by its name or by its `says`; and what else is about that claim.

use probity_verdict::Judgement;

use crate::document::{Document, Place, Statement, simplify};
use crate::quantity::Quantity;
use crate::words::pattern;

/// A place in a statement that cites a claim.
#[derive(Clone, Debug)]
pub(super) struct Citation {
    /// The claim's number among the findings.
    pub claim: usize,
    /// Where it begins in the statement's simplified text, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// What a statement is about.
#[derive(Debug)]
pub(super) enum Scope {
    /// It cites claims itself.
    Cites(Vec<Citation>, Vec<usize>),
    /// It stands below or after a citation.
    Under(Vec<usize>),
    /// No claim.
    None,
}

impl Scope {
    /// The claims it is about.
    pub(super) fn claims(&self) -> &[usize] {
        match self {
            Self::Cites(_, claims) | Self::Under(claims) => claims,
            Self::None => &[],
        }
    }

    /// The citations in the statement itself.
    pub(super) fn citations(&self) -> &[Citation] {
        match self {
            Self::Cites(citations, _) => citations,
            _ => &[],
        }
    }

    /// The claims that a number of the statement is about: those of the citation before it, or of the one after it if none
    /// stands before or it leads there ("19 of 20 for `starts`"). Citations joined by "and" count as one.
    pub(super) fn beside(&self, q: &Quantity, lower: &str) -> Vec<usize> {
        let citations = self.citations();
        let Some(last) = citations.len().checked_sub(1) else { return self.claims().to_vec() };
        let next = citations.partition_point(|citation| citation.start <= q.start);
        let leads = citations.get(next).is_some_and(|citation| {
            lower.get(q.end..citation.start).is_some_and(|between| LEADS.is_in(between))
        });
        let at = if leads { next } else { next.saturating_sub(1) };
        let joined = |at: usize| {
            let between = lower.get(citations[at].end..citations[at + 1].start).unwrap_or("");
            matches!(between.trim_matches(|c: char| !c.is_alphanumeric()), "" | "and" | "or")
        };
        let from = (0..at).rev().take_while(|at| joined(*at)).last().unwrap_or(at);
        let to = (at..last).take_while(|at| joined(*at)).last().map_or(at, |at| at + 1);
        citations[from..=to].iter().map(|citation| citation.claim).collect()
    }

    /// Whether a number is part of a claim's wording.
    pub(super) fn quotes(&self, q: &Quantity) -> bool {
        self.citations().iter().any(|citation| (citation.start..citation.end).contains(&q.start))
    }
}

struct Name {
    name: String,
    /// A name that is no ordinary word may stand anywhere.
    distinct: bool,
    says: Option<String>,
}

impl Name {
    fn of(claim: &str, says: Option<&str>) -> Self {
        let distinct = claim.contains(|c: char| c == '_' || c == '-' || c == '.' || c.is_ascii_digit());
        let says = says.map(|says| simplify(&says.split_whitespace().collect::<Vec<_>>().join(" ")));
        let says =
            says.map(|says| says.trim_end_matches(['.', '!']).to_owned()).filter(|says| !says.is_empty());
        Self { name: simplify(claim), distinct, says }
    }
}

pattern!(LEADS, r"^( [a-z]+)? (for|of|by|in|on)( the)?( claim)?[^a-z0-9]*$");
pattern!(CLAIM_HEAD, r"^(claims?|checks?|criteri(on|a)|requirements?|names?|ids?|tests?|what)\b");

/// What each statement of a report is about.
pub(super) fn scopes(document: &Document, judgement: &Judgement) -> Vec<Scope> {
    let names: Vec<Name> =
        judgement.findings.iter().map(|finding| Name::of(&finding.claim, finding.says.as_deref())).collect();
    let mut heading: Vec<usize> = Vec::new();
    // The citing items above, by depth; the paragraph that cites, by its block.
    let mut items: Vec<(usize, usize, Vec<usize>)> = Vec::new();
    let mut prose: (usize, Vec<usize>) = (0, Vec::new());
    let mut out = Vec::with_capacity(document.statements.len());
    for (number, statement) in document.statements.iter().enumerate() {
        let citations = citations(document, statement, &names);
        let mut claims: Vec<usize> = citations.iter().map(|citation| citation.claim).collect();
        claims.dedup();
        let same_item = |number: usize| {
            let before = number.checked_sub(1).and_then(|before| document.statements.get(before));
            before.is_some_and(|before| before.place == statement.place && before.last == statement.line)
        };
        match statement.place {
            Place::Heading(_) => {
                items.clear();
                heading.clone_from(&claims);
            }
            Place::Item { depth, .. } => {
                let keep = if same_item(number) && claims.is_empty() { depth + 1 } else { depth };
                items.retain(|(block, above, _)| *block == statement.block && *above < keep);
                if !claims.is_empty() {
                    items.push((statement.block, depth, claims.clone()));
                }
            }
            Place::Prose if !claims.is_empty() => prose = (statement.block, claims.clone()),
            Place::Prose | Place::Row { .. } | Place::Code => {}
        }
        let above = match statement.place {
            Place::Item { .. } => items.last().map(|(_, _, claims)| claims),
            Place::Prose => Some(&prose.1).filter(|_| prose.0 == statement.block),
            _ => None,
        };
        out.push(match above.filter(|above| !above.is_empty()) {
            _ if !citations.is_empty() => Scope::Cites(citations, claims),
            Some(above) => Scope::Under(above.clone()),
            None if !heading.is_empty() && !matches!(statement.place, Place::Heading(_)) => {
                Scope::Under(heading.clone())
            }
            None => Scope::None,
        });
    }
    out
}

fn citations(document: &Document, statement: &Statement, names: &[Name]) -> Vec<Citation> {
    let lower = statement.lower.as_str();
    let mut out: Vec<Citation> = Vec::new();
    // What a row is about stands in its first cell, or in a column of claims; elsewhere a name is only mentioned.
    let mut about: Vec<(usize, usize)> = Vec::new();
    if let Some((table, row)) = document.cells(statement) {
        let mut start = 0;
        for (column, cell) in row.cells.iter().enumerate() {
            let head = table.header.get(column).map_or("", |head| head.words());
            if column == 0 || CLAIM_HEAD.is_in(head) {
                about.push((start, start + cell.lower.len()));
            }
            start += cell.lower.len() + " | ".len();
        }
    }
    let is_row = matches!(statement.place, Place::Row { .. });
    let may = |at: usize| !is_row || about.iter().any(|(from, to)| (*from..*to).contains(&at));
    for (claim, name) in names.iter().enumerate() {
        let mut add = |start: usize, length: usize| out.push(Citation { claim, start, end: start + length });
        let word = name.name.as_str();
        if lower.contains(word) {
            for at in words(lower, word).filter(|at| may(*at)) {
                let (before, after) = (&lower[..at], &lower[at + word.len()..]);
                let code = before.ends_with('`') && after.starts_with('`');
                let called = before.ends_with("claim ") || after.starts_with(" claim");
                // `name: ...`, **name** - ...
                let first = before.chars().all(|c| !c.is_alphanumeric());
                let rest = after.trim_start_matches(['*', '_', '"', ')']);
                let label = first
                    && !matches!(statement.place, Place::Row { .. })
                    && (rest.is_empty()
                        || rest.starts_with(':')
                        || rest.starts_with(" - ")
                        || rest.starts_with(" ="));
                if code || called || label || name.distinct {
                    add(at, word.len());
                }
            }
        }
        if let Some(says) = &name.says
            && lower.contains(says.as_str())
        {
            let label = |at: usize| {
                let around = lower[..at].chars().any(char::is_alphanumeric);
                let after =
                    lower[at + says.len()..].trim_start_matches(|c: char| !c.is_alphanumeric() && c != ':');
                !around && (after.is_empty() || after.starts_with(':'))
            };
            // One word is a citation only where it stands alone.
            words(lower, says)
                .filter(|at| says.contains(' ') || label(*at))
                .for_each(|at| add(at, says.len()));
        }
    }
    if let Some((table, row)) = document.cells(statement) {
        let mut start = 0;
        for (column, cell) in row.cells.iter().enumerate() {
            let head = table.header.get(column).map_or("", |head| head.words());
            let alone = names.iter().position(|name| {
                let says = name.says.as_deref() == Some(cell.words());
                (name.name == cell.words() && (column == 0 || CLAIM_HEAD.is_in(head))) || says
            });
            out.extend(alone.map(|claim| Citation { claim, start, end: start + cell.lower.len() }));
            start += cell.lower.len() + " | ".len();
        }
    }
    // Of two that overlap, the longest one is meant, wherever it begins.
    out.sort_by_key(|citation| (usize::MAX - (citation.end - citation.start), citation.start));
    let mut kept: Vec<Citation> = Vec::new();
    for citation in out {
        let apart = |other: &Citation| citation.start >= other.end || citation.end <= other.start;
        let same = |other: &Citation| {
            other.start == citation.start && other.end == citation.end && other.claim != citation.claim
        };
        if kept.iter().all(|other| apart(other) || same(other)) {
            kept.push(citation);
        }
    }
    kept.sort_by_key(|citation| citation.start);
    kept
}

/// Where a text stands as a whole word or words.
pub(super) fn words<'t>(text: &'t str, wanted: &'t str) -> impl Iterator<Item = usize> + 't {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(wanted).map(|(at, _)| at).filter(move |at| {
        let before = text[..*at].chars().next_back();
        let mut after = text[at + wanted.len()..].chars();
        let (next, second) = (after.next(), after.next());
        !before.is_some_and(|c| part(c) || c == '-')
            && !next.is_some_and(|c| part(c) || (matches!(c, '-' | '.') && second.is_some_and(part)))
    })
}
