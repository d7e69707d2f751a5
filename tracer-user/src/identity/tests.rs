//! Names, containers and resources, by tables; `/proc` as a directory tree.

use std::{fs, os::unix::fs::symlink, path::Path, sync::Arc};

use tempfile::TempDir;
use tracer_k8s::{Container, Pods};

use super::*;
use crate::spans::span::{Key, Resource, Value};

const ID: &str = "3f4a9c0e5d1b7a2c8e6f0d9b4c3a2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d";

fn facts(exe: &str, args: &[&str]) -> ProcessFacts {
    ProcessFacts {
        pid: 7,
        start_ns: 50 * NS_PER_TICK,
        comm: Path::new(if exe == "/bin/busybox" { args[0] } else { exe })
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        exe: Some(exe.into()).filter(|_| !exe.is_empty()),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        ..ProcessFacts::default()
    }
}

/// The name of a process with these words as arguments.
fn name(exe: &str, words: &str) -> String {
    facts(exe, &words.split_whitespace().collect::<Vec<_>>()).service_name()
}

fn block(strings: &[&str]) -> Vec<u8> {
    strings.iter().flat_map(|text| text.bytes().chain([0])).collect()
}

fn attribute<'a>(resource: &'a crate::spans::span::Resource, key: &str) -> Option<&'a Value> {
    resource.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

// === names ===

#[test]
fn programs_are_named_by_their_executable() {
    assert_eq!(name("/usr/bin/curl", "curl http://localhost"), "curl");
    assert_eq!(name("/opt/shop/bin/orders-v2", "./orders-v2"), "orders-v2");
    assert_eq!(
        name("/usr/lib/postgresql/15/bin/postgres", "/usr/lib/postgresql/15/bin/postgres -D /data"),
        "postgres"
    );
    let in_memory =
        ProcessFacts { comm: "runc".to_owned(), ..facts("/memfd:runc_cloned:/proc/self/exe", &["runc"]) };
    assert_eq!(in_memory.service_name(), "runc");
    assert_eq!(name("/bin/busybox", "wget http://x"), "wget");
    assert_eq!(name("/bin/busybox", "/bin/sh /opt/poll.sh"), "poll");
    // Nothing but the thread's name, which is cut, and the arguments are known of a process that was gone at once.
    let cut = |first: &str| ProcessFacts { comm: "order-dispatche".to_owned(), ..facts("", &[first]) };
    assert_eq!(cut("/opt/order-dispatcher").service_name(), "order-dispatcher");
    assert_eq!(cut("other").service_name(), "order-dispatche");
    assert_eq!(ProcessFacts { comm: "curl".to_owned(), ..ProcessFacts::default() }.service_name(), "curl");
    assert_eq!(ProcessFacts::default().service_name(), "unknown_service");
}

#[test]
fn python_programs() {
    let cases = [
        ("python3 app.py", "app"),
        ("python3 -u -X dev -W ignore server.py --port 80", "server"),
        ("python3 --check-hash-based-pycs always server.py", "server"),
        ("python3 /srv/orders/main.py", "orders"),
        ("python3 /srv/orders/src/__main__.py", "orders"),
        ("python3 /srv/shop/manage.py runserver", "shop"),
        ("python3 ./app.py", "app"),
        ("python3 /opt/worker.py", "worker"),
        ("python3 -m http.server 8000", "http.server"),
        ("python3 -m pkg.__main__", "pkg"),
        ("python3 -um orders.web", "orders.web"),
        ("python3 -morders.web", "orders.web"),
        ("python3 -m gunicorn -b 0.0.0.0:8000 orders.api:app", "orders.api"),
        ("python3 /usr/bin/gunicorn shop.wsgi:application --workers 4", "shop"),
        ("python3 /usr/bin/gunicorn -c python:conf.prod -w 2 shop.wsgi", "shop"),
        ("python3 /usr/bin/gunicorn -k uvicorn.workers:UvicornWorker shop.asgi:app", "shop"),
        ("python3 /usr/bin/gunicorn -b localhost:8000 app:app", "app"),
        ("python3 /usr/bin/gunicorn --workers 4", "gunicorn"),
        ("python3 /venv/bin/uvicorn main:app --host 0.0.0.0", "main"),
        ("python3 /venv/bin/uvicorn orders.main:create_app --factory", "orders"),
        ("python3 /venv/bin/hypercorn orders:app", "orders"),
        ("python3 /venv/bin/flask --app shop.web:create_app() run", "shop.web"),
        ("python3 /venv/bin/flask --app=services/shop.py run", "shop"),
        ("python3 -m flask run", "flask"),
        ("python3 /venv/bin/celery -A proj worker -l info", "proj"),
        ("python3 /venv/bin/celery --app=proj.celery_app beat", "proj.celery_app"),
        ("python3 /venv/bin/streamlit run dash.py", "dash"),
        ("python3 -c print(1)", "python"),
        ("python3 -Bc print(1)", "python"),
        ("python3 -", "python"),
        ("python3 -m", "python"),
        ("python3", "python"),
    ];
    for (words, expected) in cases {
        assert_eq!(name("/usr/bin/python3.11", words), expected, "{words}");
    }
    // The same without the executable, and without anything but the thread's name.
    assert_eq!(name("", "python3 app.py"), "app");
    assert_eq!(name("", "python3"), "python");
    assert_eq!(
        ProcessFacts { comm: "python3".to_owned(), ..ProcessFacts::default() }.service_name(),
        "python"
    );
}

