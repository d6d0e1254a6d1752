//! Lists that are not whole, and what is made of them.

use crate::fixtures::{Bench, Objects, fabric};
use fabric_model::netbox::{PAUSE_TAG, PROTECT_TAG};
use fabric_model::{ObjectKind, Summary, UnreadCause};
use fabric_netbox::fake::{FakeNetBox, Fault};
use fabric_netbox::{NetBox, NetBoxError, Options};
use serde_json::json;
use std::time::Duration;

async fn cause(bench: &Bench, fault: Fault, kind: ObjectKind) -> Option<UnreadCause> {
    bench.fake.fail(fault, Some("GET"), kind.path(), 1000);
    let inventory = bench.inventory().await;
    bench.fake.heal();
    inventory.unread(kind).map(|unread| unread.cause)
}

#[tokio::test]
async fn a_list_that_is_not_whole_says_why() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    bench.fake.create(ObjectKind::Interface, json!({"name": "foreign", "type": "other"}));
    for (fault, wanted) in [
        (Fault::LoginPage, UnreadCause::WrongShape),
        (Fault::OtherShape, UnreadCause::WrongShape),
        (Fault::Status(302), UnreadCause::WrongShape),
        (Fault::HalfBody, UnreadCause::Cut),
        (Fault::CutAfterDone, UnreadCause::Cut),
        (Fault::ShortPage, UnreadCause::Cut),
        (Fault::NoFilters, UnreadCause::FilterIgnored),
        (Fault::Status(500), UnreadCause::ServerError),
        (Fault::Throttled, UnreadCause::ServerError),
        (Fault::Forbidden, UnreadCause::Forbidden),
    ] {
        assert_eq!(cause(&bench, fault.clone(), ObjectKind::Interface).await, Some(wanted), "{fault:?}");
    }
    assert_eq!(bench.inventory().await.unread(ObjectKind::Interface), None);
}

#[tokio::test]
async fn a_token_that_an_answer_repeats_is_not_told() {
    let bench = Bench::start().await;
    bench.fake.fail(Fault::Forbidden, Some("GET"), ObjectKind::Interface.path(), 1000);
    let unread = bench.inventory().await.unread(ObjectKind::Interface).cloned().unwrap();
    assert_eq!(unread.detail, "NetBox refuses this to the token's user: Invalid token [token]");
}

#[tokio::test]
async fn an_empty_list_of_a_server_that_answers_nothing_useful_is_not_empty() {
    let bench = Bench::start().await;
    for fault in [Fault::LoginPage, Fault::OtherShape, Fault::Status(204)] {
        bench.fake.fail(fault.clone(), Some("GET"), "", 1000);
        let inventory = bench.inventory().await;
        assert!(ObjectKind::ALL.iter().all(|kind| inventory.unread(*kind).is_some()), "{fault:?}");
        bench.fake.heal();
    }
}

#[tokio::test]
async fn rows_that_come_between_two_pages_do_not_hide_others() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let before = bench.inventory().await.objects(ObjectKind::Interface).len();
    bench.fake.fail(Fault::RowBetweenPages, Some("GET"), ObjectKind::Interface.path(), 2);
    let inventory = bench.inventory().await;
    assert_eq!(inventory.unread(ObjectKind::Interface), None);
    assert_eq!(inventory.objects(ObjectKind::Interface).len(), before);
}

#[tokio::test]
async fn a_failure_that_passes_is_waited_out() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    bench.fake.fail(Fault::Status(502), Some("GET"), "ipam/vlans", 2);
    bench.fake.fail(Fault::HalfBody, Some("GET"), "dcim/cables", 1);
    let (comparison, _) = bench.compare(&Objects::small().snapshot(&[])).await;
    assert_eq!(comparison.summary(), Summary::InSync);
}

