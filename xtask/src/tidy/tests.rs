//! Each rule finds a violation planted for it, where it stands, and leaves clean code alone.

use std::collections::BTreeSet;
use std::fs;

use super::tree::Tree;
use super::*;

/// A small house that breaks no rule.
const CLEAN: &[(&str, &str)] = &[
    (
        "crates/mainspring/src/lib.rs",
        "//! Docs.\nmod backend;\npub use token::Token;\npub mod token;\n",
    ),
    ("crates/mainspring/src/token.rs", "//! Tokens.\n/// Bits.\npub struct Token(pub u64);\n"),
    ("crates/mainspring/src/backend/mod.rs", "//! Door.\nuse self::epoll::Epoll;\nmod epoll;\n"),
    ("crates/mainspring/src/backend/epoll.rs", "//! Essay.\nuse crate::token::Token;\n"),
    ("crates/mainspring/src/backend/contract.rs", "//! Law.\nuse super::super::token::Token;\n"),
    ("crates/mainspring/src/sys/mod.rs", "//! Calls.\nuse rustix::io::Errno;\n"),
    ("crates/mainspring/src/sim/mod.rs", "//! Kernel.\npub(crate) struct Kernel;\n"),
    (
        "crates/mainspring/src/time/mod.rs",
        "//! T.\npub(crate) use self::clock::Clock;\nmod clock;\n",
    ),
    ("crates/mainspring/src/sync/waker_slot.rs", "//! W.\nstruct WakerSlot;\n"),
    ("crates/mainspring/src/time/clock.rs", "//! Clock.\nfn now() -> I { Instant::now() }\n"),
    ("crates/mainspring/src/driver/mod.rs", "//! Loop.\nmod turn;\n#[cfg(test)]\nmod tests;\n"),
    ("crates/mainspring/src/driver/turn.rs", "//! Turn.\nuse crate::backend::Backend;\n"),
    ("crates/mainspring/src/driver/tests.rs", "use crate::sim::Kernel;\nfn t() { println!(); }\n"),
];

fn clean() -> Vec<(String, String)> {
    CLEAN.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect()
}

/// What tidy finds when this file is put into (or over) the clean house.
fn found(path: &str, text: &str) -> Vec<Finding> {
    let mut files = clean();
    files.retain(|(other, _)| other != path);
    files.push((path.to_string(), text.to_string()));
    check(&Tree::from_texts(files))
}

/// A path in the library, unless it starts with a slash: then from the root.
fn place(path: &str) -> String {
    match path.strip_prefix('/') {
        Some(path) => path.to_string(),
        None => format!("{}{path}", super::tree::LIBRARY),
    }
}

#[track_caller]
fn assert_found(rule: &str, line: usize, path: &str, text: &str) {
    let findings = found(&place(path), text);
    let hit = |f: &Finding| f.rule == rule && f.line == line && f.file == place(path);
    assert!(findings.iter().any(hit), "`{rule}` at line {line} of\n{text}\nfound: {findings:#?}");
    let others: Vec<_> = findings.iter().filter(|finding| finding.rule != rule).collect();
    assert!(others.is_empty(), "the plant should break one rule alone: {others:#?}");
}

#[track_caller]
fn assert_clean(path: &str, text: &str) {
    let findings = found(&place(path), text);
    assert!(findings.is_empty(), "nothing is wrong in\n{text}\nfound: {findings:#?}");
}

