use super::{Group, Groups, NOWHERE, Queue, SEATS};

fn seated(groups: &mut Groups, queue: &Queue, count: usize) -> Vec<Group> {
    (0..count).map(|_| groups.join(queue).expect("a seat")).collect()
}

/// Each group's members and its place among those that have a seat agree.
fn check(groups: &Groups) {
    for (place, members) in groups.groups.iter().enumerate() {
        let listed: Vec<usize> =
            (0..groups.vacant.len()).filter(|&at| groups.vacant[at] == place).collect();
        match members {
            Some(members) if (1..SEATS).contains(&members.taken) => {
                assert_eq!(listed, [members.vacancy]);
            }
            Some(members) => {
                assert_eq!((listed, members.vacancy), (vec![], NOWHERE));
                assert_eq!(members.taken == 0, groups.spare == Some(place));
            }
            None => {
                assert_eq!(listed, []);
                assert!(groups.unused.contains(&place), "its place is taken by the next");
            }
        }
    }
}

#[test]
fn a_handle_takes_so_many_sockets_and_the_next_opens_another() {
    let (mut groups, queue) = (Groups::default(), Queue::open().expect("a port"));
    let first = seated(&mut groups, &queue, SEATS);
    assert!(first.iter().all(|group| *group == first[0]));
    assert_eq!(groups.handles(), 1);
    let next = groups.join(&queue).expect("a seat");
    assert_ne!(next, first[0]);
    assert_eq!(groups.handles(), 2);
    check(&groups);
}

#[test]
fn a_seat_that_was_given_up_is_taken_before_a_handle_is_opened() {
    let (mut groups, queue) = (Groups::default(), Queue::open().expect("a port"));
    let all = seated(&mut groups, &queue, 5 * SEATS);
    // A hole in the middle of each, and no group without members.
    for group in all.iter().step_by(2) {
        groups.leave(*group);
    }
    check(&groups);
    seated(&mut groups, &queue, all.len().div_ceil(2));
    assert_eq!((groups.handles(), groups.vacant.len()), (5, 0));
    check(&groups);
}

#[test]
fn a_group_without_sockets_gives_its_handle_back_and_one_is_kept() {
    let (mut groups, queue) = (Groups::default(), Queue::open().expect("a port"));
    let all = seated(&mut groups, &queue, 4 * SEATS);
    for (gone, group) in all.iter().enumerate() {
        groups.leave(*group);
        check(&groups);
        // The first that is empty is kept.
        let empty = (gone + 1) / SEATS;
        assert_eq!(groups.handles(), 4 - empty.saturating_sub(1));
    }
    // The places are used again.
    seated(&mut groups, &queue, 4 * SEATS);
    assert_eq!((groups.handles(), groups.groups.len()), (4, 4));
    check(&groups);
}

#[test]
fn a_socket_that_comes_and_goes_where_all_groups_are_full_opens_one_handle() {
    let (mut groups, queue) = (Groups::default(), Queue::open().expect("a port"));
    seated(&mut groups, &queue, SEATS);
    let place = groups.join(&queue).expect("a seat");
    let handle = handle_of(&groups, place);
    for _ in 0..10 {
        groups.leave(place);
        assert_eq!(groups.join(&queue).expect("a seat"), place);
        assert_eq!(handle_of(&groups, place), handle);
        check(&groups);
    }
    // Members come first: the kept handle waits until no other group has a seat.
    groups.leave(place);
    groups.leave(Group(0));
    assert_eq!(groups.join(&queue).expect("a seat"), Group(0));
    check(&groups);
}

fn handle_of(groups: &Groups, group: Group) -> usize {
    use std::os::windows::io::{AsHandle, AsRawHandle};
    groups.afd(group).expect("a handle").as_handle().as_raw_handle() as usize
}
