//! From an event to its slot: by index and generation, or by address.
//!
//! The driver finds the slot of an event in a paged slab. The alternative is to give the kernel
//! the slot's address, which saves the look-up and the first check, and costs safety: such an
//! event may name freed memory. This program measures what the look-up costs, with the library's
//! own sources and the same dispatch behind both ways, in turns.

#![allow(dead_code, missing_docs, unsafe_code, reason = "the library's own sources, used in part")]

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

fn main() {
    for sources in [1, 100, 10_000, 100_000] {
        let set = RegistrationSet::new(64);
        let facts = |n| Facts::new(RawSource(n as u64), Interest::READABLE, Trigger::Edge);
        let tokens: Vec<Token> = (0..sources).filter_map(|n| set.insert(facts(n)).ok()).collect();
        let order = order(&tokens);
        let ready = Ready::READABLE;
        let events: Vec<Event> = order.iter().map(|&token| Event { token, ready }).collect();
        let slots: Vec<(u64, &ScheduledIo)> =
            order.iter().filter_map(|&token| Some((token.0 >> 24, set.get(token)?))).collect();
        let (mut by_index, mut by_address) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            by_index.push(time(|| index(&set, &events)));
            by_address.push(time(|| address(&slots)));
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

/// Events in an order no prefetcher guesses.
fn order(tokens: &[Token]) -> Vec<Token> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        tokens[(state >> 33) as usize % tokens.len()]
    };
    (0..EVENTS).map(|_| next()).collect()
}

fn index(set: &RegistrationSet, events: &[Event]) {
    let mut wakers = Vec::new();
    // In batches as the kernel gives them.
    for batch in events.chunks(256) {
        black_box(set.dispatch(black_box(batch), &mut wakers));
    }
}

fn address(slots: &[(u64, &ScheduledIo)]) {
    let mut wakers = Vec::new();
    for &(generation, slot) in slots {
        let slot = black_box(slot);
        let alive = slot.dispatch(generation, Ready::READABLE, slot.is_once(), &mut wakers);
        black_box(alive);
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