#[test]
fn node_programs() {
    let cases = [
        ("node server.js", "server"),
        ("node --inspect=9229 -r dotenv/config server.js", "server"),
        ("node /srv/shop/index.js", "shop"),
        ("node /srv/shop/dist/src/index.js", "shop"),
        ("node dist/index.js", "index"),
        ("node index.js", "index"),
        ("node /app/node_modules/.bin/ts-node src/billing.ts", "billing"),
        ("node /app/node_modules/next/dist/bin/next start", "next"),
        ("node -e 1", "node"),
        ("node", "node"),
        ("billing", "billing"),
    ];
    for (words, expected) in cases {
        assert_eq!(name("/usr/bin/node", words), expected, "{words}");
    }
}

#[test]
fn java_programs() {
    let cases = [
        ("java -jar x-1.2.jar", "x"),
        (
            "java -Xmx1g -jar /srv/order-service-2.0.1-SNAPSHOT.jar --spring.profiles.active=prod",
            "order-service",
        ),
        ("java -jar shop.jar", "shop"),
        ("java -jar my-app-2-exec.jar", "my-app-2-exec"),
        ("java -jar app-v3.jar", "app"),
        ("java -jar 1.2.jar", "1.2"),
        ("java com.acme.Main", "Main"),
        ("java -cp /a:/b -Dx=y com.acme.OrderServer --port 1", "OrderServer"),
        ("java -classpath a @args --add-opens java.base/java.lang=ALL-UNNAMED Main", "Main"),
        ("java -m com.acme/com.acme.Orders", "Orders"),
        ("java Hello.java", "Hello"),
        ("java -Dotel.service.name=billing -jar x.jar", "billing"),
        ("java -Dspring.application.name=orders -jar x.jar", "orders"),
        ("java -cp x org.apache.catalina.startup.Bootstrap start", "tomcat"),
        ("java -Xmx1g", "java"),
        ("java -jar", "java"),
    ];
    for (words, expected) in cases {
        assert_eq!(name("/usr/lib/jvm/java-17/bin/java", words), expected, "{words}");
    }
}

#[test]
fn other_interpreters() {
    let cases = [
        ("/usr/bin/ruby3.1", "ruby -Ilib -r bundler worker.rb", "worker"),
        ("/usr/bin/ruby3.1", "ruby /usr/bin/bundle exec puma -C x.rb", "puma"),
        ("/usr/bin/ruby3.1", "ruby bin/rails server", "rails"),
        ("/usr/bin/ruby3.1", "ruby -e 1", "ruby"),
        ("/usr/bin/php8.2", "php artisan serve", "artisan"),
        ("/usr/bin/php8.2", "php -S 0.0.0.0:80 -t public /srv/shop/public/index.php", "shop"),
        ("/usr/bin/php8.2", "php -f worker.php", "worker"),
        ("/usr/bin/php8.2", "php -r 1;", "php"),
        ("/usr/bin/perl", "/usr/bin/perl -w -Ilib ./hook.pl", "hook"),
        ("/usr/share/dotnet/dotnet", "dotnet /app/Shop.Api.dll", "Shop.Api"),
        ("/usr/share/dotnet/dotnet", "dotnet exec --depsfile x.json Shop.dll", "Shop"),
        ("/usr/share/dotnet/dotnet", "dotnet run --project src/Shop.csproj", "Shop"),
        ("/usr/share/dotnet/dotnet", "dotnet build", "dotnet"),
        ("/usr/bin/deno", "deno run --allow-net server.ts", "server"),
        ("/usr/bin/bun", "bun run /srv/shop/index.ts", "shop"),
        ("/usr/bin/bash", "bash /opt/poll.sh", "poll"),
        ("/usr/bin/bash", "bash -c sleep", "bash"),
        ("/usr/bin/bash", "bash /dev/fd/63", "bash"),
    ];
    for (exe, words, expected) in cases {
        assert_eq!(name(exe, words), expected, "{words}");
    }
}

