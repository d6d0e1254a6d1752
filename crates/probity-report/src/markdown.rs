//! The report as Markdown: CommonMark with tables as GitHub reads them. For issues, wikis and merge requests; the HTML
//! report says more.

use std::fmt::Write as _;

use probity_plan::units::counted;

use probity_verdict::wording::finding as wording;

use crate::contents::Contents;
use crate::said;
use crate::visible::{excerpt, markdown as text, markdown_code as code};

/// The report as Markdown. Text from the target is text: no markup in it works, and no link.
pub fn markdown(contents: &Contents) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, contents);
    out
}

fn write_all(out: &mut String, contents: &Contents) -> std::fmt::Result {
    verdict(out, contents)?;
    blockers(out, contents)?;
    findings(out, contents)?;
    scores(out, contents)?;
    unseen(out, contents)?;
    settle(out, contents)?;
    waivers(out, contents)?;
    trials(out, contents)?;
    permissions(out, contents)?;
    observers(out, contents)?;
    signature(out, contents)?;
    run(out, contents)?;
    writeln!(
        out,
        "\n---\n\nMade by {} from the evidence log, by rules {}.",
        said::GENERATOR,
        contents.judgement.rules
    )
}

fn verdict(out: &mut String, contents: &Contents) -> std::fmt::Result {
    let judgement = contents.judgement;
    writeln!(out, "# {}\n", text(&contents.start.plan))?;
    writeln!(out, "**{}** ({})\n", text(&judgement.verdict.label), said::acceptance(contents))?;
    for warning in said::warnings(contents) {
        writeln!(out, "> **Note:** {}\n", worded(&warning))?;
    }
    for why in &said::why(contents) {
        writeln!(out, "- {}", worded(why))?;
    }
    if let Some(bound) = &said::error_bound(contents) {
        writeln!(out, "- {}", worded(bound))?;
    }
    let observer = &contents.start.observer;
    let who = format!("Observed by {} on {}, {}.", observer.user, observer.host, said::when(contents));
    writeln!(
        out,
        "\n{} Of {}: {}.",
        text(&who),
        counted(judgement.findings.len() as u64, "claim", "claims"),
        said::tally(judgement.findings.iter())
    )
}

fn blockers(out: &mut String, contents: &Contents) -> std::fmt::Result {
    let blockers = said::blockers(contents);
    if blockers.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Blockers: what stands in the way of an acceptance\n")?;
    writeln!(out, "| claim | finding | read by | why | what to do |\n|---|---|---|---|---|")?;
    for it in blockers {
        writeln!(
            out,
            "| {} | **{}** | {} | {} | {} |",
            code(&it.finding.claim, true),
            it.finding.outcome.name(),
            text(&it.read_by),
            worded_in(&wording::reason(it.finding), true),
            worded_in(&it.to_do, true),
        )?;
    }
    Ok(())
}

