//! The lease against the crate's fake API server: one leader, a takeover only after the lease ran out, no write after its time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use fabric_kubernetes::fake::{FakeCluster, Fault};
use fabric_kubernetes::{Access, Leader, LeaseSettings, Role, Scope, Source, Term};

fn source(cluster: &FakeCluster) -> Source {
    let access = Access::Server { url: cluster.url(), authority: None, token: None };
    Source::new(
        access,
        Scope { kinds: Vec::new(), namespaces: Vec::new(), labels: None },
        Duration::from_secs(2),
    )
}

fn settings(identity: &str) -> LeaseSettings {
    LeaseSettings {
        namespace: "default".into(),
        name: "fabric-sync".into(),
        identity: identity.into(),
        duration: Duration::from_secs(3),
    }
}

struct Candidate {
    leader: Leader,
    source: Arc<Source>,
    settings: LeaseSettings,
    task: tokio::task::JoinHandle<()>,
}

fn candidate(cluster: &FakeCluster, identity: &str) -> Candidate {
    let (leader, source, settings) = (Leader::new(), Arc::new(source(cluster)), settings(identity));
    let task = tokio::spawn({
        let (leader, source, settings) = (leader.clone(), Arc::clone(&source), settings.clone());
        async move { leader.campaign(&source, &settings).await }
    });
    Candidate { leader, source, settings, task }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn one_leads_the_other_follows_and_takes_over_when_the_lease_is_given_up() {
    let cluster = FakeCluster::start().await.unwrap();
    let first = candidate(&cluster, "first");
    until("the first leads", || first.leader.may_write()).await;
    assert_eq!(first.leader.role(), Role::Leader);
    // Until somebody else may take over, and no longer.
    let time = first.leader.time_for_a_write(0).unwrap();
    assert!(first.settings.duration / 3 <= time && time <= first.settings.duration, "{time:?}");
    let second = candidate(&cluster, "second");
    let follower = Role::Follower { holder: "first".into() };
    until("the second follows", || second.leader.role() == follower).await;
    assert!(!second.leader.may_write());
    first.task.abort();
    first.leader.resign(&first.source, &first.settings).await;
    assert!(!first.leader.may_write());
    until("the second leads", || second.leader.may_write()).await;
    let lease = cluster.object("leases", "default", "fabric-sync").unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "second");
    assert_eq!(lease["spec"]["leaseTransitions"], 1);
    second.task.abort();
}

#[tokio::test]
async fn a_leader_that_cannot_renew_stops_before_another_begins() {
    let cluster = FakeCluster::start().await.unwrap();
    let first = candidate(&cluster, "first");
    until("the first leads", || first.leader.may_write()).await;
    // As under SIGSTOP: its campaign stands still.
    first.task.abort();
    let second = candidate(&cluster, "second");
    let mut both = false;
    let begun = Instant::now();
    while !second.leader.may_write() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody takes over");
        both |= first.leader.may_write() && second.leader.may_write();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!first.leader.may_write() && !both, "two leaders");
    let lost = Role::Unknown { reason: "the lease was not renewed in time".into() };
    assert_eq!(first.leader.role(), lost);
    second.task.abort();
}

#[tokio::test]
async fn without_the_api_server_nobody_writes_and_it_says_so() {
    let cluster = FakeCluster::start().await.unwrap();
    cluster.break_kind("leases", Some(Fault::Forbidden));
    let only = candidate(&cluster, "only");
    let refused = |role: Role| matches!(role, Role::Unknown { reason } if reason.starts_with("403"));
    until("the refusal is told", || refused(only.leader.role())).await;
    assert!(!only.leader.may_write());
    cluster.break_kind("leases", None);
    until("it leads", || only.leader.may_write()).await;
    cluster.stop(true);
    until("its time runs out", || !only.leader.may_write()).await;
    only.task.abort();
}

#[tokio::test]
async fn a_lease_that_somebody_deletes_makes_no_two_leaders() {
    let cluster = FakeCluster::start().await.unwrap();
    let first = candidate(&cluster, "first");
    until("the first leads", || first.leader.may_write()).await;
    let second = candidate(&cluster, "second");
    until("the second follows", || matches!(second.leader.role(), Role::Follower { .. })).await;
    assert!(cluster.delete("leases", "default", "fabric-sync"));
    // It knows nothing of the lease that was there.
    let third = candidate(&cluster, "third");
    let all = [&first, &second, &third];
    let leading = || all.iter().filter(|each| each.leader.may_write()).count();
    let begun = Instant::now();
    let mut stopped = None;
    while stopped.is_none() || leading() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody leads");
        assert!(leading() <= 1, "two leaders");
        if stopped.is_none() && leading() == 0 {
            assert_eq!(first.leader.role(), Role::Vacant);
            stopped = Some(begun.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(stopped.unwrap() < first.settings.duration / 2, "the first goes on for {stopped:?}");
    all.iter().for_each(|each| each.task.abort());
}

#[tokio::test]
async fn no_run_goes_on_in_a_later_term_though_it_is_ours_again() {
    let cluster = FakeCluster::start().await.unwrap();
    let only = candidate(&cluster, "only");
    until("it leads", || only.leader.may_write()).await;
    let term = |transitions| Some(Term { holder: "only".into(), transitions });
    assert_eq!(only.leader.term(&only.settings), term(0));
    // Somebody led in between, and all that is left of it is the count.
    let mut lease = cluster.object("leases", "default", "fabric-sync").unwrap();
    lease["spec"]["leaseTransitions"] = 2.into();
    cluster.put("leases", lease);
    until("it stops", || !only.leader.may_write()).await;
    until("it leads again", || only.leader.may_write()).await;
    assert_eq!(only.leader.term(&only.settings), term(3));
    assert_eq!(only.leader.time_for_a_write(0), None);
    assert!(only.leader.time_for_a_write(3).is_some());

    // Nor does the count begin anew with another lease.
    assert!(cluster.delete("leases", "default", "fabric-sync"));
    until("it stops", || !only.leader.may_write()).await;
    until("it leads again", || only.leader.may_write()).await;
    assert_eq!(only.leader.term(&only.settings), term(4));
    only.task.abort();
}
