//! Machines and trials: what of them loads, as what, and what is said of the rest.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::load_with;
use probity_plan::{Impact, Reach};

const PLAN: &str = "\
plan: P
observers:
  street: { netns: street }
machines:
  clean:
    up: [lab/machine, up, bookworm, $name]
    down: [lab/machine, down, \"${name}\"]
    observers: { outside: { netns: lab-$name-outside } }
probes:
  plain: { file: /etc/hostname }
trials:
  install:
    machine: clean
    repeat: 20
    at_once: 2
    probes:
      installed: { command: [/install.sh], on: machine, impact: disrupt }
      serving: { http: http://127.0.0.1/, on: machine, until: status == 200, within: 5s, repeat: 2, needs: works }
      reached: { port: 80, connect: 10.0.0.1, on: outside, with: serving }
      seen: { port: 80, connect: 10.0.0.2, on: street }
      here: { file: /etc/hostname }
claims:
  works: { of: install.installed, check: exit_code == 0 }
  serves: { of: install.serving, check: answered }
verdict: [ label: L ]
";

#[test]
fn a_trial_has_probes_of_its_own_on_its_machine() {
    let plan = load_with(PLAN, &[], &[]).unwrap_or_else(|errors| panic!("{errors}")).plan;
    let names: Vec<&str> = plan.probes.iter().map(|probe| probe.name.as_str()).collect();
    assert_eq!(
        names,
        ["plain", "install.installed", "install.serving", "install.reached", "install.seen", "install.here"]
    );
    let on: Vec<Option<&str>> = plan.probes.iter().map(|probe| probe.on.as_deref()).collect();
    assert_eq!(on, [None, Some("machine"), Some("machine"), Some("machine.outside"), Some("street"), None]);
    let serving = plan.probe("install.serving").unwrap();
    assert_eq!((serving.schedule.slots(), serving.trials(), serving.planned()), (2, 20, 40));
    assert_eq!((serving.impact, serving.asks()), (Impact::Observe, Impact::Write));
    assert_eq!(plan.probe("install.installed").unwrap().asks(), Impact::Disrupt);
    assert_eq!(plan.probe("plain").unwrap().asks(), Impact::Observe);
    assert_eq!(plan.probe("install.reached").unwrap().with.as_deref(), Some("install.serving"));
    let machine = plan.machine("clean").unwrap();
    assert_eq!(machine.up("m-1"), ["lab/machine", "up", "bookworm", "m-1"]);
    assert_eq!(machine.down("m-1"), ["lab/machine", "down", "m-1"]);
    assert_eq!(machine.within.to_string(), "1m");
    let observers = machine.observers("m-1");
    assert_eq!(observers[0].name, "machine.outside");
    assert_eq!(observers[0].reach, Reach::Netns("lab-m-1-outside".to_owned()));
}

#[test]
fn an_included_plan_has_machines_and_trials_of_its_own() {
    let outer = "plan: O\ninclude: { web: { plan: inner.yaml } }\nclaims: { all: { of: web_install.here, check: exists } }\nverdict: [ label: L ]\n";
    let plan =
        load_with(outer, &[("inner.yaml", PLAN)], &[]).unwrap_or_else(|errors| panic!("{errors}")).plan;
    assert_eq!(plan.trials[0].name, "web_install");
    assert_eq!(plan.trials[0].machine, "web_clean");
    assert!(plan.machine("web_clean").is_some());
    let seen = plan.probe("web_install.seen").unwrap();
    assert_eq!(
        (seen.on.as_deref(), seen.trial.as_ref().unwrap().name.as_str()),
        (Some("web_street"), "web_install")
    );
}

#[test]
fn what_decides_is_in_the_resolved_plan() {
    let resolved = |plan: &str| load_with(plan, &[], &[]).unwrap().resolved().to_owned();
    let before = resolved(PLAN);
    for (is, becomes) in [
        ("repeat: 20", "repeat: 21"),
        ("at_once: 2", "at_once: 3"),
        ("bookworm", "trixie"),
        ("lab-$name-", "x-$name-"),
    ] {
        assert_ne!(resolved(&PLAN.replace(is, becomes)), before, "{is}");
    }
    assert!(!resolved("plan: P\nprobes: { r: { file: / } }\nclaims: { c: { of: r, check: exists } }\nverdict: [ label: L ]\n").contains("machine"));
}

#[test]
fn what_is_wrong_with_them_is_said_at_its_place() {
    for (is, becomes, expected) in [
        (
            "machine: clean",
            "machine: clear",
            "13:14: in trial `install`: there is no machine `clear`; did you mean `clean`?",
        ),
        (
            "bookworm, $name]",
            "bookworm]",
            "6:9: in machine `clean`: `up` does not say which machine: give it `$name`",
        ),
        (
            "down, \"${name}\"]",
            "down]",
            "7:11: in machine `clean`: `down` does not say which machine: give it `$name`",
        ),
        ("    repeat: 20\n", "", "13:5: in trial `install`: key `repeat` is missing"),
        ("repeat: 20", "repeat: 0", "14:13: in trial `install`: `repeat` is at least 1"),
        (
            "at_once: 2",
            "at_once: 21",
            "15:14: in trial `install`: `at_once` is from 1 to 20 of the 20 trials",
        ),
        (
            "at_once: 2",
            "at_most: 2",
            "15:5: in trial `install`: unknown key `at_most`; known are `machine`, `repeat`, `at_once` and `probes`",
        ),
        (
            "street: { netns: street }",
            "machine: { netns: street }",
            "3:3: `machine` is the machine of a trial; call this observer otherwise",
        ),
        (
            "{ outside: {",
            "{ machine: {",
            "8:18: in machine `clean`: `machine` is reached as `up` prints it; call this observer otherwise",
        ),
        (
            "{ outside: {",
            "{ street: {",
            "8:18: in machine `clean`: the plan has an observer `street`, too; call one of them otherwise",
        ),
        ("netns: lab-$name-outside", "netns: /$name", "8:36: in observer `outside` of machine `clean`: `/"),
        (
            "on: outside, with: serving",
            "on: outsides, with: serving",
            "19:51: in probe `install.reached`: there is no observer `outsides`",
        ),
        ("on: outside,", "", "8:18: nothing is looked at from `outside`; name it with `on`, or leave it out"),
        (
            "with: serving }",
            "with: plain }",
            "19:66: in probe `install.reached`: there is no probe `install.plain`",
        ),
        (
            "plain: { file: /etc/hostname }",
            "plain: { file: /etc/hostname, on: machine }",
            "10:37: in probe `plain`: there is no observer `machine`",
        ),
        (
            "plain: { file: /etc/hostname }",
            "plain: { file: /etc/hostname, needs: works }",
            "10:40: in probe `plain`: `needs` names a claim about probes that come before this one; `works` is not",
        ),
        (
            "needs: works }",
            "needs: serves }",
            "in probe `serving`: `needs` names a claim about probes that come before this one; `serves` is not",
        ),
        (
            "machines:\n  clean:",
            "inputs: { name: x }\nmachines:\n  clean:",
            "`$name` is the machine's name here; call the input `name` otherwise",
        ),
        ("of: install.serving", "of: serving", "there is no probe `serving`"),
        (
            "repeat: 20",
            "repeat: 1000000",
            "the plan asks for more than 1000000 looks (slots times rows, in each trial)",
        ),
    ] {
        let plan = PLAN.replace(is, becomes);
        assert_ne!(plan, PLAN, "{is}");
        let errors = load_with(&plan, &[], &[]).err().unwrap_or_else(|| panic!("this loads:\n{plan}")).list;
        let said: String = errors
            .iter()
            .map(|error| format!("{}:{}: {}\n", error.place.at.line, error.place.at.column, error.message))
            .collect();
        assert!(said.contains(expected), "{is} -> {becomes}\nexpected {expected}\nfound {said}");
    }
}

#[test]
fn a_machine_that_no_trial_uses_and_one_with_a_secret_are_refused() {
    let unused = "plan: P\nmachines: { m: { up: [u, $name], down: [d, $name] } }\nprobes: { r: { file: / } }\nclaims: { c: { of: r, check: exists } }\nverdict: [ label: L ]\n";
    let said = load_with(unused, &[], &[]).unwrap_err().to_string();
    assert!(said.contains("no trial uses `m`; name it with `machine`, or leave it out"), "{said}");
    let secret =
        format!("inputs: {{ token: {{ env: T, secret: true }} }}\n{}", PLAN.replace("bookworm", "$token"));
    let said = load_with(&secret, &[], &[]).unwrap_err().to_string();
    assert!(said.contains("a secret may not stand here"), "{said}");
}

#[test]
fn how_a_machine_is_reached_is_read_of_what_up_prints() {
    assert_eq!(Reach::printed("{\"pid\": 42, \"address\": \"10.0.0.1\"}\n"), Ok(Reach::Pid(42)));
    assert_eq!(Reach::printed("{\"container\": \"m\"}"), Ok(Reach::Container("m".to_owned())));
    let Ok(Reach::Ssh(ssh)) = Reach::printed("{\"ssh\": \"root@m\", \"become\": \"sudo\"}") else {
        panic!("ssh")
    };
    assert_eq!((ssh.destination.as_str(), ssh.sudo), ("root@m", true));
    for (printed, wrong) in [
        ("", "that is no map in JSON"),
        ("42", "that is no map in JSON"),
        ("{\"address\": \"10.0.0.1\"}", "say how it is reached, by one of"),
        ("{\"pid\": 42, \"netns\": \"n\"}", "say how it is reached, by one of"),
        ("{\"pid\": 42, \"pid\": 43}", "is there twice"),
        ("{\"pid\": 42}\n{\"pid\": 43}", "that is no map in JSON"),
        ("{\"pid\": 0}", "a process has a number from 1"),
        ("{\"pid\": \"x\"}", "invalid type"),
        ("{\"container\": \"-rf\"}", "is no such name"),
        ("{\"ssh\": \"-oProxyCommand=x\"}", "is no destination of ssh"),
    ] {
        let said = Reach::printed(printed).unwrap_err();
        assert!(said.contains(wrong), "{printed}: {said}");
    }
}
