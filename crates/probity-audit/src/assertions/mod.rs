//! The middle layer: what a report asserts, read once from its statements, so that rules compare assertions and not words.

mod outcome;
mod section;
mod subject;
mod table;
mod text;

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::document::{Document, MAX_LISTED, Place, Statement};
use crate::parallel;
use crate::quantity::{Bound, Quantity};

pub use outcome::Outcome;
pub use section::Section;
pub(crate) use section::requires;
pub use subject::Subject;

pub(crate) use subject::{is_generic, singular, words};
pub(crate) use table::{Columns, Role};
pub(crate) use text::{labelled, without_marks};

/// Statements that one thread reads at a time.
const AT_A_TIME: usize = 1024;

/// Bytes; a longer sentence is data, and asserts nothing that could be told.
pub(crate) const MAX_SENTENCE: usize = 1500;

/// How something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modality {
    /// As it is.
    Done,
    /// To come, wished for, demanded.
    Planned,
    /// Under a condition, as an example.
    Possible,
    /// Output of a program in a code block.
    Quoted,
    /// As it was, or was before something changed it.
    Was,
}

/// What is said of a subject.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A value.
    Measured(Quantity),
    /// What a value has to be.
    Target(Quantity, Bound),
    /// What became of it.
    Outcome(Outcome),
    /// All of it is well: "all interfaces are operational".
    All,
    /// The whole may be released: "production ready".
    Ready,
    /// It has to be there first, and is open.
    Open,
    /// It could not be looked at.
    Limit,
    /// When it began, as written.
    Begun,
    /// When it ended, as written.
    Ended,
    /// How long it took.
    Lasted(Quantity),
}

/// Where in the layout it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `Label: value`.
    Label,
    /// A cell of a table, by the numbers of table, row and column.
    Cell(usize, usize, usize),
    /// Running text.
    Phrase,
}

/// Something that a report asserts.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// What it is about.
    pub subject: Subject,
    /// The words for the subject as the report has them, in lower case.
    pub name: String,
    /// What is said of it.
    pub said: Said,
    /// How.
    pub modality: Modality,
    /// Where in the layout.
    pub form: Form,
    /// The number of its statement in the document.
    pub at: usize,
    /// Its line.
    pub line: usize,
    /// The heading over it, by the number of its statement.
    pub section: Option<usize>,
    /// Its paragraph, list or table.
    pub block: usize,
}

impl Assertion {
    /// The value, if one is said.
    pub fn measured(&self) -> Option<&Quantity> {
        match &self.said {
            Said::Measured(quantity) => Some(quantity),
            _ => None,
        }
    }
}

/// How much was read, by kind: a report without anything to check is not taken for a sound one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Read {
    /// Values.
    pub measured: usize,
    /// Targets.
    pub targets: usize,
    /// Outcomes: passed, failed, not done.
    pub outcomes: usize,
    /// Words of approval, or that all is well.
    pub approvals: usize,
    /// Open preconditions.
    pub preconditions: usize,
    /// Limits of what could be looked at.
    pub limits: usize,
    /// Starts, ends, durations.
    pub times: usize,
}

/// A report with what it asserts.
#[derive(Debug)]
pub struct Assertions<'d> {
    /// The report.
    pub document: &'d Document,
    /// What it asserts, in its order.
    pub all: Vec<Assertion>,
    /// What the columns of its tables hold.
    pub(crate) columns: Vec<Columns>,
    sections: HashMap<Option<usize>, Section>,
    /// Headings over something that is ticked: somebody keeps record there.
    ticked: HashSet<usize>,
    /// Headings with headings right below them that say that what stands there is open: the first and the last of these.
    open: HashMap<usize, (usize, usize)>,
    /// Headings with one right below them of what is after something.
    after: HashSet<usize>,
    plan: bool,
}

impl<'d> Assertions<'d> {
    /// Reads what a report asserts.
    pub fn read(document: &'d Document) -> Self {
        let sections = section::all(document);
        let columns: Vec<Columns> = document.tables.iter().map(Columns::of).collect();
        let title = document.statements.iter().find(|s| matches!(s.place, Place::Heading(_)));
        let plan = title.is_some_and(|title| section::is_plan(&title.lower));
        let (mut open, mut after) = (HashMap::new(), HashSet::new());
        for (at, statement) in document.statements.iter().enumerate() {
            let Place::Heading(_) = statement.place else { continue };
            let Some(parent) = sections.get(&Some(at)).and_then(|section| section.parent) else { continue };
            if section::says_open(&statement.lower) {
                open.entry(parent).or_insert((at, at)).1 = at;
            }
            if begins(document, at, "after") {
                after.insert(parent);
            }
        }
        let mut out =
            Self { document, all: Vec::new(), columns, sections, ticked: HashSet::new(), open, after, plan };
        for statement in &document.statements {
            let ticked = match statement.place {
                Place::Item { done: Some(done), .. } => done,
                Place::Item { done: None, .. } => outcome::sign(&statement.lower) == Some(Outcome::Passed),
                _ => false,
            };
            let mut over = statement.heading.filter(|_| ticked);
            while let Some(heading) = over.filter(|heading| out.ticked.insert(*heading)) {
                over = out.section(Some(heading)).parent;
            }
        }
        let long = long_lists(document);
        let mut parts: Vec<(usize, Vec<Assertion>)> = (0..document.statements.len().div_ceil(AT_A_TIME))
            .map(|part| (part * AT_A_TIME, Vec::new()))
            .collect();
        parallel::each(&mut parts, 1, |(from, found)| {
            for (at, statement) in document.statements.iter().enumerate().skip(*from).take(AT_A_TIME) {
                if statement.lower.len() <= MAX_SENTENCE && !long.contains(&statement.block) {
                    out.statement(at, statement, found);
                }
            }
        });
        out.all = parts.into_iter().flat_map(|(_, found)| found).collect();
        out
    }

