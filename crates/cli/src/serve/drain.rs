//! How a core's connections come to their end.
//!
//! `Serving` → `Draining`: nothing new is begun; a connection that owes no response closes at once,
//! the others when theirs is sent. → `Ending`: time is up, everything closes.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Not at all.
    Serving,
    /// Responses under way are sent.
    Draining,
    /// Whatever is left is cut off.
    Ending,
}

/// The stage of a core, and who has to hear of it.
#[derive(Debug)]
pub struct Drain {
    stage: Cell<Stage>,
    /// A place for each member; empty ones are reused.
    places: RefCell<Places>,
    /// Who waits for the last member.
    empty: RefCell<Option<Waker>>,
}

#[derive(Debug, Default)]
struct Places {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Places {
    fn members(&self) -> usize {
        self.wakers.len() - self.free.len()
    }
}

/// Somebody who hears of the stage and whose end is waited for.
#[derive(Debug)]
pub struct Member {
    drain: Rc<Drain>,
    place: usize,
}

impl Drain {
    /// A core that serves.
    pub fn new() -> Rc<Drain> {
        Rc::new(Drain {
            stage: Cell::new(Stage::Serving),
            places: RefCell::default(),
            empty: RefCell::new(None),
        })
    }

    /// The present stage.
    pub fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// Goes on to `stage` and wakes every member; never back.
    pub fn advance(&self, stage: Stage) {
        if stage <= self.stage.get() {
            return;
        }
        self.stage.set(stage);
        let wakers: Vec<Waker> =
            self.places.borrow_mut().wakers.iter_mut().filter_map(Option::take).collect();
        for waker in wakers {
            waker.wake();
        }
    }

    /// Joins.
    pub fn join(self: &Rc<Drain>) -> Member {
        let mut places = self.places.borrow_mut();
        let place = places.free.pop().unwrap_or_else(|| {
            places.wakers.push(None);
            places.wakers.len() - 1
        });
        Member { drain: Rc::clone(self), place }
    }

    /// How many members there are.
    pub fn members(&self) -> usize {
        self.places.borrow().members()
    }

    /// Waits until there is no member left.
    pub async fn emptied(&self) {
        poll_fn(|cx| {
            if self.members() == 0 {
                return Poll::Ready(());
            }
            *self.empty.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Member {
    /// The stage; the task is woken when the next one begins.
    pub fn stage(&self, cx: &mut Context<'_>) -> Stage {
        let stage = self.drain.stage.get();
        if stage != Stage::Ending {
            let mut places = self.drain.places.borrow_mut();
            let place = &mut places.wakers[self.place];
            if !place.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                *place = Some(cx.waker().clone());
            }
        }
        stage
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut places = self.drain.places.borrow_mut();
        let waker = places.wakers[self.place].take();
        places.free.push(self.place);
        let empty = places.members() == 0;
        drop(places);
        drop(waker);
        let waiting = if empty { self.drain.empty.take() } else { None };
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn every_member_hears_of_every_stage_once() {
        let drain = Drain::new();
        let (count, members) = (Arc::new(Count::default()), [drain.join(), drain.join()]);
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        for (stage, woken) in [(Stage::Draining, 2), (Stage::Ending, 4)] {
            for member in &members {
                assert!(member.stage(&mut cx) < stage);
            }
            drain.advance(stage);
            assert_eq!(count.0.load(Ordering::Relaxed), woken);
            drain.advance(Stage::Draining);
            assert_eq!(drain.stage(), stage, "never back");
        }
    }

    #[test]
    fn the_last_one_out_wakes_who_waits_and_places_are_reused() {
        let drain = Drain::new();
        let (a, b) = (drain.join(), drain.join());
        drop(a);
        let c = drain.join();
        assert_eq!((c.place, drain.members()), (0, 2));
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let mut emptied = std::pin::pin!(drain.emptied());
        assert!(emptied.as_mut().poll(&mut cx).is_pending());
        drop(b);
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        drop(c);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(emptied.as_mut().poll(&mut cx).is_ready());
    }
}
