//! What those who wait for the end of a core leave behind.

use super::*;

#[test]
fn one_that_waits_no_more_gives_its_place_back() {
    let stop = Arc::<Stop>::default();
    let mut cx = Context::from_waker(Waker::noop());
    let stopping = || Stopping { stop: Arc::clone(&stop), level: Level::Stopping, place: None };
    for _ in 0..10 {
        let mut left = stopping();
        assert!(Pin::new(&mut left).poll(&mut cx).is_pending());
        assert!(Pin::new(&mut left).poll(&mut cx).is_pending());
        assert!(!stop.lock().wakers.is_empty());
    }
    assert!(stop.lock().wakers.is_empty());
    drop(stopping());
    stop.raise(Level::Aborting);
    stop.raise(Level::Stopping);
    assert_eq!(stop.lock().level, Level::Aborting, "the end is not taken back");
    assert!(Pin::new(&mut stopping()).poll(&mut cx).is_ready());
}