    fn statement(&self, at: usize, statement: &Statement, found: &mut Vec<Assertion>) {
        match statement.place {
            Place::Row { table, row } => table::read(self, at, (table, row), found),
            _ => text::read(self, at, found),
        }
    }

    /// What the headings over a statement say of it.
    pub fn section(&self, heading: Option<usize>) -> &Section {
        self.sections.get(&heading).or_else(|| self.sections.get(&None)).unwrap_or(&section::OPENING)
    }

    /// What the headings over an assertion say of it.
    pub fn over(&self, assertion: &Assertion) -> &Section {
        self.section(assertion.section)
    }

    /// Assertions that say how it is.
    pub fn done(&self) -> impl Iterator<Item = &Assertion> {
        self.all.iter().filter(|assertion| assertion.modality == Modality::Done)
    }

    /// Whether what stands at two places can be about one thing: each is about the report as a whole, or about what the
    /// subject itself names. Places under headings that name different things cannot.
    pub fn comparable(&self, one: &Assertion, other: &Assertion) -> bool {
        self.stands_for_itself(one) && self.stands_for_itself(other)
    }

    fn stands_for_itself(&self, one: &Assertion) -> bool {
        let mut section = one.section;
        if self.over(one).whole {
            return !self.introduced(one);
        }
        while let Some(at) = section {
            let heading = self.document.statements.get(at).map_or("", |heading| heading.lower.as_str());
            let over = self.section(section);
            let title = over.parent.is_none() && over.whole;
            if !title && !names_no_other(without_marks(heading), &one.subject) {
                return false;
            }
            section = over.parent;
        }
        !self.introduced(one)
    }

    /// Whether a short line before its list or table names something else: a heading in all but its marks.
    fn introduced(&self, one: &Assertion) -> bool {
        let before = self.document.statements.get(..one.at).unwrap_or_default().iter().rev();
        let mut before = before.take(200).skip_while(|s| s.block == one.block);
        let Some(intro) = before.next().filter(|s| s.place == Place::Prose && s.heading == one.section)
        else {
            return false;
        };
        let short = intro.lower.len() <= 60 && !intro.lower.ends_with('.') && intro.quantities.is_empty();
        short && !names_no_other(&intro.lower, &one.subject) && one.form != Form::Phrase
    }

    /// Whether something is ticked under a heading, so that a box that is not is open there, and no form.
    pub(crate) fn is_record(&self, heading: usize) -> bool {
        self.ticked.contains(&heading)
    }

    /// Whether a heading tells of what was before, with one beside it of what is after.
    pub(crate) fn is_before_and_after(&self, heading: usize) -> bool {
        begins(self.document, heading, "before")
            && self.section(Some(heading)).parent.is_some_and(|parent| self.after.contains(&parent))
    }

    /// Whether a heading beside this one says that what stands there is open: each is of a part.
    pub(crate) fn is_part(&self, heading: usize) -> bool {
        let beside = self.section(Some(heading)).parent.and_then(|parent| self.open.get(&parent));
        beside.is_some_and(|(first, last)| *first != heading || *last != heading)
    }

    /// The heading over a heading, but for the title.
    pub(crate) fn over_heading(&self, heading: usize) -> Option<usize> {
        self.section(Some(heading)).parent.filter(|over| self.section(Some(*over)).level > 1)
    }

    /// Whether boxes of this section are to be ticked by whoever uses the report: its title calls it a checklist, and none is.
    pub(crate) fn is_form(&self, heading: Option<usize>) -> bool {
        let title = self.document.statements.iter().find(|s| matches!(s.place, Place::Heading(_)));
        let checklist =
            title.is_some_and(|title| title.place == Place::Heading(1) && title.lower.contains("checklist"));
        checklist && heading.is_none_or(|heading| !self.ticked.contains(&heading))
    }

    /// Whether the title calls the report a plan: what it says is to come.
    pub(crate) fn is_plan(&self) -> bool {
        self.plan
    }

    /// Whether one section is the other, or encloses it.
    pub fn encloses(&self, outer: Option<usize>, inner: Option<usize>) -> bool {
        let mut at = inner;
        while at.is_some() {
            if at == outer {
                return true;
            }
            at = self.section(at).parent;
        }
        outer.is_none()
    }

    /// How much was read.
    pub fn count(&self) -> Read {
        let mut read = Read::default();
        for assertion in &self.all {
            *match assertion.said {
                Said::Measured(_) => &mut read.measured,
                Said::Target(..) => &mut read.targets,
                Said::Outcome(_) => &mut read.outcomes,
                Said::All | Said::Ready => &mut read.approvals,
                Said::Open => &mut read.preconditions,
                Said::Limit => &mut read.limits,
                Said::Begun | Said::Ended | Said::Lasted(_) => &mut read.times,
            } += 1;
        }
        read
    }
}

/// Whether a heading begins with a word.
fn begins(document: &Document, heading: usize, word: &str) -> bool {
    without_marks(document.heading(Some(heading))).starts_with(word)
}

/// Lists of so many items that they are data, by their blocks.
fn long_lists(document: &Document) -> HashSet<usize> {
    let lists = document.statements.chunk_by(|one, other| one.block == other.block);
    let long = lists.filter(|list| list.len() > MAX_LISTED && matches!(list[0].place, Place::Item { .. }));
    long.map(|list| list[0].block).collect()
}

/// Whether a heading names nothing but what the subject names.
fn names_no_other(heading: &str, subject: &Subject) -> bool {
    words(heading).all(|word| !subject::names(word) || subject.has(singular(word)))
}
