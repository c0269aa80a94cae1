//! Files in chains.

use mainspring::fs::{self, File};
use mainspring::{is_chain_broken, op};

use crate::support::on_each_kind;

/// What came after a read that fell short was carried out all the same.
#[test]
fn c10_what_falls_short_breaks_a_chain() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "0123456789");
        let file = File::options().read(true).write(true).open(&path).await.unwrap();

        let read = file.read_at(Vec::with_capacity(100), 0);
        let ((short, _), (broken, _)) = op::chain((read, file.write_at("no", 0))).await;
        assert_eq!(short.unwrap(), 10);
        assert!(is_chain_broken(&broken.unwrap_err()));

        let pieces = vec![Vec::with_capacity(8), Vec::with_capacity(8)];
        let read = file.read_vectored_at(pieces, 0);
        let ((short, _), (broken, _)) = op::chain((read, file.write_at("no", 0))).await;
        // All there is, or, where there is no such call, what one buffer takes.
        assert!([8, 10].contains(&short.unwrap()));
        assert!(is_chain_broken(&broken.unwrap_err()));
        assert_eq!(fs::read(&path).await.unwrap(), b"0123456789");

        let written = file.write_at("ab", 0);
        let read = file.read_at(Vec::with_capacity(10), 0);
        let all = op::chain((written, read, file.write_at("c", 2))).await;
        let ((written, _), (read, buffer), (last, _)) = all;
        assert_eq!((written.unwrap(), read.unwrap(), last.unwrap()), (2, 10, 1));
        assert_eq!(buffer, b"ab23456789");
        assert_eq!(fs::read(&path).await.unwrap(), b"abc3456789");
    });
}
