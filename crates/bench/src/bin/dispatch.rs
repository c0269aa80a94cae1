//! From an event to its slot: by index and generation, or by address.
//!
//! The driver finds the slot of an event in a paged slab. The alternative is to give the kernel
//! the slot's address, which saves the look-up and the first check, and costs safety: such an
//! event may name freed memory. This program measures what the look-up costs, with the library's
//! own sources and the same dispatch behind both ways, in turns.

#![allow(
    dead_code,
    missing_docs,
    unsafe_code,
    unused_imports,
    reason = "the library's own sources, used in part"
)]

use std::hint::black_box;
use std::time::Instant;

#[path = "../../../mainspring/src/error.rs"]
mod error;
#[path = "../../../mainspring/src/event.rs"]
mod event;
#[path = "../../../mainspring/src/interest.rs"]
mod interest;
#[path = "../../../mainspring/src/readiness/mod.rs"]
mod readiness;
#[path = "../../../mainspring/src/ready.rs"]
mod ready;
#[path = "../../../mainspring/src/source.rs"]
mod source;
#[path = "../../../mainspring/src/sync/mod.rs"]
mod sync;
#[path = "../../../mainspring/src/token.rs"]
mod token;
#[path = "../../../mainspring/src/trigger.rs"]
mod trigger;

use event::Event;
use interest::Interest;
use readiness::registration_set::RegistrationSet;
use readiness::scheduled_io::{Facts, ScheduledIo};
use ready::Ready;
use source::RawSource;
use token::Token;
use trigger::Trigger;

const ROUNDS: usize = 31;
const EVENTS: usize = 1 << 20;
/// Events the driver's buffer holds at first.
const BATCH: usize = 256;

fn main() {
    for sources in [1, 100, 10_000, 100_000] {
        let set = RegistrationSet::new(64);
        let facts = |n| Facts::new(RawSource(n as u64), Interest::READABLE, Trigger::Edge);
        let tokens: Vec<Token> = (0..sources).filter_map(|n| set.insert(facts(n)).ok()).collect();
        let slots: Vec<&ScheduledIo> = tokens.iter().filter_map(|&token| set.get(token)).collect();
        let order = order(sources);
        let (mut by_index, mut by_address) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            by_index.push(time(|| index(&set, &tokens, &order)));
            by_address.push(time(|| address(&slots, &order)));
        }
        let mut ratios: Vec<f64> = by_index.iter().zip(&by_address).map(|(a, b)| a / b).collect();
        println!(
            "{sources:>7} sources: slab {:.2} ns, address {:.2} ns an event, ratio {:.3}",
            median(&mut by_index),
            median(&mut by_address),
            median(&mut ratios),
        );
    }
}

/// Sources in an order no prefetcher guesses.
fn order(sources: usize) -> Vec<u32> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((state >> 33) as usize % sources) as u32
    };
    (0..EVENTS).map(|_| next()).collect()
}

/// The kernel gives tokens, a batch at a time into the same buffer.
fn index(set: &RegistrationSet, tokens: &[Token], order: &[u32]) {
    let mut wakers = Vec::new();
    let mut events = Vec::with_capacity(BATCH);
    for batch in order.chunks(BATCH) {
        events.clear();
        let event = |&n: &u32| Event { token: tokens[n as usize], ready: Ready::READABLE };
        events.extend(batch.iter().map(event));
        black_box(set.dispatch(black_box(&events), &mut wakers));
    }
}

/// The kernel gives addresses.
fn address(slots: &[&ScheduledIo], order: &[u32]) {
    let mut wakers = Vec::new();
    let mut events = Vec::with_capacity(BATCH);
    for batch in order.chunks(BATCH) {
        events.clear();
        events.extend(batch.iter().map(|&n| (slots[n as usize], Ready::READABLE)));
        let mut stale = 0;
        for &(slot, ready) in black_box(&events) {
            let alive = slot.dispatch(slot.generation(), ready, slot.is_once(), &mut wakers);
            stale += u64::from(!alive);
        }
        black_box(stale);
    }
}

/// Nanoseconds an event.
fn time(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / EVENTS as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