/// Rule, line, file, text. The first line of a plant is usually the room's essay.
const PLANTS: &[(&str, usize, &str, &str)] = &[
    ("parse", 2, "driver/turn.rs", "//! T.\nfn broken( {}\n"),
    // The dependency law.
    ("law", 2, "backend/epoll.rs", "//! E.\nuse crate::driver::turn;\n"),
    ("law", 3, "backend/epoll.rs", "//! E.\nuse crate::{\n    sim::Kernel,\n};\n"),
    ("law", 2, "backend/kqueue.rs", "//! K.\nuse super::epoll::Epoll;\n"),
    ("law", 2, "backend/kqueue.rs", "//! K.\nfn f() { crate::backend::epoll::run(); }\n"),
    ("law", 2, "backend/kqueue.rs", "//! K.\nfn f() { assert!(crate::backend::epoll::on()); }\n"),
    ("law", 2, "backend/kqueue.rs", "//! K.\nuse super::{self, contract};\n"),
    ("law", 3, "backend/kqueue.rs", "//! K.\nmod part {\n    use super::super::epoll::A;\n}\n"),
    ("law", 2, "backend/choose.rs", "//! C.\nuse crate::sys::open;\n"),
    ("law", 2, "backend/sim.rs", "//! S.\nuse crate::sys::open;\n"),
    ("law", 2, "driver/turn.rs", "//! T.\nuse crate::backend::epoll::Epoll;\n"),
    ("law", 2, "token.rs", "//! T.\nuse crate::sys::Fd;\n"),
    ("law", 2, "readiness/waiters.rs", "//! W.\nuse crate::sys::Fd;\n"),
    ("law", 2, "completion/buf.rs", "//! B.\nuse crate::sys::Fd;\n"),
    ("law", 2, "sim/kernel.rs", "//! K.\nuse crate::sys::Fd;\n"),
    ("law", 2, "net/tcp.rs", "//! T.\nuse crate::backend::Backend;\n"),
    ("law", 2, "driver/turn.rs", "//! T.\nuse crate::Token;\n"),
    ("law", 1, "attic.rs", "//! A room that nobody knows.\nuse crate::token::Token;\n"),
    ("law", 2, "token.rs", "//! T.\nuse crate::time::Sleep;\n"),
    // The OS and the clock.
    ("os-crates", 2, "driver/turn.rs", "//! T.\nuse libc::c_int;\n"),
    ("os-crates", 2, "driver/turn.rs", "//! T.\nuse ::rustix as os;\n"),
    ("os-crates", 2, "readiness/waiters.rs", "//! W.\nfn f() -> io_uring::Squeue { g() }\n"),
    ("os-crates", 2, "net/tcp.rs", "//! T.\nfn f() { call!(windows_sys::A) }\n"),
    ("clock", 2, "driver/turn.rs", "//! T.\nfn f() { std::time::Instant::now(); }\n"),
    ("clock", 2, "time/wheel.rs", "//! W.\nfn f() { SystemTime::now(); }\n"),
    ("clock", 2, "time/wheel.rs", "//! W.\nfn f(i: I) { i.elapsed(); }\n"),
    // Doors.
    ("cfg-door", 2, "driver/turn.rs", "//! T.\n#[cfg(unix)]\nfn f() {}\n"),
    ("cfg-door", 2, "driver/turn.rs", "//! T.\n#![cfg(feature = \"sim\")]\nfn f() {}\n"),
    ("cfg-door", 2, "driver/turn.rs", "//! T.\n#[cfg(any(test, unix))]\nfn f() {}\n"),
    ("cfg-door", 2, "driver/turn.rs", "//! T.\n#[cfg_attr(unix, inline)]\nfn f() {}\n"),
    ("cfg-door", 2, "driver/turn.rs", "//! T.\nfn f() -> bool { cfg!(unix) }\n"),
    // Unsafe code.
    (
        "unsafe-room",
        4,
        "driver/turn.rs",
        "//! T.\nfn f() {\n    // SAFETY: no.\n    unsafe { g() }\n}\n",
    ),
    ("unsafe-room", 2, "driver/turn.rs", "//! T.\n#[allow(unsafe_code)]\nfn f() {}\n"),
    ("unsafe-room", 2, "lib.rs", "//! L.\n#[allow(unsafe_code)]\nmod driver;\n"),
    ("unsafe-room", 1, "/crates/cli/src/main.rs", "#![allow(unsafe_code)]\nfn main() {}\n"),
    ("safety", 3, "sys/mod.rs", "//! S.\nfn f() {\n    unsafe { g() }\n}\n"),
    (
        "safety",
        5,
        "sys/mod.rs",
        "//! S.\n// SAFETY: far away.\n\nfn f() {\n    unsafe { g() }\n}\n",
    ),
    ("safety", 5, "sys/mod.rs", "//! S.\nfn f() {\n// SAFETY: x.\nif a {\nunsafe { g() };\n}\n}\n"),
    ("safety", 3, "sys/mod.rs", "//! S.\nstruct A;\nunsafe impl Send for A {}\n"),
    ("safety", 2, "sys/mod.rs", "//! S.\nunsafe fn f() {}\n"),
    ("safety", 3, "sys/mod.rs", "//! S.\n/// Docs.\npub unsafe trait T {}\n"),
    ("safety", 2, "sys/mod.rs", "//! S.\nunsafe extern \"C\" {}\n"),
    ("safety", 3, "sys/mod.rs", "//! S.\nmacro_rules! call {\n    () => { unsafe { f() } };\n}\n"),
    ("safety", 1, "/crates/mainspring/tests/net/main.rs", "fn f() { unsafe { g() } }\n"),
    // Left over.
    ("macro", 2, "driver/turn.rs", "//! T.\nfn f() { todo!() }\n"),
    ("macro", 2, "driver/turn.rs", "//! T.\nfn f() { unimplemented!(\"later\") }\n"),
    ("macro", 2, "driver/turn.rs", "//! T.\nfn f() { dbg!(1); }\n"),
    ("macro", 2, "driver/turn.rs", "//! T.\nfn f() { println!(); }\n"),
    ("macro", 2, "driver/turn.rs", "//! T.\nfn f() { std::eprintln!(\"x\"); }\n"),
    ("macro", 1, "/crates/cli/src/main.rs", "fn main() { dbg!(1); }\n"),
    ("ignored-test", 2, "driver/tests.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n"),
    ("ignored-test", 2, "driver/tests.rs", "#[test]\n#[cfg_attr(test, ignore)]\nfn f() {}\n"),
    ("ignored-test", 2, "token.rs", "//! T.\n/// ```ignore\n/// x\n/// ```\npub fn f() {}\n"),
    // Names.
    ("name", 1, "sys/util.rs", "//! U.\nfn f() {}\n"),
    ("name", 1, "/crates/mainspring/tests/common/mod.rs", "fn f() {}\n"),
    ("name", 2, "driver/turn.rs", "//! T.\nmod helpers {}\n"),
    ("name", 2, "driver/turn.rs", "//! T.\nstruct HandleInner;\n"),
    ("name", 2, "driver/turn.rs", "//! T.\nenum BufferManager {}\n"),
    ("name", 2, "driver/turn.rs", "//! T.\nfn get_token() {}\n"),
    ("name", 3, "driver/turn.rs", "//! T.\nimpl Turn {\n    fn get_token(&self) {}\n}\n"),
    ("name", 2, "driver/turn.rs", "//! T.\nfn read_helper() {}\n"),
    // Documentation.
    ("public-docs", 2, "token.rs", "//! T.\npub struct A;\n"),
    ("public-docs", 3, "token.rs", "//! T.\n/// A.\npub struct A { pub b: u8 }\n"),
    ("public-docs", 3, "token.rs", "//! T.\n/// A.\npub enum A { B }\n"),
    ("public-docs", 3, "token.rs", "//! T.\n/// A.\npub trait A { fn b(); }\n"),
    ("public-docs", 4, "token.rs", "//! T.\nstruct A;\nimpl A {\n    pub fn b() {}\n}\n"),
    ("public-docs", 3, "token.rs", "//! T.\n#[doc(hidden)]\npub const A: u8 = 1;\n"),
    ("public-docs", 3, "token.rs", "//! T.\nmod a {\n    pub fn unreachable_but_pub() {}\n}\n"),
    ("public-docs", 2, "lib.rs", "//! L.\npub mod elsewhere;\n"),
    // Rooms.
    ("empty-room", 1, "fs/mod.rs", "//! Files, some day.\n// And more.\n"),
    ("empty-room", 1, "metrics/mod.rs", ""),
];