#[test]
fn process_titles() {
    let cases = [
        ("/usr/sbin/nginx", "nginx: worker process", "nginx"),
        ("/usr/sbin/nginx", "nginx: master process /usr/sbin/nginx -g daemon off;", "nginx"),
        ("/usr/lib/postgresql/15/bin/postgres", "postgres: shop orders 10.0.0.1(5678) idle", "postgres"),
        ("/usr/bin/redis-check-rdb", "redis-server 127.0.0.1:6379", "redis-server"),
        ("/usr/bin/python3.11", "gunicorn: worker [app]", "app"),
        ("/usr/bin/python3.11", "gunicorn: master [shop.wsgi:application]", "shop"),
        ("/usr/bin/python3.11", "gunicorn: worker", "gunicorn"),
        (
            "/usr/bin/python3.11",
            "[celeryd: celery@host:MainProcess] -active- (worker -A shop -l info)",
            "shop",
        ),
        ("/usr/bin/python3.11", "[celeryd: celery@host:MainProcess] -active- (worker -l info)", "celery"),
        ("/usr/sbin/php-fpm8.2", "php-fpm: pool www", "php-fpm"),
        ("/usr/sbin/php-fpm8.2", "php-fpm: pool shop", "shop"),
        ("/usr/sbin/php-fpm8.2", "php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)", "php-fpm"),
        ("/usr/bin/ruby3.1", "puma 6.4.0 (tcp://0.0.0.0:3000) [shop]", "shop"),
        ("/usr/bin/ruby3.1", "puma: cluster worker 0: 17 [shop]", "shop"),
        ("/usr/bin/ruby3.1", "puma 6.4.0 (tcp://0.0.0.0:3000)", "puma"),
        ("/usr/bin/ruby3.1", "sidekiq 7.1.0 shop [0 of 5 busy]", "shop"),
        ("/usr/bin/ruby3.1", "sidekiq 7.1.0 [0 of 5 busy]", "sidekiq"),
        ("/usr/bin/ruby3.1", "Passenger RubyApp: /var/www/shop/public (production)", "shop"),
        ("/usr/sbin/sshd", "sshd: root@pts/0", "sshd"),
    ];
    for (exe, title, expected) in cases {
        assert_eq!(facts(exe, &[title]).service_name(), expected, "{title}");
    }
    // A path with a space in it is no title.
    assert_eq!(facts("/opt/my app/run", &["/opt/my app/run", "x"]).service_name(), "run");
}

#[test]
fn better_sources_come_first() {
    let mut facts = facts("/usr/bin/python3.11", &["python3", "app.py"]);
    assert_eq!(facts.service_name(), "app");
    facts.container_name = Some("web-1".to_owned());
    assert_eq!(facts.service_name(), "web-1");
    facts.cgroup = Some("0::/system.slice/shop.service\n".to_owned());
    assert_eq!(facts.service_name(), "shop");
    facts.env.resource_attributes = vec![("service.name".to_owned(), "from-attributes".to_owned())];
    assert_eq!(facts.service_name(), "from-attributes");
    facts.env.service_name = Some("from-name".to_owned());
    assert_eq!(facts.service_name(), "from-name");

    let nameless = ProcessFacts { container_id: Some(ID.to_owned()), ..ProcessFacts::default() };
    assert_eq!(nameless.service_name(), "3f4a9c0e5d1b");
}

#[test]
fn names_are_bounded_and_printable() {
    let mut facts = ProcessFacts::default();
    facts.env.service_name = Some("é".repeat(100));
    assert_eq!(facts.service_name(), "é".repeat(64));
    facts.env.service_name = Some(" a\tb\x1b[31m\n".to_owned());
    assert_eq!(facts.service_name(), "a b [31m");
}

// === control groups ===

