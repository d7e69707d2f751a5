//! Compiles the kernel object into the daemon; see the ebpf-build package.

fn main() -> std::process::ExitCode {
    ebpf_build::build_script()
}
