//! What of the kernel is used: all that it offers, less what was masked.
//!
//! Every feature can be done without, so that a kernel that lacks it, or has it broken, still gets
//! a ring. The variable `MAINSPRING_URING_WITHOUT` masks some by name: to measure what one is
//! worth, to go round a kernel's defect, and for the tests, which run with each of them masked.

use std::io;

/// The environment variable that names the features to do without, with commas.
pub(super) const VARIABLE: &str = "MAINSPRING_URING_WITHOUT";

macro_rules! features {
    ($($(#[$doc:meta])* $feature:ident $name:literal)*) => {
        /// The features in use, or allowed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) struct Features {
            $($(#[$doc])* pub(super) $feature: bool,)*
        }

        impl Features {
            /// Every one of them.
            pub(super) const ALL: Features = Features { $($feature: true,)* };

            fn mask(&mut self, name: &str) -> bool {
                match name {
                    $($name => self.$feature = false,)*
                    _ => return false,
                }
                true
            }

            /// Their names.
            const NAMES: &[&str] = &[$($name),*];

            /// The names of those that are set.
            pub(super) fn names(&self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $(if self.$feature { names.push($name); })*
                names
            }
        }
    };
}

features! {
    /// Completions are worked on in our own call alone (`DEFER_TASKRUN`, Linux 6.1).
    deferred "deferred"
    /// One thread submits (`SINGLE_ISSUER`, 6.0).
    single_issuer "single-issuer"
    /// Completions interrupt no computation (`COOP_TASKRUN`, 5.19).
    cooperative "cooperative"
    /// A request in error does not stop the batch behind it (`SUBMIT_ALL`, 5.18).
    submit_all "submit-all"
    /// No indirection between the queue and its entries (`NO_SQARRAY`, 6.6).
    no_array "no-array"
    /// A wait is not accounted as waiting for a disk (`ENTER_NO_IOWAIT`, 6.15).
    no_iowait "no-iowait"
    /// The ring is named by an index (`REGISTER_RING_FDS`, 5.18).
    ring_index "ring-index"
    /// What succeeds as expected says nothing (`CQE_SKIP_SUCCESS`, 5.17).
    skip_success "skip-success"
    /// A timer that has run goes on with its chain (`TIMEOUT_ETIME_SUCCESS`, 5.16; taken for there
    /// from 5.17 on, which says so of itself).
    timed_links "timed-links"
    /// Cancelling beside the ring (`REGISTER_SYNC_CANCEL`, 6.0).
    direct_cancel "direct-cancel"
    /// Buffers that the kernel chooses (`REGISTER_PBUF_RING`, 5.19).
    buffer_groups "buffer-groups"
    /// Several of them at once (`RECVSEND_BUNDLE`, 6.10).
    bundles "bundles"
    /// Descriptors in a table of the ring's own (`FILE_INDEX_ALLOC`, 5.19).
    direct "direct"
    /// Memory that the ring knows beforehand (`REGISTER_BUFFERS_UPDATE`, 5.13).
    registered_buffers "registered-buffers"
    /// Cancelling a request only if it is of a certain file (`CANCEL_USERDATA`, 6.6).
    file_match "file-match"
}

impl Features {
    /// All but those that the environment masks.
    ///
    /// # Errors
    ///
    /// A name that is none, with the list of those that are.
    pub(super) fn allowed() -> io::Result<Features> {
        Features::without(std::env::var(VARIABLE).ok().as_deref())
    }

    fn without(names: Option<&str>) -> io::Result<Features> {
        let mut features = Features::ALL;
        let names = names.unwrap_or_default().split(',').map(str::trim);
        for name in names.filter(|name| !name.is_empty()) {
            if !features.mask(name) {
                let known = Features::NAMES.join(", ");
                let message = format!("{VARIABLE}: no feature is called {name:?}: name {known}");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
        }
        // One stands on the other.
        features.deferred &= features.single_issuer;
        features.file_match &= features.direct_cancel;
        features.bundles &= features.buffer_groups;
        Ok(features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_takes_away_what_stands_on_it() {
        assert_eq!(Features::without(None).unwrap(), Features::ALL);
        assert_eq!(Features::without(Some(" ")).unwrap(), Features::ALL);
        let masked = Features::without(Some("single-issuer, no-iowait")).unwrap();
        let expected =
            Features { single_issuer: false, deferred: false, no_iowait: false, ..Features::ALL };
        assert_eq!(masked, expected);
        assert!(!Features::without(Some("direct-cancel")).unwrap().file_match);
        assert_eq!(masked.names().len() + 3, Features::NAMES.len());
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_those_that_are() {
        let error = Features::without(Some("deferred,sqpoll")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("sqpoll") && error.to_string().contains("no-iowait"));
    }
}