#[test]
fn containers() {
    let cases = [
        ("docker, v1", format!("12:memory:/docker/{ID}\n1:name=systemd:/docker/{ID}\n")),
        ("docker, v2, systemd", format!("0::/system.slice/docker-{ID}.scope\n")),
        ("docker in docker", format!("0::/docker/{}/docker/{ID}\n", "0".repeat(64))),
        (
            "containerd, v2, systemd",
            format!(
                "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1a2b.slice/cri-containerd-{ID}.scope\n"
            ),
        ),
        ("containerd, v1, cgroupfs", format!("4:cpu,cpuacct:/kubepods/besteffort/pod0d5b/{ID}\n")),
        (
            "containerd, colons",
            format!("0::/system.slice/containerd.service/kubepods-pod1a2b.slice:cri-containerd:{ID}\n"),
        ),
        ("cri-o", format!("0::/kubepods.slice/kubepods-pod1a2b.slice/crio-{ID}.scope\n")),
        ("podman", format!("0::/machine.slice/libpod-{ID}.scope/container\n")),
        (
            "podman, rootless",
            format!("0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope\n"),
        ),
        ("ecs", format!("3:cpu:/ecs/my-cluster/8a1c/{ID}\n")),
        ("private cgroup namespace of the tracer", format!("0::/../docker-{ID}.scope\n")),
    ];
    for (runtime, cgroup) in cases {
        let found = cgroup::membership(&cgroup);
        assert_eq!(found.container_id.as_deref(), Some(ID), "{runtime}");
        assert_eq!(found.unit, None, "{runtime}");
    }
    let fargate = "3:cpu:/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890\n";
    assert_eq!(
        cgroup::membership(fargate).container_id.as_deref(),
        Some("0123456789abcdef0123456789abcdef-1234567890")
    );
    for cgroup in [
        format!("0::/machine.slice/libpod-conmon-{ID}.scope"),
        "0::/".to_owned(),
        String::new(),
        "x".to_owned(),
    ] {
        assert_eq!(cgroup::membership(&cgroup), cgroup::Membership::default(), "{cgroup}");
    }
}

#[test]
fn named_containers() {
    let cases = [
        ("0::/lxc.payload.web/init.scope", "web"),
        ("2:cpu:/lxc/web/system.slice", "web"),
        ("0::/machine.slice/systemd-nspawn@web.service/payload", "web"),
        ("0::/machine.slice/machine-web\\x2d1.scope", "web-1"),
    ];
    for (cgroup, expected) in cases {
        assert_eq!(cgroup::membership(cgroup).container_name.as_deref(), Some(expected), "{cgroup}");
    }
}

#[test]
fn systemd_units() {
    let cases = [
        ("0::/system.slice/nginx.service\n", Some("nginx")),
        ("0::/system.slice/system-postgresql.slice/postgresql@15-main.service", Some("postgresql")),
        ("0::/system.slice/my\\x2dshop.service", Some("my-shop")),
        ("0::/system.slice/shop.service/worker", Some("shop")),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service", Some("sync")),
        ("0::/user.slice/user-1000.slice/user@1000.service/init.scope", None),
        ("0::/user.slice/user-1000.slice/session-3.scope", None),
        ("0::/init.scope", None),
        ("0::/system.slice/ssh.service", None),
        ("0::/system.slice/cron.service", None),
        ("0::/system.slice/system-getty.slice/getty@tty1.service", None),
        // Hybrid: systemd's own v1 hierarchy counts, not the empty v2 one.
        ("12:pids:/x.service\n1:name=systemd:/system.slice/nginx.service\n0::/\n", Some("nginx")),
    ];
    for (cgroup, expected) in cases {
        assert_eq!(cgroup::membership(cgroup).unit.as_deref(), expected, "{cgroup}");
    }
    let inside = cgroup::membership(&format!("0::/docker/{ID}/system.slice/nginx.service"));
    assert_eq!(inside.unit.as_deref(), Some("nginx"));
}

// === kernel blocks ===

