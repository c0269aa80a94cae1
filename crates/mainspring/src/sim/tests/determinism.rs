//! One seed, one history.

use super::*;
use crate::sim::random::Random;
use crate::sim::trace;

/// A program that does what its own seed says: it opens, connects, accepts, sends, reads, shuts,
/// tears and closes at random.
fn workload(simulation: &Simulation, program: u64) {
    let mut random = Random::new(program);
    let (listener, address) = listener(simulation, 4);
    let mut sockets: Vec<Socket> = Vec::new();
    for _ in 0..2_000 {
        let chosen = random.below(sockets.len() as u64) as usize;
        match (random.below(9), sockets.get(chosen)) {
            (0, _) => {
                let client = simulation.tcp_socket(false).unwrap();
                let _ = client.connect(&address);
                sockets.push(client);
            }
            (1, _) => {
                let (a, b) = simulation.unix_pair().unwrap();
                sockets.extend([a, b]);
            }
            (2, _) => sockets.extend(listener.accept().map(|(socket, _)| socket)),
            (3 | 4, Some(socket)) => drop(socket.send(&vec![1; random.part_of(100_000)])),
            (5, Some(socket)) => drop(read(socket, random.part_of(100_000))),
            (6, Some(socket)) => drop(socket.shutdown(std::net::Shutdown::Write)),
            (7, Some(socket)) if random.one_in(4) => drop(socket.reset()),
            (8, Some(_)) if random.one_in(2) => drop(sockets.swap_remove(chosen)),
            _ => simulation.advance(Duration::from_micros(random.below(500))),
        }
    }
}

fn run(seed: u64, program: u64) -> Simulation {
    let simulation = Simulation::new(seed).short_transfers(true).spurious_events(true);
    workload(&simulation, program);
    simulation
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let (one, same) = (run(1, 100), run(1, 100));
    assert!(one.trace().len() > 2_000, "something happened");
    assert_eq!(one.trace(), same.trace());
    assert_eq!(one.trace_text(), same.trace_text());
    assert_eq!(one.trace_digest(), same.trace_digest());
    assert_eq!(one.now(), same.now());
    for (seed, program) in [(2, 100), (1, 101)] {
        let other = run(seed, program);
        assert_ne!(one.trace(), other.trace());
        assert_ne!(one.trace_digest(), other.trace_digest());
    }
}

#[test]
fn a_trace_can_be_read() {
    let simulation = Simulation::new(1);
    let (a, b) = simulation.unix_pair().unwrap();
    simulation.advance(Duration::from_micros(1_500_000));
    a.send(b"12345").unwrap();
    drop(b);
    let text = simulation.trace_text();
    assert!(text.starts_with("0.000000000 socket 1: opened number=0\n"), "{text}");
    assert!(text.contains("1.500000000 socket 1: sends bytes=5 of=5\n"), "{text}");
    let last = simulation.trace().pop().unwrap();
    assert_eq!((last.what(), last.at()), ("released", Duration::from_micros(1_500_000)));
}

#[test]
fn c13_the_trace_keeps_a_bounded_number_of_entries() {
    let simulation = Simulation::new(1);
    let (a, b) = simulation.unix_pair().unwrap();
    for _ in 0..trace::LIMIT / 2 {
        a.send(b"x").unwrap();
        read(&b, 1).unwrap();
    }
    assert_eq!(simulation.trace().len(), trace::LIMIT);
    assert!(simulation.trace_text().starts_with("(2 older entries are not kept)\n"));
    let before = simulation.trace_digest();
    a.send(b"x").unwrap();
    assert_ne!(simulation.trace_digest(), before);
}

/// The first values for seed 0, as published with the generator's reference implementation.
#[test]
fn the_generator_is_splitmix64() {
    let mut random = Random::new(0);
    let values = [random.next(), random.next(), random.next()];
    assert_eq!(values, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]);
}

#[test]
fn draws_stay_in_their_bounds() {
    let mut random = Random::new(7);
    let mut seen = [0_u32; 6];
    for _ in 0..6_000 {
        seen[random.between(0, 5) as usize] += 1;
    }
    assert!(seen.iter().all(|&count| (800..1200).contains(&count)), "{seen:?}");
    assert_eq!((random.below(0), random.below(1)), (0, 0));
    assert_eq!((random.between(9, 9), random.between(9, 3)), (9, 9));
    let _ = random.between(0, u64::MAX);
    assert_eq!(random.part_of(0), 0);
    assert!((0..100).all(|_| (1..=3).contains(&random.part_of(3))));
    assert!(random.one_in(0) && random.one_in(1));
}

#[test]
fn latencies_lie_in_the_chosen_range_and_keep_the_order() {
    let (low, high) = (Duration::from_millis(5), Duration::from_millis(500));
    let simulation = Simulation::new(4).latency(low..=high);
    let (listener, address) = listener(&simulation, 4);
    let client = connecting(&simulation, &address);
    simulation.advance(3 * high);
    let (server, _) = listener.accept().unwrap();
    for number in 0..50_u8 {
        client.send(&[number]).unwrap();
    }
    simulation.advance(low - Duration::from_nanos(1));
    assert!(read(&server, 50).is_err(), "nothing before the shortest time");
    simulation.advance(high - low + Duration::from_nanos(1));
    let all: Vec<u8> = (0..50).collect();
    assert_eq!(read(&server, 50).unwrap(), all, "everything, in order, after the longest");
}
