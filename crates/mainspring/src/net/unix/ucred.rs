//! Who is at the other end.

use crate::sys::credentials::Credentials;

/// The credentials of a process, as the kernel vouches for them.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// let (a, _b) = mainspring::net::UnixStream::pair()?;
/// assert_eq!(a.peer_cred()?.pid(), i32::try_from(std::process::id()).ok());
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UCred(Credentials);

impl UCred {
    pub(crate) fn new(credentials: Credentials) -> UCred {
        UCred(credentials)
    }

    /// The process, if the system says and the process is in a PID namespace that ours sees.
    ///
    /// A number may be used again once its process is gone: it says who connected, not who is
    /// there now.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.0.process
    }

    /// The effective user.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.0.user
    }

    /// The effective group.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.0.group
    }
}
