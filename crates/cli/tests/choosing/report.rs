//! What `mainspring` says and does under a condition, beside what the kernel says.

use std::process::Output;

use serde_json::Value;

use crate::answer::ask;
use crate::condition::Condition;
use crate::program::Program;

/// What Auto is told, so that the ring comes first whatever it prefers by itself.
const RING_FIRST: &str = "uring,epoll,poll";

/// Checks that everything agrees with the kernel's answer, and returns that.
pub fn check(program: &Program, condition: &Condition) -> Option<i32> {
    let answer = ask(program, condition);
    let report = Report::of(program, condition, None);
    let ring = report.backend("uring");
    println!("{condition:?}: the kernel says {answer:?}, probe says {ring}");
    if let Some(errno) = answer {
        let (reason, remedy) = words(ring);
        assert!(names(reason, errno), "the cause, error {errno}, is not named: {reason}");
        refused(program, condition, reason, remedy);
    } else if ring["available"] == true {
        usable(program, condition);
    } else {
        // A kernel that has rings, but too old ones.
        let (reason, remedy) = words(ring);
        refused(program, condition, reason, remedy);
    }
    answer
}

/// Reason and remedy of what is not available.
fn words(ring: &Value) -> (&str, &str) {
    assert_eq!(ring["available"], false, "{ring}");
    let words = |field: &str| ring[field].as_str().unwrap_or_else(|| panic!("{field} in {ring}"));
    let (reason, remedy) = (words("reason"), words("remedy"));
    assert!(reason.contains(' ') && remedy.contains(' '), "these are no sentences: {ring}");
    (reason, remedy)
}

/// The reason says which error it was, by its name or by what is behind it.
fn names(reason: &str, errno: i32) -> bool {
    let words: &[&str] = match errno {
        libc::ENOSYS => &["ENOSYS"],
        libc::EPERM => &["EPERM", "io_uring_disabled"],
        libc::EACCES => &["EACCES"],
        libc::ENOMEM => &["lock"],
        _ => panic!("no condition of ours makes the kernel answer {errno}"),
    };
    words.iter().any(|word| reason.contains(word))
}

/// Passed over by Auto with the reason, and by nothing else.
fn refused(program: &Program, condition: &Condition, reason: &str, remedy: &str) {
    // By itself, Auto takes something else.
    let alone = Report::of(program, condition, None);
    assert!(alone.succeeded && alone.chosen() == "epoll", "{}", alone.json);
    // Told to try the ring first, it says what it passed over.
    let told = Report::of(program, condition, Some(RING_FIRST));
    assert!(told.succeeded && told.chosen() == "epoll", "{}", told.json);
    let passed_over = &told.json["chosen"]["passed_over"];
    let expected = serde_json::json!([{ "kind": "uring", "reason": reason, "remedy": remedy }]);
    assert_eq!(*passed_over, expected);
    // Told to take nothing else, it takes nothing.
    let only = Report::of(program, condition, Some("uring"));
    let error = only.json["error"].as_str().unwrap_or_default();
    assert!(!only.succeeded && only.json["chosen"].is_null(), "{}", only.json);
    assert!(error.contains(reason) && error.contains(remedy), "{error}");
    // And a server that was promised a ring does not start on something else.
    let served = serve(program, condition);
    let complaint = String::from_utf8_lossy(&served.stderr);
    assert!(!served.status.success() && served.stdout.is_empty(), "{served:?}");
    assert!(complaint.contains(reason) && complaint.contains(remedy), "{complaint}");
}

/// Taken by whoever asks for it.
fn usable(program: &Program, condition: &Condition) {
    for backends in ["uring", RING_FIRST] {
        let told = Report::of(program, condition, Some(backends));
        assert!(told.succeeded && told.chosen() == "uring", "{}", told.json);
        assert_eq!(told.json["chosen"]["passed_over"], serde_json::json!([]));
    }
}

/// A server on the ring and nothing else, below the root of the file system.
fn serve(program: &Program, condition: &Condition) -> Output {
    let arguments = ["serve", "/", "--addr", "127.0.0.1:0", "--backend", "uring"];
    condition.run(&program.mainspring, &arguments, None)
}

/// The output of `mainspring probe --json`.
struct Report {
    json: Value,
    succeeded: bool,
}

impl Report {
    fn of(program: &Program, condition: &Condition, backends: Option<&str>) -> Report {
        let output = condition.run(&program.mainspring, &["probe", "--json"], backends);
        let json = serde_json::from_slice(&output.stdout);
        let json = json.unwrap_or_else(|error| panic!("{error} in {output:?}"));
        Report { json, succeeded: output.status.success() }
    }

    fn backend(&self, kind: &str) -> &Value {
        let backends = self.json["backends"].as_array().unwrap();
        let found = backends.iter().find(|backend| backend["kind"] == kind);
        found.unwrap_or_else(|| panic!("{kind} in {}", self.json))
    }

    fn chosen(&self) -> &str {
        self.json["chosen"]["kind"].as_str().unwrap_or_default()
    }
}
