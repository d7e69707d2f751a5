//! Where the user buffers of the current syscall are, read from the registers that it was entered with.
//!
//! The syscall ABI keeps the argument registers unchanged while the call runs (x86_64: rdi, rsi, rdx; arm64: x1, x2;
//! see `struct pt_regs` in arch/*/include/asm/ptrace.h and include/uapi), so no hook at the entry is needed.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::generated::{bpf_get_current_task_btf, bpf_probe_read_user, bpf_task_pt_regs};

use crate::{kernel_read::field, maps::BATCHES};

/// The user memory that a socket call reads into or writes from.
///
/// A plain struct: of an enum's payload the compiler leaves registers unset where no variant needs them, and the verifier
/// refuses to have those saved.
#[derive(Clone, Copy)]
pub(crate) struct Buffers {
    /// What `place` is.
    pub(crate) kind: Kind,
    /// Address of the buffer, or of the iovecs.
    pub(crate) place: u64,
    /// Number of iovecs.
    pub(crate) count: u64,
}

/// What is known of a call's buffers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One buffer, as long as the call's result says.
    One,
    /// An array of iovecs.
    Many,
    /// Not visible here: sendfile, splice, io_uring, a kernel thread, a 32-bit process.
    Unseen,
}

impl Buffers {
    /// Buffers that cannot be seen.
    pub(crate) const UNSEEN: Self = Self { kind: Kind::Unseen, place: 0, count: 0 };
}

/// Progress of a thread in a batch call, which passes the tracepoint once per message.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Batch {
    /// Address of the `mmsghdr` array.
    array: u64,
    /// Messages that went through.
    done: u64,
}

#[cfg(bpf_target_arch = "x86_64")]
mod abi {
    //! arch/x86/entry/syscalls/syscall_64.tbl and arch/x86/include/asm/ptrace.h.
    pub(super) const READ: u64 = 0;
    pub(super) const WRITE: u64 = 1;
    pub(super) const READV: u64 = 19;
    pub(super) const WRITEV: u64 = 20;
    pub(super) const SENDTO: u64 = 44;
    pub(super) const RECVFROM: u64 = 45;
    pub(super) const SENDMSG: u64 = 46;
    pub(super) const RECVMSG: u64 = 47;
    pub(super) const RECVMMSG: u64 = 299;
    pub(super) const SENDMMSG: u64 = 307;
    /// `orig_ax`
    pub(super) const NUMBER: u32 = 120;
    /// `ax`
    pub(super) const RESULT: u32 = 80;
    /// -ENOSYS, which the entry leaves in `ax` for as long as the call runs (arch/x86/entry/entry_64.S).
    pub(super) const NO_RESULT: i64 = -38;
    /// `di`
    pub(super) const FIRST: u32 = 112;
    /// `si`
    pub(super) const SECOND: u32 = 104;
    /// `dx`
    pub(super) const THIRD: u32 = 96;
    /// `r8`
    pub(super) const FIFTH: u32 = 72;
    /// `r14`: the current goroutine in a Go program (its internal ABI)
    pub(super) const GOROUTINE: u32 = 8;
    /// `sp`
    pub(super) const STACK: u32 = 152;
    /// `cs`
    pub(super) const CODE_SEGMENT: u32 = 136;
    /// `__USER_CS`: a 64-bit process; 32-bit ones number their calls differently.
    pub(super) const USER_64: u16 = 0x33;
}
#[cfg(bpf_target_arch = "aarch64")]
mod abi {
    //! include/uapi/asm-generic/unistd.h and arch/arm64/include/asm/ptrace.h.
    pub(super) const READ: u64 = 63;
    pub(super) const WRITE: u64 = 64;
    pub(super) const READV: u64 = 65;
    pub(super) const WRITEV: u64 = 66;
    pub(super) const SENDTO: u64 = 206;
    pub(super) const RECVFROM: u64 = 207;
    pub(super) const SENDMSG: u64 = 211;
    pub(super) const RECVMSG: u64 = 212;
    pub(super) const RECVMMSG: u64 = 243;
    pub(super) const SENDMMSG: u64 = 269;
    /// `syscallno` (i32, zero-extended by the u32 read below)
    pub(super) const NUMBER: u32 = 280;
    /// `regs[0]`: the first argument for as long as the call runs, then its result.
    pub(super) const RESULT: u32 = 0;
    /// `orig_x0`
    pub(super) const FIRST: u32 = 272;
    /// `regs[1]`
    pub(super) const SECOND: u32 = 8;
    /// `regs[2]`
    pub(super) const THIRD: u32 = 16;
    /// `regs[4]`
    pub(super) const FIFTH: u32 = 32;
    /// `regs[28]`: the current goroutine in a Go program (its internal ABI)
    pub(super) const GOROUTINE: u32 = 224;
    /// `sp`
    pub(super) const STACK: u32 = 248;
}

/// Offset of `msg_iov` and `msg_iovlen` in `struct user_msghdr`, and the size of `struct mmsghdr` (64-bit ABI).
const MSG_IOV: u64 = 16;
const MMSGHDR: u64 = 64;

/// The number of no system call.
const NONE: u64 = u64::MAX;

