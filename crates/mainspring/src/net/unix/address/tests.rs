use super::*;

#[test]
fn the_three_kinds_of_names_are_told_apart() {
    let path = SocketAddr::from_pathname("/tmp/a").unwrap();
    assert_eq!(path.as_pathname(), Some(Path::new("/tmp/a")));
    assert_eq!((path.as_abstract_name(), path.is_unnamed()), (None, false));

    let name = SocketAddr::from_abstract_name(b"\xff\0x").unwrap();
    assert_eq!(name.as_abstract_name(), Some(&b"\xff\0x"[..]));
    assert_eq!((name.as_pathname(), name.is_unnamed()), (None, false));
    assert_eq!(name.to_string(), "@\\xff\\x00x");

    let none = SocketAddr::unnamed().unwrap();
    assert_eq!((none.as_pathname(), none.as_abstract_name()), (None, None));
    assert!(none.is_unnamed());
    assert_ne!(none, name);
}

#[test]
fn a_leading_zero_byte_makes_an_abstract_name() {
    let name = SocketAddr::from_pathname("\0a").unwrap();
    assert_eq!(name, SocketAddr::from_abstract_name(b"a").unwrap());
    let refused = SocketAddr::from_pathname("a\0b").unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_name_that_has_no_room_is_refused() {
    for (len, fits) in [(107, true), (108, false), (4096, false)] {
        assert_eq!(SocketAddr::from_pathname("p".repeat(len)).is_ok(), fits, "path of {len}");
        assert_eq!(SocketAddr::from_abstract_name("n".repeat(len)).is_ok(), fits, "name of {len}");
    }
}

#[test]
fn the_standard_form_and_back_is_the_same_name() {
    let names = [
        SocketAddr::from_pathname("x").unwrap(),
        SocketAddr::from_abstract_name(b"x").unwrap(),
        SocketAddr::from_abstract_name(b"").unwrap(),
        SocketAddr::unnamed().unwrap(),
    ];
    for name in names {
        assert_eq!(SocketAddr::from_std(&name.to_std().unwrap()).unwrap(), name, "{name}");
    }
}
