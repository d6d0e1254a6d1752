//! How often NetBox is asked.

use crate::fixtures::{Bench, TOKEN, fabric};
use fabric_netbox::{NetBox, Options};
use std::time::{Duration, Instant};

#[tokio::test]
async fn requests_come_no_faster_than_at_their_rate() {
    const RATE: u32 = 20;
    let bench = Bench::start().await;
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), TOKEN).unwrap();
    let mut options = Options::new(bench.fake.url(), token.path().into());
    options.requests_per_second = RATE;
    let netbox = NetBox::new(options).unwrap();
    let begun = Instant::now();
    let inventory = netbox.read_inventory(&fabric().name).await;
    let took = begun.elapsed();
    assert!(
        inventory.object_count() == 0
            && fabric_model::ObjectKind::ALL.iter().all(|kind| inventory.unread(*kind).is_none())
    );
    // As many at once as a second has room for; each further one waits for its turn.
    let waited =
        u32::try_from(netbox.request_counts().reads).unwrap().checked_sub(RATE).filter(|rest| *rest > 0);
    let least = Duration::from_secs(1) * waited.expect("more requests than one second has room for") / RATE;
    assert!(took >= least, "{took:?} is less than {least:?}");
}
