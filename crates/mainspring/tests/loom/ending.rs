//! Shutdown: everybody hears of it, at whatever moment it comes (C14).

use loom::thread::JoinHandle;

use crate::error;
use crate::interest::Interest;
use crate::readiness::registration_set::RegistrationSet;
use crate::readiness::scheduled_io::ScheduledIo;
use crate::ready::Ready;
use crate::sync::Arc;
use crate::{Future, Task, facts, model, model_of_three, registered, shut_down, spawn};

fn shut_down_on_a_thread(io: &Arc<ScheduledIo>) -> JoinHandle<()> {
    let io = io.clone();
    spawn(move || shut_down(&io))
}

#[test]
fn a_waiter_in_the_slot() {
    model(|| {
        let io = registered();
        let closer = shut_down_on_a_thread(&io);
        let mut future = Future::reader();
        future.poll(&io);
        closer.join().unwrap();
        assert!(future.is_served());
        assert!(io.look(Interest::READABLE).is_shutdown());
        future.end(&io);
    });
}

#[test]
fn two_waiters_one_of_them_listed() {
    model_of_three(|| {
        let io = registered();
        let closer = shut_down_on_a_thread(&io);
        let other = spawn({
            let io = io.clone();
            move || {
                let mut future = Future::reader();
                future.poll(&io);
                future
            }
        });
        let mut future = Future::new(Interest::READABLE | Interest::WRITABLE);
        future.poll(&io);
        closer.join().unwrap();
        let other = other.join().unwrap();
        assert!(future.is_served());
        assert!(other.is_served());
        future.end(&io);
        other.end(&io);
    });
}

#[test]
fn a_poll() {
    model(|| {
        let io = registered();
        let closer = shut_down_on_a_thread(&io);
        let (task, waker) = Task::new();
        io.wait_poll(Interest::WRITABLE, &waker);
        let found = io.look(Interest::WRITABLE).is_shutdown();
        closer.join().unwrap();
        assert!(found || task.is_woken());
    });
}

/// The order that once lost the bit elsewhere: readiness taken, shutdown, `WouldBlock`, clear,
/// wait.
#[test]
fn a_wait_after_a_clear() {
    model(|| {
        let io = registered();
        crate::event(&io, Ready::READABLE);
        let closer = shut_down_on_a_thread(&io);
        let look = io.look(Interest::READABLE);
        io.clear(&look);
        let mut future = Future::reader();
        future.poll(&io);
        closer.join().unwrap();
        assert!(future.is_served());
        assert!(io.look(Interest::READABLE).is_shutdown());
        future.end(&io);
    });
}

/// A registration is refused, or hears of the shutdown like those before it.
#[test]
fn a_registration_during_the_shutdown_of_the_set() {
    model(|| {
        let set = Arc::new(RegistrationSet::new(1));
        let closer = spawn({
            let set = set.clone();
            move || set.shutdown(&mut Vec::new())
        });
        let inserted = set.insert(facts());
        closer.join().unwrap();
        match inserted {
            Ok(token) => {
                let io = set.get(token).unwrap();
                assert!(io.look(Interest::READABLE | Interest::WRITABLE).is_shutdown());
            }
            Err(refused) => assert!(error::is_shutdown(&refused)),
        }
        assert!(set.insert(facts()).is_err());
    });
}

/// A slot that changes hands during the shutdown: the next user hears of it, or there is none.
#[test]
fn a_reused_slot_during_the_shutdown_of_the_set() {
    model(|| {
        let set = Arc::new(RegistrationSet::new(1));
        let former = set.insert(facts()).unwrap();
        let closer = spawn({
            let set = set.clone();
            move || set.shutdown(&mut Vec::new())
        });
        drop(set.remove(former));
        let inserted = set.insert(facts());
        closer.join().unwrap();
        if let Ok(token) = inserted {
            assert!(set.get(token).unwrap().look(Interest::READABLE).is_shutdown());
        }
    });
}
