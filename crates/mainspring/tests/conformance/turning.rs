//! A driver with the words that a test of it is written in.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use mainspring::{Builder, Driver, Handle, Interest, ReadyEvent, Registration, Trigger};

use crate::world::{PATIENCE, Socket, World};

/// A task that only counts how often it was woken.
#[derive(Default)]
pub(crate) struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    pub(crate) fn new() -> Arc<Bell> {
        Arc::default()
    }

    pub(crate) fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Polls once; what it waits for rings `bell`.
pub(crate) fn poll<F: Future>(future: Pin<&mut F>, bell: &Arc<Bell>) -> Poll<F::Output> {
    let waker = Waker::from(bell.clone());
    future.poll(&mut Context::from_waker(&waker))
}

/// A driver that this thread turns.
pub(crate) struct Turning<'a> {
    pub(crate) world: &'a World,
    pub(crate) driver: Driver,
}

impl<'a> Turning<'a> {
    pub(crate) fn new(world: &'a World) -> Turning<'a> {
        Turning::with(world, Builder::new())
    }

    pub(crate) fn with(world: &'a World, builder: Builder) -> Turning<'a> {
        Turning { world, driver: world.driver_with(builder) }
    }

    pub(crate) fn handle(&self) -> Handle {
        self.driver.handle()
    }

    #[track_caller]
    pub(crate) fn register(
        &self,
        socket: &Socket,
        interest: Interest,
        trigger: Trigger,
    ) -> Registration {
        self.handle().register(socket, interest, trigger).expect("a driver that lives")
    }

    /// Turns until the future is done. One that has nothing to wait for is a failure.
    #[track_caller]
    pub(crate) fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        let bell = Bell::new();
        let deadline = self.world.now() + PATIENCE;
        loop {
            let heard = bell.rings();
            if let Poll::Ready(output) = poll(future.as_mut(), &bell) {
                return output;
            }
            while bell.rings() == heard {
                let left = deadline.saturating_sub(self.world.now());
                assert!(!left.is_zero(), "nobody woke the task within {PATIENCE:?}");
                self.driver.turn(Some(left)).expect("a queue that works");
            }
        }
    }

    #[track_caller]
    pub(crate) fn ready(&mut self, registration: &Registration, interest: Interest) -> ReadyEvent {
        self.drive(registration.ready(interest)).expect("a source that can be watched")
    }

    /// Turns for a moment, and once more without waiting.
    #[track_caller]
    pub(crate) fn pass(&mut self) {
        let end = self.world.now() + self.world.moment();
        loop {
            let left = end.saturating_sub(self.world.now());
            self.driver.turn(Some(left)).expect("a queue that works");
            if left.is_zero() {
                return;
            }
        }
    }

    /// The source is not ready, and nothing comes for a moment.
    #[track_caller]
    pub(crate) fn silence(&mut self, registration: &Registration, interest: Interest) {
        let mut future = pin!(registration.ready(interest));
        let bell = Bell::new();
        let first = poll(future.as_mut(), &bell);
        assert!(first.is_pending(), "ready although silence was expected: {first:?}");
        self.pass();
        assert_eq!(bell.rings(), 0, "woken although silence was expected");
    }

    /// The source is not ready now.
    #[track_caller]
    pub(crate) fn silence_now(&mut self, registration: &Registration, interest: Interest) {
        let now = poll(pin!(registration.ready(interest)), &Bell::new());
        assert!(now.is_pending(), "ready although silence was expected: {now:?}");
    }

    /// Turns until the bell rings.
    #[track_caller]
    pub(crate) fn until_rung(&mut self, bell: &Bell) {
        let deadline = self.world.now() + PATIENCE;
        while bell.rings() == 0 {
            let left = deadline.saturating_sub(self.world.now());
            assert!(!left.is_zero(), "nobody woke the task within {PATIENCE:?}");
            self.driver.turn(Some(left)).expect("a queue that works");
        }
    }
}

/// Reads once on a registered socket.
pub(crate) fn read_once(socket: &Socket) -> impl FnMut() -> io::Result<usize> + '_ {
    || socket.read(&mut [0; 64])
}

/// A duration no test waits for.
pub(crate) const LONG: Duration = Duration::from_secs(3600);
