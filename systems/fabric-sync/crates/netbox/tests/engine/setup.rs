//! What NetBox must have before the first run.

use crate::fixtures::{Bench, TOKEN};
use fabric_netbox::fake::{FakeNetBox, Fault};
use fabric_netbox::{NetBoxError, SetupProblem};

#[tokio::test]
async fn what_is_missing_is_named_and_made_on_demand() {
    let bench = Bench::with(FakeNetBox::start_bare(TOKEN).await.unwrap());
    let setup = bench.netbox.check_setup().await.unwrap();
    for problem in [
        SetupProblem::FieldMissing("fabric_sync_key"),
        SetupProblem::TagMissing("fabric-sync-protect"),
        SetupProblem::TagMissing("fabric-sync-pause"),
    ] {
        assert!(setup.problems.contains(&problem), "{problem}");
    }
    assert_eq!(bench.netbox.prepare().await.unwrap().len(), 5 + 2);
    assert_eq!(bench.netbox.check_setup().await.unwrap().problems, []);
    assert_eq!(bench.netbox.prepare().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_that_is_not_known_is_told_apart_from_missing_permissions() {
    let bench = Bench::start().await;
    bench.fake.fail(Fault::Forbidden, None, "extras/", 1);
    assert!(matches!(bench.netbox.check_setup().await, Err(NetBoxError::Forbidden(_))));
    bench.fake.set_token("another");
    assert_eq!(bench.netbox.check_setup().await, Err(NetBoxError::Unauthenticated));
    std::fs::remove_file(bench.token.path()).unwrap();
    let missing = bench.netbox.check_setup().await.unwrap_err();
    assert!(matches!(&missing, NetBoxError::Token { .. }), "{missing}");
    assert!(!missing.to_string().contains(TOKEN));
}
