//! The word of a direction: what a clear may take and what it may not.

use loom::sync::atomic::{AtomicBool, Ordering};

use crate::interest::Interest;
use crate::readiness::direction::Direction;
use crate::ready::Ready;
use crate::sync::Arc;
use crate::{event, model, model_of_three, registered, shut_down, spawn};

/// C2. The call said `WouldBlock`, an edge arrived, then the reader cleared.
#[test]
fn a_clear_never_takes_an_edge_that_came_after_the_look() {
    model(|| {
        let io = registered();
        event(&io, Ready::READABLE);
        let data = Arc::new(AtomicBool::new(false));

        let driver = spawn({
            let (io, data) = (io.clone(), data.clone());
            move || {
                data.store(true, Ordering::Release);
                event(&io, Ready::READABLE);
            }
        });
        let look = io.look(Interest::READABLE);
        let read = data.load(Ordering::Acquire);
        if !read {
            io.clear(&look);
        }
        driver.join().unwrap();

        let ready = io.look(Interest::READABLE).ready();
        assert!(read || ready.is_readable(), "the edge is lost");
    });
}

/// C2, with two readers that clear from the same look.
#[test]
fn two_clears_take_no_edge_between_them() {
    model_of_three(|| {
        let io = registered();
        event(&io, Ready::READABLE);
        let look = io.look(Interest::READABLE);

        let driver = spawn({
            let io = io.clone();
            move || event(&io, Ready::READABLE)
        });
        let other = spawn({
            let io = io.clone();
            move || io.clear(&look)
        });
        io.clear(&look);
        driver.join().unwrap();
        other.join().unwrap();

        assert!(io.look(Interest::READABLE).ready().is_readable(), "the edge is lost");
    });
}

/// C2. A write event does not touch the reader's tick, nor its clear the writer's readiness.
#[test]
fn the_directions_do_not_meet() {
    model(|| {
        let io = registered();
        event(&io, Ready::READABLE);
        let look = io.look(Interest::READABLE);

        let driver = spawn({
            let io = io.clone();
            move || event(&io, Ready::WRITABLE)
        });
        io.clear(&look);
        driver.join().unwrap();

        let ready = io.look(Interest::READABLE | Interest::WRITABLE).ready();
        assert_eq!(ready, Ready::WRITABLE);
    });
}

/// C9.
#[test]
fn a_closed_bit_survives_a_clear_at_any_moment() {
    model(|| {
        let io = registered();
        event(&io, Ready::READABLE);

        let driver = spawn({
            let io = io.clone();
            move || event(&io, Ready::READABLE | Ready::READ_CLOSED)
        });
        let look = io.look(Interest::READABLE);
        io.clear(&look);
        driver.join().unwrap();

        assert!(io.look(Interest::READABLE).ready().is_read_closed());
    });
}

/// C9. A call said `WouldBlock` after an end was reported, and meanwhile the end came for good.
#[test]
fn a_reopening_never_takes_an_end_that_came_after_the_look() {
    model(|| {
        let io = registered();
        event(&io, Ready::READ_CLOSED);
        let look = io.look(Interest::READABLE);

        let driver = spawn({
            let io = io.clone();
            move || event(&io, Ready::READ_CLOSED)
        });
        io.clear(&look);
        io.reopen(&look);
        driver.join().unwrap();

        assert!(io.look(Interest::READABLE).ready().is_read_closed());
    });
}

/// C14.
#[test]
fn the_shutdown_bit_survives_a_clear_and_an_event() {
    model_of_three(|| {
        let io = registered();
        event(&io, Ready::READABLE);
        let look = io.look(Interest::READABLE);

        let closer = spawn({
            let io = io.clone();
            move || shut_down(&io)
        });
        let driver = spawn({
            let io = io.clone();
            move || event(&io, Ready::WRITABLE)
        });
        io.clear(&look);
        closer.join().unwrap();
        driver.join().unwrap();

        assert!(io.look(Interest::READABLE).is_shutdown());
        assert!(io.look(Interest::WRITABLE).is_shutdown());
        assert!(io.look(Interest::WRITABLE).ready().is_writable());
    });
}

/// No flag is lost when everybody writes the same word.
#[test]
fn every_change_of_one_word_is_kept() {
    model_of_three(|| {
        let direction = Arc::new(Direction::new());
        let seen = direction.look();

        let closer = spawn({
            let direction = direction.clone();
            move || {
                direction.set_shutdown();
                direction.clear(seen, Ready::READABLE);
            }
        });
        let waiter = spawn({
            let direction = direction.clone();
            move || {
                direction.set_armed(false);
                direction.set_queued();
            }
        });
        direction.set(0, Ready::READABLE, false);
        closer.join().unwrap();
        waiter.join().unwrap();

        let seen = direction.look();
        assert!(seen.is_shutdown() && seen.is_armed());
        assert_eq!((seen.ready(), seen.tick()), (Ready::READABLE, 1));
    });
}
