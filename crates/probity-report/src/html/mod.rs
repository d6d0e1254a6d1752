//! The report as one self-contained HTML file: no script, nothing loaded from elsewhere (its content security policy
//! forbids both), plots as inline SVG.
//!
//! Every text of a plan or a target goes through [`VisibleText`], which makes hidden characters visible; maud then escapes it.

mod decision;
mod evidence;
mod findings;
mod plots;
mod run;

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

use crate::contents::Contents;
use crate::said;
use crate::visible::visible;

/// The report as HTML.
pub fn html(contents: &Contents) -> String {
    let judgement = contents.judgement;
    let label = &judgement.verdict.label;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content=(said::GENERATOR);
                title { (VisibleText(label)) " \u{2013} " (VisibleText(&contents.start.plan)) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header {
                    p.kind { "Validation report" }
                    h1 { (VisibleText(&contents.start.plan)) }
                    p.muted {
                        "Observed by " (VisibleText(&contents.start.observer.user)) " on "
                        (VisibleText(&contents.start.observer.host)) ", " (said::when(contents)) "."
                    }
                }
                main {
                    (verdict(contents))
                    (contents_list(contents))
                    (decision::blockers(contents))
                    (findings::scores(contents))
                    (findings::sections(contents))
                    (findings::unseen(contents))
                    (findings::to_settle(contents))
                    (findings::waivers(contents))
                    (decision::trials(contents))
                    (plots::strips(contents))
                    (run::permissions(contents))
                    (run::observers(contents))
                    (run::signature(contents))
                    (run::run(contents))
                    (evidence::appendix(contents))
                }
                footer {
                    p {
                        "Made by " (said::GENERATOR) " from the evidence log, by rules " (judgement.rules)
                        ". This page runs no script and loads nothing from elsewhere."
                    }
                }
            }
        }
    };
    let mut page = page.into_string();
    page.push('\n');
    page
}

/// Text of a plan or a target.
struct VisibleText<'a>(&'a str);

impl Render for VisibleText<'_> {
    fn render_to(&self, buffer: &mut String) {
        visible(self.0).as_ref().render_to(buffer);
    }
}

/// A sentence of ours or of the judge, with code between backticks; what stands there may come from a plan or a target.
struct Worded<'a>(&'a str);

impl Render for Worded<'_> {
    fn render_to(&self, buffer: &mut String) {
        for (is_code, piece) in said::pieces(self.0) {
            let markup =
                html! { @if is_code { code { (VisibleText(piece)) } } @else { (VisibleText(piece)) } };
            markup.render_to(buffer);
        }
    }
}

fn verdict(contents: &Contents) -> Markup {
    let judgement = contents.judgement;
    let word = said::acceptance(contents);
    let class = if contents.unacceptable.is_some() { "inconclusive" } else { word };
    html! {
        section.verdict.(class) id="verdict" {
            h2 {
                "Verdict"
                span.label { (VisibleText(&judgement.verdict.label)) }
                span.word { (word) }
            }
            @for warning in said::warnings(contents) {
                p.warning { (Worded(&warning)) }
            }
            ul {
                @for why in &said::why(contents) { li { (Worded(why)) } }
                @if let Some(bound) = &said::error_bound(contents) { li { (Worded(bound)) } }
            }
            @if !judgement.verdict.waivers.is_empty() {
                p {
                    "Counts with "
                    a href="#waivers" {
                        (judgement.verdict.waivers.len())
                        @if judgement.verdict.waivers.len() == 1 { " waiver" } @else { " waivers" }
                    }
                    "."
                }
            }
            (findings::tally(contents))
        }
    }
}

/// Links to the sections that this report has.
fn contents_list(contents: &Contents) -> Markup {
    let judgement = contents.judgement;
    html! {
        nav aria-label="Contents" {
            ul {
                @if !said::blockers(contents).is_empty() { li { a href="#blockers" { "Blockers" } } }
                @if !judgement.scores.is_empty() { li { a href="#scores" { "Scores" } } }
                @for (number, (section, _)) in said::sections(judgement).iter().enumerate() {
                    li { a href={ "#section-" (number) } { (VisibleText(section)) } }
                }
                @if !said::unseen(contents).is_empty() { li { a href="#unseen" { "What could not be seen" } } }
                @if findings::has_open(contents) { li { a href="#settle" { "What would settle it" } } }
                @if !contents.plan.waivers.is_empty() { li { a href="#waivers" { "Waivers" } } }
                @if !contents.plan.trials.is_empty() { li { a href="#trials" { "Trials" } } }
                li { a href="#signature" { "What the signature shows" } }
                li { a href="#verify" { "How to verify" } }
                li { a href="#run" { "The run" } }
                li { a href="#evidence" { "Evidence" } }
            }
        }
    }
}
