//! Free ports for services.

use std::{
    net::{Ipv6Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

/// Below the kernel's ephemeral range (32768-60999), so that no client's source port can take one between its choice
/// and its use.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A TCP port that nothing listens on, neither on IPv4 nor on IPv6.
pub fn free_port() -> u16 {
    let span = LAST - FIRST;
    // Scenarios of two processes must not walk the same list from the same start.
    let offset = (std::process::id() % u32::from(span)) as u16;
    for _ in 0..span {
        let port = FIRST + (offset + NEXT.fetch_add(1, Ordering::Relaxed)) % span;
        let free = |address: SocketAddr| TcpListener::bind(address).is_ok();
        if free(SocketAddr::from(([127, 0, 0, 1], port)))
            && free(SocketAddr::from((Ipv6Addr::LOCALHOST, port)))
        {
            return port;
        }
    }
    panic!("No port between {FIRST} and {LAST} is free; close some listeners and run the scenarios again.")
}