#[test]
fn the_clean_house_is_clean() {
    assert_eq!(check(&Tree::from_texts(clean())), []);
}

#[test]
fn every_plant_is_found_where_it_stands() {
    for &(rule, line, path, text) in PLANTS {
        assert_found(rule, line, path, text);
    }
}

#[test]
fn long_code_is_found() {
    let body = |count: usize| format!("//! T.\nfn f() {{\n{}}}\n", "    g();\n".repeat(count));
    assert_clean("driver/turn.rs", &body(70));
    assert_found("function-length", 2, "driver/turn.rs", &body(71));
    let inside = format!("//! T.\nm! {{\nfn f(a: [u8; 2]) {{\n{}}}\n}}\n", "    g();\n".repeat(71));
    assert_found("function-length", 3, "driver/turn.rs", &inside);
    let lines = |count: usize| format!("//! T.\nfn f() {{}}\n{}", "\n".repeat(count - 2));
    assert_clean("driver/turn.rs", &lines(800));
    assert_found("file-length", 801, "driver/turn.rs", &lines(801));
    let columns = |count: usize| format!("//! T.\nfn f() {{}}\n//{}\n", "é".repeat(count - 2));
    assert_clean("driver/turn.rs", &columns(100));
    assert_found("line-length", 3, "driver/turn.rs", &columns(101));
    let address = format!("//! T.\nfn f() {{}}\n// https://{}\n", "a".repeat(120));
    assert_clean("driver/turn.rs", &address);
}

