//! How a file is to be opened, as the program says it.

use std::io;

use super::path::Extra;

/// How a file is to be opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Access {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) append: bool,
    pub(crate) truncate: bool,
    pub(crate) create: bool,
    pub(crate) create_new: bool,
    pub(crate) direct: bool,
    /// What this system has beside.
    pub(crate) extra: Extra,
}

impl Access {
    /// The same, for a file that operations are to be on.
    pub(crate) fn for_operations(self) -> Access {
        Access { extra: self.extra.for_operations(), ..self }
    }

    /// Refuses what contradicts itself.
    ///
    /// # Errors
    ///
    /// `InvalidInput`.
    pub(crate) fn check(&self) -> io::Result<()> {
        let Access { read, write, append, truncate, create, create_new, .. } = *self;
        let writes = write || append;
        let invalid = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        if !read && !writes && !self.extra.opens_for_something() {
            return invalid("a file is opened for something: set read, write or append");
        }
        if !writes && (truncate || create || create_new) {
            return invalid("only who may write can create or truncate: set write or append");
        }
        if append && truncate && !create_new {
            return invalid(
                "appending keeps what is there and truncating does not: set one of them",
            );
        }
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_contradicts_itself_is_refused_in_words() {
        let refused = |access: Access| access.check().expect_err("a contradiction").to_string();
        assert!(refused(Access::default()).contains("set read, write or append"));
        let reads = Access { read: true, ..Access::default() };
        assert!(refused(Access { create: true, ..reads }).contains("set write"));
        assert!(refused(Access { truncate: true, ..reads }).contains("set write"));
        let appends = Access { append: true, ..Access::default() };
        assert!(refused(Access { truncate: true, ..appends }).contains("set one of them"));
    }
}