fn findings(out: &mut String, contents: &Contents) -> std::fmt::Result {
    for (section, findings) in said::sections(contents.judgement) {
        writeln!(out, "\n## {}\n", text(section))?;
        writeln!(
            out,
            "| claim | finding | the author says | what was decided | measured | objective | bounds | rests on | entries |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
        for (_, finding) in &findings {
            let waived = if finding.waived.is_some() { ", waived" } else { "" };
            writeln!(
                out,
                "| {} | **{}**{waived} | {} | {} | {} | {} | {} | {} | {} |",
                code(&finding.claim, true),
                finding.outcome.name(),
                text(finding.says.as_deref().unwrap_or("")),
                text(&said::decided(finding)),
                text(&wording::measured(finding)),
                text(&wording::objective(finding)),
                said::bounds(finding),
                said::rests_on(finding),
                said::ranges(&finding.entries),
            )?;
        }
        writeln!(out)?;
        for (_, finding) in &findings {
            writeln!(out, "- {}: {}", code(&finding.claim, false), worded(&wording::reason(finding)))?;
            let (cells, more) = said::cells(finding);
            for cell in cells {
                let outcome = cell.outcome.name();
                writeln!(out, "  - {}: {outcome}, {}", code(&cell.cell, false), said::cell_counts(cell))?;
            }
            if more > 0 {
                writeln!(out, "  - and {}", counted(more as u64, "more cell", "more cells"))?;
            }
            if !finding.telling.is_empty() {
                writeln!(out, "  - See {}", said::entries(&finding.telling))?;
            }
            for note in &said::notes(finding) {
                writeln!(out, "  - {}", worded(note))?;
            }
        }
    }
    writeln!(out, "\n{}\n\n{}", said::RESTS_ON, said::BOUNDS)
}

fn scores(out: &mut String, contents: &Contents) -> std::fmt::Result {
    if contents.judgement.scores.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n## Scores\n\n| score | from 0 to 1 | weight that applies | find out next |\n|---|---|---|---|"
    )?;
    for score in &contents.judgement.scores {
        let next = score.open.iter().map(|claim| code(claim, true)).collect::<Vec<_>>().join(", ");
        writeln!(
            out,
            "| {} | {} | {} | {next} |",
            code(&score.name, true),
            said::score(score),
            said::weight(score)
        )?;
    }
    Ok(())
}

fn unseen(out: &mut String, contents: &Contents) -> std::fmt::Result {
    let unseen = said::unseen(contents);
    if unseen.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## What could not be seen, and what would let us see it\n")?;
    writeln!(out, "| probe | facts | barrier | times | detail | claims | what would let us see it |")?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for it in unseen {
        let list =
            |names: Vec<&str>| names.iter().map(|name| code(name, true)).collect::<Vec<_>>().join(", ");
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            code(&it.probe, true),
            list(it.facts.iter().map(String::as_str).collect()),
            it.barrier,
            it.times,
            text(&excerpt(&it.detail, 300)),
            list(it.claims.iter().map(|(_, claim)| claim.as_str()).collect()),
            worded_in(&it.remedy, true),
        )?;
    }
    Ok(())
}

fn settle(out: &mut String, contents: &Contents) -> std::fmt::Result {
    let (open, verdict) = (said::to_settle(contents), said::settle_verdict(contents));
    if open.is_empty() && verdict.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## What would settle what is undetermined\n")?;
    for how in &verdict {
        writeln!(out, "- The verdict: {}", worded(how))?;
    }
    for (_, finding, how) in open {
        writeln!(out, "- {}: {}", code(&finding.claim, false), worded(&how))?;
    }
    Ok(())
}

fn waivers(out: &mut String, contents: &Contents) -> std::fmt::Result {
    let waivers = said::waivers(contents);
    if waivers.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n## Waivers\n\n| claim | reason | owner | until | in this verdict |\n|---|---|---|---|---|"
    )?;
    for it in waivers {
        let (claim, reason, owner, until) =
            (code(it.claim, true), text(it.reason), text(it.owner), text(it.until));
        writeln!(out, "| {claim} | {reason} | {owner} | {until} | {} |", it.became)?;
    }
    Ok(())
}

fn trials(out: &mut String, contents: &Contents) -> std::fmt::Result {
    let trials = said::trials(contents);
    if trials.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Trials\n\n{}\n", worded(said::TRIALS))?;
    writeln!(out, "| trials | machine | planned | at once | made | reached | removed | claims over them |")?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for it in trials {
        let claims = it.claims.iter().map(|(_, finding)| {
            let measured = text(&wording::measured(finding));
            format!("{} {} {measured}", code(&finding.claim, true), finding.outcome.name())
                .trim_end()
                .to_owned()
        });
        let claims = claims.collect::<Vec<_>>().join(", ");
        let (name, machine) = (code(it.name, true), code(it.machine, true));
        let counts = [it.planned as usize, it.at_once as usize, it.made, it.reached, it.removed];
        let counts = counts.map(|count| count.to_string()).join(" | ");
        writeln!(out, "| {name} | {machine} | {counts} | {claims} |")?;
    }
    Ok(())
}

