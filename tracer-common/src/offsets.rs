//! Offsets of kernel struct fields, in bytes, resolved from the running kernel's BTF before the programs are loaded.
//!
//! Rust emits no CO-RE relocations, so the offsets travel as read-only globals. A field that this kernel lacks is
//! [`MISSING`]; the loader decides what that costs.

/// Sentinel for a field that this kernel does not have.
pub const MISSING: u32 = u32::MAX;

/// arch/x86/include/asm/processor.h and arch/arm64/include/asm/processor.h
#[cfg(not(target_arch = "aarch64"))]
const THREAD_POINTER: &str = "thread.fsbase";
#[cfg(target_arch = "aarch64")]
const THREAD_POINTER: &str = "thread.uw.tp_value";

macro_rules! offsets {
    ($($(#[$doc:meta])* $name:ident: $kind:literal . $path:expr,)*) => {
        /// One `u32` per field; see the module.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct KernelOffsets { $($(#[$doc])* pub $name: u32,)* }

        impl KernelOffsets {
            /// `(struct, dotted field path)` of every field, in layout order.
            pub const FIELDS: &'static [(&'static str, &'static str)] = &[$(($kind, $path),)*];
            /// Every field missing.
            pub const UNKNOWN: Self = Self { $($name: MISSING,)* };

            /// Sets the field at `index` of [`Self::FIELDS`].
            pub fn set(&mut self, index: usize, offset: u32) {
                let mut at = 0;
                $(if at == index { self.$name = offset; } at += 1;)*
                let _ = at;
            }
        }
    };
}

offsets! {
    /// Address family.
    family: "sock_common"."skc_family",
    /// TCP state.
    state: "sock_common"."skc_state",
    /// Local port, host byte order.
    local_port: "sock_common"."skc_num",
    /// Peer port, network byte order.
    peer_port: "sock_common"."skc_dport",
    /// Local IPv4 address.
    local_v4: "sock_common"."skc_rcv_saddr",
    /// Peer IPv4 address.
    peer_v4: "sock_common"."skc_daddr",
    /// Local IPv6 address.
    local_v6: "sock_common"."skc_v6_rcv_saddr",
    /// Peer IPv6 address.
    peer_v6: "sock_common"."skc_v6_daddr",
    /// Network namespace.
    net: "sock_common"."skc_net.net",
    /// Socket type (`SOCK_STREAM`).
    kind: "sock"."sk_type",
    /// Protocol (`IPPROTO_TCP`).
    protocol: "sock"."sk_protocol",
    /// Bytes that may wait to be sent.
    send_buffer: "sock"."sk_sndbuf",
    /// Bytes that wait to be sent, or to be acknowledged.
    queued: "sock"."sk_wmem_queued",
    /// Layer above TCP (TLS, MPTCP); null where there is none.
    upper_layer: "inet_connection_sock"."icsk_ulp_ops",
    /// First byte that the peer has not acknowledged.
    snd_una: "tcp_sock"."snd_una",
    /// The file that applications hold; null once all have closed it.
    socket: "sock"."sk_socket",
    /// The socket behind a file.
    sk: "socket"."sk",
    /// The file of a socket.
    file: "socket"."file",
    /// The epoll sets that a file is in; null where it is in none.
    epolls: "file"."f_ep",
    /// Pending error, set by a reset.
    error: "sock"."sk_err",
    /// Next sequence number that the network will deliver; behind the FIN once one was received.
    rcv_nxt: "tcp_sock"."rcv_nxt",
    /// Next sequence number that the application will write.
    write_seq: "tcp_sock"."write_seq",
    /// Next sequence number that the application will read.
    copied_seq: "tcp_sock"."copied_seq",
    /// Namespace inode number.
    net_inum: "net"."ns.inum",
    /// Other end of a unix socket.
    unix_peer: "unix_sock"."peer",
    /// Bound address of a unix socket.
    unix_addr: "unix_sock"."addr",
    /// Length of that address.
    unix_addr_len: "unix_address"."len",
    /// The address itself (`sockaddr_un`).
    unix_addr_name: "unix_address"."name",
    /// Address space of a task.
    mm: "task_struct"."mm",
    /// Parent process.
    real_parent: "task_struct"."real_parent",
    /// Thread group id of a task.
    tgid: "task_struct"."tgid",
    /// Thread id of a task.
    pid: "task_struct"."pid",
    /// Leader of the thread group.
    group_leader: "task_struct"."group_leader",
    /// Name of a task.
    comm: "task_struct"."comm",
    /// Start of a task, nanoseconds since boot, suspend included.
    start_boottime: "task_struct"."start_boottime",
    /// How often a task went to sleep by itself.
    sleeps: "task_struct"."nvcsw",
    /// Thread pointer of a task: what pthread_self() returns.
    thread_pointer: "task_struct".THREAD_POINTER,
    /// First byte of the argument block.
    arg_start: "mm_struct"."arg_start",
    /// End of the argument block.
    arg_end: "mm_struct"."arg_end",
    /// First byte of the environment block.
    env_start: "mm_struct"."env_start",
    /// End of the environment block.
    env_end: "mm_struct"."env_end",
}
