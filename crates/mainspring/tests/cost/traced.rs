//! Every system call of the echo example under load, as `strace` counts them.
//!
//! The server runs twice, once with a client that only comes and goes; the difference is what the
//! load costs. The clients send a message each, all of them, and then read all the answers, so the
//! server finds batches. How large they are is the machine's affair, and only printed; that a batch
//! is one wait whatever its size is proved in `system_calls`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::{env, fs, process};

use mainspring::Kind;
use rustix::process::{Pid, Signal, kill_process};

use crate::child::{PATIENCE, Running, example};

const CONNECTIONS: u64 = 100;
const ROUNDS: u64 = 200;
const MESSAGES: u64 = CONNECTIONS * ROUNDS;
/// Calls for each connection, besides its messages: `accept4`, the first read, which may find
/// nothing, `setsockopt`, `epoll_ctl` to add it and to remove it, the read of its end, `close`;
/// and in a debug build the standard library's `fcntl`, which asks whether a descriptor that is to
/// be closed is open.
const CALLS_A_CONNECTION_MAX: u64 = 7 + cfg!(debug_assertions) as u64;
/// For the growing of the heap and of the loop's own lists.
const OTHER_CALLS_MAX: u64 = 50;

const READS: &[&str] = &["read", "readv", "recvfrom", "recvmsg"];
const WRITES: &[&str] = &["write", "writev", "sendto", "sendmsg"];
const WAITS: &[&str] = &["io_uring_enter", "epoll_pwait2", "epoll_pwait", "epoll_wait"];
const CONTROLS: &[&str] = &["epoll_ctl"];
/// On a ring, once a turn at most: whether the data that came is urgent.
const QUESTIONS: &[&str] = &["ppoll"];

/// How often each call was made.
type Counts = BTreeMap<String, u64>;

/// The echo under `strace`, which stops both when it is dropped.
struct Traced {
    strace: Running,
    address: SocketAddr,
    output: PathBuf,
}

impl Traced {
    fn start(options: &[&str]) -> Traced {
        static EVER: AtomicU32 = AtomicU32::new(0);
        let number = EVER.fetch_add(1, Relaxed);
        let output = env::temp_dir().join(format!("mainspring-{}-{number}.strace", process::id()));
        let mut command = Command::new("strace");
        // With `-I 2` it can be told to end, and then ends the program too.
        command.args(["-I", "2", "-f", "-c", "-o"]).arg(&output);
        let strace = Running::start(command.arg(example("echo")).arg("127.0.0.1:0").args(options));
        let line = strace.line();
        let address = line.split_whitespace().nth(2).and_then(|word| word.parse().ok());
        let address = address.unwrap_or_else(|| panic!("an address in {line:?}"));
        Traced { strace, address, output }
    }

    fn end(mut self) -> Counts {
        self.stop();
        let table = fs::read_to_string(&self.output).expect("what strace wrote");
        counts(&table)
    }

    fn stop(&mut self) {
        let strace = Pid::from_raw(self.strace.child().id() as i32).expect("a process");
        // It is not there any more if it failed; then its own words are on standard error.
        if kill_process(strace, Signal::TERM).is_ok() {
            self.strace.end();
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.stop();
        // It may not have come to write it.
        let _ = fs::remove_file(&self.output);
    }
}

/// Reads strace's table: the calls are the fourth column, the name is the last.
fn counts(table: &str) -> Counts {
    let lines = table.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let calls = columns.get(3)?.parse().ok()?;
        let name = columns.last()?;
        (*name != "total").then(|| (name.to_string(), calls))
    });
    lines.collect()
}

fn sum(counts: &Counts, names: &[&str]) -> u64 {
    names.iter().filter_map(|name| counts.get(*name)).sum()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("an option");
    stream.set_nodelay(true).expect("an option");
    stream
}

/// So many connections exchange so many messages each.
fn load(address: SocketAddr, connections: u64, rounds: u64) {
    let mut clients: Vec<TcpStream> = (0..connections).map(|_| connect(address)).collect();
    for _ in 0..rounds {
        for client in &mut clients {
            client.write_all(&[7; 64]).expect("a write");
        }
        for client in &mut clients {
            let mut answer = [0; 64];
            client.read_exact(&mut answer).expect("an answer");
            assert_eq!(answer, [7; 64]);
        }
    }
    // The server ends its side of a connection when it has seen the end of ours and is done.
    for mut client in clients {
        client.shutdown(std::net::Shutdown::Write).expect("an end");
        // A ring that this thread had may still be ending, and interrupts calls that it finds.
        let mut rest = Vec::new();
        assert_eq!(client.read_to_end(&mut rest).expect("the other end"), 0);
    }
}