#[test]
fn the_kernels_view_is_taken_over() {
    let args = block(&["python3", "app.py"]);
    let env = block(&[
        "A=1",
        "OTEL_SERVICE_NAME=shop",
        "OTEL_RESOURCE_ATTRIBUTES=service.namespace=s%C3%A9, k = v%2Cw ,k=x,",
    ]);
    let found = ProcessFacts::from_kernel(&KernelProcess {
        pid: 9,
        parent_pid: 8,
        start_ns: 123_456_789,
        exec_path: b"/usr/bin/python3.11",
        comm: b"python3\0\0garbage",
        args: Block { bytes: &args, cut: false },
        env: Block { bytes: &env, cut: false },
    });
    assert_eq!((found.pid, found.parent_pid, found.start_ticks()), (9, 8, 12));
    assert_eq!(found.comm, "python3");
    assert_eq!(found.exe.as_deref(), Some(std::path::Path::new("/usr/bin/python3.11")));
    assert_eq!(found.args, ["python3", "app.py"]);
    assert_eq!(found.env.service_name.as_deref(), Some("shop"));
    assert_eq!(found.env.attribute("service.namespace"), Some("sé"));
    assert_eq!(found.env.attribute("k"), Some("x"));
    assert!(!found.args_cut && !found.env_cut);
}

#[test]
fn what_may_be_incomplete_is_not_used() {
    let found = ProcessFacts::from_kernel(&KernelProcess {
        args: Block { bytes: b"python3\0/srv/sho", cut: true },
        env: Block { bytes: b"A=1\0OTEL_SERVICE_NAME=sh", cut: true },
        ..KernelProcess::default()
    });
    assert_eq!(found.args, ["python3"]);
    assert_eq!(found.env, OtelEnv::default());
    assert!(found.args_cut && found.env_cut);

    let whole = ProcessFacts::from_kernel(&KernelProcess {
        args: Block { bytes: b"a\0b\0", cut: true },
        env: Block { bytes: b"OTEL_SERVICE_NAME=shop\0B=", cut: true },
        ..KernelProcess::default()
    });
    assert_eq!(whole.args, ["a", "b"]);
    assert_eq!(whole.env.service_name.as_deref(), Some("shop"));

    let title = ProcessFacts::from_kernel(&KernelProcess {
        args: Block { bytes: b"nginx: worker process\0\0\0\0", cut: false },
        ..KernelProcess::default()
    });
    assert_eq!(title.args, ["nginx: worker process"]);
}

#[test]
fn malformed_attributes_are_discarded_whole() {
    for value in ["a=1,b", "=1", "a=%FF", "%FF=1,a=1"] {
        let env = OtelEnv::from_block(format!("OTEL_RESOURCE_ATTRIBUTES={value}\0").as_bytes());
        assert_eq!(env.resource_attributes, [], "{value}");
    }
    let many: Vec<_> = (0..1000).map(|number| format!("k{number}=v")).collect();
    let env = OtelEnv::from_block(format!("OTEL_RESOURCE_ATTRIBUTES={}", many.join(",")).as_bytes());
    assert_eq!(env.resource_attributes.len(), 128);
    assert_eq!(OtelEnv::from_block(b"OTEL_SERVICE_NAME=\0OTEL_SERVICE_NAMEX=x\0"), OtelEnv::default());
    assert_eq!(OtelEnv::from_block(b"OTEL_SERVICE_NAME=\xff\0").service_name.as_deref(), Some("\u{fffd}"));
}

// === /proc ===

/// A process in a directory that looks like `/proc`.
fn proc_tree(pid: u32, start_ticks: u64) -> TempDir {
    let root = tempfile::tempdir().expect("a directory");
    let process = root.path().join(pid.to_string());
    fs::create_dir(&process).expect("a directory");
    let write = |name: &str, bytes: &[u8]| fs::write(process.join(name), bytes).expect("a file");
    write(
        "stat",
        format!("{pid} (a) b( c) S 42 1 1 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 {start_ticks} 1 1\n")
            .as_bytes(),
    );
    write("cmdline", &block(&["python3", "/srv/shop/app.py"]));
    write("environ", &block(&["PATH=/bin", "OTEL_SERVICE_NAME=from-proc"]));
    write("cgroup", format!("0::/system.slice/docker-{ID}.scope\n").as_bytes());
    symlink("/usr/bin/python3.11 (deleted)", process.join("exe")).expect("a link");
    root
}

#[test]
fn proc_fills_in_what_is_unknown() {
    let root = proc_tree(7, 50);
    let mut found = ProcessFacts { pid: 7, ..ProcessFacts::default() };
    assert!(found.enrich_from_proc(root.path()));
    let expected = ProcessFacts {
        pid: 7,
        start_ns: 50 * NS_PER_TICK,
        parent_pid: 42,
        comm: "a) b( c".to_owned(),
        exe: Some("/usr/bin/python3.11".into()),
        args: vec!["python3".to_owned(), "/srv/shop/app.py".to_owned()],
        env: OtelEnv { service_name: Some("from-proc".to_owned()), resource_attributes: Vec::new() },
        cgroup: Some(format!("0::/system.slice/docker-{ID}.scope\n")),
        container_id: Some(ID.to_owned()),
        ..ProcessFacts::default()
    };
    assert_eq!(found, expected);
}

