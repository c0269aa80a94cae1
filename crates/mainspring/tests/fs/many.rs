//! Many operations at once on one file.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{self, FuturesUnordered};
use mainspring::fs::File;

use crate::support::{on_each_kind, pattern};

/// Operations under way at a time.
const DEPTH: usize = 32;
const PIECE: usize = 4096;
const PIECES: usize = 512;

#[test]
fn reads_at_depth_32_bring_each_its_own_piece() {
    on_each_kind(|_, place| async {
        let all = pattern(PIECE * PIECES, 11);
        let file = File::open(place.file("file", &all)).await.unwrap();
        let read = |number: usize| {
            let reading = file.read_exact_at(Vec::with_capacity(PIECE), (number * PIECE) as u64);
            async move { (number, reading.await) }
        };
        // In an order that is not the file's.
        let numbers = (0..PIECES).map(|number| number * 77 % PIECES);
        let mut reads = stream::iter(numbers.map(read)).buffer_unordered(DEPTH);
        let mut count = 0;
        while let Some((number, (result, buffer))) = reads.next().await {
            result.unwrap();
            assert!(buffer == all[number * PIECE..][..PIECE], "piece {number}");
            count += 1;
        }
        assert_eq!(count, PIECES);
    });
}

#[test]
fn writes_at_depth_32_land_each_in_its_place() {
    on_each_kind(|_, place| async {
        let path = place.join("file");
        let all = pattern(PIECE * PIECES, 12);
        let file = Arc::new(File::create(&path).await.unwrap());
        let write = |number: usize| {
            let file = Arc::clone(&file);
            let piece = all[number * PIECE..][..PIECE].to_vec();
            async move { file.write_all_at(piece, (number * PIECE) as u64).await.0 }
        };
        let numbers = (0..PIECES).map(|number| number * 51 % PIECES);
        let writes = stream::iter(numbers.map(write)).buffer_unordered(DEPTH);
        writes.for_each(|written| async { written.unwrap() }).await;
        file.sync_data().await.unwrap();
        assert!(std::fs::read(&path).unwrap() == all);
    });
}

#[test]
fn operations_of_every_kind_go_together() {
    on_each_kind(|_, place| async move {
        let path = place.file("file", pattern(PIECE, 13));
        let file = File::open(&path).await.unwrap();
        let mut all = FuturesUnordered::new();
        for number in 0..DEPTH {
            let (file, path) = (&file, &path);
            all.push(async move {
                let directory = place.join(&format!("directory-{number}"));
                mainspring::fs::create_dir(&directory).await.unwrap();
                let (read, _) = file.read_at([0; PIECE], 0).await;
                assert_eq!(read.unwrap(), PIECE);
                let moved = place.join(&format!("moved-{number}"));
                mainspring::fs::rename(&directory, &moved).await.unwrap();
                assert!(mainspring::fs::metadata(path).await.unwrap().is_file());
                mainspring::fs::remove_dir(&moved).await.unwrap();
            });
        }
        while all.next().await.is_some() {}
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
    });
}
