//! The figures as tables.

use std::fmt::Write as _;

use super::output::{Measured, Sample};
use super::{Machine, Report};
use crate::bench::format::{table, thousands};
use crate::bench::measure::Traced;
use crate::bench::report::{losses, programs};

/// Workloads as the job names them, and as tables do.
const WORKLOADS: [(&str, &str); 2] = [("pair", "Python A → B"), ("page", "nginx, static page")];

/// The tables in Markdown.
pub(super) fn text(report: &Report) -> String {
    let mut text = format!("`{}`\n\n", report.command);
    for Machine { kernel, release, measured } in &report.machines {
        // Writing to memory does not fail.
        let _ = writeln!(text, "**Debian's kernel {kernel} ({release})**\n\n{}", table(&rows(measured)));
        let _ = writeln!(
            text,
            "- Memory of the kernel for the daemon (maps, programs, one ring): {:.1} MiB. Resident memory of the daemon in the end, the ring in it twice: {:.1} MiB.",
            mib(measured.kernel_bytes),
            mib(measured.resident_bytes)
        );
        let tracers: Vec<&Traced> =
            measured.samples.iter().filter_map(|sample| sample.tracer.as_ref()).collect();
        let _ = writeln!(text, "- Of all loads, {}.\n", losses(&tracers));
        for (workload, name) in WORKLOADS {
            if let Some(sample) = find(measured, "timed", workload) {
                let costs = sample.tracer.as_ref().map_or(&[][..], |tracer| &tracer.programs);
                let _ = writeln!(text, "Kernel programs, {name} (1 ns is an instruction):\n");
                let _ = writeln!(text, "{}", table(&programs(costs, sample.requests)));
            }
        }
    }
    text
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn find<'a>(measured: &'a Measured, variant: &str, workload: &str) -> Option<&'a Sample> {
    measured.samples.iter().find(|sample| sample.variant == variant && sample.workload == workload)
}

fn rows(measured: &Measured) -> Vec<Vec<String>> {
    let mut rows = vec![vec!["for each request".to_owned()]];
    rows[0].extend(WORKLOADS.map(|(_, name)| name.to_owned()));
    let mut row = |name: &str, value: &dyn Fn(&str) -> Option<String>| {
        let mut cells = vec![name.to_owned()];
        cells.extend(WORKLOADS.map(|(workload, _)| value(workload).unwrap_or_default()));
        rows.push(cells);
    };
    let get = |variant: &'static str| move |workload: &str| find(measured, variant, workload);
    let base = get("base");
    let instructions = |value: f64| thousands(value);
    row("instructions without", &|workload| Some(instructions(base(workload)?.instructions)));
    for (variant, name) in [("traced", "traced"), ("exported", "traced, OTLP")] {
        let of = get(variant);
        row(&format!("{name}: spans"), &|workload| {
            let sample = of(workload)?;
            Some(format!("{:.2}", sample.tracer.as_ref()?.spans as f64 / sample.requests as f64))
        });
        row(&format!("{name}: instructions added"), &|workload| {
            Some(instructions(of(workload)?.instructions - base(workload)?.instructions))
        });
        row(&format!("{name}: of them the daemon's"), &|workload| Some(instructions(of(workload)?.daemon)));
        row(&format!("{name}: requests/s, ratio"), &|workload| {
            Some(format!("{:.2}", of(workload)?.rate / base(workload)?.rate))
        });
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(variant: &str, workload: &str, instructions: f64) -> Sample {
        Sample {
            variant: variant.into(),
            workload: workload.into(),
            requests: 100,
            rate: 1e9 / instructions,
            instructions,
            daemon: 20_000.0,
            tracer: None,
        }
    }

    #[test]
    fn what_is_added_is_the_difference() {
        let samples = vec![sample("base", "page", 100_000.0), sample("traced", "page", 125_000.0)];
        let measured = Measured { samples, kernel_bytes: 3 << 20, resident_bytes: 0 };
        let machine = Machine { kernel: "6.1".into(), release: "6.1.192".into(), measured };
        let text = text(&Report { command: "bench".into(), machines: vec![machine] });
        for part in ["| 100 000 ", "| 25 000 ", "| 20 000 ", "| 0.80 ", "one ring): 3.0 MiB", "none lost"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