#[tokio::test]
async fn a_silent_server_is_given_up_at_the_deadline_and_a_closed_port_at_once() {
    let bench = Bench::start().await;
    let mut options = Options::new(bench.fake.url(), bench.token.path().into());
    options.deadline = Duration::from_millis(200);
    let netbox = NetBox::new(options.clone()).unwrap();
    bench.fake.fail(Fault::Silence, None, "dcim/cables", 1);
    let inventory = netbox.read_inventory(&fabric().name).await;
    assert_eq!(inventory.unread(ObjectKind::Cable).map(|unread| unread.cause), Some(UnreadCause::TimedOut));

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    options.url.set_port(Some(closed.port())).unwrap();
    options.attempts = 1;
    let inventory = NetBox::new(options).unwrap().read_inventory(&fabric().name).await;
    assert_eq!(
        inventory.unread(ObjectKind::Cable).map(|unread| unread.cause),
        Some(UnreadCause::Unreachable)
    );
}

#[tokio::test]
async fn a_netbox_that_hangs_is_not_asked_for_each_list() {
    let bench = Bench::start().await;
    let netbox = bench.impatient(Duration::from_millis(300));
    bench.fake.fail(Fault::Silence, None, "", 1000);
    let inventory = netbox.read_inventory(&fabric().name).await;
    let causes = ObjectKind::ALL.map(|kind| inventory.unread(kind).map(|unread| unread.cause));
    assert_eq!(causes, [Some(UnreadCause::TimedOut); 20]);
    let asked = netbox.request_counts().reads;
    assert_eq!(asked, 1 + 3, "its status, and the lists that are asked for at the same time");
}

#[tokio::test]
async fn a_netbox_that_asks_to_be_left_alone_for_long_is() {
    let bench = Bench::start().await;
    for wait in ["60", "Fri, 31 Dec 2100 23:59:59 GMT"] {
        let netbox = bench.impatient(Duration::from_secs(20));
        bench.fake.fail(Fault::RetryAfter(wait), Some("GET"), "status", 1);
        assert_eq!(netbox.check_setup().await, Err(NetBoxError::Throttled));
        let rest = netbox.resting_until().unwrap().duration_since(std::time::Instant::now());
        assert!(rest > Duration::from_secs(30), "{rest:?}");
        let cause = netbox.read_inventory(&fabric().name).await.unread(ObjectKind::Cable).unwrap().cause;
        assert_eq!(cause, UnreadCause::ServerError);
        assert_eq!(netbox.request_counts().reads, 1, "{wait}: nothing is sent meanwhile");
    }
    assert_eq!(bench.netbox.resting_until(), None);
}

#[tokio::test]
async fn without_our_custom_fields_as_they_must_be_nothing_is_believed_to_be_ours() {
    let bench = Bench::with(FakeNetBox::start_bare(crate::fixtures::TOKEN).await.unwrap());
    bench.fake.create(ObjectKind::Site, json!({"name": "Somewhere", "slug": "somewhere"}));
    bench.fake.create(ObjectKind::Device, json!({"name": "foreign", "site": 1}));
    let cause =
        |inventory: fabric_model::Inventory| inventory.unread(ObjectKind::Device).map(|unread| unread.cause);
    assert_eq!(cause(bench.inventory().await), Some(UnreadCause::NotPrepared));
    bench.netbox.prepare().await.unwrap();
    assert_eq!(cause(bench.inventory().await), None);
    for (property, value) in [
        ("unique", json!(false)),
        ("filter_logic", json!("disabled")),
        ("type", json!("integer")),
        ("object_types", json!(["dcim.device"])),
    ] {
        let bench = Bench::start().await;
        bench.fake.change_custom_field("fabric_sync_key", property, &value);
        assert_eq!(cause(bench.inventory().await), Some(UnreadCause::NotPrepared), "{property}");
    }
    for slug in [PROTECT_TAG, PAUSE_TAG] {
        let bench = Bench::start().await;
        bench.fake.rename_tag(slug, "keep");
        assert_eq!(cause(bench.inventory().await), Some(UnreadCause::NotPrepared), "{slug}");
    }
    let bench = Bench::start().await;
    bench.fake.set_token("another");
    assert_eq!(cause(bench.inventory().await), Some(UnreadCause::Unauthenticated));
}

#[tokio::test]
async fn a_fabric_without_any_object_is_not_in_sync_for_that() {
    let bench = Bench::start().await;
    let (comparison, _) = bench.compare(&Objects::default().snapshot(&[])).await;
    assert_eq!(comparison.summary(), Summary::Unknown);
}
