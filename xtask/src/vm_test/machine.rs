//! One machine: a kernel under QEMU's software emulation, with nothing but an initial file system. Hardware virtualisation is not used:
//! machines of continuous integration rarely offer it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::archive::Archive;

/// The emulator.
pub(super) const QEMU: &str = "qemu-system-x86_64";
/// Its Debian package.
pub(super) const QEMU_PACKAGE: &str = "qemu-system-x86";

/// What every machine holds: a shell, the programs under test, and the libraries that they need.
#[derive(Debug)]
pub(super) struct Contents {
    files: Vec<(String, Vec<u8>)>,
}

impl Contents {
    /// Collects them; `programs` are stripped, since a test machine has little memory.
    pub(super) fn collect(root: &Path, busybox: &Path, programs: &[PathBuf]) -> Result<Self> {
        let read = |path: &Path| {
            std::fs::read(path).with_context(|| format!("{} could not be read.", path.display()))
        };
        let mut files = vec![
            ("/bin/busybox".to_owned(), read(busybox)?),
            ("/init".to_owned(), read(&root.join("tests/vm/init"))?),
        ];
        let work = tempfile::tempdir()?;
        for program in programs {
            let name = program.file_name().and_then(|name| name.to_str()).context("A program has a name.")?;
            let stripped = work.path().join(name);
            let status = Command::new("strip").arg("-g").arg("-o").arg(&stripped).arg(program).status();
            ensure!(
                status.is_ok_and(|status| status.success()),
                "{} could not be stripped.",
                program.display()
            );
            files.push((format!("/{name}"), read(&stripped)?));
            for library in libraries(program)? {
                if !files.iter().any(|(known, _)| *known == library) {
                    let content = read(Path::new(&library))?;
                    files.push((library, content));
                }
            }
        }
        Ok(Self { files })
    }

    fn archive(&self, job: &str) -> Vec<u8> {
        let mut archive = Archive::default();
        for directory in ["/dev", "/proc", "/sys", "/tmp", "/run", "/root"] {
            archive.directory(directory);
        }
        for (path, content) in &self.files {
            archive.program(path, content);
        }
        archive.program("/job", job.as_bytes());
        archive.finish()
    }
}

/// Paths of the shared libraries of a program, as the dynamic linker finds them.
fn libraries(program: &Path) -> Result<Vec<String>> {
    let output = Command::new("ldd").arg(program).output().context("ldd could not be started.")?;
    Ok(paths(&String::from_utf8_lossy(&output.stdout)))
}

/// The paths in what ldd says: `name => /path (address)`, or `/path (address)` for the linker itself.
fn paths(text: &str) -> Vec<String> {
    let path = |line: &str| {
        let place = line.rsplit("=> ").next()?.trim();
        place.starts_with('/').then(|| place.split(" (").next().map(str::to_owned))?
    };
    text.lines().filter_map(path).collect()
}

/// Runs `job`, a shell script, on `kernel`. Returns its output, or says what became of the machine.
pub(super) fn run(kernel: &Path, contents: &Contents, job: &str, limit: Duration) -> Result<String> {
    let work = tempfile::tempdir()?;
    let (console, output, initrd) =
        (work.path().join("console"), work.path().join("output"), work.path().join("initrd"));
    std::fs::write(&initrd, contents.archive(job))?;
    let mut command = Command::new(QEMU);
    command.args([
        "-accel",
        "tcg",
        "-cpu",
        "max",
        "-m",
        "1024",
        "-smp",
        "2",
        "-nodefaults",
        "-no-user-config",
    ]);
    command.args(["-display", "none", "-no-reboot", "-nic", "none"]);
    for file in [&console, &output] {
        command.arg("-serial").arg(format!("file:{}", file.display()));
    }
    command.arg("-kernel").arg(kernel).arg("-initrd").arg(&initrd).arg("-append").arg(arguments());
    let mut machine = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("{QEMU} could not be started."))?;
    let begin = Instant::now();
    while machine.try_wait()?.is_none() {
        if begin.elapsed() > limit {
            machine.kill()?;
            machine.wait()?;
            let said = end_of(&std::fs::read_to_string(&console).unwrap_or_default());
            bail!("The machine was not done after {} s; it said last:\n{said}", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let text = String::from_utf8_lossy(&std::fs::read(&output)?).replace('\r', "");
    if !text.contains("@end") {
        let said = end_of(&String::from_utf8_lossy(&std::fs::read(&console)?));
        bail!("The machine ended before its job did; it said last:\n{said}");
    }
    Ok(text)
}

/// The kernel's command line. The rate of the clock is told: on a busy machine, an emulated one measures it wrongly.
fn arguments() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mhz = cpus
        .lines()
        .find_map(|line| line.strip_prefix("cpu MHz")?.split(':').nth(1)?.trim().parse::<f64>().ok());
    let rate = mhz.map_or_else(String::new, |mhz| format!(" tsc_early_khz={:.0}", mhz * 1000.0));
    format!("console=ttyS0 quiet panic=-1 tsc=reliable{rate}")
}

fn end_of(text: &str) -> String {
    /// Lines of a kernel's last words.
    const LINES: usize = 20;
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_what_ldd_says() {
        let text = "\tlinux-vdso.so.1 (0x7f05)\n\tlibc.so.6 => /lib/libc.so.6 (0x7f06)\n\t/lib64/ld-linux-x86-64.so.2 (0x7f07)\n";
        assert_eq!(paths(text), ["/lib/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
        assert_eq!(paths("\tstatically linked\n"), Vec::<String>::new());
    }

    #[test]
    fn last_words_are_few() {
        let text: Vec<_> = (0..50).map(|number| number.to_string()).collect();
        assert!(end_of(&text.join("\n")).starts_with("30\n31"));
        assert_eq!(end_of("one"), "one");
    }
}
