//! Where in a function a probe is cheap: x86-64.
//!
//! The kernel carries out some instructions itself when a probe sits on them (arch/x86/kernel/uprobes.c: push, call, jmp, jcc,
//! nop); every other one it has to run out of line in a single step, which costs some fifteen times more. So a probe sits on
//! the first of those instructions that still sees the function's arguments.

use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess,
    OpKind, Register,
};

/// Instructions that are looked at.
const MAX_INSTRUCTIONS: usize = 48;

/// Registers that hold the first four arguments (System V ABI, x86-64 supplement, section 3.2.3).
const ARGUMENTS: [Register; 4] = [Register::RDI, Register::RSI, Register::RDX, Register::RCX];

/// A function: its address and its first bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function<'a> {
    pub(super) address: u64,
    pub(super) code: &'a [u8],
}

/// A function that another one does its work by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Callee {
    pub(super) address: u64,
    /// The caller gives it an address on its own stack as this argument, counted from 0.
    pub(super) stack_argument: Option<usize>,
}

/// What a register holds, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// What the function was called with, counted from 0.
    Argument(usize),
    Number(u64),
    Unknown,
}

impl Function<'_> {
    fn instructions(&self) -> impl Iterator<Item = Instruction> {
        let mut decoder = Decoder::with_ip(64, self.code, self.address, DecoderOptions::NONE);
        let mut left = MAX_INSTRUCTIONS;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let instruction = decoder.decode();
            (!instruction.is_invalid()).then_some(instruction)
        })
    }

    /// The first instruction that is cheap to probe, while the arguments and the stack are as at the function's entry: a probe of
    /// the function's return may sit there too.
    pub(super) fn entry(&self) -> Option<u64> {
        let mut factory = InstructionInfoFactory::new();
        for instruction in self.instructions() {
            if is_emulated(&instruction) {
                return Some(instruction.ip());
            }
            let keeps = instruction.flow_control() == FlowControl::Next
                && !writes(&mut factory, &instruction, Register::RSP)
                && ARGUMENTS.into_iter().all(|argument| !writes(&mut factory, &instruction, argument));
            if !keeps {
                return None;
            }
        }
        None
    }

    /// The address that a function returns which does nothing else.
    pub(super) fn returned_address(&self) -> Option<u64> {
        let mut address = None;
        for instruction in self.instructions() {
            match instruction.mnemonic() {
                Mnemonic::Lea
                    if instruction.op0_register() == Register::RAX
                        && instruction.is_ip_rel_memory_operand() =>
                {
                    address = Some(instruction.ip_rel_memory_address());
                }
                Mnemonic::Mov
                    if instruction.op0_register() == Register::EAX
                        && instruction.op1_kind() == OpKind::Immediate32 =>
                {
                    address = Some(instruction.immediate32().into());
                }
                Mnemonic::Endbr64 | Mnemonic::Push | Mnemonic::Pop => {}
                Mnemonic::Mov if instruction.op0_register() == Register::RBP => {}
                Mnemonic::Ret => return address,
                _ => return None,
            }
        }
        None
    }

    /// The function that this one, without any branch, ends by jumping to, and its first four arguments.
    pub(super) fn tail_call(&self) -> Option<(u64, [Value; 4])> {
        let mut factory = InstructionInfoFactory::new();
        let mut arguments = [0, 1, 2, 3].map(Value::Argument);
        for instruction in self.instructions() {
            match instruction.flow_control() {
                FlowControl::Next => {}
                FlowControl::UnconditionalBranch => {
                    return Some((instruction.near_branch_target(), arguments));
                }
                _ => return None,
            }
            let place = |register: Register| {
                ARGUMENTS.iter().position(|&argument| argument == register.full_register())
            };
            let moved = (instruction.mnemonic() == Mnemonic::Mov).then(|| match instruction.op1_kind() {
                OpKind::Register if instruction.op0_register().is_gpr64() => {
                    place(instruction.op1_register()).map_or(Value::Unknown, |from| arguments[from])
                }
                OpKind::Immediate32 => Value::Number(instruction.immediate32().into()),
                _ => Value::Unknown,
            });
            for (at, register) in ARGUMENTS.into_iter().enumerate() {
                if writes(&mut factory, &instruction, register) {
                    arguments[at] = moved.unwrap_or(Value::Unknown);
                }
            }
        }
        None
    }

    /// Whether the function calls or jumps to an address.
    pub(super) fn leads_to(&self, address: u64) -> bool {
        self.instructions().any(|instruction| {
            instruction.op0_kind() == OpKind::NearBranch64 && instruction.near_branch_target() == address
        })
    }

    /// The function that this one hands its first three arguments to.
    pub(super) fn callee(&self) -> Option<Callee> {
        let mut factory = InstructionInfoFactory::new();
        let mut stack_argument = None;
        for instruction in self.instructions() {
            match instruction.flow_control() {
                FlowControl::Next | FlowControl::ConditionalBranch => {}
                FlowControl::Call | FlowControl::UnconditionalBranch
                    if instruction.is_call_near() || instruction.is_jmp_short_or_near() =>
                {
                    let address = instruction.near_branch_target();
                    return Some(Callee { address, stack_argument });
                }
                _ => return None,
            }
            if let Some(argument) = stack_address(&instruction) {
                stack_argument = Some(argument);
            } else if widens_length(&instruction) {
                // The third argument as 64 bits.
            } else if ARGUMENTS[..3].iter().any(|&argument| writes(&mut factory, &instruction, argument)) {
                return None;
            }
        }
        None
    }
}

