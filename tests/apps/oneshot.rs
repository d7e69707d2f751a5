//! oneshot ADDRESS PATH: one GET, then the end. Lives for a millisecond.

#![forbid(unsafe_code)]

use std::{
    env,
    io::{Error, Read as _, Write as _},
    net::TcpStream,
};

fn main() -> Result<(), Error> {
    let mut args = env::args().skip(1);
    let (Some(address), Some(path)) = (args.next(), args.next()) else {
        return Err(Error::other("usage: oneshot ADDRESS PATH"));
    };
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: oneshot\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(Error::other(answer)) }
}