/// Number, second and third argument of the current syscall. [`NONE`] in a 32-bit process, and where no call is running: io_uring receives for a
/// thread on its way back to user space, whatever call it comes from, and by threads that have the registers of the one that needed them.
#[inline(always)]
fn registers() -> (u64, u64, u64) {
    // SAFETY: both helpers return BTF-typed pointers; the offsets are those of pt_regs' fields.
    unsafe {
        let task = bpf_get_current_task_btf();
        let regs = bpf_task_pt_regs(task) as *const u8;
        #[cfg(bpf_target_arch = "x86_64")]
        let (running, number) = (
            field::<u16>(regs, abi::CODE_SEGMENT) == abi::USER_64
                && field::<i64>(regs, abi::RESULT) == abi::NO_RESULT,
            field::<u64>(regs, abi::NUMBER),
        );
        #[cfg(bpf_target_arch = "aarch64")]
        let (running, number) = (
            field::<u64>(regs, abi::RESULT) == field::<u64>(regs, abi::FIRST),
            u64::from(field::<u32>(regs, abi::NUMBER)),
        );
        let number = if running { number } else { NONE };
        (number, field::<u64>(regs, abi::SECOND), field::<u64>(regs, abi::THIRD))
    }
}

/// The first argument of the current system call: a file descriptor.
#[inline(always)]
pub(crate) fn first_argument() -> u64 {
    // SAFETY: both helpers return BTF-typed pointers; the offset is that of a field of pt_regs.
    unsafe { field::<u64>(bpf_task_pt_regs(bpf_get_current_task_btf()) as *const u8, abi::FIRST) }
}

/// Where the current call says whom it sends to (`struct sockaddr`); 0 where it does not, or sends several messages.
#[inline(always)]
pub(crate) fn destination() -> u64 {
    let (number, header, _) = registers();
    match number {
        // SAFETY: as in `first_argument`.
        abi::SENDTO => unsafe {
            field::<u64>(bpf_task_pt_regs(bpf_get_current_task_btf()) as *const u8, abi::FIFTH)
        },
        // `msg_name` is the first field of `struct user_msghdr`.
        abi::SENDMSG => read_user_words::<1>(header)[0],
        _ => 0,
    }
}

/// What a Go program keeps its current goroutine in, and its stack pointer.
#[inline(always)]
pub(crate) fn goroutine_and_stack() -> (u64, u64) {
    // SAFETY: both helpers return BTF-typed pointers; the offsets are those of fields of pt_regs.
    unsafe {
        let regs = bpf_task_pt_regs(bpf_get_current_task_btf()) as *const u8;
        (field::<u64>(regs, abi::GOROUTINE), field::<u64>(regs, abi::STACK))
    }
}

/// The buffers of the call that the current thread is in. `tid` is its thread id.
#[inline(always)]
pub(crate) fn buffers(tid: u32) -> Buffers {
    let (number, second, third) = registers();
    match number {
        abi::READ | abi::WRITE | abi::SENDTO | abi::RECVFROM => {
            Buffers { kind: Kind::One, place: second, count: 0 }
        }
        abi::READV | abi::WRITEV => Buffers { kind: Kind::Many, place: second, count: third },
        abi::SENDMSG | abi::RECVMSG => message(second),
        abi::SENDMMSG | abi::RECVMMSG => batch(tid, second, third),
        _ => Buffers::UNSEEN,
    }
}

#[inline(always)]
fn message(header: u64) -> Buffers {
    let [array, count] = read_user_pair(header.wrapping_add(MSG_IOV));
    Buffers { kind: Kind::Many, place: array, count }
}

/// Index of the message that is passing. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn batch_index(tid: u32, array: u64, messages: u64) -> u64 {
    if let Some(known) = BATCHES.get_ptr_mut(tid) {
        // SAFETY: a live map value, only touched by this thread.
        let known = unsafe { &mut *known };
        // After its last message the call is over: the same array again is another call.
        if known.array == array && known.done + 1 < messages {
            known.done += 1;
            return known.done;
        }
    }
    let _ = BATCHES.insert(tid, Batch { array, done: 0 }, 0);
    0
}

#[inline(always)]
fn batch(tid: u32, array: u64, messages: u64) -> Buffers {
    message(array.wrapping_add(batch_index(tid, array, messages) * MMSGHDR))
}

/// The current call failed: a batch call ends with that, so the thread's next one starts at its first message.
#[inline(always)]
pub(crate) fn failed(tid: u32) {
    if let (abi::SENDMMSG | abi::RECVMMSG, ..) = registers() {
        let _ = BATCHES.remove(tid);
    }
}

/// Two consecutive words: an iovec, or `msg_iov` and `msg_iovlen`.
#[inline(always)]
pub(crate) fn read_user_pair(address: u64) -> [u64; 2] {
    read_user_words(address)
}

/// Consecutive 64-bit words of user memory. Zeros on a fault, which is what the helper leaves then.
#[inline(always)]
pub(crate) fn read_user_words<const N: usize>(address: u64) -> [u64; N] {
    let mut words = MaybeUninit::<[u64; N]>::uninit();
    // SAFETY: a local of exactly that size, which the helper fills in any case; it checks the source.
    unsafe {
        bpf_probe_read_user(
            words.as_mut_ptr().cast(),
            size_of::<[u64; N]>() as u32,
            address as *const core::ffi::c_void,
        );
        words.assume_init()
    }
}