/// Whether the kernel carries the instruction out itself: branch_setup_xol_ops() and push_setup_xol_ops() in
/// arch/x86/kernel/uprobes.c.
fn is_emulated(instruction: &Instruction) -> bool {
    let branch = matches!(
        instruction.flow_control(),
        FlowControl::Call | FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch
    );
    match instruction.mnemonic() {
        Mnemonic::Push => instruction.op0_kind() == OpKind::Register && instruction.code() == Code::Push_r64,
        Mnemonic::Nop => instruction.len() == 1,
        Mnemonic::Jrcxz
        | Mnemonic::Jecxz
        | Mnemonic::Jcxz
        | Mnemonic::Loop
        | Mnemonic::Loope
        | Mnemonic::Loopne => false,
        _ => branch && instruction.op0_kind() == OpKind::NearBranch64,
    }
}

fn writes(factory: &mut InstructionInfoFactory, instruction: &Instruction, register: Register) -> bool {
    factory.info(instruction).used_registers().iter().any(|used| {
        used.register().full_register() == register
            && !matches!(
                used.access(),
                OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess | OpAccess::None
            )
    })
}

/// The fourth or fifth argument (3, 4), if the instruction makes it an address on the stack.
fn stack_address(instruction: &Instruction) -> Option<usize> {
    let argument = match instruction.op0_register() {
        Register::RCX => 3,
        Register::R8 => 4,
        _ => return None,
    };
    let from_stack = match instruction.mnemonic() {
        Mnemonic::Mov => instruction.op1_register() == Register::RSP,
        Mnemonic::Lea => matches!(instruction.memory_base(), Register::RSP | Register::RBP),
        _ => false,
    };
    from_stack.then_some(argument)
}

