//! The clauses of the contract on the simulator.

mod completion;
mod readiness;
mod waiting;

use std::net::Ipv4Addr;

use super::*;
use crate::ready::Ready;
use crate::sim::{Address, Socket};

/// Longer than any handshake or transfer takes with the latency as it comes.
const A_WHILE: Duration = Duration::from_millis(10);

const READ: Interest = Interest::READABLE;
const WRITE: Interest = Interest::WRITABLE;
const BOTH: Interest = READ.add(WRITE);

fn config(simulation: &Simulation) -> Config {
    let (clock, counters) = (simulation.clock(), Arc::default());
    Config { clock, counters, event_capacity: 0, owner: None }
}

fn open_on(simulation: &Simulation) -> (SimSelector, SimRegistrar) {
    SimSelector::open_on(simulation, config(simulation)).unwrap()
}

fn open() -> (Simulation, SimSelector, SimRegistrar) {
    let simulation = Simulation::new(1);
    let (selector, registrar) = open_on(&simulation);
    (simulation, selector, registrar)
}

/// One wait: what was reported, and whether a wake came.
fn wait(selector: &mut SimSelector, timeout: Option<Duration>) -> (Vec<(u64, Ready)>, bool) {
    let mut events = Events::new();
    selector.select(&mut events, timeout).unwrap();
    let list = events.iter().map(|event| (event.token.0, event.ready)).collect();
    (list, events.woken())
}

/// What is reported within a while of virtual time.
fn reported(selector: &mut SimSelector) -> Vec<(u64, Ready)> {
    wait(selector, Some(A_WHILE)).0
}

const NOTHING: [(u64, Ready); 0] = [];

/// A listening TCP socket and its address.
fn listener(simulation: &Simulation) -> (Socket, Address) {
    let listener = simulation.tcp_socket(false).unwrap();
    listener.bind(&Address::Ip((Ipv4Addr::LOCALHOST, 0).into())).unwrap();
    listener.listen(16).unwrap();
    let address = listener.local_address().unwrap();
    (listener, address)
}

fn tcp_pair(simulation: &Simulation) -> (Socket, Socket) {
    let (listener, address) = listener(simulation);
    let client = simulation.tcp_socket(false).unwrap();
    assert!(client.connect(&address).is_err());
    simulation.advance(A_WHILE);
    (client, listener.accept().unwrap().0)
}

/// Reads until there is nothing more, and says how much there was.
fn exhaust(socket: &Socket) -> usize {
    let mut buffer = [0; 4096];
    let mut total = 0;
    loop {
        match socket.recv(&mut buffer, false) {
            Ok(0) => return total,
            Ok(count) => total += count,
            Err(error) => {
                assert!(crate::error::would_block(&error), "{error}");
                return total;
            }
        }
    }
}