#[test]
fn proc_replaces_only_what_was_cut() {
    let root = proc_tree(7, 50);
    let mut whole = facts("", &["title"]);
    whole.env.service_name = Some("from-kernel".to_owned());
    let cut = ProcessFacts { args_cut: true, env_cut: true, ..whole.clone() };
    let mut enriched = whole;
    assert!(enriched.enrich_from_proc(root.path()));
    assert_eq!(enriched.args, ["title"]);
    assert_eq!(enriched.env.service_name.as_deref(), Some("from-kernel"));
    let mut enriched = cut;
    assert!(enriched.enrich_from_proc(root.path()));
    assert_eq!(enriched.args, ["python3", "/srv/shop/app.py"]);
    assert_eq!(enriched.env.service_name.as_deref(), Some("from-proc"));
    assert!(!enriched.args_cut && !enriched.env_cut);
}

#[test]
fn another_process_with_the_same_id_is_not_mixed_in() {
    let root = proc_tree(7, 51);
    let known = facts("", &["title"]);
    let mut enriched = known.clone();
    assert!(!enriched.enrich_from_proc(root.path()));
    assert_eq!(enriched, known);
    // Nanoseconds within one tick are the same process.
    let mut exact = ProcessFacts { pid: 7, start_ns: 51 * NS_PER_TICK + 123, ..ProcessFacts::default() };
    assert!(exact.enrich_from_proc(root.path()));
    assert_eq!(exact.start_ns, 51 * NS_PER_TICK + 123);
    // Unless they go by other names.
    let mut other = ProcessFacts { comm: "b".to_owned(), start_ns: 51 * NS_PER_TICK, ..known };
    assert!(!other.enrich_from_proc(root.path()));
}

#[test]
fn whatever_cannot_be_read_stays_unknown() {
    let root = proc_tree(7, 50);
    for file in ["exe", "cmdline", "environ", "cgroup"] {
        fs::remove_file(root.path().join("7").join(file)).expect("a file");
    }
    let known = ProcessFacts { comm: "a) b( c".to_owned(), ..facts("/usr/bin/curl", &["curl"]) };
    let mut enriched = known.clone();
    assert!(enriched.enrich_from_proc(root.path()));
    assert_eq!(enriched, ProcessFacts { parent_pid: 42, ..known.clone() });
    for stat in ["", "7", "7 (x", "7 (x) S", "7 (x) S 1 1 1 0 -1 1 1 0 0 0 0 0 0 0 20 0 1 0 x"] {
        fs::write(root.path().join("7/stat"), stat).expect("a file");
        let mut enriched = known.clone();
        assert!(!enriched.enrich_from_proc(root.path()), "{stat}");
        assert_eq!(enriched, known);
    }
}

#[test]
fn the_real_proc_knows_this_process() {
    let mut found = ProcessFacts { pid: std::process::id(), ..ProcessFacts::default() };
    assert!(found.enrich_from_proc(Path::new("/proc")));
    assert_eq!(found.exe, std::env::current_exe().ok());
    assert_eq!(found.args, std::env::args().collect::<Vec<_>>());
    assert!(found.start_ns > 0 && found.parent_pid > 0);
}

// === resources ===

fn host() -> Host {
    Host { name: Some("web-7".into()), id: Some("abc".into()), arch: "amd64", seed: "abc".into() }
}

