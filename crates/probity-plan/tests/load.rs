//! Plans that load, and what they become.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::load_with;
use probity_plan::{Form, Impact};

const CAMERA: &str = r#"plan: Camera service in production
inputs:
  health: http://127.0.0.1:8003
  secret: { env: CAMERA_JWT_SECRET, secret: true }
probes:
  answers: { http: $health/health/ready, every: 5s, for: 8m }
  unit: { file: /run/camera.pid, every: 5s, for: 8m, with: answers }
  call:
    http: $health/$path
    method: $method
    headers: { authorization: "Bearer ${secret}" }
    matrix: roles.csv
    impact: observe
claims:
  prompt: { of: answers, check: elapsed_ms < 100, share: ">= 95%", says: health answers within 100 ms }
  steady: { of: unit, stable: [size_bytes, modified], says: no restart while we watched }
  roles: { of: call, check: status == expect, control: prompt }
scores:
  deployment: { prompt: 2, steady: 3 }
verdict:
  - { label: NOT READY, when: "fails(roles) || fails(prompt)" }
  - { label: READY, when: "holds(roles) && score.deployment >= 0.9", accepted: true }
  - { label: NOT READY }
waivers:
  - { claim: prompt, reason: slow disk until the move, owner: ops, until: 2027-01-31 }
"#;
const ROLES: &str = "path,method,expect\ncameras,GET,200\ncameras/1,DELETE,403\n";

#[test]
fn a_plan_becomes_what_it_says() {
    let loaded = load_with(CAMERA, &[("roles.csv", ROLES)], &[]).unwrap_or_else(|errors| panic!("{errors}"));
    let plan = loaded.plan;
    assert_eq!(plan.title, "Camera service in production");
    let answers = plan.probe("answers").unwrap();
    assert_eq!(answers.planned(), 96);
    assert_eq!(answers.cells[0].act.describe(), "GET http://127.0.0.1:8003/health/ready");
    let call = plan.probe("call").unwrap();
    assert_eq!(call.cells.len(), 2);
    assert_eq!(call.cells[1].act.describe(), "DELETE http://127.0.0.1:8003/cameras/1");
    assert_eq!(call.cells[1].row["expect"], probity_plan::Value::Int(403));
    assert_eq!((call.impact, call.declared_harmless), (Impact::Observe, true));
    let Form::Rate { check, .. } = &plan.claim("prompt").unwrap().form else { panic!() };
    assert_eq!((check.source.as_str(), check.at.line, check.at.column), ("elapsed_ms < 100", 15, 33));
    assert!(loaded.resolved.contains(r#""authorization": "Bearer ${secret}""#), "{}", loaded.resolved);
    assert_eq!(loaded.files.keys().collect::<Vec<_>>(), ["plan.yaml", "roles.csv"]);
}
