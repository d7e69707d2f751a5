//! Kernel programs. One object. Those that see attach to BTF-typed raw tracepoints (`tp_btf`, kernel 5.5), to the exit of kernel
//! functions (fexit), and to instructions of traced programs and of TLS libraries (uprobe):
//!
//! | program | tracepoint | since | why |
//! |---|---|---|---|
//! | `sock_send` | `sock:sock_send_length` | 6.3 | bytes that a process wrote to a socket, by whatever syscall |
//! | `sock_recv` | `sock:sock_recv_length` | 6.3 | bytes that a process read from a socket |
//! | `inet_sent`, `inet6_sent`, `unix_sent`, and the same with `received` | exit of `inet_sendmsg` and its like | 6.1 | the same, before 6.3 |
//! | `inet_page_sent`, `unix_page_sent` | exit of `inet_sendpage` and its like | until 6.4 | bytes sent by sendfile and splice |
//! | `sock_state` | `sock:inet_sock_set_state` | 4.16 | FIN, reset and end of a TCP connection |
//! | `process_exit` | `sched:sched_process_exit` | 2.6 | forgets a process |
//! | `process_exec` | `sched:sched_process_exec` | 3.4 | the process must be described anew |
//! | `process_fork` | `sched:sched_process_fork` | 2.6 | which thread started a process; with `tracer exec`, children are traced too |
//! | `go_round_trip` | `net/http.(*persistConn).roundTrip` | | which goroutine makes a call |
//! | `python_new_context` | `PyContext_CopyCurrent`, return | | which task started another one |
//! | `go_new_goroutine` | in `runtime.newproc` | | which goroutine started another one |
//! | `tls_enter`, `tls_exit` | functions that read, write and shake hands | 5.15 | plaintext; attached where a library is found |
//! | `tls_forget`, `tls_made`, `tls_loosen` | functions that free an object, make one or give it another socket | 5.15 | an address that is used again is another connection |
//! | `tls_sealed` | writing into memory BIOs | 5.15 | which socket a library's records go to |
//! | `tls_unread` | early data | 5.15 | bytes that are not read |
//!
//! Those that write trace context (`propagation`) attach to a cgroup and to a map, and are loaded only where that is wanted:
//!
//! | program | kind | since | why |
//! |---|---|---|---|
//! | `enrol` | `sock_ops` | 5.10 | which sockets the next one sees, and until when |
//! | `write_context` | `sk_msg` | 5.10 | the first message on a connection, or all of one by HTTP/2 |
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
mod go;
mod kernel_read;
mod maps;
mod prefilter;
mod process;
mod propagation;
mod sockets;
mod syscall;
mod task;
mod task_storage;
mod tls;
mod turn;

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
