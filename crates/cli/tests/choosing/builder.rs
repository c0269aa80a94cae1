//! The same choices through the library.

use std::io::ErrorKind;

use mainspring::{Builder, Choice, Kind};
use without_uring::Errno;

use crate::condition::filtered;

/// The reason that is given where io_uring is refused with an error.
fn reason() -> mainspring::Unavailable {
    let probed = mainspring::probe().into_iter().find(|(kind, _)| *kind == Kind::Uring);
    probed.unwrap().1.expect_err("it is refused")
}

#[test]
fn exactly_the_ring_is_refused_with_reason_and_remedy() {
    for errno in [Errno::ENOSYS, Errno::EPERM] {
        filtered(errno, || {
            let built = Builder::new().choice(Choice::Exactly(Kind::Uring)).build();
            let error = built.map(drop).expect_err("no fallback from an explicit choice");
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let (words, why) = (error.to_string(), reason());
            assert!(words.contains(why.reason()) && words.contains(why.remedy()), "{words}");
        });
    }
}

#[test]
fn the_first_of_several_passes_it_over_and_says_so() {
    for errno in [Errno::ENOSYS, Errno::EPERM] {
        filtered(errno, || {
            let choice = Choice::FirstOf(vec![Kind::Uring, Kind::Epoll]);
            let driver = Builder::new().choice(choice).build().unwrap();
            let handle = driver.handle();
            let chosen = handle.backend();
            assert_eq!(chosen.kind(), Kind::Epoll);
            assert_eq!(chosen.passed_over(), [(Kind::Uring, reason())]);
        });
    }
}

#[test]
fn a_poller_refuses_and_passes_over_in_the_same_words() {
    filtered(Errno::EPERM, || {
        let opened = mainspring::Poller::open(&Choice::Exactly(Kind::Uring));
        let error = opened.map(drop).expect_err("no fallback from an explicit choice");
        assert!(error.to_string().contains(reason().reason()), "{error}");
        let choice = Choice::FirstOf(vec![Kind::Uring, Kind::Poll]);
        let poller = mainspring::Poller::open(&choice).unwrap();
        assert_eq!(poller.registry().backend().kind(), Kind::Poll);
        assert_eq!(poller.registry().backend().passed_over(), [(Kind::Uring, reason())]);
    });
}
