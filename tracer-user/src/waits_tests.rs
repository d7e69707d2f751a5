//! What is made of /proc.

use super::*;

const LISTENER: Tcp = Tcp { inode: 1, port: 80, state: LISTEN };
const CLIENT: Tcp = Tcp { inode: 2, port: 80, state: ESTABLISHED };
const OTHER_CLIENT: Tcp = Tcp { inode: 3, port: 80, state: CLOSE_WAIT };
const CALL: Tcp = Tcp { inode: 4, port: 41_000, state: ESTABLISHED };
const SECOND_CALL: Tcp = Tcp { inode: 5, port: 41_001, state: ESTABLISHED };
const CONNECTING: Tcp = Tcp { inode: 6, port: 41_002, state: 2 };
const TABLE: [Tcp; 6] = [LISTENER, CLIENT, OTHER_CLIENT, CALL, SECOND_CALL, CONNECTING];

#[test]
fn calls_that_wait_are_read() {
    let line = "7 0x7ffd1000 0x3 0xffffffff 0x0 0x0 0x0 0x7ffd0f00 0x7f3210";
    if cfg!(target_arch = "x86_64") {
        assert_eq!(Waiting::read(line), Some(Waiting::Poll { array: 0x7ffd_1000, count: 3 }));
        let select = "270 0x9 0x7ffd2000 0x0 0x0 0x0 0x0 0x7ffd0f00 0x7f3210\n";
        assert_eq!(Waiting::read(select), Some(Waiting::Select { bits: 0x7ffd_2000, below: 9 }));
    }
    for other in
        ["running", "-1 0x7ffd0f00 0x7f3210", "45 0x4 0x7ffd1000 0x1000 0x0 0x0 0x0 0x0 0x0", "7", ""]
    {
        assert_eq!(Waiting::read(other), None, "{other}");
    }
}

#[test]
fn descriptors_are_read() {
    let entry = |fd: i32| [fd.to_ne_bytes(), [1, 0, 0, 0]].concat();
    assert_eq!(polled(&[entry(5), entry(-1), entry(900)].concat()), [5, 900]);
    let words = [1_u64 << 3 | 1 << 63, 1 << 1 | 1 << 40].map(u64::to_ne_bytes).concat();
    assert_eq!(selected(&words, 66), [3, 63, 65], "bits beyond are not looked at by the kernel");
}

#[test]
fn sockets_are_read() {
    let line = "   1: 0100007F:1F90 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000  1000        0 71337 1 0 20 4 30 10 -1";
    assert_eq!(Tcp::read(line), Some(Tcp { inode: 71_337, port: 8080, state: ESTABLISHED }));
    assert_eq!(Tcp::read("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when"), None);
    assert_eq!(Tcp::read(""), None);
}

#[test]
fn loops_are_told_from_threads() {
    let is_loop =
        |sockets: &[Tcp]| is_of_a_loop(&TABLE, &sockets.iter().map(|socket| socket.inode).collect());
    for of_a_loop in [&[LISTENER, CLIENT][..], &[LISTENER, CALL], &[CLIENT, OTHER_CLIENT], &[CLIENT, CALL]] {
        assert!(is_loop(of_a_loop), "{of_a_loop:?}");
    }
    for of_a_thread in [
        &[LISTENER][..],
        &[CLIENT],
        &[CALL],
        &[CALL, SECOND_CALL],
        &[CLIENT, CONNECTING],
        &[LISTENER, CONNECTING],
        &[],
    ] {
        assert!(!is_loop(of_a_thread), "{of_a_thread:?}");
    }
}

/// This very thread, as another one sees it.
#[test]
fn a_loop_is_known_by_what_it_waits_for() {
    use std::{
        net::{TcpListener, TcpStream},
        os::fd::AsFd,
        sync::mpsc::channel,
    };

    use nix::poll::{PollFd, PollFlags, poll};

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    for (many, known) in [(true, true), (false, false)] {
        let (sender, receiver) = channel();
        let (listener, accepted) = (listener.try_clone().unwrap(), accepted.try_clone().unwrap());
        let thread = std::thread::spawn(move || {
            sender.send(nix::unistd::gettid().as_raw() as u32).unwrap();
            let mut fds = vec![PollFd::new(accepted.as_fd(), PollFlags::POLLIN)];
            if many {
                fds.push(PollFd::new(listener.as_fd(), PollFlags::POLLIN));
            }
            poll(&mut fds, 60_000_u16).unwrap();
            std::io::Read::read(&mut &accepted, &mut [0]).unwrap();
        });
        let tid = receiver.recv().unwrap();
        let process = Path::new("/proc/self");
        let call = || fs::read_to_string(process.join(format!("task/{tid}/syscall"))).unwrap_or_default();
        // Another user's process may not be looked at; one's own may, unless the system forbids that too.
        let Ok(_) = File::open(process.join(format!("task/{tid}/syscall"))) else { return };
        while Waiting::read(&call()).is_none() {
            std::thread::yield_now();
        }
        assert_eq!(waits_for_many(process, tid), known);
        std::io::Write::write_all(&mut &client, b"x").unwrap();
        thread.join().unwrap();
    }
}
