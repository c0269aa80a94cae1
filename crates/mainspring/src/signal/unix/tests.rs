//! Who is woken when the bell rings.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Count>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Listeners to a signal that never came: whoever has seen one that did is due.
fn listeners(seen: &[usize]) -> (Listeners, Arc<Count>) {
    let mut listeners = Listeners::default();
    let count = Arc::<Count>::default();
    for &seen in seen {
        let place = listeners.add(SignalKind::window_change(), seen);
        let listener = listeners.places[place].as_mut().expect("it was added");
        listener.waker = Some(Waker::from(Arc::clone(&count)));
    }
    (listeners, count)
}

#[test]
fn all_who_have_news_are_woken_and_nobody_else() {
    let (mut listeners, count) = listeners(&[1, 0, 1, 1, 0]);
    listeners.take_due(None).into_iter().for_each(Waker::wake);
    assert_eq!(count.0.load(Ordering::SeqCst), 3);
    assert!(listeners.take_due(None).is_empty());
    assert!(listeners.failure().is_none());
}

#[test]
fn a_failure_is_news_to_all_and_stays() {
    let (mut listeners, count) = listeners(&[0, 0, 1]);
    listeners.take_due(Some(error::shut_down())).into_iter().for_each(Waker::wake);
    assert_eq!(count.0.load(Ordering::SeqCst), 3);
    assert!(error::is_shutdown(&listeners.failure().expect("it stays")));
    let late = listeners.add(SignalKind::window_change(), 0);
    let listener = listeners.places[late].as_mut().expect("it was added");
    listener.waker = Some(Waker::from(count));
    assert_eq!(listeners.take_due(None).len(), 1);
}

#[test]
fn a_place_is_used_again() {
    let (mut listeners, _) = listeners(&[0, 0, 0]);
    assert!(listeners.remove(1).is_some());
    assert_eq!(listeners.add(SignalKind::hangup(), 0), 1);
    assert_eq!(listeners.places.len(), 3);
}

#[test]
fn errors_are_told_as_they_came() {
    let full = io::Error::from_raw_os_error(28);
    assert_eq!(Failure::of(&full).error().raw_os_error(), Some(28));
    let kind = io::Error::from(io::ErrorKind::Unsupported);
    assert_eq!(Failure::of(&kind).error().kind(), io::ErrorKind::Unsupported);
}
