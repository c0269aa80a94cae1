//! `mainspring probe`.

use std::process::{Command, Output};

use serde_json::Value;

fn probe(arguments: &[&str], backend: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainspring"));
    command.arg("probe").args(arguments).env_remove("MAINSPRING_BACKEND");
    if let Some(backend) = backend {
        command.env("MAINSPRING_BACKEND", backend);
    }
    command.output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

const SET_UP: [mainspring::Kind; 3] =
    [mainspring::Kind::Uring, mainspring::Kind::Iocp, mainspring::Kind::WsaPoll];

#[test]
fn the_report_is_json_that_programs_can_rely_on() {
    let output = probe(&["--json"], None);
    assert!(output.status.success());
    let report = json(&output);
    let backends = report["backends"].as_array().unwrap();
    for kind in mainspring::Kind::ALL {
        let backend = backends.iter().find(|b| b["kind"] == kind.name()).expect("every kind");
        let available = backend["available"].as_bool().unwrap();
        assert_eq!(available, backend["reason"].is_null(), "a reason for what is missing");
        assert_eq!(available, backend["remedy"].is_null(), "a remedy for what is missing");
        let list = |field: &str| backend[field].as_array().expect("a list").len();
        let operations = list("native_operations") + list("emulated_operations");
        assert_eq!(available, operations > 0, "{kind} carries operations out, one way or another");
        // Those that say how they are set up: the ones whose kernel carries operations out.
        let has_setup = backend["setup"].is_string();
        assert_eq!(has_setup, available && SET_UP.contains(kind), "{kind}");
        assert!(has_setup || list("features") == 0, "{kind}");
    }
    let chosen = report["chosen"]["kind"].as_str().unwrap();
    let usable = backends.iter().any(|b| b["kind"] == chosen && b["available"] == true);
    assert!(usable, "what is chosen is available");
    assert!(report["chosen"]["reason"].is_string() && report["error"].is_null());
    assert!(report["chosen"]["passed_over"].is_array());
    for field in ["name", "release", "machine"] {
        assert!(!report["system"][field].as_str().unwrap().is_empty(), "{field}");
    }
}

#[test]
fn the_environment_is_heard_and_named() {
    let chosen = json(&probe(&["--json"], None))["chosen"]["kind"].as_str().unwrap().to_string();
    let report = json(&probe(&["--json"], Some(&chosen)));
    let reason = report["chosen"]["reason"].as_str().unwrap();
    assert!(reason.contains("MAINSPRING_BACKEND"), "{reason}");
    let output = probe(&["--json"], Some("kpoll"));
    assert!(!output.status.success());
    let report = json(&output);
    assert!(report["chosen"].is_null());
    assert!(report["error"].as_str().unwrap().contains("kpoll"));
}

#[test]
fn the_table_names_every_kind_and_the_choice() {
    let output = probe(&[], None);
    let table = String::from_utf8(output.stdout).unwrap();
    for kind in mainspring::Kind::ALL {
        assert!(table.contains(kind.name()), "{kind} in {table}");
    }
    assert!(table.contains("auto takes "), "{table}");
    assert!(table.contains("operations: "), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
}

/// What was masked is not in force, and the rest of the report says so.
#[test]
fn a_ring_shows_what_is_in_force() {
    let with = |masked: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mainspring"));
        let command = command.args(["probe", "--json"]).env("MAINSPRING_URING_WITHOUT", masked);
        let report = json(&command.output().unwrap());
        let backends = report["backends"].as_array().unwrap();
        backends.iter().find(|b| b["kind"] == "uring").expect("every kind").clone()
    };
    let all = with("");
    if all["available"] == false {
        println!("nothing to show: {}", all["reason"]);
        return;
    }
    let names = |ring: &Value| -> Vec<String> {
        let features = ring["features"].as_array().unwrap().iter();
        features.map(|name| name.as_str().unwrap().to_string()).collect()
    };
    for masked in names(&all) {
        let ring = with(&masked);
        assert!(!names(&ring).contains(&masked), "{ring}");
    }
    let plain = with("single-issuer,cooperative");
    assert_eq!(plain["setup"], "plain");
    let wrong = with("sqpoll");
    assert!(wrong["available"] == false && wrong["reason"].as_str().unwrap().contains("sqpoll"));
}