/// These plants are put together, because the real tree is searched for them, this file included.
#[test]
fn words_of_other_places_are_found() {
    let (mark, fix) = (concat!("TO", "DO"), concat!("FIX", "ME"));
    assert_found("note", 2, "/README.md", &format!("# Title\n{mark}: more\n"));
    assert_found("note", 2, "driver/turn.rs", &format!("//! T.\nfn f() {{}} // {fix}(x)\n"));
    assert_clean("/README.md", &format!("{mark}S are none, METHO{mark} neither\n"));
    let (work, home) = (concat!("/", "work/"), concat!("/", "root/"));
    assert_found("place", 1, "/script.sh", &format!("cd {work}main\n"));
    assert_found("place", 1, "/notes.txt", &format!("\"{home}.cache\"\n"));
    assert_clean("/script.sh", &format!("cd frame{work}main\n"));
    let host = concat!("crates", ".io");
    assert_found("place", 1, "/README.md", &format!("see https://{host}/crates/mainspring\n"));
    assert_clean("/README.md", "[patch.crates-io]\n");
    assert_clean("/Cargo.lock", &format!("source = \"{host}-index\"\n"));
}

#[test]
fn every_rule_has_a_plant() {
    let planted: BTreeSet<&str> = PLANTS.iter().map(|plant| plant.0).collect();
    let elsewhere = ["function-length", "file-length", "line-length", "note", "place"];
    for (rule, _) in RULES {
        assert!(planted.contains(rule) || elsewhere.contains(rule), "no plant for `{rule}`");
    }
}