#[test]
fn a_resource_follows_the_conventions() {
    let mut facts = facts("/usr/bin/python3.11", &["python3", "app.py", "--password=x"]);
    facts.parent_pid = 1;
    facts.container_id = Some(ID.to_owned());
    facts.env.resource_attributes =
        [("service.namespace", "eu"), ("telemetry.distro.name", "x"), ("host.name", "own"), ("team", "a")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec();
    let configured = [(Key::Borrowed("team"), Value::Static("b")), (Key::Borrowed("rack"), Value::Int(7))];
    let found = resource(&facts, &host(), &configured);
    assert_eq!(&*found.service_name, "app");
    let version = Value::Static(env!("CARGO_PKG_VERSION"));
    let expected = [
        // uuid.uuid5(uuid.UUID("4d63009a-8d0f-11ee-aad7-4c796ed8e320"), "abc/7/50") in Python.
        ("service.instance.id", Value::Static("5c5a8186-dffd-5968-9dfc-8b3e483beb61")),
        ("process.pid", Value::Int(7)),
        ("process.parent_pid", Value::Int(1)),
        ("process.executable.name", Value::Static("python3.11")),
        ("process.executable.path", Value::Static("/usr/bin/python3.11")),
        ("process.command", Value::Static("python3")),
        ("container.id", Value::Static(ID)),
        ("host.name", Value::Static("own")),
        ("host.id", Value::Static("abc")),
        ("host.arch", Value::Static("amd64")),
        ("os.type", Value::Static("linux")),
        ("telemetry.sdk.name", Value::Static("tracer")),
        ("telemetry.sdk.version", version.clone()),
        ("telemetry.sdk.language", Value::Static("python")),
        ("service.namespace", Value::Static("eu")),
        ("telemetry.distro.name", Value::Static("tracer")),
        ("team", Value::Static("b")),
        ("telemetry.distro.version", version),
        ("service.name", Value::Static("app")),
        ("rack", Value::Int(7)),
    ];
    assert_eq!(found.attributes, expected.map(|(key, value)| (Key::Borrowed(key), value)));
}

#[test]
fn an_instance_is_one_process_at_one_time() {
    let id = |facts: &ProcessFacts, host: &Host| {
        attribute(&resource(facts, host, &[]), "service.instance.id").cloned()
    };
    let facts = facts("/bin/x", &["x"]);
    let same = ProcessFacts { start_ns: facts.start_ns + 123, comm: "y".to_owned(), ..facts.clone() };
    assert_eq!(id(&facts, &host()), id(&same, &host()));
    let later = ProcessFacts { start_ns: facts.start_ns + NS_PER_TICK, ..facts.clone() };
    assert_ne!(id(&facts, &host()), id(&later, &host()));
    let other = ProcessFacts { pid: 8, ..facts.clone() };
    assert_ne!(id(&facts, &host()), id(&other, &host()));
    assert_ne!(id(&facts, &host()), id(&facts, &Host { seed: "def".into(), ..host() }));
}

#[test]
fn titles_and_unknown_languages_are_left_out() {
    let found = resource(&facts("/usr/sbin/nginx", &["nginx: worker process"]), &host(), &[]);
    assert_eq!(attribute(&found, "process.command"), None);
    assert_eq!(attribute(&found, "telemetry.sdk.language"), None);
    assert_eq!(attribute(&found, "process.parent_pid"), None);
}

#[test]
fn the_host_is_read_from_where_the_conventions_want_it() {
    let root = tempfile::tempdir().expect("a directory");
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    };
    write("proc/sys/kernel/random/boot_id", "boot\n");
    write("etc/machine-id", "uninitialized\n");
    let host = Host::read(root.path());
    assert_eq!((host.name, host.id, &*host.seed), (None, None, "boot"));
    write("var/lib/dbus/machine-id", "dbus\n");
    assert_eq!(Host::read(root.path()).id.as_deref(), Some("dbus"));
    write("etc/machine-id", "machine\n");
    write("proc/sys/kernel/hostname", "web-7\n");
    let host = Host::read(root.path());
    assert_eq!(
        (host.name.as_deref(), host.id.as_deref(), &*host.seed),
        (Some("web-7"), Some("machine"), "machine")
    );
}

// === the directory ===

#[test]
fn the_directory_tells_processes_with_one_id_apart() {
    let mut directory = Directory::new(2.try_into().expect("not zero"), host(), Vec::new());
    let first = facts("/bin/a", &["a"]);
    let resource = directory.insert(&first);
    assert_eq!(directory.get(7, 50).as_deref(), Some(&*resource));
    assert_eq!(directory.get(7, 0).as_deref(), Some(&*resource));
    assert_eq!(directory.get(7, 51), None);
    assert_eq!(directory.get(8, 50), None);

    // A late exit of the former process leaves the younger one alone.
    let second = ProcessFacts { start_ns: 60 * NS_PER_TICK, comm: "b".to_owned(), ..facts("/bin/b", &["b"]) };
    directory.insert(&second);
    directory.remove(7, 50);
    assert_eq!(directory.get(7, 60).map(|resource| resource.service_name.to_string()).as_deref(), Some("b"));
    assert_eq!(directory.get(7, 50), None);
    directory.remove(7, 60);
    assert!(directory.is_empty());
    assert_eq!(directory.evicted(), 0);
}

