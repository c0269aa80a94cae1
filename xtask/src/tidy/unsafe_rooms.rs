//! Where `unsafe` may stand. Everything else is safe Rust, and the compiler keeps it so.

use super::Report;
use super::syntax::{Kind, Syntax};
use super::tree::{File, Tree, folder_of_children};

/// Folders (with a slash at the end) and files in which `unsafe` is allowed, with the reason.
/// A file that is no longer there must leave the list.
const ALLOWED: &[(&str, &str)] = &[
    (
        "crates/bench/src/bin/dispatch.rs",
        "only declares the library's own sources, of which one is listed below",
    ),
    (
        "crates/bench/src/files/raw_reads.rs",
        "reads written by hand on the ring, which the library is measured against",
    ),
    (
        "crates/bench/src/servers/raw_ring.rs",
        "a loop written by hand on the ring, which the library is measured against",
    ),
    (
        "crates/bench/src/bin/sockets/handles/windows.rs",
        "the system's list of handles, to prove that none is lost",
    ),
    (
        "crates/cli/tests/cli/ending/windows.rs",
        "tests only: a console is entered to say Ctrl-C there, which no library of safe calls does",
    ),
    ("crates/mainspring/src/sys/", "system calls that rustix and socket2 do not give"),
    ("crates/mainspring/src/backend/", "memory shared with the kernel, OS event buffers"),
    (
        "crates/mainspring/src/time/allocations.rs",
        "tests only: an allocator that counts, to prove that timers allocate nothing",
    ),
    (
        "crates/mainspring/src/net/hyper_io.rs",
        "hyper's read buffer has no safe way in, and zeroing it would cost each read a pass",
    ),
    ("crates/mainspring/src/net/tokio_io.rs", "tokio's read buffer: the same"),
    (
        "crates/mainspring/src/completion/aligned_buf.rs",
        "memory lent to the kernel as what need not be initialised",
    ),
    (
        "crates/mainspring/src/completion/buf.rs",
        "buffers whose memory is not initialised until the kernel has filled it",
    ),
    (
        "crates/mainspring/src/completion/memory.rs",
        "one allocation of many buffers, each with an owner of its own",
    ),
    (
        "crates/mainspring/src/completion/buffer_group.rs",
        "the owner of a buffer's number reaches the buffer",
    ),
    (
        "crates/mainspring/src/completion/slot.rs",
        "operations of any type in one slot, guarded by its state, so that none allocates",
    ),
    (
        "crates/mainspring/src/sync/owned_cell.rs",
        "a cell for one thread, compared by number, so that a pinned driver takes no lock",
    ),
    (
        "crates/mainspring/src/sync/prefetch.rs",
        "the instruction that fetches a cache line, which reads nothing the program could see",
    ),
    (
        "crates/mainspring/src/sync/waker_slot.rs",
        "one waker guarded by the bits of an atomic word, so that the common wake takes no lock",
    ),
];

/// Where the list is: this file.
const LIST: &str = "xtask/src/tidy/unsafe_rooms.rs";

pub fn check(tree: &Tree, report: &mut Report<'_>) {
    stale_entries(tree, report);
    for (file, syntax) in tree.rust() {
        // Integration tests, examples and benches may do what their matter needs; `safety` still
        // asks each block for its reason.
        let source = file.path.contains("/src/") || file.path.starts_with("src/");
        if !source || ALLOWED.iter().any(|(place, _)| covers(place, &file.path)) {
            continue;
        }
        for (at, token) in syntax.tokens.iter().enumerate() {
            let Some(what) = unsafety(syntax, at) else { continue };
            if declares_listed(file, syntax, at) {
                continue;
            }
            report.add(
                &file.path,
                token.line,
                format!(
                    "`{what}` in a file that is not listed: use a safe function of sys/, or add \
                     the file with its reason to xtask/src/tidy/unsafe_rooms.rs"
                ),
            );
        }
    }
}

/// Only where the list itself is part of the tree: a tree without it is none of its business.
fn stale_entries(tree: &Tree, report: &mut Report<'_>) {
    let is_file = |path: &str| tree.files.iter().any(|file| file.path == path);
    if !is_file(LIST) {
        return;
    }
    for (place, _) in ALLOWED.iter().filter(|(place, _)| place.ends_with(".rs")) {
        if !is_file(place) {
            report.add(place, 1, format!("listed in {LIST} but gone: drop it there"));
        }
    }
}

fn covers(place: &str, path: &str) -> bool {
    if place.ends_with('/') { path.starts_with(place) } else { path == place }
}

/// `#[allow(unsafe_code)] mod name;` in a parent, where `name` is a listed place.
fn declares_listed(file: &File, syntax: &Syntax, at: usize) -> bool {
    let mut next = at;
    // Out of the attribute, over further ones and the visibility.
    while !matches!(syntax.word(next), Some("mod")) {
        match syntax.tokens.get(next).map(|token| &token.kind) {
            Some(Kind::Close(_) | Kind::Punct('#')) => next += 1,
            Some(Kind::Open(_)) => next = syntax.tokens[next].partner + 1,
            Some(Kind::Word(word)) if matches!(word.as_str(), "unsafe_code" | "pub") => next += 1,
            _ => return false,
        }
    }
    let declared = syntax.word(next + 1).filter(|_| syntax.is(next + 2, &Kind::Punct(';')));
    let child = declared.map(|name| format!("{}/{name}", folder_of_children(&file.path)));
    child.is_some_and(|child| {
        ALLOWED
            .iter()
            .any(|(place, _)| *place == format!("{child}/") || *place == format!("{child}.rs"))
    })
}

fn unsafety(syntax: &Syntax, at: usize) -> Option<&'static str> {
    match syntax.word(at)? {
        "unsafe" => Some("unsafe"),
        // In `allow(unsafe_code)` and `expect(unsafe_code)`, not in `deny`.
        "unsafe_code" => (0..at)
            .rev()
            .take_while(|&at| !syntax.is(at, &Kind::Punct('#')))
            .any(|at| matches!(syntax.word(at), Some("allow" | "expect")))
            .then_some("allow(unsafe_code)"),
        _ => None,
    }
}
