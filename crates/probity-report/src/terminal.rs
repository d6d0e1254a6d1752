//! The report on a terminal: verdict and why on top, then findings, what could not be seen, what would settle the rest.

use probity_verdict::Outcome;

use probity_verdict::wording::finding as wording;

use crate::contents::Contents;
use crate::said;
use crate::visible::{columns, excerpt, visible, wrap};

/// The report as text of at most `width` columns a line (at least 40 are used), with ANSI colours if asked for. Ends
/// with a newline. Text from the target cannot move the cursor or turn the direction of writing.
pub fn terminal(contents: &Contents, colour: bool, width: usize) -> String {
    let mut page = Page { out: String::new(), colour, width: width.max(40) };
    page.verdict(contents);
    page.findings(contents);
    page.scores(contents);
    page.unseen(contents);
    page.settle(contents);
    page.waivers(contents);
    page.observers(contents);
    page.evidence(contents);
    page.out
}

/// ANSI "select graphic rendition" parameters.
#[derive(Clone, Copy)]
enum Style {
    Bold,
    Dim,
    Good,
    Bad,
    Open,
}

struct Page {
    out: String,
    colour: bool,
    width: usize,
}

impl Page {
    fn verdict(&mut self, contents: &Contents) {
        let judgement = contents.judgement;
        let style = match contents.accepted() {
            Some(true) => Style::Good,
            Some(false) => Style::Bad,
            None => Style::Open,
        };
        let label = format!("{} ({})", visible(&judgement.verdict.label), said::acceptance(contents));
        for line in wrap(&label, self.width) {
            self.line(&self.styled(style, &line));
        }
        for why in &said::why(contents) {
            self.paragraph("  ", "  ", why);
        }
        for warning in said::warnings(contents) {
            self.paragraph("! ", "  ", &warning);
        }
        if let Some(bound) = &said::error_bound(contents) {
            self.paragraph("  ", "  ", bound);
        }
        self.blank();
        self.paragraph("", "  ", &contents.start.plan);
        let observer = &contents.start.observer;
        let place = format!("{} on {}, {}", observer.user, observer.host, said::when(contents));
        self.paragraph("", "  ", &place);
    }

    fn findings(&mut self, contents: &Contents) {
        for (section, findings) in said::sections(contents.judgement) {
            self.heading(&format!(
                "{section}: {}",
                said::tally(findings.iter().map(|(_, finding)| *finding))
            ));
            for (_, finding) in findings {
                let style = match finding.outcome {
                    Outcome::Holds => Style::Good,
                    Outcome::Fails => Style::Bad,
                    Outcome::Undetermined | Outcome::NotApplicable => Style::Open,
                };
                let waived = if finding.waived.is_some() { ", waived" } else { "" };
                let word = format!("{}{waived}", finding.outcome.name());
                let pad = " ".repeat(16_usize.saturating_sub(columns(&word)));
                let mut facts = vec![visible(&finding.claim).into_owned()];
                facts.extend(
                    [wording::measured(finding), wording::objective(finding)]
                        .iter()
                        .filter(|text| !text.is_empty())
                        .map(|text| visible(text).into_owned()),
                );
                let lines = wrap(&facts.join(" · "), self.width - 16);
                for (at, line) in lines.iter().enumerate() {
                    let head =
                        if at == 0 { format!("{}{pad}", self.styled(style, &word)) } else { " ".repeat(16) };
                    self.line(&format!("{head}{line}"));
                }
                if let Some(says) = &finding.says {
                    self.labelled("says", says);
                }
                self.labelled("decided", &said::decided(finding));
                if finding.bounds.is_some() {
                    self.labelled("bounds", &said::bounds(finding));
                }
                if finding.outcome != Outcome::Holds {
                    self.labelled("why", &wording::reason(finding));
                }
                let (cells, _) = said::cells(finding);
                let not_holding = cells.iter().filter(|cell| cell.outcome != Outcome::Holds);
                for cell in not_holding.take(5) {
                    let what = format!("{} {}: {}", cell.outcome.name(), cell.cell, said::cell_counts(cell));
                    self.labelled("cell", &what);
                }
                for note in &said::notes(finding) {
                    self.labelled("note", note);
                }
                if !finding.telling.is_empty() {
                    let label = if finding.telling.len() == 1 { "see entry" } else { "see entries" };
                    self.labelled(label, &said::numbers(&finding.telling));
                }
            }
        }
    }

