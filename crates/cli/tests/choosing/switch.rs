//! The machine's own switch, `kernel.io_uring_disabled` (Linux 6.6): 0 for nobody, 1 for those
//! without privileges, 2 for all.

use std::fs;

const SWITCH: &str = "/proc/sys/kernel/io_uring_disabled";

/// The kernel's answer is what the switch asks for.
pub fn agrees(answer: Option<i32>, privileged: bool) {
    let Ok(switch) = fs::read_to_string(SWITCH) else {
        println!("this kernel has no {SWITCH}");
        return;
    };
    println!("{SWITCH} is {}, privileged: {privileged}, answer: {answer:?}", switch.trim());
    match (switch.trim(), privileged) {
        ("2", _) | ("1", false) => assert_eq!(answer, Some(libc::EPERM)),
        // It refuses nothing; what else might is unknown here.
        _ => {}
    }
}
