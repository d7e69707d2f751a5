//! What messages to and from brokers begin with: Kafka, AMQP, NATS, MQTT.

use crate::syscall::read_user_pair;

/// Little-endian number of the first bytes of a text, and how many bits of a prefix those are.
const fn text(bytes: &[u8]) -> (u64, u32) {
    let (mut value, mut at) = (0, 0);
    while at < bytes.len() {
        value |= (bytes[at] as u64) << (8 * at);
        at += 1;
    }
    (value, 8 * bytes.len() as u32)
}

#[inline(always)]
const fn begins_with(prefix: u64, (value, bits): (u64, u32)) -> bool {
    (prefix ^ value) << (64 - bits) == 0
}

/// Whether a segment of `len` bytes begins with a message of such a protocol. Its first buffer is at `base` and has `first_len` bytes, of which
/// `prefix` holds the first eight.
#[inline(always)]
pub(super) fn message(prefix: u64, base: u64, first_len: u64, len: u64) -> bool {
    match prefix as u8 {
        0 => kafka(prefix, base, first_len, len),
        1 | b'A' => amqp(prefix, base, first_len),
        0x10 => mqtt(prefix),
        b'I' | b'P' | b'H' | b'M' | b'S' => nats(prefix),
        _ => false,
    }
}

/// A request of Kafka: its size, an API key and a version that there are, and a client id that fits ("Kafka protocol guide",
/// request header v1 and v2). Only a produce request comes in parts.
#[inline(always)]
fn kafka(prefix: u64, base: u64, first_len: u64, len: u64) -> bool {
    /// Beyond the newest API key and version by some margin.
    const MAX_KEY: u64 = 100;
    const MAX_VERSION: u64 = 24;
    const PRODUCE: u64 = 0;
    let big_endian = prefix.swap_bytes();
    let size = big_endian >> 32;
    let (key, version) = (big_endian >> 16 & 0xffff, big_endian & 0xffff);
    let fits = size + 4 == len || key == PRODUCE && size + 4 > len;
    // Behind the head's ten bytes there is the client id's length, and seven more are looked at.
    if !fits || key > MAX_KEY || version > MAX_VERSION || size < 10 || first_len < 18 {
        return false;
    }
    let [word, _] = read_user_pair(base.wrapping_add(10));
    let client = u64::from((word >> 16) as u16).swap_bytes() >> 48;
    client == 0xffff || client + 10 <= size && client <= 255
}

/// The protocol header of AMQP (0-9-1, section 4.2.2; 1.0, part 2.2), or a frame with a method that publishes or delivers (0-9-1, section 2.3).
#[inline(always)]
fn amqp(prefix: u64, base: u64, first_len: u64) -> bool {
    const HEADER: (u64, u32) = text(b"AMQP");
    /// Class basic, the low byte of its number.
    const BASIC: u64 = 60;
    if begins_with(prefix, HEADER) {
        return prefix >> 32 == u64::from(u32::from_le_bytes([0, 0, 9, 1]));
    }
    // Type 1 with a length below 64 KiB, and the high byte of the class.
    if prefix as u8 != 1 || prefix >> 24 & 0xffff != 0 || prefix >> 56 != 0 || first_len < 24 {
        return false;
    }
    let [word, _] = read_user_pair(base.wrapping_add(8));
    // publish (40), deliver (60), get (70), get-ok (71), ack (80)
    let method = word >> 16 & 0xff;
    word & 0xffff == BASIC && (method == 40 || method == 60 || method == 70 || method == 71 || method == 80)
}

/// CONNECT of MQTT 3.1.1 or 5 (section 3.1 of both), with a length of one byte or two.
#[inline(always)]
fn mqtt(prefix: u64) -> bool {
    const NAME: (u64, u32) = text(b"\0\x04MQTT");
    const FRONT: (u64, u32) = text(b"\0\x04MQT");
    begins_with(prefix >> 16, NAME) || prefix >> 15 & 1 != 0 && begins_with(prefix >> 24, FRONT)
}

/// A server's INFO, or a message that is published, delivered or subscribed to ("NATS client protocol").
#[inline(always)]
fn nats(prefix: u64) -> bool {
    const STARTS: [(u64, u32); 6] =
        [text(b"INFO {"), text(b"PUB "), text(b"HPUB "), text(b"MSG "), text(b"HMSG "), text(b"SUB ")];
    let mut at = 0;
    while at < STARTS.len() {
        if begins_with(prefix, STARTS[at]) {
            return true;
        }
        at += 1;
    }
    false
}
