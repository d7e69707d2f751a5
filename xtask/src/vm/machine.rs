//! One machine: a kernel under QEMU's software emulation, with nothing but an initial file system. Hardware virtualisation is not used:
//! machines of continuous integration rarely offer it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::archive::Archive;

/// Lines of a kernel's last words.
const LAST_WORDS: usize = 20;

/// The emulator.
pub(crate) const QEMU: &str = "qemu-system-x86_64";
/// Its Debian package.
pub(crate) const QEMU_PACKAGE: &str = "qemu-system-x86";

/// What the machine's clock follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// This machine's.
    Host,
    /// The instructions that the machine has executed, one a nanosecond, on one CPU: however busy this machine is, the same work takes the same time.
    /// It prices neither cache misses nor traps. (`-icount` in qemu(1).)
    Instructions,
}

/// Frequency of the time stamp counter where the clock counts instructions, kHz.
const COUNTED_KHZ: f64 = 1e6;

/// What every machine holds: a shell, the programs under test, and the libraries that they need.
#[derive(Debug)]
pub(crate) struct Contents {
    files: Vec<(String, Vec<u8>)>,
}

impl Contents {
    /// A shell and the first process.
    pub(crate) fn new(root: &Path, busybox: &Path) -> Result<Self> {
        let files = vec![
            ("/bin/busybox".to_owned(), read(busybox)?),
            ("/init".to_owned(), read(&root.join("tests/vm/init"))?),
        ];
        Ok(Self { files })
    }

    /// A file with this content, unless there is one of that name.
    pub(crate) fn file(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        if !self.files.iter().any(|(known, _)| known == path) {
            self.files.push((path.to_owned(), content.into()));
        }
    }

    /// A program, as `/NAME`, stripped, since a test machine has little memory, and its libraries.
    pub(crate) fn program(&mut self, name: &str, program: &Path) -> Result<()> {
        let work = tempfile::tempdir()?;
        let stripped = work.path().join(name);
        let status = Command::new("strip").arg("-g").arg("-o").arg(&stripped).arg(program).status();
        ensure!(status.is_ok_and(|status| status.success()), "{} could not be stripped.", program.display());
        self.file(&format!("/{name}"), read(&stripped)?);
        self.libraries(program)
    }

    /// A program or a library as it is, in its place, and the libraries that it needs.
    pub(crate) fn installed(&mut self, file: &Path) -> Result<()> {
        self.file(file.to_str().context("A path that is no text.")?, read(file)?);
        self.libraries(file)
    }

    fn libraries(&mut self, program: &Path) -> Result<()> {
        let output = Command::new("ldd").arg(program).output().context("ldd could not be started.")?;
        for library in libraries(&String::from_utf8_lossy(&output.stdout)) {
            self.file(&library, read(Path::new(&library))?);
        }
        Ok(())
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

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{} could not be read.", path.display()))
}

/// The paths in what ldd says: `name => /path (address)`, or `/path (address)` for the linker itself.
fn libraries(text: &str) -> Vec<String> {
    let path = |line: &str| {
        let place = line.rsplit("=> ").next()?.trim();
        place.starts_with('/').then(|| place.split(" (").next().map(str::to_owned))?
    };
    text.lines().filter_map(path).collect()
}

/// Runs `job`, a shell script, on `kernel`. Returns its output, or says what became of the machine.
pub(crate) fn run(
    kernel: &Path,
    contents: &Contents,
    job: &str,
    clock: Clock,
    limit: Duration,
) -> Result<String> {
    let work = tempfile::tempdir()?;
    let (console, output, initrd) =
        (work.path().join("console"), work.path().join("output"), work.path().join("initrd"));
    std::fs::write(&initrd, contents.archive(job))?;
    let mut command = Command::new(QEMU);
    command.args(["-accel", "tcg", "-cpu", "max", "-m", "1024", "-nodefaults", "-no-user-config"]);
    match clock {
        Clock::Host => command.args(["-smp", "2"]),
        Clock::Instructions => command.args(["-smp", "1", "-icount", "shift=0,sleep=on"]),
    };
    command.args(["-display", "none", "-no-reboot", "-nic", "none"]);
    for file in [&console, &output] {
        command.arg("-serial").arg(format!("file:{}", file.display()));
    }
    command.arg("-kernel").arg(kernel).arg("-initrd").arg(&initrd).arg("-append").arg(arguments(clock));
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
            let said = end_of(LAST_WORDS, &std::fs::read_to_string(&console).unwrap_or_default());
            bail!("The machine was not done after {} s; it said last:\n{said}", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let text = String::from_utf8_lossy(&std::fs::read(&output)?).replace('\r', "");
    if !text.contains("@end") {
        let said = end_of(LAST_WORDS, &String::from_utf8_lossy(&std::fs::read(&console)?));
        bail!("The machine ended before its job did; it said last:\n{said}");
    }
    Ok(text)
}

/// The kernel's command line. The rate of the clock is told: on a busy machine, an emulated one measures it wrongly.
fn arguments(clock: Clock) -> String {
    let khz = match clock {
        Clock::Host => host_khz(),
        Clock::Instructions => Some(COUNTED_KHZ),
    };
    let rate = khz.map_or_else(String::new, |khz| format!(" tsc_early_khz={khz:.0}"));
    format!("console=ttyS0 quiet panic=-1 tsc=reliable{rate}")
}

fn host_khz() -> Option<f64> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let mhz =
        cpus.lines().find_map(|line| line.strip_prefix("cpu MHz")?.split(':').nth(1)?.trim().parse().ok());
    mhz.map(|mhz: f64| mhz * 1000.0)
}

/// The last `count` lines.
pub(crate) fn end_of(count: usize, text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_what_ldd_says() {
        let text = "\tlinux-vdso.so.1 (0x7f05)\n\tlibc.so.6 => /lib/libc.so.6 (0x7f06)\n\t/lib64/ld-linux-x86-64.so.2 (0x7f07)\n";
        assert_eq!(libraries(text), ["/lib/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
        assert_eq!(libraries("\tstatically linked\n"), Vec::<String>::new());
    }

    #[test]
    fn last_words_are_few() {
        let text: Vec<_> = (0..50).map(|number| number.to_string()).collect();
        assert!(end_of(LAST_WORDS, &text.join("\n")).starts_with("30\n31"));
        assert_eq!(end_of(LAST_WORDS, "one"), "one");
    }
}
