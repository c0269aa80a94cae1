//! The end of a `block_on` while another thread is in the middle of a wake.

use std::time::Duration;

use super::*;
use crate::driver::Driver;
use crate::rt::local::spawn_local;

#[test]
fn the_end_waits_for_a_task_that_another_thread_is_about_to_queue() {
    let driver = Driver::new().expect("a driver");
    let alive = Rc::new(());
    let running = Running::start(&driver.handle());
    let held = Rc::clone(&alive);
    spawn_local(async move { drop(held) }).detach();
    assert!(matches!(running.local().pop(), Some(Entry::Main)));
    let Some(Entry::Task(task)) = running.local().pop() else { panic!("the task is queued") };
    // A thread that has taken the right to queue the task, and is held up before it does.
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(5));
        schedule(task);
    });
    drop(running);
    assert_eq!(Rc::strong_count(&alive), 1, "dropped on its own thread, before the end");
    other.join().expect("the other thread only queues");
}

#[test]
fn an_abort_between_look_and_poll_is_not_lost() {
    let driver = Driver::new().expect("a driver");
    let running = Running::start(&driver.handle());
    let local = running.local();
    let handle = spawn_local(std::future::pending::<()>());
    assert!(matches!(local.pop(), Some(Entry::Main)));
    let Some(Entry::Task(task)) = local.pop() else { panic!("the task is queued") };
    // The loop has seen that the task is not to be aborted; now it is, and then it is polled.
    let handle = std::thread::spawn(move || {
        handle.abort();
        handle
    });
    let handle = handle.join().expect("the other thread only asks");
    task.run();
    let Some(Entry::Task(task)) = local.pop() else { panic!("the abort is lost") };
    local.run(task);
    assert!(handle.is_finished());
}

#[test]
fn entries_of_other_threads_come_after_those_of_the_own() {
    let driver = Driver::new().expect("a driver");
    let running = Running::start(&driver.handle());
    let shared = Arc::clone(running.local().shared());
    std::thread::spawn(move || shared.schedule_main()).join().expect("it only queues");
    assert!(!running.local().is_idle(), "both are counted");
    assert_eq!(running.local().queued.borrow().len(), 2);
    assert!(running.local().pop().is_some() && running.local().pop().is_some());
    assert!(running.local().is_idle() && running.local().pop().is_none());
}
