//! Redis by example.

use tracer_protocols::{
    Protocol,
    contract::Side,
    detect::{Detection, detect},
};

#[test]
fn commands_are_told_from_data() {
    let found = Detection::Found(Protocol::Redis, Side::Request);
    assert_eq!(detect(b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"), found);
    assert_eq!(detect(b"*2\r\n$3\r\nget\r\n"), found);
    assert_eq!(detect(b"*2\r\n$3\r\nGE"), Detection::NeedMore);
    assert_eq!(detect(b"*2\r\n$5\r\nworld\r\n$5\r\nhello\r\n"), Detection::No);
    assert_eq!(detect(b"*2 GET"), Detection::No);
}