/// Whether strace can be had and may trace.
fn can_trace() -> bool {
    let mut strace = Command::new("strace");
    let traced = strace.args(["-f", "-c", "-o", "/dev/null", "true"]).stderr(Stdio::null());
    traced.status().is_ok_and(|status| status.success())
}

/// What the load costs the echo with these options, if that can be counted here.
fn cost_of_load(options: &[&str]) -> Option<Counts> {
    if !can_trace() {
        assert!(env::var_os("CI").is_none(), "CI needs strace, and the right to trace");
        println!("LEFT OUT: no strace here, or it may not trace: apt install strace");
        return None;
    }
    let run = |connections| {
        let server = Traced::start(options);
        // Who has been served has found it past its beginnings.
        load(server.address, 1, 0);
        load(server.address, connections, ROUNDS);
        server.end()
    };
    let (idle, loaded) = (run(0), run(CONNECTIONS));
    let mut cost = Counts::new();
    for (name, calls) in &loaded {
        cost.insert(name.clone(), calls.saturating_sub(sum(&idle, &[name])));
    }
    cost.retain(|_, calls| *calls > 0);
    let (total, waits) = (cost.values().sum::<u64>(), sum(&cost, WAITS));
    println!("{MESSAGES} messages on {CONNECTIONS} connections, echo {}:", options.join(" "));
    for (name, calls) in &cost {
        println!("{name:>16} {calls:>8} {:>8.4} a message", *calls as f64 / MESSAGES as f64);
    }
    println!("{:>16} {total:>8} {:>8.4} a message", "total", total as f64 / MESSAGES as f64);
    println!("{:>16} {:>8.1} messages a wait", "batch", MESSAGES as f64 / waits as f64);
    Some(cost)
}

/// A read, a write, and a part of a wait for each message.
fn assert_by_readiness(cost: &Counts) {
    let [reads, writes, waits, controls, questions] =
        [READS, WRITES, WAITS, CONTROLS, QUESTIONS].map(|names| sum(cost, names));
    let total: u64 = cost.values().sum();
    assert!(writes == MESSAGES, "{writes} writes of {MESSAGES} messages");
    // The client that only came and went may have cost a call more than in the other run.
    let connections = CONNECTIONS + 1;
    // The first read may come before the first message, and the last finds the end.
    assert!(reads <= MESSAGES + 2 * connections, "{reads} reads of {MESSAGES} messages");
    assert!(controls <= 2 * connections, "{controls} changes for {CONNECTIONS} connections");
    let others = CALLS_A_CONNECTION_MAX * connections + OTHER_CALLS_MAX;
    assert!(questions <= waits, "{questions} questions in {waits} waits");
    let expected = 2 * MESSAGES + waits + questions + others;
    assert!(total <= expected, "{total} calls, {waits} of them waits");
    assert!(waits <= MESSAGES + 2 * connections, "{waits} waits for {MESSAGES} messages");
}

#[test]
fn a_message_costs_a_read_a_write_and_its_part_of_a_wait() {
    if let Some(cost) = cost_of_load(&[]) {
        assert_by_readiness(&cost);
    }
}

/// Whether there is a ring here; where it is required, there has to be.
fn has_ring() -> bool {
    let required = env::var("MAINSPRING_REQUIRE").is_ok_and(|kinds| kinds.contains("uring"));
    let mut kinds = mainspring::probe().into_iter();
    match kinds.find(|(kind, _)| *kind == Kind::Uring) {
        Some((_, Ok(()))) => true,
        Some((_, Err(why))) if required => panic!("the ring is required and not there: {why}"),
        _ => {
            println!("LEFT OUT: no ring here, see `mainspring probe`");
            false
        }
    }
}

#[test]
fn a_message_on_the_ring_by_readiness_costs_no_more_calls() {
    if !has_ring() {
        return;
    }
    if let Some(cost) = cost_of_load(&["--backend", "uring"]) {
        assert_by_readiness(&cost);
        assert_eq!(sum(&cost, CONTROLS), 0, "what is watched is told with the wait");
    }
}

/// Received and sent by the kernel in the call that waits, a message costs its part of that call.
#[test]
fn a_message_in_whole_operations_costs_a_tenth_of_a_call_at_most() {
    if !has_ring() {
        return;
    }
    let Some(cost) = cost_of_load(&["--backend", "uring", "--completion"]) else { return };
    let total: u64 = cost.values().sum();
    assert!(total <= MESSAGES / 10, "{total} calls for {MESSAGES} messages");
    for names in [READS, WRITES] {
        let calls = sum(&cost, names);
        assert!(calls <= OTHER_CALLS_MAX, "{calls} of {names:?}, which the kernel makes itself");
    }
}
