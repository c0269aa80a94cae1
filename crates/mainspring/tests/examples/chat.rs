//! `chat` tells everybody what one says, and sends the silent home.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, process};

use rustix::process::{Pid, Signal, kill_process};

use crate::child::{PATIENCE, Running, example};

/// A chat on a path of its own, which is removed with it.
struct Chat {
    running: Running,
    path: PathBuf,
}

impl Chat {
    fn open(name: &str, idle_seconds: &str) -> Chat {
        let path = env::temp_dir().join(format!("mainspring-{name}-{}", process::id()));
        let mut command = Command::new(example("chat"));
        let running = Running::start(command.arg(&path).arg(idle_seconds));
        assert_eq!(running.line(), format!("chat on {}", path.display()));
        Chat { running, path }
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        // Gone already, if the chat ended by itself.
        let _ = fs::remove_file(&self.path);
    }
}

fn guest(path: &Path) -> BufReader<UnixStream> {
    let stream = UnixStream::connect(path).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("an option");
    BufReader::new(stream)
}

fn says(guest: &BufReader<UnixStream>, line: &str) {
    guest.get_ref().write_all(line.as_bytes()).expect("a write");
}

#[track_caller]
fn hears(guest: &mut BufReader<UnixStream>, line: &str) {
    let mut heard = String::new();
    guest.read_line(&mut heard).expect("a line");
    assert_eq!(heard, line);
}

#[test]
fn all_others_hear_what_one_says() {
    let mut chat = Chat::open("chat", "600");
    // One after the other: who is heard, is there.
    let mut first = guest(&chat.path);
    let mut second = guest(&chat.path);
    says(&second, "the second is here\n");
    hears(&mut first, "1: the second is here\n");
    let mut third = guest(&chat.path);
    says(&third, "the third too\n");
    hears(&mut first, "2: the third too\n");
    hears(&mut second, "2: the third too\n");

    // A line of more than a kilobyte comes in parts, and whole.
    let long = "long ".repeat(300);
    says(&first, &format!("{long}\n"));
    let (start, rest) = long.split_at(1024);
    for other in [&mut second, &mut third] {
        hears(other, &format!("0: {start}0: {rest}\n"));
    }

    // The end of one guest is nobody else's.
    drop(third);
    assert_eq!(chat.running.line(), "guest 2 left: Ok(())");
    says(&first, "still here\n");
    hears(&mut second, "0: still here\n");

    let process = Pid::from_raw(chat.running.child().id() as i32).expect("a process");
    kill_process(process, Signal::INT).expect("a child of ours");
    assert!(chat.running.end().success());
    assert!(!chat.path.exists(), "the path is left behind");
}

#[test]
fn the_silent_are_sent_home() {
    let chat = Chat::open("silence", "1");
    let mut silent = guest(&chat.path);
    let mut said = String::new();
    silent.read_to_string(&mut said).expect("a proper end");
    assert_eq!(said, "");
    assert!(chat.running.line().starts_with("guest 0 left: Err("));
}
