//! What a process is called.

use super::{
    cgroup,
    interpreter::{self, Interpreter},
    process::ProcessFacts,
    title,
};

/// Longest service name, in bytes. The conventions set no limit; names are shown in tables and kept as labels.
const MAX_NAME_BYTES: usize = 128;

impl ProcessFacts {
    /// `service.name`. The first of these that there is: the target's `OTEL_SERVICE_NAME`; `service.name` of its
    /// `OTEL_RESOURCE_ATTRIBUTES`; what Kubernetes has for its pod (annotation, workload, pod); the systemd unit; the container's name; the script, module or archive that an
    /// interpreter runs; the executable; the start of the container's id; `unknown_service`.
    ///
    /// The working directory is not used: it can only be read while the process lives, and a name must not depend on
    /// how long that is.
    pub fn service_name(&self) -> String {
        let own = self
            .env
            .service_name
            .as_deref()
            .or_else(|| self.env.attribute("service.name"))
            .map(str::to_owned);
        let of_pod = || {
            let mut attributes = self.kubernetes.iter().flat_map(|container| &container.attributes);
            Some(attributes.find(|(key, _)| key == "service.name")?.1.clone())
        };
        let name = own
            .or_else(of_pod)
            .or_else(|| self.cgroup.as_deref().and_then(|cgroup| cgroup::membership(cgroup).unit))
            .or_else(|| self.container_name.clone())
            .or_else(|| self.program_name())
            .or_else(|| self.container_id.as_deref().and_then(|id| id.get(..12)).map(str::to_owned))
            .unwrap_or_default();
        let name: String = name.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
        let mut name = name.trim().to_owned();
        name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
        if name.is_empty() { "unknown_service".to_owned() } else { name }
    }

    /// What runs, by its arguments and executable.
    fn program_name(&self) -> Option<String> {
        let interpreter = Interpreter::of(self);
        let script = || {
            let arguments = self.args.get(1..).unwrap_or_default();
            interpreter.and_then(|interpreter| interpreter::program(interpreter, arguments))
        };
        let executable = || {
            let name = self.executable_name();
            let name = interpreter.map_or(name.as_str(), |_| interpreter::without_version(&name)).to_owned();
            Some(name).filter(|name| !name.is_empty())
        };
        title::name(self, interpreter).or_else(script).or_else(executable)
    }
}
