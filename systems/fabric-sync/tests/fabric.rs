//! One fabric without its loop, in this process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::time::{Duration, Instant};

use fabric_kubernetes::Role;
use fabric_model::{Kind, ObjectKind, Quarantine};
use fabric_netbox::NetBox;
use fabric_netbox::fake::Fault;
use fabric_sync::config;
use fabric_sync::fabric::{Fabric, Terms};
use fabric_sync::home::Home;
use fabric_sync::metrics::Metrics;
use fabric_sync::record::Trigger;
use fabric_sync::report::Report;
use fabric_sync::web::Board;
use serde_json::json;
use support::{Ends, ends};
use tokio_util::sync::CancellationToken;

fn fabric(ends: &Ends, line: &str) -> Fabric {
    ends.configure(line, "");
    let home = Home::new(ends.home());
    let config = config::load(&home.config()).unwrap();
    let netbox = NetBox::new(config.netbox.options()).unwrap();
    Fabric::new(&config.fabrics[0], &netbox, &home, "this test").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed_by_nobody_once_its_fabrics_task_is_gone() {
    let ends = ends().await;
    let fabric = fabric(&ends, "lease: { duration: 3 s }");
    let (leader, _) = fabric.leader.clone().unwrap();
    // Nobody publishes anything: who asks is told how it is at that moment.
    let board = Board::default();
    board.add(Report::new("lab", "Lab"), Some(leader.clone()));
    let leads = || board.reports()[0].leader;
    assert!(!leads());
    let task = tokio::spawn(async move {
        let _campaign = fabric.campaign();
        while !fabric.may_write() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("as if the program had a fault");
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!((leader.role(), leads()), (Role::Leader, true), "its time is not over yet");
    let begun = Instant::now();
    while leader.may_write() {
        assert!(begun.elapsed() < Duration::from_secs(10), "somebody renews the lease");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!leads());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_back_is_counted_whole_though_not_all_of_it_is_listed() {
    let ends = ends().await;
    for number in 0..600 {
        let metadata = json!({"name": format!("rack-{number}"), "namespace": "default", "annotations": {"fabric-sync/pause": "true"}});
        ends.cluster.put(Kind::Server.plural(), json!({"metadata": metadata, "spec": {}}));
    }
    let fabric = fabric(&ends, "interval: 1 s");
    let look = fabric.look().await;
    let found = fabric.find(&look.reading.snapshot, &look.inventory, &fabric.policy, &Quarantine::default());
    let mut report = Report::new("lab", "Lab");
    report.take_in(&found.comparison, &found.plan, &Quarantine::default(), (look.ended, look.begun));
    assert_eq!((report.held.len(), report.held_count), (500, 600));
    assert_eq!((report.as_of, report.whole_as_of), (Some(look.ended), Some(look.begun)));
    let metrics = Metrics::new(["lab"].into_iter()).render(&[report], look.ended);
    assert!(metrics.contains("fabric_sync_held{fabric=\"lab\"} 600\n"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_at_any_time_only_if_that_was_said() {
    let ends = ends().await;
    let fabric = fabric(&ends, "paused: true");
    let mut look = fabric.look().await;
    let found = fabric.find(&look.reading.snapshot, &look.inventory, &fabric.policy, &Quarantine::default());
    let mut history = fabric.history(None).unwrap();
    let (stop, mut quarantine) = (CancellationToken::new(), Quarantine::default());
    for any_time in [false, true] {
        let known = (&mut look.inventory, &mut quarantine);
        let permit = Terms { stop: &stop, any_time, is_outdated: &|| false };
        let run = ("run", Trigger::Apply);
        let written = fabric.write(&found.plan, run, known, &mut history, permit, |_| {}).await.unwrap();
        if any_time {
            assert_eq!((written.written, written.stopped), (found.plan.changes.len(), None));
        } else {
            assert_eq!((written.written, ends.netbox.change_count()), (0, 0));
            assert_eq!(written.stopped.as_deref(), Some("paused by the configuration"));
        }
    }
}

/// Others wait for the lease, and nobody needs what would be read.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_told_to_stop_ends_in_the_history_and_reads_nothing_more() {
    let ends = ends().await;
    let fabric = fabric(&ends, "interval: 1 s");
    let mut look = fabric.look().await;
    let found = fabric.find(&look.reading.snapshot, &look.inventory, &fabric.policy, &Quarantine::default());
    let mut history = fabric.history(None).unwrap();
    let (stop, mut quarantine) = (CancellationToken::new(), Quarantine::default());
    ends.netbox.fail(Fault::Held, Some("GET"), "ipam/vlans/", 1);
    let known = (&mut look.inventory, &mut quarantine);
    let terms = Terms { stop: &stop, any_time: false, is_outdated: &|| false };
    let run = ("run", Trigger::Apply);
    let writing = fabric.write(&found.plan, run, known, &mut history, terms, |_| stop.cancel());
    let written = tokio::time::timeout(Duration::from_secs(10), writing).await.expect("it ends").unwrap();
    assert!(written.written > 0 && written.open > 0 && !written.read_anew, "{written:?}");
    let said = std::fs::read_to_string(ends.home().join("state/lab.history.jsonl")).unwrap();
    assert!(said.lines().last().unwrap().contains("\"ended\""), "{said}");
}

/// NetBox may still be at it, and would have it twice.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_created_without_an_answer_is_not_sent_once_more() {
    let ends = ends().await;
    let fabric = fabric(&ends, "interval: 1 s");
    let mut look = fabric.look().await;
    let found = fabric.find(&look.reading.snapshot, &look.inventory, &fabric.policy, &Quarantine::default());
    let mut history = fabric.history(None).unwrap();
    let stop = CancellationToken::new();
    let (terms, run) =
        (Terms { stop: &stop, any_time: false, is_outdated: &|| false }, ("run", Trigger::Apply));

    ends.netbox.fail(Fault::Status(504), Some("POST"), "dcim/devices/", 1);
    let known = (&mut look.inventory.clone(), &mut Quarantine::default());
    let others = fabric.write(&found.plan, run, known, &mut history, terms, |_| {}).await.unwrap();
    let count = ends.netbox.change_count();
    assert!(others.open > 0 && count > 0);

    // Who planned before that knows of it as soon as it may write, and keeps it beside what is its own.
    let mut quarantine = Quarantine::default();
    let known = (&mut look.inventory, &mut quarantine);
    let refused = fabric.write(&found.plan, run, known, &mut history, terms, |_| {}).await.unwrap_err();
    assert!(refused.to_string().contains("another process sent the creation of device lab/"), "{refused}");
    assert_eq!(ends.netbox.change_count(), count);
    assert_eq!((quarantine.entries().count(), fabric.unanswered_before()), (4, quarantine.clone()));
    fabric.keep_refused(&Quarantine::default());
    assert_eq!(fabric.unanswered_before(), quarantine);

    let mut look = fabric.look().await;
    let found = fabric.find(&look.reading.snapshot, &look.inventory, &fabric.policy, &quarantine);
    assert!(found.plan.held.iter().any(|held| held.reason.to_string().contains("may still be carried out")));
    let known = (&mut look.inventory, &mut quarantine);
    let written = fabric.write(&found.plan, run, known, &mut history, terms, |_| {}).await.unwrap();
    assert_eq!((written.open, written.stopped), (0, None));
    assert_eq!(ends.netbox.objects(ObjectKind::Device).len(), 0);
}

/// Others may have written in between, for all that this instance knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_with_the_term_in_which_it_began() {
    let ends = ends().await;
    let fabric = fabric(&ends, "lease: { duration: 3 s }");
    let campaign = fabric.campaign();
    support::until("it leads", || fabric.may_write()).await;
    let term = fabric.term().unwrap();
    let mut look = fabric.look().await;
    let found = fabric.find(&look.reading.snapshot, &look.inventory, &fabric.policy, &Quarantine::default());
    let mut history = fabric.history(None).unwrap();
    let stop = CancellationToken::new();
    let mut quarantine = Quarantine::default();
    let known = (&mut look.inventory, &mut quarantine);
    let lose_and_win = |_: &fabric_sync::fabric::Written| {
        if fabric.term().as_ref() == Some(&term) {
            let mut lease = ends.cluster.object("leases", "default", "fabric-sync-lab").unwrap();
            lease["spec"]["leaseTransitions"] = (term.transitions + 2).into();
            ends.cluster.put("leases", lease);
            while fabric.term().is_none_or(|now| now == term) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    };
    let terms = Terms { stop: &stop, any_time: false, is_outdated: &|| false };
    let run = ("run", Trigger::Apply);
    let written = fabric.write(&found.plan, run, known, &mut history, terms, lose_and_win).await.unwrap();
    assert!(written.written > 0 && written.open > 0, "{written:?}");
    assert_eq!(written.stopped.as_deref(), Some("this instance may not write any more"));
    assert!(fabric.may_write(), "it leads again");
    let message = ends.netbox.change_messages().remove(0);
    assert!(message.ends_with(&format!(" lease this test/{}", term.transitions)), "{message}");
    let said = std::fs::read_to_string(ends.home().join("state/lab.history.jsonl")).unwrap();
    assert!(
        said.contains(&format!(
            "\"lease\":{{\"holder\":\"this test\",\"transitions\":{}}}",
            term.transitions
        ))
    );
    fabric.resign(campaign).await;
}

#[test]
fn a_message_for_the_changelog_has_room_for_the_longest_name() {
    let holder = format!("{}-{}-{:08x}", "h".repeat(64), 4_194_304, u32::MAX);
    let term = fabric_kubernetes::Term { holder, transitions: i32::MAX };
    let run = fabric_sync::record::name_run(jiff::Timestamp::now());
    let digits = "0".repeat(16);
    let term = fabric_sync::fabric::name_term(Some(&term));
    assert!(format!("fabric-sync run {run} plan {digits} history {digits}{term}").len() <= 200);
}
