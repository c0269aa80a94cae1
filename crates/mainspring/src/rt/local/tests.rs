//! What a task costs.

use super::*;
use crate::driver::Driver;
use crate::time::allocations;

/// What the allocator is asked for by a `block_on` with two tasks that are woken `wakes` times
/// each, as is the main future.
fn allocations_of(driver: &mut Driver, wakes: usize) -> u64 {
    let yields = move || async move {
        for _ in 0..wakes {
            yield_now().await;
        }
    };
    let (allocations, ended) = allocations::count(|| {
        driver.block_on(async {
            let (one, other) = (spawn_local(yields()), spawn_local(yields()));
            yields().await;
            one.await.and(other.await)
        })
    });
    ended.expect("the driver turns").expect("the tasks end");
    allocations
}

#[test]
fn a_wake_allocates_nothing() {
    let mut driver = Driver::new().expect("a driver");
    allocations_of(&mut driver, 1);
    let few = allocations_of(&mut driver, 100);
    let many = allocations_of(&mut driver, 10_000);
    assert_eq!(few, many);
}

#[test]
fn a_task_costs_one_allocation() {
    if !allocations::COUNTS {
        return;
    }
    let mut driver = Driver::new().expect("a driver");
    let spawned = driver.block_on(async {
        // Room for a queue of this length, and for as many places.
        let warm: Vec<_> = (0..100).map(|_| spawn_local(yield_now())).collect();
        for task in warm {
            task.await?;
        }
        let (allocations, ()) = allocations::count(|| {
            for _ in 0..100 {
                spawn_local(async {}).detach();
            }
        });
        yield_now().await;
        Ok::<u64, JoinError>(allocations)
    });
    assert_eq!(spawned.expect("the driver turns").expect("the tasks end"), 100);
}
