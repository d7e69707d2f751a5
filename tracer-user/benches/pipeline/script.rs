//! What goes on on a host, as kernel records: made beforehand, so that making them is in no figure.

use super::records::{self, Ends, Record, Segment};

/// Connections in use at a time, taken in turn.
const CONNECTIONS: u64 = 64;
/// Between two records: as with 50 thousand requests a second to a server.
const STEP_NS: u64 = 10_000;

/// What goes on on the host.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Clients elsewhere, a server here: one span.
    Server,
    /// A client and a server here: two spans.
    Pair,
    /// A client, a proxy and an application here: four spans.
    Chain,
}

pub(super) const SHAPES: [Shape; 3] = [Shape::Server, Shape::Pair, Shape::Chain];

/// A process with one thread for each connection.
#[derive(Clone, Copy)]
struct Service {
    pid: u32,
    name: &'static str,
}

const CLIENT: Service = Service { pid: 1000, name: "client" };
const PROXY: Service = Service { pid: 2000, name: "proxy" };
const APP: Service = Service { pid: 3000, name: "app" };

/// One end of a connection.
struct Socket {
    id: u64,
    opened: bool,
    ends: Ends,
    positions: [u32; 2],
    numbers: [u32; 2],
}

/// Records in the making.
#[derive(Default)]
struct Script {
    records: Vec<Record>,
    now_ns: u64,
    sockets: Vec<Socket>,
}

impl Script {
    /// Both ends of a connection; returns the index of the client's.
    fn connect(&mut self, client_address: [u8; 4], port: u16) -> usize {
        let at = self.sockets.len();
        let client = (client_address, 20_000 + (at % 40_000) as u16);
        let server = ([127, 0, 0, 1], port);
        for (local, peer) in [(client, server), (server, client)] {
            let (id, ends) = (self.sockets.len() as u64 + 1, Ends::V4 { local, peer });
            self.sockets.push(Socket { id, opened: false, ends, positions: [1, 1], numbers: [0, 0] });
        }
        at
    }

    fn describe(&mut self, service: Service) {
        let path = format!("/usr/bin/{}\0", service.name);
        self.records.push(records::process(
            service.pid,
            service.name,
            path.as_bytes(),
            b"",
            None,
            self.now_ns,
        ));
    }

    /// `service` reads or writes; its thread is the one of this connection.
    fn pass(&mut self, socket: usize, sent: bool, service: Service, thread: u64, bytes: &[u8]) {
        self.now_ns += STEP_NS;
        let at = &mut self.sockets[socket];
        if !at.opened {
            at.opened = true;
            self.records.push(records::open(&at.ends, 0, service.pid, self.now_ns, at.id));
        }
        let way = usize::from(sent);
        let front = &bytes[..bytes.len().min(if bytes.starts_with(b"HTTP") { 1024 } else { 4096 })];
        self.records.push(records::data(&Segment {
            sent,
            tcp: true,
            eof: false,
            tls: false,
            datagram: false,
            tgid: service.pid,
            tid: service.pid + 1 + thread as u32,
            task: 0,
            polled: false,
            turn: false,
            time_ns: self.now_ns,
            conn: at.id,
            number: at.numbers[way],
            position: at.positions[way],
            len: bytes.len() as u32,
            front,
            tail: (front.len() < bytes.len()).then_some(*b"the end."),
        }));
        at.numbers[way] += 1;
        at.positions[way] = at.positions[way].wrapping_add(bytes.len() as u32);
    }
}

impl Shape {
    /// The records of this many exchanges from end to end, the processes and connections described first.
    pub(super) fn records(self, exchanges: u64) -> Vec<Record> {
        let mut script = Script { now_ns: 1_000_000_000_000, ..Script::default() };
        for service in [CLIENT, PROXY, APP] {
            script.describe(service);
        }
        let client_address = if matches!(self, Self::Server) { [198, 51, 100, 7] } else { [127, 0, 0, 1] };
        let front: Vec<_> = (0..CONNECTIONS).map(|_| script.connect(client_address, 80)).collect();
        let back: Vec<_> = (0..CONNECTIONS).map(|_| script.connect([127, 0, 0, 1], 8000)).collect();
        let response = response();
        for number in 0..exchanges {
            let thread = number % CONNECTIONS;
            let (front, back) = (front[thread as usize], back[thread as usize]);
            let request = request(number);
            let client_is_here = !matches!(self, Self::Server);
            if client_is_here {
                script.pass(front, true, CLIENT, thread, &request);
            }
            script.pass(front + 1, false, PROXY, thread, &request);
            if matches!(self, Self::Chain) {
                script.pass(back, true, PROXY, thread, &request);
                script.pass(back + 1, false, APP, thread, &request);
                script.pass(back + 1, true, APP, thread, &response);
                script.pass(back, false, PROXY, thread, &response);
            }
            script.pass(front + 1, true, PROXY, thread, &response);
            if client_is_here {
                script.pass(front, false, CLIENT, thread, &response);
            }
        }
        script.records
    }
}

fn request(number: u64) -> Vec<u8> {
    format!(
        "GET /api/v1/users/{}/orders?page={}&sort=date HTTP/1.1\r\n\
         Host: shop.example:8080\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
         Accept: application/json, text/plain, */*\r\n\
         Accept-Encoding: gzip, deflate, br\r\n\
         X-Forwarded-For: 203.0.113.9\r\n\
         Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
         Connection: keep-alive\r\n\r\n",
        number % 9973,
        number % 7
    )
    .into_bytes()
}

/// Two kilobytes: more than is captured.
fn response() -> Vec<u8> {
    let body = "x".repeat(2000);
    format!(
        "HTTP/1.1 200 OK\r\nServer: nginx/1.28.0\r\nDate: Tue, 03 Mar 2026 08:00:00 GMT\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: keep-alive\r\n\
         Vary: Accept-Encoding\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