fn container() -> Container {
    let attributes = [("k8s.pod.name", "shop-1"), ("service.namespace", "eu"), ("service.name", "shop")];
    Container { attributes: attributes.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec() }
}

#[test]
fn what_kubernetes_knows_is_in_the_resource_and_the_process_has_the_last_word() {
    let mut facts = facts("/bin/a", &["a"]);
    facts.cgroup = Some("0::/system.slice/unit.service".to_owned());
    facts.kubernetes = Some(container().into());
    let found = resource(&facts, &host(), &[]);
    assert_eq!(&*found.service_name, "shop");
    assert_eq!(attribute(&found, "service.name"), Some(&Value::Static("shop")));
    assert_eq!(attribute(&found, "k8s.pod.name"), Some(&Value::Static("shop-1")));
    facts.env.service_name = Some("own".to_owned());
    facts.env.resource_attributes = vec![("service.namespace".to_owned(), "us".to_owned())];
    let found = resource(&facts, &host(), &[]);
    assert_eq!(&*found.service_name, "own");
    assert_eq!(attribute(&found, "service.namespace"), Some(&Value::Static("us")));
}

#[test]
fn a_container_that_becomes_known_later_is_looked_up_again() {
    let pods = Arc::new(Pods::default());
    let mut directory = Directory::new(2.try_into().expect("not zero"), host(), Vec::new());
    directory.know(pods.clone());
    let mut facts = ProcessFacts { container_id: Some(ID.to_owned()), ..facts("/bin/a", &["a"]) };
    directory.find_container(&mut facts);
    let name = |resource: &Resource| resource.service_name.to_string();
    assert_eq!(name(&directory.insert(&facts)), "a");
    pods.insert("another", container());
    assert_eq!(directory.get(7, 0).as_deref().map(name).as_deref(), Some("a"));
    pods.insert(ID, container());
    assert_eq!(directory.get(7, 0).as_deref().map(name).as_deref(), Some("shop"));
    directory.find_container(&mut facts);
    assert_eq!(name(&directory.insert(&facts)), "shop", "known at once from here on");
}

#[test]
fn the_directory_is_bounded_and_keeps_what_is_used() {
    let mut directory = Directory::new(2.try_into().expect("not zero"), host(), Vec::new());
    for pid in [1, 2] {
        directory.insert(&ProcessFacts { pid, ..ProcessFacts::default() });
    }
    assert!(directory.get(1, 0).is_some());
    directory.insert(&ProcessFacts { pid: 3, ..ProcessFacts::default() });
    assert_eq!(directory.len(), 2);
    assert_eq!(directory.evicted(), 1);
    assert!(directory.get(1, 0).is_some() && directory.get(2, 0).is_none() && directory.get(3, 0).is_some());
    // The same process again, after it executed another program, makes nobody leave.
    directory.insert(&ProcessFacts { pid: 3, comm: "x".to_owned(), ..ProcessFacts::default() });
    assert_eq!(directory.evicted(), 1);
}

proptest::proptest! {
    /// Nothing that a process can call itself panics or makes a name without bound.
    #[test]
    fn no_process_panics(
        interpreter in 0usize..12,
        args in "[a-z.:/=\\-A-Zé0-9 \\[\\]()\\\\\0]{0,60}",
        env in "(OTEL_SERVICE_NAME=|OTEL_RESOURCE_ATTRIBUTES=)?[a-z%=,\0é]{0,40}",
        cgroup in "([0-9]:[a-z=]{0,4}:)?[a-z/@.:\\\\x0-9-]{0,60}(\\.service|\\.scope|)?",
        cut: bool,
    ) {
        let names = ["python3", "node", "java", "ruby", "php", "perl", "dotnet", "deno", "bun", "sh", "x", ""];
        let args = format!("{}\0{args}", names[interpreter]);
        let mut facts = ProcessFacts::from_kernel(&KernelProcess {
            args: Block { bytes: args.as_bytes(), cut },
            env: Block { bytes: env.as_bytes(), cut },
            ..KernelProcess::default()
        });
        cgroup::membership(&cgroup);
        facts.cgroup = Some(cgroup);
        let name = facts.service_name();
        proptest::prop_assert!(!name.is_empty() && name.len() <= 128);
        resource(&facts, &host(), &[]);
    }
}
