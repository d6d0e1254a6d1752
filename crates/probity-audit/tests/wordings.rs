//! Wordings that issue 4 names and that a reviewer found missed, each beside a near-miss of which nothing may be said. They
//! were written with the rules: they are no part of the labelled collection and say nothing of recall.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use probity_audit::audit;

fn found(text: &str) -> Vec<&'static str> {
    audit(text, &[], None).findings.iter().map(|finding| finding.rule).collect()
}

fn only(rule: &str, planted: &[&str], sound: &[&str]) {
    for text in planted {
        assert_eq!(found(text), [rule], "{text}");
    }
    for text in sound {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn labelled_outcomes_add_up_to_their_total() {
    only(
        "parts-not-total",
        &[
            "Passed: 40, failed: 5, skipped: 2. Total: 50.",
            "Total: 50, passed: 40, failed: 5, skipped: 2.",
            "- Passed: 1,000, failed: 5. Total tests: 1,050",
        ],
        &[
            // A few of many are skipped without a word.
            "- Tests: 190 failed, 245 passed, 436 total",
            "- Passed: 1,040, failed: 5. Total tests: 1,050",
            "Passed: 40, failed: 5, skipped: 5. Total: 50.",
            // What was skipped may be left out of the total.
            "Passed: 40, failed: 5, skipped: 2. Total: 45.",
            // There may be more than is listed.
            "Failed: 5, skipped: 2. Total: 50.",
            "Passed: 40, skipped: 2. Total: 50.",
            "Passed: 40, failed: 5, flaky: 3. Total: 50.",
            "Passed: 40, failed: 5. Total: 50, of which 5 were not run.",
            "Passed: 40, failed: 5.\n\nTotal: 50.",
            // The total of both suites.
            "API: passed: 10, failed: 1. Pages: passed: 30, failed: 2. Total: 43.",
            "- API: passed: 10, failed: 1\n- Pages: passed: 30, failed: 2\n- Total: 43",
        ],
    );
}

#[test]
fn a_label_of_one_word_has_one_value_under_title_and_summary() {
    only(
        "two-values",
        &[
            "# Report\n\nAvailability: 99.5 %\n\n## Summary\n\nAvailability: 99.9 %",
            "# Report\n\n- Downtime: 40 minutes\n\n## Method\n\nBy hand.\n\n## Summary\n\n- Downtime: 10 minutes",
        ],
        &[
            "# Report\n\nAvailability: 99.9 %\n\n## Summary\n\nAvailability: 99.9 %",
            "# Report\n\n## Shop\n\nAvailability: 99.5 %\n\n## Summary\n\nAvailability: 99.9 %",
            "# Shop\n\nAvailability: 99.5 %\n\n# Summary\n\nAvailability: 99.9 %",
            "# Report\n\nAvailability: 99.5 %\n\n## Till\n\nAvailability: 99.9 %",
            "# Report\n\nAvailability: at least 99.5 %\n\n## Summary\n\nAvailability: 99.9 %",
        ],
    );
}

#[test]
fn start_end_and_duration_on_lines_of_their_own_fit() {
    only(
        "dates-off",
        &[
            "Start: 10:00\nEnd: 11:00\nDuration: 2 hours",
            "- **Start:** 2026-01-05 22:00\n- **End:** 2026-01-06 01:00\n- **Duration:** 5 h",
        ],
        &[
            "Start: 10:00\nEnd: 12:00\nDuration: 2 hours",
            "Start: 22:00\nEnd: 01:00\nDuration: 3 h",
            "Start: 10:00\nEnd: 14:00\nDuration: 2 hours without breaks",
            "Start: 10:00\nEnd: 11:00\nDuration: 2 hours, preparation included",
            "Start: 10:00 PM\nEnd: 1:00 AM\nDuration: 3 hours",
            "Start: 10:00\nEnd: 11:00\n\nDuration: 2 hours",
        ],
    );
}

#[test]
fn two_dates_and_the_days_between_them_fit() {
    only(
        "dates-off",
        &[
            "The test ran 2026-01-05 to 2026-01-08 (7 days).",
            "- Period: 5 January 2026 - 8 January 2026, 7 days",
        ],
        &[
            // With the first day and without it.
            "The test ran 2026-01-05 to 2026-01-08 (4 days).",
            "The test ran 2026-01-05 to 2026-01-08 (3 days).",
            "The test ran 2026-01-05 to 2026-01-18 (7 working days).",
            "The test ran 2026-01-05 to 2026-01-08 (7 days of data).",
        ],
    );
}

#[test]
fn a_pass_that_takes_itself_back_is_none() {
    only(
        "passed-unchecked",
        &[
            "| Control | Result |\n|---|---|\n| TLS | ✅ PASS (not tested) |",
            "| Control | Status |\n|---|---|\n| Restore | Passed - not yet verified |",
            "- ✅ Backups: disabled",
            "- ✅ Disk encryption: not configured",
        ],
        &[
            "| Control | Result |\n|---|---|\n| TLS | ✅ PASS (not tested again after the update) |",
            "| Control | Result |\n|---|---|\n| TLS | ❌ (not tested) |",
            "| Control | Result |\n|---|---|\n| TLS | ⚠ not tested |",
            "- ✅ Telnet: disabled",
            "- ✅ Verbose logging: disabled",
            "- ❌ Backups: disabled",
            "- ✅ Backups: enabled",
        ],
    );
}

#[test]
fn all_is_held_against_fewer_of_it() {
    only(
        "all-but",
        &[
            "## ✅ All phases completed (6/11)\n\nEach was reviewed.",
            "- All interfaces are operational (85.7% success rate)",
        ],
        &[
            "Once all 11 models are downloaded, training begins.\n\nStatus: 2/11 models complete",
            // What is complete of them is more than what is said of all.
            "- **All 29 products have backends**\n\n## State\n\nStatus: 28/29 products complete",
            "## ✅ All 5 core phases complete (83%)\n\nEach was reviewed.",
            "- All tests passing (861/864 - 3 pre-existing failures)",
            "## ✅ All phases completed (11/11)\n\nEach was reviewed.",
            "- Modules fully working: 16/18 (89%)",
            "**Pass criteria**: all 5 checks pass ✅\n\n**Pass criteria**: 3/5 checks pass",
            "System status: 100% operational\n\nSystem health: 98/100",
        ],
    );
}

#[test]
fn only_what_somebody_keeps_record_of_is_open() {
    let ready = |rest: &str| format!("# Shop\n\n**Status**: PRODUCTION READY\n\n{rest}");
    for (open, rest) in [
        (true, "## Release checklist\n\n- [x] built\n- [ ] load tested"),
        (false, "## Integration tests\n\n- Import: passed\n- ⏳ Undo pending verification"),
        // What stands in such a list may wait until one deploys.
        (false, "## Pre-deployment checklist\n\n- [x] built\n- [ ] load tested"),
        (false, "## Release checklist\n\n- [x] built\n- [ ] Functions deployed"),
        (
            false,
            "## Verification\n\n**Pre-deployment**:\n- [x] tested\n\n**Post-deployment**:\n- [ ] tested again",
        ),
        // What is tested is demanded where it says so.
        (
            false,
            "## Testing checklist\n\n### Pages\n\n- [x] Start\n\n### ⏳ Performance testing\n\n- [ ] Speed\n- [ ] Memory\n- [ ] Queries",
        ),
        (
            false,
            "## Testing checklist\n\n### ⏳ To verify in production\n\n- [ ] Test the map\n- [ ] Test the export\n- [ ] Test the mails",
        ),
        (
            false,
            "## Related\n\nThis is part of the work on production readiness:\n\n1. ✅ **Cleaning** - completed\n2. ⏳ **Refactoring** - see the plan",
        ),
        (false, "## Console output\n\n- ✓ Passed tests (green)\n- ✗ Failed tests (red)"),
        (false, "## Critical issues identified\n\n1. ❌ **No backups** - all may be lost"),
        (
            false,
            "## Production readiness\n\n| Component | Status |\n|---|---|\n| Search | ✅ |\n| Analytics | ❌ Not implemented (future) |",
        ),
        (
            false,
            "## Checklist\n\n### Push\n\n- [x] pushed\n\n### Production readiness\n\n- [ ] Workflows pass\n- [ ] Images built\n- [ ] Rollback tested",
        ),
        (false, "## Blockers\n\n- Warning of a peer dependency (non-blocking)"),
        (false, "## Problem statement\n\n### Critical blocker identified\n\n- Compilation fails"),
        (
            false,
            "## Results\n\n### Before deployment\n\n- ❌ Pages broken\n\n### After deployment\n\n- ✅ Pages work",
        ),
        (false, "## TODO 1.4: write unit tests\n\n**Prerequisites**:\n\n- ✅ Jest\n- ⏳ Mocks"),
        (
            true,
            "## Security\n\n### Done\n\n- ✅ built\n\n### Before the release\n\n- [ ] Backups tested\n- [ ] Limits tested\n- [ ] Roles reviewed",
        ),
        (false, "## Testing checklist\n\n### Needs testing ⏳\n\n- [ ] Payments\n- [ ] Refunds\n- [ ] Mails"),
        // Boxes of which none is ticked are a form.
        (
            false,
            "## Testing checklist\n\n### Pages\n\n- [x] Start\n\n### Browsers\n\n- [ ] Chrome\n- [ ] Firefox\n- [ ] Safari",
        ),
        // What one does when one deploys, and where it will run.
        (false, "## Deployment checklist\n\n- [x] built\n- [ ] Test all mails"),
        (false, "## Pre-flight checklist\n\n- [x] built\n- [ ] TLS certificates in place\n- [ ] Domain"),
        (false, "## Day 1: Critical blockers (8 hours)\n\n- 09:00: Migrations\n- 10:00: Permissions"),
        (
            false,
            "## Validation\n\n| Test | Status |\n|---|---|\n| Unit | ✅ passed |\n| Load | 🟡 pending, recommended |",
        ),
        (
            false,
            "## Targets\n\n| Metric | Value | Target | Status |\n|---|---|---|---|\n| Response time | 320 ms | <100 ms | 🔄 Optimizing |",
        ),
    ] {
        assert_eq!(found(&ready(rest)), if open { vec!["open-preconditions"] } else { Vec::new() }, "{rest}");
    }
    // A plan, a criterion, a comparison.
    for text in [
        "# Recovery plan\n\n**Status**: PRODUCTION READY\n\n## Before the release\n\n- [ ] tested",
        "# Shop\n\n## Success criteria\n\n- Ready for production\n\n## Before the release\n\n- [ ] tested",
        "# Shop\n\nThe shop is now significantly more production-ready.\n\n## Before the release\n\n- [ ] tested",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn totals_of_a_table_are_values_and_adjectives_are_none() {
    only(
        "two-values",
        &[
            "# R\n\n## Summary\n\n- Unit coverage: 90%\n\n## Metrics\n\n| Metric | Value |\n|---|---|\n| Unit coverage | 81% |\n| Helm charts | 6 |",
        ],
        &[
            // A bare number may count anything.
            "# R\n\n## Summary\n\n- Total tests: 38\n\n## Metrics\n\n| Metric | Value |\n|---|---|\n| Total tests | 146 |\n| Helm charts | 6 |",
            "# R\n\n## Summary\n\n- Security score: 3.2/10\n\n## Metrics\n\n- Security score: 9/10",
            "# R\n\n## Summary\n\nThe 5-agent swarm has finished.\n\n## Metrics\n\n- Memory of a 10-agent swarm: 50 MB",
            "# R\n\n## Summary\n\n- Total files created: 43\n\n## Metrics\n\n| Metric | Value |\n|---|---|\n| **Total files created** | 43 |\n| Helm charts | 6 |",
        ],
    );
}

/// What public reports showed to be wrong findings, each in its smallest form.
#[test]
fn what_other_reports_say_of_two_things_is_no_contradiction() {
    for text in [
        "- Score: 75/100 (95% production ready)",
        "- Target: 1,400 / 1,400 functions (70% of 1,947)",
        "- **Tests:** 27 passing, 9 failing edge cases = 75% pass rate",
        "**Next**: Day 3 - Node Types (HTTP, Transform, Filter, Email, Webhook)",
        "## Progress: 7 of 19 tasks\n\n- ✅ one\n- ✅ two\n- 🔄 three",
        "Total unsafe blocks: 74\n\n- Audited: 74\n- Safe: 74\n- Needs fix: 0",
        "| Category | Weight | Score |\n|---|---|---|\n| Code | 25% | 92/100 |\n| Tests | 75% | 80/100 |\n| **OVERALL** | 100% | **87/100** |",
        "- ✅ 100% test success rate - All 73 tests passing\n\n## Statistics\n\n- Combined tests: 140/155 passing (90%)",
        "## Status\n\n**Status**: production ready with documented limitations\n\n## Summary\n\n- 7/10 tests passing",
        "**Status**: ready for deployment\n\n## Launch checklist\n\n- [x] built\n- [ ] API deployed to the cluster",
        "- Overhead: -3.40% (within noise)",
        "- **Banks 100%**: 5 of 16",
        "*Services tested: 6*\n*Tests executed: 31*\n*Tests passing: 28*\n*Tests failing: 3*",
        "- Score blending (80/20)",
        "**Pass rate:** 100% (16/20 tests passed, 4 not run)",
        "- Campaign total: 24,987 → 26,107 (30.7%)",
        "**Legend:**\n\n- ✅ COMPLETE - All tests passing\n- 🔄 running\n\n## Results\n\nTests: 2/3 passing",
        "All 8 test cases pass.\n\n- Test zero cashback when card has 0% rate",
        "## Phase 1: tests ✅ (partially complete)\n\n- [x] fixtures\n- [ ] all pass",
        "# R\n\n## Summary\n\n- Test suites: 18\n\n## Deliverables\n\n- [x] **E2E test suite**\n  - 8 test suites",
        "**Ready for production**: YES ✅\n\n## Release checklist\n\n- [x] built\n- [ ] **Recommended:** a filter by category",
        "**Status**: ready for deployment approval\n\n## Release checklist\n\n- [x] built\n- [ ] tested in a browser",
        "- **Monitoring frequency**: 60s ✅ (Target: <60s)",
        "| Metric | Target | Achieved | Status |\n|---|---|---|---|\n| Accuracy | >99% | >99% | ✅ Met |",
        "- Law No. 27/2022 (100%)",
        "### ✅ Passing tests (212 / 65%)",
        "| Module | Functions | Hinted | Share |\n|---|---|---|---|\n| a.py | 12 | 3 | 25% |\n| b.py | 13 | 4 | 31% |\n| **Overall** | 1,513 | 1,275 | 84% |",
        "- Total: 4/3 files",
        "| Pod | Replicas | Storage |\n|---|---|---|\n| Cache | 3 | 10Gi |\n| Guard | 3 | 1Gi |\n| **Total** | 6 | 33Gi |",
        "| Test | Status | Result |\n|---|---|---|\n| Unit tests | READY | NOT RUN |",
        "**Status**: production ready\n\n- RAM: 8GB minimum, 16GB recommended",
        "Pass rate: 70.6% (12/17 tests passed overall)\n\n- Core: 4/4 categories\n- Flow: 3/3 categories\n- More: 2/4 commands\n- Flags: 3/3 tested",
        "- Coverage threshold: ✅ 80% lines, 75% branches (configured)",
        "- **src/game.py** (0% coverage) - intentionally not tested",
        "## Expected results\n\n| Metric | Before | After | Improvement |\n|---|---|---|---|\n| Latency | 17.4 min | 14.5 min | 15% |",
        "**Status**: production ready\n\n- 75% test success rate (3/4 major categories PASSED)",
        "**Status**: production ready\n\n## Prerequisites\n\n- [x] built\n- [ ] tested with real accounts",
        "## Files created (16 total)\n\n### Code (10 files)\n\n### Shapes (6 files)\n\n### Documents (3 files)",
        "- Header: 32 bytes\n- Elements: 8 bytes each\n- Total: 32 + 8*n bytes",
        "- 4 components (badges, gauges, displays)",
        "**Overall production readiness: 45%** (6/10 categories complete)",
        "- Progress: 30% (1.5/4 weeks)",
        "**Status**: complete and ready for review\n\n## Before the release\n\n- ❌ Claims: pending",
        "- Test that the 422/401 errors are gone",
        "- **Status:** fully functional\n  - ❌ SHOULD MERGE with the other tab",
        "## Medium (20 issues) by category\n\n### Speed (14 issues)\n\n### Errors (13 issues)",
        "## High priority issues (all complete ✅)\n\n1. ✅ H-1: Unverified claims - COMPLETED",
        "```\nCache: 6/6 tests\nCheckpoints: 3/3 tests\nExecutor: 3/3 tests\nCloud: 0/1 tests (optional)\n\nTotal: 12/12 tests passing\n```",
        "- ✅ Client tests (28/20 required)",
        "| Phase | Starting errors | Ending errors |\n|---|---|---|\n| 1 | 97 | 68 |\n| 2 | 68 | 24 |\n| **TOTAL** | 97 | 24 |",
        "- Created 8 modules (1,549 total lines)\n  - VPC (700 lines)\n  - Jobs (600 lines)",
        "- Expand to phase 2 services (Engine, Auth, Mail)",
        "- Security score: 95.7% (6/7 categories complete)",
        "\"248 passing tests are more valuable than 1000 tests with an 82.7% pass rate.\"",
        "Key: a 53% pass rate with 174 test failures.\n\n- Total tests: 409 (217 passed, 174 failed, 18 skipped)",
        "- Lint: 205 → 120 (40% improvement)",
        "| Metric | Target | Achieved | Status |\n|---|---|---|---|\n| Max replicas | 20 | 50 | 150% better ✅ |",
        "## Features\n\n- ✅ Error handling\n\n## Next steps\n\n1. **Error handling**: messages for people",
        "| Task | Status |\n|---|---|\n| Modals | 0 of 9 modals converted |\n\n⏳ All 9 modals are converted",
        "| Metric | Count |\n|---|---|\n| Test files | 6 |\n| Tests passed | 60 |\n| Tests failed | 4 |\n| Total tests | 64 |",
        "| File | Total | Passed | Failed |\n|---|---|---|---|\n| a.test.js | 25 | 0 | 0 |",
        "- ✅ Enrolment: 95% faster (5 days → 2 hours)",
        "**Progress**: 80% (3 of 5 phases complete, plus phase 1.5)",
        "8 services: SonarQube + PostgreSQL, Snyk, Trivy, Gosec, Semgrep, KICS, Grype",
        "### Endpoints (2 total)\n\n| Endpoint | Method |\n|---|---|\n| **Context** | |\n| start | POST |\n| stop | POST |",
        "## Deployment checklist\n\n- [ ] Production deployment\n\n## Sign-off\n\n- ✅ Production deployment",
        "# R\n\n**Progress**: 1/21 tasks complete\n\n## Progress summary\n\n**Phase 3A**: 1/14 tasks complete",
        "| Page | Tests | Coverage |\n|---|---|---|\n| Start | 4 | 88% |\n| Basket | 16 | 60% |\n| **AVERAGE** | 20 | 74% |",
        "**Status**: approved for production\n\n## Validation results\n\n- Input: passed\n- Sandbox: Error-free operation",
        "- ✅ 81% of all tests pass",
        "- ✅ All critical systems are operational\n\nSystem health: 94% (48/51 systems passed)",
        "🚀 Ready for launch!\n\n## Production readiness\n\n- **Before:** 🔴 BLOCKED\n- **After:** 🟢 READY",
        "**Status**: ready for production\n\n## Release checklist\n\n- [x] tested\n- [ ] Set `MAIL_KEY` in Netlify\n- [ ] Push to the repository",
        "# R\n\n## Summary\n\nBackend tests: 31 tests\n\n## Files\n\n- Backend tests: 510 lines",
        "- Trust account: 7,500\n- Client A: 6,500\n- Client C: 1,000\n- Sum: 7,500",
        "| Metric | Before | After | Improvement |\n|---|---|---|---|\n| Downtime | 99.5% uptime | 99.95% uptime | 90% |",
        "**Overall**: 4/8 complete (50%), 3/8 in progress (37.5%)",
        "# Report\n\n- All 8 pages created\n\n## Findings\n\n4 out of 8 tasks are claimed for the pages.",
        "# Gas\n\n### Overall\n\n- L1 cost (expense) of data: 12\n\n### Premium\n\n- L1 cost (expense) of data: 3",
        "- **GET** returns 5 tools across categories (default, data, custom, other)",
        "### ❌ Failed tests (3/30)\n\nAll 3 failures are the same.",
        "## Isolation verification checklist\n\n### ✅ Passwords\n\n- [x] hashed\n- [ ] sent by link",
        "# Deployment checklist\n\n**Status**: ready for deployment\n\n## Pre-deployment\n\n- [x] built\n\n### Git status\n\n- [ ] Review the changes",
        "The shop is 85% complete and production-ready.\n\n## Before the release\n\n- [x] built\n- [ ] load tested",
        "## Deployment checklist\n\n- [x] Aliases: defined in configuration\n- [ ] Aliases: test at run time",
        "# Test report\n\nScore: 12/17 tests passed overall\n\n## Results\n\n### 1. Commands ❌\n\nNone was found.\n\n### 2. Modules (3/5 passed)\n\nText.\n\n### 3. Scripts (4/5 passed)\n\nText.\n\n### 4. Workflow (5/5 passed)\n\nText.",
        "**Status**: ready for production\n\n## Checklist\n\n- [x] built\n\n**When you deploy**:\n- [ ] set the variables",
        "**Status**: production ready\n\n## Production readiness\n\n### Before implementation\n\n- Test coverage: 0% ❌",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn a_count_in_brackets_is_the_sum_of_those_below_it() {
    only(
        "parts-not-total",
        &[
            "## Core modules (19 total)\n\n### Fixes (5 modules)\n\nText.\n\n### Tools (15 modules)\n\nText.",
            "## Commits (79 new commits)\n\n### Core (27 commits)\n\n### Pages (31 commits)",
            "**Handlers (13 locations)**\n\n- `agent.py` (6) - main loop\n- `lang.py` (5)\n- `mail.py` (3)",
            "1. Handlers (13 locations)\n   - `agent.py` (6)\n   - `lang.py` (8)",
        ],
        &[
            "## Core modules (20 total)\n\n### Fixes (5 modules)\n\nText.\n\n### Tools (15 modules)\n\nText.",
            // Of something else.
            "## Architecture (5 divisions)\n\n### Code (10 roles)\n\n### Web (10 roles)",
            "## Files (16 files)\n\n### Core (25 tests)\n\n### Web (10 tests)",
            "## Start (5 minutes)\n\n### Install (3 minutes)\n\n### Run (3 minutes)",
            "## Modules (19)\n\n### Fixes (5)\n\n### Tools",
            "## Modules (19)\n\n### Fixes (~5)\n\n### Tools (15)",
        ],
    );
}

#[test]
fn a_ticked_heading_is_denied_by_what_stands_below_it() {
    only(
        "passed-unchecked",
        &[
            "# Shop\n\n## ✅ Completed validations\n\n| Check | Status |\n|---|---|\n| Types | ✅ PASS |\n| Server | ⏳ PENDING |",
            "# Shop\n\n## All pages passed ✅\n\n- Start: passed\n- Basket: not tested",
        ],
        &[
            "# Shop\n\n## ✅ Completed validations\n\n| Check | Status |\n|---|---|\n| Types | ✅ PASS |\n| Server | ✅ PASS |",
            "# Shop\n\n## Test results ✅\n\n- Start: passed\n- Basket: failed",
            "# Shop\n\n## All pages passed ✅ / ❌\n\n- Start: passed\n- Basket: not tested",
            "# Shop\n\n## All pages passed ✅\n\n- Start: passed\n- Basket: not tested, planned for June",
            "# Shop\n\n## Bugs fixed ✅\n\n- Start: passed\n- Basket: failed",
        ],
    );
}

#[test]
fn decades_roundings_alarms_and_conditions_are_no_contradictions() {
    for text in [
        // Decades are no seconds.
        "- 1960s → 1970s: -12.8% (from 2,650 to 2,310/year)",
        // What was gained since the beginning of the list.
        "- Phase 1: 226s → 100s (2.3x faster)\n- Phase 2: 100s → 70s (3.2x faster)",
        // 0.0131 ms.
        "- Lookup: 641ms → 0.01ms (48,912x faster)",
        "Transforming a 22% failure rate (53 failing tests) into 100% pass rate (308 passing tests).",
        // Nobody averages what is called overall.
        "| Criterion | Before |\n|---|---|\n| Accuracy | 9.5/10 |\n| Usability | 9/10 |\n| Overall score | 9.8/10 |",
        // 12 mended where 10 were promised.
        "Success rate: 120%",
        // What raises an alarm is no target.
        "| Metric | Threshold | Current | Status |\n|---|---|---|---|\n| Memory | >300 MB | 111 MB | ✅ Safe |",
        "## Before the release\n\n- [ ] Backups tested\n\n**Production ready:** With manual verification complete",
        // Of this run, and of all of them.
        "# Report\n\n## Summary\n\nPass rate: 100%\n\n## Conclusion\n\nOverall pass rate: 98.9%",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn what_counts_otherwise_is_no_contradiction() {
    for text in [
        // Tens are said of what is near them.
        "- Phase 1: 800ms → 500ms (40% improvement)",
        // What is merged may stand in both.
        "| Source | Keys |\n|---|---|\n| Locale | 403 |\n| Context, merged | 1860 |\n| Total | 2092 |",
        // Kilobytes are no lines.
        "| Module | LOC | Files |\n|---|---|---|\n| A | 3,069 | 8 |\n| B | 9,633 | 15 |\n| C | 47.6 KB | 4 |\n| Total | 13,702 | 27 |",
        // What is not done yet.
        "| Phase | Hours | Completion |\n|---|---|---|\n| 1 | 8h | 100% |\n| 2 | 32h | 100% |\n| 3 | 8h | 0% |\n| Total | 40h | |",
        // Files that are listed nowhere.
        "**Total number of files**: 133\n\n- Pages: 8 files\n- Components: 87 files\n- Helpers: 14 files",
        // Nothing says that these are all of the bundle.
        "## Bundle budgets\n\n- react: 600KB\n- icons: 150KB\n- vendor: 300KB\n- Total: 1500KB",
        // Minutes and seconds of a film.
        "- Clip 1: 2:15-2:42 (27s)",
        "**Completion:** 88% (9 of 10 products)",
        "- **التغطية الحالية:** 27% (219/756 سطر)",
        "**Start**: 10 failures + 1 error + 1 pass (8% pass rate)",
        // Five of something else.
        "Tests: 5\n\n- **System uptime:** 99.9% (target: 99.5%) ✅",
        "- ✅ **Production-ready quality**: 2000+ lines of TypeScript code, zero `any` types",
        // One part of the whole.
        "- ✅ >90% code coverage (range: 89%-96% per component)",
        "| Metric | Value | Target | Status |\n|---|---|---|---|\n| Memory | 58 MB | <50 MB from baseline | ✅ Pass |",
        // What a program does not look at.
        "- ✅ dev-keys (not checked)",
        // A list of phases with what became of them.
        "### Phases completed\n\n- ✅ **Login:** successful\n- ❌ **Test data:** still fails",
        "### Overall metrics\n\n```\nProduction readiness: 95% ██\n```\n\n### Impact summary\n\n```\nProduction readiness: 92% → 95%\n```",
        "| Metric | Before | After | Improvement |\n|---|---|---|---|\n| Releases | 2x/month | 2x/week | 5x faster |",
        // Nothing says how many have to pass.
        "**Status**: production ready\n\n## Summary\n\n- 7/10 integration tests passing",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn what_is_taken_away_rounded_or_told_apart_is_no_contradiction() {
    for text in [
        // A loss is taken away.
        "| Entity | Benefit |\n|---|---|\n| A | $387,786.94 |\n| B | $98,317.25 |\n| C | -$1,913.53 |\n| Total | $484,190.66 |",
        // Rounded, or cut off.
        "| Platform | Revenue |\n|---|---|\n| A | $12M |\n| B | $16M |\n| C | $9.6M |\n| Total | $37M |",
        // The last are some of these.
        "**Total number of helpers:** 42\n\n- Used: 38\n- Unused: 4\n- Recently added: 2",
        // Two of them by design.
        "| Category | Safe | Vulnerable |\n|---|---|---|\n| Votes | 5 | 2 |\n| Thresholds | 2 | 3 |\n| Timing | 5 | 3 |\n| Total | 12 + 2 by design | 6 |",
        // What is to come.
        "| Phase | Status | Tasks |\n|---|---|---|\n| 1 | ✅ done | 4 |\n| 2 | ⏳ planned | 10 |\n| 3 | ⏳ planned | 10 |\n| Total | | 20 |",
        // Pages of a paper.
        "#### 2. Literature (3 pages)\n\n- Platforms\n- Systems\n- Applications\n- Gaps\n\n#### 3. Method",
        "| Category | Score | Max |\n|---|---|---|\n| Dependencies | -15 | 0 |",
        // Points of a score up to 1.
        "- Health: 0.75 → 0.802 (5.2% improvement)",
        "- Claude AI: ✅ Ready (not tested)",
        "- ✅ Shows: 100 / 12,236 (0.0% complete)",
        // It is 85 %, rounded.
        "- ✅ 84.99% code coverage (target: 85%)",
        "Improved the coverage from **47.4% to 81.5%**, exceeding the 75% target.",
        "- ✅ **Cache hit rate 85.1%** (target >75%) - 10% above target",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn what_grows_is_recommended_explained_or_of_some_is_no_contradiction() {
    for text in [
        // How far a thing is.
        "# Report\n\n## Summary\n\n- Consciousness persistence: 25% complete\n\n## Details\n\n- Consciousness persistence: 75%",
        "- ✅ Offsite backup: recommended (not yet implemented)",
        "## Security framework ✅ 100% complete\n\n- ✅ Zero trust\n- ❌ HSM - not implemented (hardware dependency)",
        "- ✅ **Production-ready quality**: 12,700+ lines of production code",
        // Features are no endpoints, and items may hold several.
        "**AI features** (7 endpoints):\n\n- ✅ Itinerary\n- ✅ Content\n- ✅ Budget\n- ✅ Recommendations\n- ✅ Search",
        "#### Learning (5 items)\n\n- Memory configuration\n- Kernel mapping\n- Practice monitoring\n\n#### Rest",
        // Those that are required are fewer than all.
        "## Attributes (30 required fields)\n\n### Core (16)\n\nText.\n\n### Basic (13)\n\nText.\n\n### Contact (5)\n\nText.",
        "## Production readiness checklist\n\n- [x] Queue\n- Database connection test: ❌ not available in test\n\n**Status**: PRODUCTION READY",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn what_stands_elsewhere_in_its_list_or_table_is_no_contradiction() {
    for text in [
        // One may have been skipped.
        "- Total: 35\n- Pending: 2\n- Failed: 30\n- Passed: 2",
        "- **Total tests run:** 1410\n- **Passed:** 1051\n- **Skipped:** 336\n- **Expected failures (xfailed):** 17\n- **Failed:** 6",
        "- Preparation: 2 weeks\n- Repository: 3 weeks\n- Interface: 5 weeks\n- Total: 11 weeks (includes buffer)",
        "| Category | Created | Passing |\n|---|---|---|\n| Existing | 128 | 128 |\n| Components | 14 | TBD |\n| Hooks | 13 | TBD |\n| Total | 180 | 167 |",
        // A bar in a cell ends it.
        "| Kind | Tests | Killed |\n|---|---|---|\n| Boundary | 9 | ~11 |\n| Logical (!, &&, ||) | 3 | ~5 |\n| Other | 10 | ~4 |\n| Total | 22 | ~20 |",
        // How far the zone is off.
        "- **Started:** 2025-11-08T19:30:29.405132+00:00\n- **Completed:** 2025-11-08T19:36:42.428873+00:00\n- **Elapsed:** 373.02s",
        "| File | Branch coverage |\n|---|---|\n| auth.py | 79% (21/27) |",
        "**Violations reduced:** 163 → 124 (62% reduction of critical issues)",
        "## Production readiness checklist\n\n- [x] Build\n- ⏳ Manual testing: pending\n\n**Status**: PRODUCTION READY",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn what_may_be_meant_either_way_is_no_contradiction() {
    for text in [
        "- Filtered: (1750 / (250 + 1750)) * 100 ≈ 87-94%",
        // Less code of its own is better, and so is less time.
        "✅ **42.7% custom code** (target: 45%) - **EXCEEDED**",
        "- optimization: 3000ms ✅ EXCEEDS 5000ms STANDARD",
        "**Impact**: Cache hit rate **45% → 92%**, 100x faster for cached responses",
        "- ✅ All requests complete successfully (0% error rate)",
        "- ✅ Reliability: 100/100 (4 circuit breakers, target 99.9%)",
        // Several counters each.
        "#### Delegation metrics (8 metrics)\n\n- Delegation counters\n- Completion tracking\n- Queue depth\n- Duration histograms\n- Retry tracking\n- Failure gauges\n\n#### Rest",
        "## Production blockers\n\n- Hardcoded test credential could be mistaken for a real one\n\n**Status**: PRODUCTION READY",
        "## Before the deployment\n\n- ☐ Review FINAL_PLAN.md\n\n**Status**: READY FOR DEPLOYMENT",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn spelt_numbers_spans_of_slots_and_what_waits_are_no_contradictions() {
    for text in [
        "- ≤ 0xFFFFFFFF: 5 bytes (0xFE + 4 bytes)",
        "- 01XX format: 10 digits (01 + 8 digits)",
        "| Test | Firefox | Chromium | WebKit | Status |\n|---|---|---|---|---|\n| Doctor list | ✅ PASS | Not run | ✅ PASS | ✅ |",
        "| Task | Before | After | Improvement |\n|---|---|---|---|\n| Math | 56 (wrong) | 62 (correct) | 100% accurate |",
        "- Morning: 09:00 - 11:30 (30-minute intervals)",
        // The width of a screen is no target.
        "- Desktop (≥1024px): 32px professional ✅",
        "| Metric | Target | Actual | Status |\n|---|---|---|---|\n| Image selection | >85% | 81.6% | ✅ Good |",
        "### JSON ✅ API & types complete\n\n- ✅ Types\n- ⏳ Parser pending",
        // Styles are all there are.
        "| Criterion | Target | Actual | Status |\n|---|---|---|---|\n| Routing accuracy | >90% | 100% (8/8 styles) | ✅ |",
        "# Report\n\n**Assessment:** ✅ **PRODUCTION READY**\n\n## Production readiness checklist\n\n### Should have\n\n- [x] Health checks\n- [ ] Load testing",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn a_limit_in_the_name_of_what_is_measured_is_no_target() {
    only(
        "target-missed",
        &["| Metric | Limit | Actual | Status |\n|---|---|---|---|\n| Open files | 200 | 350 | ✅ Met |"],
        &[
            // The most that it bore.
            "| Metric | Target | Actual | Status |\n|---|---|---|---|\n| Max parallel sessions | 300 | 420 | ✅ EXCEEDED |",
            "| Metric | Target | Actual | Status |\n|---|---|---|---|\n| Upload limit profiles | 3 | 5 | ✅ Met |",
            "- **Max parallel sessions**: 420 (target: 300) ✅ EXCEEDED",
        ],
    );
}

#[test]
fn a_part_is_of_what_its_total_counts_and_overlaps_no_other() {
    only(
        "parts-not-total",
        &[
            "- Unit tests: 14\n- Page tests: 9\n- Total tests: 25",
            "- Indoor beds: 40 (57%)\n- Outdoor beds: 30 (43%)\n- Total beds: 75",
            "Total number of beds: 60\n\n- Indoor: 30\n- Outdoor: 25\n- Spare: 12",
            "- 12 tables (5 core + 6 audit)",
            "### Import (9 tests)\n\n- Reading (4 tests)\n- Writing (3 tests)",
        ],
        &[
            // Files are no tests.
            "- New test files: 4\n- New tests: 27\n- Total tests: 36",
            "- New tests: 36\n- Old tests: 9\n- Total tests: 36",
            "- Unit tests: 40\n- Page tests: 30\n- Total unique tests: 60",
            "- Indoor beds: 40 (67%)\n- Outdoor beds: 30 (50%)\n- Total beds: 60",
            "Total number of unique beds: 60\n\n- Indoor: 30\n- Outdoor: 25\n- Spare: 12",
            // The seventh and the eighth migration.
            "- Tables: 12 (7 + 8)",
            // Criteria, each with what shows it.
            "### Import (9 tests)\n\n- [x] Reads what it wrote (4 tests)\n- [x] Refuses what is cut off (3 tests)",
        ],
    );
}

#[test]
fn verbs_and_what_is_none_of_the_others_are_no_entries() {
    only(
        "count-not-list",
        &[
            "- 4 themes (light, dark, paper)",
            "- Knows 3 languages: Danish, Dutch, Irish, Polish",
            "### Roles (3 roles)\n\n- `admin`\n- `guest`\n- `editor`\n- `owner`",
        ],
        &[
            // Two of them get something.
            "- 4 endpoints (create, get, remove)",
            "- 5 tenant endpoints (plans, bills, usage, payments)",
            "- Knows 3 languages: Danish, Dutch, Irish, UNKNOWN",
            "### Roles (3 roles)\n\n- `admin`\n- `guest`\n- `editor`\n- `none`",
        ],
    );
}

#[test]
fn a_change_and_a_ratio_have_no_maximum() {
    only(
        "beyond-maximum",
        &["Cache overhead: -2.75% on average", "- **Code coverage**: 130%"],
        &[
            "- Cache overhead: -40%",
            "- Speed: +20%\n- Cache overhead: -37.5%",
            "Cache overhead: -40% (less to copy)",
            "- **Code coverage**: 130% of what was asked",
        ],
    );
}

#[test]
fn what_says_that_it_was_not_tested_passes_only_where_it_is_ticked() {
    only(
        "passed-unchecked",
        &[
            "- `parse()` - 0% coverage - well tested",
            "| Part | Status | Evidence |\n|---|---|---|\n| Mails | ✅ Working | (not tested) |",
        ],
        &[
            "**Why the coverage is low:**\n\n- Only the parser is tested\n- Pages (0% coverage) - not tested",
            // It may have been in an earlier one.
            "| Part | Status | Evidence |\n|---|---|---|\n| Mails | ✅ Working | (not tested in this run) |",
        ],
    );
}

#[test]
fn a_success_rate_is_of_what_is_counted_beside_it() {
    let rates = |name: &str| {
        format!(
            "# Report\n\n## Summary\n\n- Total tests: 18\n- {name}: 50%\n\n## Performance metrics\n\n- Total requests: 11\n- {name}: 100%"
        )
    };
    let alone =
        "# Report\n\n## Summary\n\n- Success rate: 50%\n\n## Performance metrics\n\n- Success rate: 100%";
    only("two-values", &[&rates("Login success rate"), alone], &[&rates("Success rate")]);
}

#[test]
fn a_tick_alone_says_that_something_is_there_and_not_that_it_passed() {
    only(
        "passed-unchecked",
        &[
            "- ✅ Restore works (not tested)",
            "| Part | Result |\n|---|---|\n| Restore | ✅ (not tested) |",
            "- ✅ **Load testing**: passed\n\n## Next steps\n\n1. **Load testing**: in June",
            "#### ✅ Staging\n\n- Alerts (temporarily disabled)",
        ],
        &[
            "- ✅ Restore (not tested)",
            "- ✅ **Load testing**\n\n## Next steps\n\n1. **Load testing**: in June",
            "#### ✅ Staging\n\n- ✅ Alerts (mail, telephone - disabled)",
        ],
    );
}

#[test]
fn what_explains_itself_behind_its_name_is_no_open_box() {
    let ready =
        |open: &str| format!("# Shop\n\n**Status**: ✅ PRODUCTION READY\n\n## Before the release\n\n{open}");
    let planted = ["- ⏳ Load testing", "- [ ] Load testing: in June", "- Load testing: failed"].map(ready);
    let sound = ["- ⏳ Load testing: needs the new machine", "- Load testing: 8 to 10 hours"].map(ready);
    only(
        "open-preconditions",
        &planted.each_ref().map(String::as_str),
        &sound.each_ref().map(String::as_str),
    );
}

#[test]
fn a_list_adds_up_where_it_says_of_what_or_is_long_enough() {
    only(
        "parts-not-total",
        &["- Indoor: 40\n- Outdoor: 30\n- Spare: 10\n- Total: 85"],
        &[
            "- Indoor: 40\n- Outdoor: 30\n- Total: 75",
            // They may run at once.
            "- Reading time: 30 seconds\n- Writing time: 5 seconds\n- Total time: 40 seconds",
            // The limit of all is no sum of limits.
            "- Lookup timeout: 30 ticks\n- Reply timeout: 5 ticks\n- Total timeout: 45 ticks",
        ],
    );
}

#[test]
fn a_line_with_a_number_in_brackets_names_a_group() {
    only(
        "count-not-list",
        &[
            "**Roles (4)**:\n\n- `admin`\n- `guest`\n- `owner`",
            "### Roles (5)\n\n- `admin`\n- `guest`\n- `owner`",
        ],
        // What is left of them.
        &["**Roles (5)**:\n\n- `admin`\n- `guest`\n- `owner`"],
    );
}

#[test]
fn a_ticked_target_is_met_where_it_is_called_so() {
    only(
        "target-missed",
        &["- 79% coverage ✅ (target: 95%)", "- 79% coverage ✅ meets the 95% target"],
        &["- 79% coverage ✅ Closer to the 95% target"],
    );
}

#[test]
fn rough_percentages_and_powers_of_ten_are_not_held_to_their_digits() {
    only("percent-not-fraction", &["- Phases done: 3 of 14 (25%)"], &["- Phases done: 3 of 14 (~25%)"]);
    only(
        "change-not-percent",
        &["| Value | Before | After | Change |\n|---|---|---|---|\n| Stiffness | 870 | 87 | 100x |"],
        &["| Value | Before | After | Change |\n|---|---|---|---|\n| Stiffness | 8.7e9 | 8.7e7 | 100x |"],
    );
}

#[test]
fn every_way_to_read_a_number_that_makes_it_right_is_accepted() {
    only(
        "change-not-percent",
        &["- Quality: +43% (58 → 94)", "- Files: +36% (58 files → 94 files)"],
        // Marks of a hundred.
        &["- Quality: +36% (58 → 94)"],
    );
    only(
        "percent-not-fraction",
        &["- Machines: 98% (28/29 running)"],
        // A mark, and what it is given for.
        &["- Machines: 98% (29/29 running)"],
    );
}

#[test]
fn a_tick_may_be_for_what_is_expected_and_a_state_is_no_demand() {
    let table = |head: &str| {
        format!(
            "| Metric | Current | {head} | Target | Status |\n|---|---|---|---|---|\n| Load time | 11.5s | yes | <2.5s | ✅ |"
        )
    };
    only(
        "target-missed",
        &[
            &table("Remark"),
            "- Required metrics: 4/8 found ✅",
            "- ✅ Cases automated, in percent: 78.6% (>80% target)",
        ],
        &[&table("Estimated"), "- Login required: 45/47 ✅"],
    );
}

#[test]
fn a_suite_of_tests_is_no_sample() {
    let row = |name: &str| {
        format!(
            "| Metric | Value | Target | Status |\n|---|---|---|---|\n| {name} | 100% (4/4) | > 95% | ✅ |"
        )
    };
    only("sample-too-small", &[&row("Restart success rate")], &[&row("Test success rate")]);
}

#[test]
fn a_conclusion_that_is_reached_is_no_certainty() {
    only(
        "beyond-its-limits",
        &["- Logs: cannot be accessed\n\nThis is definitive proof that the job runs."],
        &["- Logs: cannot be accessed\n\nThe review has reached a definitive conclusion."],
    );
}

#[test]
fn what_a_thing_cannot_do_is_no_limit_of_the_report() {
    only(
        "beyond-its-limits",
        &["- Logs: cannot be accessed\n\nThis is conclusive evidence that the job runs."],
        &[
            "The containers are:\n\n- Isolated\n- Cannot access your files\n\nThis is conclusive evidence that the job runs.",
            "## DEFINITIVE ANSWER\n\nThe job runs.\n\n## Limits\n\n- Logs: cannot be verified",
        ],
    );
}

#[test]
fn what_is_numbered_from_one_on_is_counted() {
    only(
        "count-not-list",
        &[
            "## Sections fixed (4 total)\n\n### 1. Porch\n\n### 2. Hall\n\n### 3. Stairs\n\n### 4. Attic\n\n### 5. Cellar",
            "## Compose files (3 files)\n\n### 1. `base.yml`\n\n### 2. `test.yml`",
            "Three scripts were created and are available:\n\n1. **links.js** checks links\n2. **styles.js** checks styles\n3. **words.js** counts words\n4. **art.js** finds drawings",
            "**5 client functions:**\n\n- `open()` - opens\n- `read()` - reads\n- `close()` - closes",
        ],
        &[
            "## Sections fixed (5 total)\n\n### 1. Porch\n\n### 2. Hall\n\n### 3. Stairs\n\n### 4. Attic\n\n### 5. Cellar",
            // Minutes, and tests of which each group has several.
            "## Quick start (5 minutes)\n\n### Step 1: Install\n\n### Step 2: Run\n\n### Step 3: Look",
            "## Remaining issues (4 issues)\n\n### 1. Doors (2 issues)\n\n### 2. Windows (1 issue)\n\n### 3. Roof (1 issue)",
            // One heading holds two.
            "## Functions (3 functions)\n\n### 1. `open()` / `close()`\n\n### 2. `read()`",
            "Three scripts were created and are available:\n\n1. **links.js** checks links\n2. **styles.js** checks styles\n3. **words.js** counts words",
            // What follows is what came of it.
            "All three issues are resolved:\n\n1. No delay\n2. No noise\n3. No smoke\n4. No fire",
        ],
    );
}

#[test]
fn all_of_a_heading_are_rows_of_its_table() {
    let table = |fraction: &str| {
        format!(
            "### Shop ({fraction}) - ✅ COMPLETE\n\n| Page | Place |\n|---|---|\n| Home | top |\n| Search | left |\n| Cart | right |"
        )
    };
    only("count-not-list", &[&table("4/4")], &[&table("3/3"), &table("5/5"), &table("4/6")]);
}

#[test]
fn a_fraction_over_signs_is_the_number_of_ticks() {
    let table = |fraction: &str, last: &str| {
        format!(
            "### Pages ({fraction})\n\n| Page | Status |\n|---|---|\n| Home | ✅ Done |\n| Search | ✅ Done |\n| Cart | {last} |"
        )
    };
    only(
        "count-not-list",
        &[
            &table("3/3", "⏳ Pending"),
            &table("0/3", "❌ Failed"),
            "### Roles (3/4 passed)\n\n- ✅ reads\n- ❌ writes\n- ❌ deletes\n- ✅ lists",
        ],
        &[
            &table("2/3", "⏳ Pending"),
            // What is partly there may count.
            &table("3/3", "⚠️ Partly"),
            &table("3/3", "🟡 Later"),
            // Those that are open, marks, and a place among stages.
            &table("1/3 remaining", "⏳ Pending"),
            "### Roles (3/5)\n\n- ✅ reads\n- ❌ writes\n- ❌ deletes\n- ✅ lists\n- ❌ moves",
            "Status: stage 3/4\n\n- ✅ reads\n- ⏳ writes\n- ✅ deletes\n- ⏳ lists",
        ],
    );
}

#[test]
fn an_overall_score_is_between_its_parts() {
    let table = |head: &str, overall: &str| {
        format!(
            "| Area | {head} |\n|---|---|\n| Doors | 6/10 |\n| Windows | 5/10 |\n| Roof | 7/10 |{overall}"
        )
    };
    only(
        "parts-not-total",
        &[
            &table("Score", "\n| Overall | 8/10 |"),
            &table("Score", "\n\n**Overall rating: 4/10**"),
            "| Area | Score |\n|---|---|\n| Doors | 100/100 |\n| Windows | 90/100 |\n| Roof | 100/100 |\n\nOverall quality: 100/100",
        ],
        &[
            &table("Score", "\n| Overall | 6/10 |"),
            &table("Score", "\n\nOverall rating: 8/10 (was 4/10)"),
            // What is weighed, or covered, is more than these.
            &table("Weight", "\n\nOverall rating: 8/10"),
            "| Area | Score |\n|---|---|\n| Doors | 100/100 |\n| Windows | 99.9/100 |\n| Roof | 100/100 |\n\nOverall quality: 100/100",
        ],
    );
}

#[test]
fn what_is_complete_has_no_open_box_among_ticked_ones() {
    only(
        "passed-unchecked",
        &["# Report\n\n## Sprint 3 ✅ COMPLETE\n\n- [x] Import\n- [ ] Export\n- [x] Search"],
        &[
            "# Report\n\n## Sprint 3 ✅ COMPLETE\n\n- [x] Import\n- [x] Export\n- [x] Search",
            "# Report\n\n## Sprint 3 ✅ COMPLETE\n\n- [x] Import\n- [ ] Export (deferred)\n- [x] Search",
            "# Report\n\n## Sprint 3\n\n- [x] Import\n- [ ] Export\n- [x] Search",
        ],
    );
}

#[test]
fn a_tolerance_is_no_target_and_what_begins_with_nought_is_no_count() {
    let row = |target: &str, actual: &str| {
        format!(
            "| Metric | Target | Achieved | Status |\n|---|---|---|---|\n| Accuracy | {target} | {actual} | ✅ Exceeded |"
        )
    };
    only("target-missed", &[&row("0.1%", "0.01%")], &[&row("±0.1%", "±0.01%")]);
    let roles = |number: &str| {
        format!(
            "### Roles ({number})\n\n| Role | Since |\n|---|---|\n| admin | May |\n| guest | June |\n| owner | July |"
        )
    };
    only("count-not-list", &[&roles("4")], &[&roles("04")]);
}
