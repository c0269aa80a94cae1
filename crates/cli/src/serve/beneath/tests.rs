//! Both ways of resolving a path, on a directory with everything that could lead out of it.

use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::{fs, process};

use super::*;

/// A directory that goes away with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("mainspring-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("root/inside")).unwrap();
        fs::write(path.join("secret"), "secret").unwrap();
        fs::write(path.join("root/inside/file"), "text").unwrap();
        let root = path.join("root");
        symlink("../secret", root.join("up")).unwrap();
        symlink(path.join("secret"), root.join("absolute")).unwrap();
        symlink("..", root.join("parent")).unwrap();
        symlink("inside/file", root.join("within")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let made = process::Command::new("mkfifo").arg(root.join("fifo")).status().unwrap();
        assert!(made.success());
        Place(path)
    }

    fn roots(&self) -> Vec<Root> {
        let root = Root::open(&self.0.join("root")).unwrap();
        let walking = Root { by_kernel: false, ..Root::open(&self.0.join("root")).unwrap() };
        vec![root, walking]
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_lies_inside_is_found() {
    let place = Place::new("inside");
    for root in place.roots() {
        let Found::File(mut file, look) = root.find(b"inside/file").unwrap() else {
            panic!("a regular file, by the kernel: {}", root.by_kernel);
        };
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), look.size, look.kind), ("text", 4, Kind::File));
        assert!(matches!(root.find(b".").unwrap(), Found::Directory(_)));
        assert!(matches!(root.find(b"inside").unwrap(), Found::Directory(_)));
        assert_eq!(root.find(b"nothing").unwrap_err(), Errno::NOENT);
        assert_eq!(root.find(b"inside/file/x").unwrap_err(), Errno::NOTDIR);
    }
}

#[test]
fn no_link_leads_outside() {
    let place = Place::new("outside");
    for root in place.roots() {
        for path in ["up", "absolute", "parent/secret", "loop", "..", "../secret", "inside/../.."] {
            let served =
                matches!(root.find(path.as_bytes()), Ok(Found::File(..) | Found::Directory(_)));
            assert!(!served, "{path}, by the kernel: {}", root.by_kernel);
        }
    }
}

#[test]
fn links_that_stay_inside_are_followed_by_the_kernel_only() {
    let place = Place::new("within");
    for root in place.roots() {
        let followed = matches!(root.find(b"within"), Ok(Found::File(..)));
        assert_eq!(followed, root.by_kernel);
    }
}

#[test]
fn a_fifo_is_not_opened() {
    let place = Place::new("fifo");
    for root in place.roots() {
        assert_eq!(root.look(b"fifo").unwrap().kind, Kind::Special);
        assert!(matches!(root.find(b"fifo").unwrap(), Found::Special));
    }
}