fn permissions(out: &mut String, contents: &Contents) -> std::fmt::Result {
    let not_made = said::not_made(contents);
    if !not_made.is_empty() {
        writeln!(out, "\n## What was not permitted or left out\n")?;
        writeln!(out, "The operator allowed impact `{}`.\n", contents.start.allow)?;
        for (probe, impact, does, why) in not_made {
            writeln!(out, "- {} ({impact}, {why}): {}", code(&probe, false), code(&does, false))?;
        }
    }
    let harmless = said::declared_harmless(contents.plan);
    if !harmless.is_empty() {
        writeln!(out, "\n## Declared harmless by the author\n")?;
        for (probe, impact, floor, does) in harmless {
            writeln!(out, "- {}: {impact} instead of {floor}: {}", code(probe, false), code(&does, false))?;
        }
    }
    Ok(())
}

fn signature(out: &mut String, contents: &Contents) -> std::fmt::Result {
    writeln!(out, "\n## What the signature shows, and what not\n")?;
    writeln!(out, "{}\n\n{}\n", worded(said::SIGNATURE_SHOWS), said::SIGNATURE_DOES_NOT_SHOW)?;
    writeln!(out, "Five things narrow this:\n\n| thing | in this bundle | what it says |\n|---|---|---|")?;
    for thing in said::five_things(contents) {
        let present = if thing.present { "present" } else { "**absent**" };
        writeln!(out, "| {} | {present} | {} |", thing.thing, worded_in(&thing.says, true))?;
    }
    if let Some(checks) = contents.verification {
        writeln!(out, "\n| check | result | detail |\n|---|---|---|")?;
        for check in checks {
            let (title, status, detail) =
                (text(check.id.title()), check.status().name(), text(&check.detail()));
            writeln!(out, "| {title} | {status} | {detail} |")?;
        }
    }
    writeln!(out, "\nTo verify and to look again:\n")?;
    for (command, does) in said::commands(contents) {
        writeln!(out, "- {}: {}", code(&command, false), worded(does))?;
    }
    Ok(())
}

fn observers(out: &mut String, contents: &Contents) -> std::fmt::Result {
    let observers = said::observers(contents);
    if observers.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n## Who looked from elsewhere\n\n{}\n\n| observer | how, and who |\n|---|---|",
        said::WORD_OF_OTHERS
    )?;
    for (name, says) in observers {
        writeln!(out, "| {} | {} |", text(&name), text(&says))?;
    }
    Ok(())
}

fn run(out: &mut String, contents: &Contents) -> std::fmt::Result {
    let start = contents.start;
    writeln!(out, "\n## The run\n\n| | |\n|---|---|")?;
    let mut row = |name: &str, value: String| writeln!(out, "| {name} | {value} |");
    for (name, value) in said::identity(contents) {
        row(name, code(&value, true))?;
    }
    for (name, value) in said::observer(contents) {
        row(&format!("observer: {}", text(&name)), text(&value))?;
    }
    for (entry, event) in contents.events {
        row(&format!("event, entry {entry}"), text(&format!("{}, {}", event.what, said::moment(event.at))))?;
    }
    for (name, value) in &start.inputs {
        row(&format!("input {}", code(name, true)), code(value, true))?;
    }
    Ok(())
}

/// A sentence of ours or of the judge, with code between backticks; what stands there may come from a plan or a target.
fn worded(sentence: &str) -> String {
    worded_in(sentence, false)
}

/// The same, perhaps in a table.
fn worded_in(sentence: &str, in_table: bool) -> String {
    let piece = |(is_code, piece)| if is_code { code(piece, in_table) } else { text(piece) };
    said::pieces(sentence).into_iter().map(piece).collect()
}
