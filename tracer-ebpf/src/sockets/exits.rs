//! The same as `io`'s programs, for kernels without their tracepoints (before 6.3): at the exit of the functions that those
//! tracepoints stand behind, `struct proto_ops` members of the families that are traced (net/ipv4/af_inet.c, net/ipv6/af_inet6.c,
//! net/unix/af_unix.c). A program attaches to one function, so there is one for each.
//!
//! What sendfile and splice move into a socket takes another way before kernel 6.5: the `sendpage` members.

use aya_ebpf::{macros::fexit, programs::FExitContext};

use super::{describe::TCP, io::segment_passed};
use crate::{
    conn::{RECEIVED, SENT},
    globals::offset,
    kernel_read::field,
};

/// The socket of a `struct socket`, a function's first argument; null where it has none.
#[inline(always)]
fn socket(ctx: &FExitContext) -> *const u8 {
    // SAFETY: the argument is BTF-typed, the offset that of this very field.
    unsafe { field::<*const u8>(ctx.arg(0), offset!(sk)) }
}

/// `int (*sendmsg)(struct socket *sock, struct msghdr *m, size_t total_len)` (include/linux/net.h)
#[inline(always)]
fn sent(ctx: &FExitContext) -> i32 {
    let sk = socket(ctx);
    if !sk.is_null() {
        // SAFETY: a field of a BTF-typed struct; the result follows the arguments.
        unsafe { segment_passed::<SENT>(sk, ctx.arg(3), 0) };
    }
    0
}

/// `int (*recvmsg)(struct socket *sock, struct msghdr *m, size_t total_len, int flags)` (include/linux/net.h)
#[inline(always)]
fn received(ctx: &FExitContext) -> i32 {
    let sk = socket(ctx);
    if !sk.is_null() {
        // SAFETY: as above.
        unsafe { segment_passed::<RECEIVED>(sk, ctx.arg(4), ctx.arg(3)) };
    }
    0
}

/// `ssize_t (*sendpage)(struct socket *sock, struct page *page, int offset, size_t size, int flags)` (include/linux/net.h, until 6.4)
#[inline(always)]
fn page_sent(ctx: &FExitContext, tcp_only: bool) -> i32 {
    let sk = socket(ctx);
    // SAFETY: as above. Other protocols of the family than TCP end up in `sendmsg`, which has its own program.
    if !sk.is_null() && (!tcp_only || unsafe { field::<u16>(sk, offset!(protocol)) } == TCP) {
        // SAFETY: as above.
        unsafe { segment_passed::<SENT>(sk, ctx.arg(5), 0) };
    }
    0
}

#[fexit(function = "inet_sendmsg")]
pub(crate) fn inet_sent(ctx: FExitContext) -> i32 {
    sent(&ctx)
}

#[fexit(function = "inet6_sendmsg")]
pub(crate) fn inet6_sent(ctx: FExitContext) -> i32 {
    sent(&ctx)
}

#[fexit(function = "unix_stream_sendmsg")]
pub(crate) fn unix_sent(ctx: FExitContext) -> i32 {
    sent(&ctx)
}

#[fexit(function = "inet_recvmsg")]
pub(crate) fn inet_received(ctx: FExitContext) -> i32 {
    received(&ctx)
}

#[fexit(function = "inet6_recvmsg")]
pub(crate) fn inet6_received(ctx: FExitContext) -> i32 {
    received(&ctx)
}

#[fexit(function = "unix_stream_recvmsg")]
pub(crate) fn unix_received(ctx: FExitContext) -> i32 {
    received(&ctx)
}

#[fexit(function = "inet_sendpage")]
pub(crate) fn inet_page_sent(ctx: FExitContext) -> i32 {
    page_sent(&ctx, true)
}

#[fexit(function = "unix_stream_sendpage")]
pub(crate) fn unix_page_sent(ctx: FExitContext) -> i32 {
    page_sent(&ctx, false)
}
