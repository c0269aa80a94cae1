use super::*;

const LAST: usize = (1 << INDEX_BITS) - 1;

#[test]
fn no_page_is_beyond_the_last() {
    for first_page in [1, 2, 64, 4096] {
        let pages = Pages::<u8>::new(first_page);
        let (page, place, length) = pages.locate(LAST - 1);
        assert!(page < PAGES && place < length, "with a first page of {first_page}");
        let (page, ..) = pages.locate(LAST);
        assert!(page <= PAGES, "any index is looked up without overflow");
        assert!(pages.get(LAST).is_none());
    }
}

#[test]
#[should_panic(expected = "a power of two")]
fn the_first_page_is_a_power_of_two() {
    let _ = Pages::<u8>::new(3);
}

#[test]
fn pages_grow_and_no_value_moves() {
    let pages = Pages::new(2);
    let mut values: Vec<*const u64> = Vec::new();
    for index in 0..100 {
        pages.grow(index, || 7_u64);
        values.push(pages.get(index).expect("its page is there"));
    }
    for (index, value) in values.iter().enumerate() {
        assert!(std::ptr::eq(pages.get(index).expect("still there"), *value), "a value moved");
    }
    let made = pages.pages.iter().filter_map(|page| page.get()).map(|page| page.len());
    let expected = [[2; 16].as_slice(), &[4; 16], &[8; 1]].concat();
    assert_eq!(made.collect::<Vec<_>>(), expected);
}

/// C13: little is to spare.
#[test]
fn pages_follow_one_another_and_have_little_to_spare() {
    for first_page in [1, 2, 64] {
        let pages = Pages::<u8>::new(first_page);
        let (mut last_page, mut capacity) = (0, 0);
        for index in 0..100_000 {
            let (page, place, length) = pages.locate(index);
            if place == 0 {
                assert!(index == 0 || page == last_page + 1, "a page was left out at {index}");
                assert_eq!(capacity, index, "the page before is full");
                (last_page, capacity) = (page, capacity + length);
                assert!(length == first_page || length * 8 <= index, "{length} at {index}");
            }
            assert!(page == last_page && index == capacity - length + place);
        }
        let (_, _, length) = pages.locate(100_000);
        assert!(length * 15 <= 100_000, "{length} of 100,000 may be to spare");
    }
}

#[test]
fn a_page_is_not_made_before_it_is_needed() {
    let pages = Pages::new(4);
    assert!(pages.get(0).is_none());
    assert_eq!(pages.grow(0, || 0_u8), Some(4));
    for index in 1..4 {
        assert_eq!(pages.grow(index, || 0), None, "it has its page already");
    }
    assert!(pages.get(3).is_some() && pages.get(4).is_none());
}
