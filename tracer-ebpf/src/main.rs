//! Kernel programs. One object. Those that see attach to BTF-typed raw tracepoints (`tp_btf`, kernel 5.5):
//!
//! | program | tracepoint | since | why |
//! |---|---|---|---|
//! | `sock_send` | `sock:sock_send_length` | 6.3 | bytes that a process wrote to a socket, by whatever syscall |
//! | `sock_recv` | `sock:sock_recv_length` | 6.3 | bytes that a process read from a socket |
//! | `sock_state` | `sock:inet_sock_set_state` | 4.16 | FIN, reset and end of a TCP connection |
//! | `process_exit` | `sched:sched_process_exit` | 2.6 | forgets a process |
//! | `process_exec` | `sched:sched_process_exec` | 3.4 | the process must be described anew |
//! | `process_fork` | `sched:sched_process_fork` | 2.6 | which thread started a process; with `tracer exec`, children are traced too |
//!
//! Those that write trace context (`propagation`) attach to a cgroup and to a map, and are loaded only where that is wanted:
//!
//! | program | kind | since | why |
//! |---|---|---|---|
//! | `enrol` | `sock_ops` | 5.10 | which sockets the next one sees, and until when |
//! | `write_context` | `sk_msg` | 5.10 | the first message on a connection |
//!
//! Nothing runs on a syscall that does not touch a socket: that is why the socket tracepoints are used and not the syscall ones.
#![no_std]
#![no_main]
// Atomic additions and a barrier for the optimiser: stable Rust has neither for BPF.
#![feature(asm_experimental_arch)]

mod atomic;
mod capture;
mod conn;
mod emit;
mod globals;
mod kernel_read;
mod maps;
mod prefilter;
mod process;
mod propagation;
mod sockets;
mod syscall;
mod task;

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
