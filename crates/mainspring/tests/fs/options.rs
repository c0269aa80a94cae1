//! How files are opened.

use std::io::ErrorKind;

use mainspring::fs::{self, File, OpenOptions};

use crate::support::on_each_kind;

#[test]
fn options_do_what_they_say() {
    on_each_kind(|_, place| async {
        let path = place.join("file");
        let mut options = OpenOptions::new();
        options.write(true);
        assert_eq!(options.open(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
        options.create(true);
        options.open(&path).await.unwrap().write_all(b"0123456789").await.unwrap();
        // What is there stays, unless it is written over.
        options.open(&path).await.unwrap().write_all(b"ab").await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"ab23456789");
        options.truncate(true);
        options.open(&path).await.unwrap().write_all(b"cd").await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"cd");
        options.truncate(false).create_new(true);
        assert_eq!(options.open(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).await.unwrap(), b"cd");
        let created = File::create(&path).await.unwrap();
        assert_eq!(created.metadata().await.unwrap().len(), 0);
    });
}

#[test]
fn options_that_contradict_each_other_are_refused_in_words() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        let mut nothing = OpenOptions::new();
        let error = nothing.open(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("set read, write or append"), "{error}");
        let error = nothing.read(true).truncate(true).open(&path).await.unwrap_err();
        assert!(error.to_string().contains("only who may write"), "{error}");
        assert_eq!(fs::read(&path).await.unwrap(), b"text");
    });
}