    fn scores(&mut self, contents: &Contents) {
        if contents.judgement.scores.is_empty() {
            return;
        }
        self.heading("Scores, each at most 1");
        for score in &contents.judgement.scores {
            let mut line = format!("{}: {}, weight {}", score.name, said::score(score), said::weight(score));
            if let Some(open) = score.open.first() {
                line = format!("{line}; find out next: {open}");
            }
            self.paragraph("", "    ", &line);
        }
    }

    fn unseen(&mut self, contents: &Contents) {
        let unseen = said::unseen(contents);
        if unseen.is_empty() {
            return;
        }
        self.heading("What could not be seen, and what would let us see it");
        for it in unseen {
            let times = if it.times == 1 { "once".to_owned() } else { format!("{} times", it.times) };
            let mut what = format!("{}: {} behind {} ({times})", it.probe, it.facts.join(", "), it.barrier);
            if !it.detail.is_empty() {
                what = format!("{what}: {}", excerpt(&it.detail, 200));
            }
            self.paragraph("- ", "  ", &what);
            self.paragraph("  ", "  ", &it.remedy);
        }
    }

    fn settle(&mut self, contents: &Contents) {
        let (open, verdict) = (said::to_settle(contents), said::settle_verdict(contents));
        if open.is_empty() && verdict.is_empty() {
            return;
        }
        self.heading("What would settle what is undetermined");
        for how in verdict {
            self.paragraph("- ", "  ", &format!("the verdict: {how}"));
        }
        for (_, finding, how) in open {
            self.paragraph("- ", "  ", &format!("{}: {how}", finding.claim));
        }
    }

    fn waivers(&mut self, contents: &Contents) {
        let waivers = said::waivers(contents);
        if waivers.is_empty() {
            return;
        }
        self.heading("Waivers");
        for it in waivers {
            let text =
                format!("{}: {} ({}, until {}): {}", it.claim, it.reason, it.owner, it.until, it.became);
            self.paragraph("- ", "  ", &text);
        }
    }

    fn evidence(&mut self, contents: &Contents) {
        self.heading("Evidence");
        let log = said::log(contents);
        self.paragraph("", "  ", &log);
        self.paragraph("", "", said::SIGNATURE_BRIEFLY);
        for thing in said::five_things(contents) {
            let present = if thing.present { "present" } else { "absent " };
            self.paragraph(&format!("{present}  "), "         ", thing.thing);
        }
        self.paragraph("", "  ", &format!("probity verify {}", said::quoted(contents.bundle)));
    }

    fn observers(&mut self, contents: &Contents) {
        let observers = said::observers(contents);
        if observers.is_empty() {
            return;
        }
        self.heading("Who looked from elsewhere");
        self.paragraph("", "", said::WORD_OF_OTHERS);
        for (name, says) in observers {
            self.paragraph("- ", "  ", &format!("{name}: {says}"));
        }
    }

    fn labelled(&mut self, label: &str, text: &str) {
        let head = format!("    {label:<12}");
        let lines = wrap(&visible(text), self.width - 16);
        for (at, line) in lines.iter().enumerate() {
            let head = if at == 0 { self.styled(Style::Dim, &head) } else { " ".repeat(16) };
            self.line(&format!("{head}{line}"));
        }
    }

    fn heading(&mut self, text: &str) {
        self.blank();
        for line in wrap(&visible(text), self.width) {
            self.line(&self.styled(Style::Bold, &line));
        }
    }

    /// A paragraph of hostile text: `first` stands before its first line, `rest` before the others.
    fn paragraph(&mut self, first: &str, rest: &str, text: &str) {
        let indent = columns(first).max(columns(rest));
        for (at, line) in wrap(&visible(text), self.width - indent).iter().enumerate() {
            self.line(&format!("{}{line}", if at == 0 { first } else { rest }));
        }
    }

    fn blank(&mut self) {
        self.out.push('\n');
    }

    /// A line that is visible and fits already.
    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let parameters = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "1;32",
            Style::Bad => "1;31",
            Style::Open => "1;33",
        };
        format!("\u{1b}[{parameters}m{text}\u{1b}[0m")
    }
}