/// `movsxd rdx, edx`
fn widens_length(instruction: &Instruction) -> bool {
    instruction.mnemonic() == Mnemonic::Movsxd
        && instruction.op0_register() == Register::RDX
        && instruction.op1_register() == Register::EDX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(code: &[u8]) -> Function<'_> {
        Function { address: 0x1000, code }
    }

    #[test]
    fn a_push_at_the_start_is_where_a_probe_sits() {
        // push rbp; mov rbp, rsp
        assert_eq!(function(b"\x55\x48\x89\xe5").entry(), Some(0x1000));
        // push r13
        assert_eq!(function(b"\x41\x55").entry(), Some(0x1000));
        // endbr64; push rbx
        assert_eq!(function(b"\xf3\x0f\x1e\xfa\x53").entry(), Some(0x1004));
        // test rdi, rdi; je +2
        assert_eq!(function(b"\x48\x85\xff\x74\x02").entry(), Some(0x1003));
    }

    #[test]
    fn no_probe_sits_where_stack_or_arguments_have_changed() {
        // sub rsp, 0x18; push rbx
        assert_eq!(function(b"\x48\x83\xec\x18\x53").entry(), None);
        // xor esi, esi; push rbx
        assert_eq!(function(b"\x31\xf6\x53").entry(), None);
        // push qword [rdi]: not one that the kernel carries out itself, and it moves the stack
        assert_eq!(function(b"\xff\x37\x53").entry(), None);
        // ret; push rbx
        assert_eq!(function(b"\xc3\x53").entry(), None);
        assert_eq!(function(b"").entry(), None);
    }

    /// SSL_read of Debian's OpenSSL 3.0: sub rsp, 0x18; mov rax, fs:0x28; mov [rsp+8], rax; xor eax, eax; test edx, edx; js;
    /// mov rcx, rsp; movsxd rdx, edx; call ssl_read_internal.
    const SSL_READ: &[u8] = b"\x48\x83\xec\x18\x64\x48\x8b\x04\x25\x28\x00\x00\x00\x48\x89\x44\x24\x08\x31\xc0\x85\xd2\x78\x2f\x48\x89\xe1\x48\x63\xd2\xe8\x3d\xfe\xff\xff";

    #[test]
    fn the_function_that_does_the_work_is_found() {
        assert_eq!(function(SSL_READ).entry(), None);
        let internal = Callee { address: 0x1000 + 0x23 - 0x1c3, stack_argument: Some(3) };
        assert_eq!(function(SSL_READ).callee(), Some(internal));
        // sub rsp, 8; call +0: SSL_read_ex of the same
        let ex = Callee { address: 0x1009, stack_argument: None };
        assert_eq!(function(b"\x48\x83\xec\x08\xe8\x00\x00\x00\x00").callee(), Some(ex));
    }

    /// gnutls_record_recv_seq() of Debian's GnuTLS 3.7: mov r9d, [rdi+0x770]; mov r8, rcx; mov rcx, rdx; mov rdx, rsi;
    /// mov esi, 0x17; jmp.
    const RECV_SEQ: &[u8] =
        b"\x44\x8b\x8f\x70\x07\x00\x00\x49\x89\xc8\x48\x89\xd1\x48\x89\xf2\xbe\x17\x00\x00\x00\xe9\x00\x00\x00\x00";

    #[test]
    fn what_a_tail_call_is_made_with() {
        let arguments = [Value::Argument(0), Value::Number(0x17), Value::Argument(1), Value::Argument(2)];
        let target = 0x1000 + RECV_SEQ.len() as u64;
        assert_eq!(function(RECV_SEQ).tail_call(), Some((target, arguments)));
        assert!(function(RECV_SEQ).leads_to(target) && !function(RECV_SEQ).leads_to(0x1000));
        // pop rsi; jmp +0
        let unknown = [Value::Argument(0), Value::Unknown, Value::Argument(2), Value::Argument(3)];
        assert_eq!(function(b"\x5e\xe9\x00\x00\x00\x00").tail_call(), Some((0x1006, unknown)));
        // mov esi, edx (half of the argument); jmp +0
        let half = [Value::Argument(0), Value::Unknown, Value::Argument(2), Value::Argument(3)];
        assert_eq!(function(b"\x89\xd6\xe9\x00\x00\x00\x00").tail_call(), Some((0x1007, half)));
        // je +0; jmp +0
        assert_eq!(function(b"\x74\x00\xe9\x00\x00\x00\x00").tail_call(), None);
    }

    #[test]
    fn the_address_that_a_function_returns() {
        // lea rax, [rip+0x10]; ret
        assert_eq!(function(b"\x48\x8d\x05\x10\x00\x00\x00\xc3").returned_address(), Some(0x1017));
        // mov eax, 0x1234; ret
        assert_eq!(function(b"\xb8\x34\x12\x00\x00\xc3").returned_address(), Some(0x1234));
        // call +0; ret
        assert_eq!(function(b"\xe8\x00\x00\x00\x00\xc3").returned_address(), None);
        // ret
        assert_eq!(function(b"\xc3").returned_address(), None);
    }

    #[test]
    fn a_callee_with_other_arguments_is_none() {
        // mov rsi, rax; call +0
        assert_eq!(function(b"\x48\x89\xc6\xe8\x00\x00\x00\x00").callee(), None);
        // call rax
        assert_eq!(function(b"\xff\xd0").callee(), None);
        assert_eq!(function(&SSL_READ[..SSL_READ.len() - 1]).callee(), None);
    }
}
