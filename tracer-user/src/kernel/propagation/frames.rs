//! The part of the self-test that speaks HTTP/2.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use tracer_common::propagation::{FIELD, FIELD_START, FIELD_VALUE_AT};
use tracer_protocols::context::parse_traceparent;

use super::selftest::{PATIENCE, pattern};

/// The client's preface (RFC 9113, section 3.4), and settings that say nothing.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// A PING, by which the server knows the end of a message.
const END: &[u8] = b"\0\0\x08\x06\0\0\0\0\0selftest";
/// Bytes of a frame header.
const HEADER: usize = 9;
/// Bytes of DATA: the longest frame that everybody takes.
const BODY: usize = 16_384;

/// Reads what comes, message by message, and sends it back as it arrived, with its length in front.
pub(super) fn echo(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (mut message, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        message.extend_from_slice(&buffer[..count]);
        if message.ends_with(END) {
            stream.write_all(&(message.len() as u32).to_be_bytes())?;
            stream.write_all(&message)?;
            message.clear();
        }
    }
}

/// Sends requests as clients of HTTP/2 do, and looks at what arrives. Returns what is wrong, as the end of a sentence.
pub(super) fn ask_by_frames(connect: impl Fn() -> io::Result<TcpStream>) -> Result<(), String> {
    let failed = |error: io::Error| format!("a connection by HTTP/2 failed: {error}");
    let mut stream = connect().map_err(failed)?;
    let mut exchange = |frames: &[&[u8]]| {
        let sent = [frames.concat().as_slice(), END].concat();
        exchange(&mut stream, &sent).map(|received| (sent, received)).map_err(failed)
    };
    let (sent, received) = exchange(&[HELLO])?;
    if sent != received {
        return Err("a connection by HTTP/2 that asked for nothing was changed".into());
    }
    let body: Vec<u8> = (0..BODY).map(pattern).collect();
    let data = frame(0, 1, 1, &body);
    let (_, received) = exchange(&[&request(1, b""), &data])?;
    check_added(&received, &[&data, END].concat())?;
    // Its body is not taken for anything else, and the one behind is found.
    let (_, received) = exchange(&[&request(3, b"")])?;
    check_added(&received, END)?;
    let own = request(5, b"\x00\x0btraceparent\x01x");
    for frames in [&[&own[..]][..], &[&request(7, b"")]] {
        let (sent, received) = exchange(frames)?;
        if sent != received {
            return Err(
                "a request by HTTP/2 with trace context of its own, or one behind it, was changed".into()
            );
        }
    }
    Ok(())
}

/// `GET /` with more fields.
fn request(stream: u32, more: &[u8]) -> Vec<u8> {
    // RFC 7541, appendix A.
    frame(1, 4, stream, &[b"\x82\x86\x84", more].concat())
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

fn exchange(stream: &mut TcpStream, sent: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(sent)?;
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let len = u32::from_be_bytes(len) as usize;
    if len > sent.len() + FIELD {
        return Err(io::Error::other("more arrived than was sent"));
    }
    let mut received = vec![0; len];
    stream.read_exact(&mut received)?;
    Ok(received)
}

/// Whether a request arrived with a field more, and what was sent behind it as it was.
fn check_added(received: &[u8], rest: &[u8]) -> Result<(), String> {
    let block = b"\x82\x86\x84".len();
    let head = &frame(1, 4, 0, &[0; FIELD + 3])[..5];
    let value = HEADER + block + FIELD_VALUE_AT;
    let fits = received.len() == HEADER + block + FIELD + rest.len() && received.starts_with(head);
    if !fits || received[HEADER + block..value] != FIELD_START[..] {
        return Err("the field did not arrive in a request by HTTP/2".into());
    }
    let end = HEADER + block + FIELD;
    let text = std::str::from_utf8(&received[value..end]).ok();
    if text.and_then(parse_traceparent).is_none() || received[end..] != *rest {
        return Err("a request by HTTP/2 arrived changed in more than its field".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_field_may_be_added() {
        let value = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let field = [&FIELD_START[..], value].concat();
        assert_eq!(field.len(), FIELD);
        let good = [&request(1, &field)[..], END].concat();
        assert_eq!(check_added(&good, END), Ok(()));
        assert!(check_added(&[&request(1, b"")[..], END].concat(), END).is_err());
        for at in [0, 2, 3, 15, 30, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x20;
            assert!(check_added(&bad, END).is_err(), "byte {at}");
        }
    }
}
