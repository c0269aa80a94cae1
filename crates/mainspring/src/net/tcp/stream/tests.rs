use super::*;

#[test]
fn each_address_gets_an_equal_share_of_what_is_left() {
    assert_eq!(share_ns(100, 400, 2), 200);
    assert_eq!(share_ns(200, 400, 1), 300);
    assert_eq!(share_ns(300, 400, 0), 400);
    assert_eq!(share_ns(500, 400, 3), 500, "late already");
    assert_eq!(share_ns(500, NEVER_NS, 3), NEVER_NS);
    assert_eq!(share_ns(1, NEVER_NS - 1, 0), NEVER_NS - 1);
}