/// What looks like a violation and is none.
#[test]
fn clean_code_is_left_alone() {
    for (path, text) in [
        ("driver/turn.rs", "//! T.\nuse super::part::A;\nuse crate::driver::B;\n"),
        ("driver/turn.rs", "//! T.\npub(in crate::driver) fn f() {}\n"),
        ("driver/turn.rs", "//! T.\n/// See `crate::net::Tcp` and `Instant::now`.\nfn f() {}\n"),
        ("driver/turn.rs", "//! T.\n#[cfg(test)]\nmod t {\n    use crate::sim::A;\n}\n"),
        ("driver/turn.rs", "//! T.\n#[cfg(all(test, feature = \"sim\"))]\nmod t {}\n"),
        ("driver/turn.rs", "//! T.\n#[cfg_attr(docsrs, doc(cfg(unix)))]\nfn f() {}\n"),
        ("driver/turn.rs", "//! T.\nfn f(libc: u8) { g(sys::libc::A, x.rustix); }\n"),
        ("driver/turn.rs", "//! T.\n#![deny(unsafe_code)]\nfn f() -> unsafety::A { g() }\n"),
        ("driver/turn.rs", "//! T.\nimpl Trait for A {\n    fn get_thing(&self) {}\n}\n"),
        (
            "driver/turn.rs",
            "//! T.\nimpl A {\n    fn get_ref(&self) {}\n    fn into_inner(self) {}\n}\n",
        ),
        ("driver/turn.rs", "//! T.\nfn f() { print_to!(x); todo(); a != (b); }\n"),
        ("metrics/enabled.rs", "//! M.\nuse crate::time::{Clock, clock};\n"),
        ("metrics/mod.rs", "//! M.\nuse crate::time::Clock as C;\n"),
        ("sync/mod.rs", "//! R.\n#[allow(unsafe_code)]\npub(crate) mod waker_slot;\n"),
        ("lib.rs", "//! L.\n#![deny(unsafe_code)]\n#[allow(unsafe_code)]\nmod backend;\n"),
        ("sys/mod.rs", "//! S.\n#[cfg(unix)]\nfn f() {}\n"),
        ("sys/unix/fd.rs", "//! F.\n#[cfg(target_os = \"linux\")]\nfn f() {}\n"),
        (
            "sys/mod.rs",
            "//! S.\nfn f() {\n    // SAFETY: kept by g,\n    // always.\n    unsafe { g() }\n}\n",
        ),
        (
            "sys/mod.rs",
            "//! S.\nfn f() {\n    // SAFETY: g.\n    let a = b(\n  unsafe { g() },\n );\n}\n",
        ),
        (
            "sys/mod.rs",
            "//! S.\n// SAFETY: a plain value.\n#[rustfmt::skip]\nunsafe impl Send for A {}\n",
        ),
        (
            "sys/mod.rs",
            "//! S.\n/// Calls.\n///\n/// # Safety\n///\n/// Mind it.\nunsafe fn f() {}\n",
        ),
        ("sys/mod.rs", "//! S.\nimpl T for A {\n    unsafe fn f() {}\n}\n"),
        ("sys/mod.rs", "//! S.\ntype F = unsafe extern \"C\" fn(u8);\n"),
        ("backend/poll.rs", "//! P.\nuse super::{contract::A, super::token::Token};\n"),
        ("/crates/cli/src/main.rs", "fn main() { println!(\"hello\"); }\n"),
        ("/xtask/src/main.rs", "fn main() { Instant::now().elapsed(); cfg!(unix); }\n"),
    ] {
        assert_clean(path, text);
    }
}

#[test]
fn a_tree_on_disk_is_read() {
    let root = std::env::temp_dir().join(format!("xtask-tidy-{}", std::process::id()));
    for (path, text) in CLEAN.iter().chain(&[("crates/mainspring/src/op/mod.rs", "//! Empty.\n")]) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folder");
        fs::write(path, text).expect("file");
    }
    let findings = check(&Tree::read(&root).expect("the folder is readable"));
    fs::remove_dir_all(&root).expect("the folder is removed");
    let shown: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(shown[0].starts_with("crates/mainspring/src/op/mod.rs:1: empty-room: "), "{shown:?}");
}

#[test]
fn a_listed_file_that_is_gone_must_leave_the_list() {
    let findings = found("xtask/src/tidy/unsafe_rooms.rs", "fn f() {}\n");
    let gone = "crates/mainspring/src/time/allocations.rs";
    assert!(findings.iter().any(|f| f.file == gone), "{findings:?}");
    assert!(findings.iter().all(|f| f.rule == "unsafe-room"), "{findings:?}");
}

/// The table names each room once, and only rooms that are in it.
#[test]
fn the_house_is_whole() {
    let rooms: Vec<&str> = house::HOUSE.iter().flat_map(|floor| floor.rooms).copied().collect();
    assert_eq!(rooms.iter().collect::<BTreeSet<_>>().len(), rooms.len(), "a room twice");
    for floor in house::HOUSE {
        for used in floor.may_use.iter().flat_map(|group| group.iter()) {
            assert!(rooms.contains(used), "{used} is used but is no room");
        }
    }
    // What the design forbids by name.
    for (room, other) in [
        ("backend/epoll", "backend/uring/**"),
        ("backend/epoll", "backend"),
        ("backend/epoll", "sim/**"),
        ("backend/sim", "sys/**"),
        ("driver/**", "backend/epoll"),
        ("poller", "backend/sim"),
        ("readiness/**", "sys/**"),
        ("completion/**", "sys/**"),
        ("sim/**", "sys/**"),
        ("driver/**", "net/**"),
        ("time/sleep", "net/**"),
    ] {
        assert!(!house::may_use(room, other), "{room} may use {other}");
    }
}

#[test]
fn the_real_tree_is_tidy() {
    let tree = Tree::read(&crate::workspace::root()).expect("the workspace is readable");
    let findings: Vec<String> = check(&tree).iter().map(Finding::to_string).collect();
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}
