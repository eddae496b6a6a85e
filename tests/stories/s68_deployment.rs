//! What an administrator installs: the Debian package on a root of its own, and nginx in front.

use std::{fs, path::Path, process::Command};

use crate::{
    harness::{Running, is_root, peer, root, skip, words},
    site::Site,
};

/// Installs the package, starts the daemon as its user with its one right, removes and purges it. In a mount namespace: the
/// root is this machine's with everything written going to memory, the network has nothing but loopback.
const INSTALL: &str = r#"set -eu
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root" || { echo NO_OVERLAY; exit 0; }
cp "$2" "$1/root/linkpatrol.deb"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
ip link set lo up
cat >"$1/root/inside" <<'INSIDE'
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
# Small images leave documents out; here they are looked at.
dpkg --no-triggers --path-include='/usr/share/*' -i /linkpatrol.deb
echo "user $(id -un linkpatrol) $(stat -c '%U:%G:%a' /etc/linkpatrol /etc/linkpatrol/linkpatrol.yaml /var/lib/linkpatrol | tr '\n' ' ')"
linkpatrol check --lang en
linkpatrol --version
grep -q 'linkpatrol' /usr/share/bash-completion/completions/linkpatrol
grep -q 'SUBCOMMANDS' /usr/share/man/man1/linkpatrol.1
promtool check rules /usr/share/linkpatrol/prometheus/linkpatrol.rules.yml >/dev/null
# As the unit does: this user, this one right.
setpriv --reuid linkpatrol --regid linkpatrol --clear-groups --no-new-privs --inh-caps=-all,+net_raw --ambient-caps=-all,+net_raw \
    --bounding-set=-all,+net_raw /usr/bin/linkpatrol serve --config.file /etc/linkpatrol/linkpatrol.yaml 2>/daemon.log &
daemon=$!
for try in $(seq 100); do
    if curl -s http://127.0.0.1:9815/metrics | grep -q '^linkpatrol_link_up{link="SELF-0001"} 1'; then break; fi
    sleep 0.1
done
curl -s http://127.0.0.1:9815/metrics | grep -E '^linkpatrol_(link_up|prober_info)' || { cat /daemon.log; exit 1; }
echo "ready $(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9815/-/ready) wall $(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9815/wall)"
kill -TERM $daemon
wait $daemon || { cat /daemon.log; exit 1; }
echo "state $(stat -c '%U' /var/lib/linkpatrol/journal.db)"
dpkg --no-triggers -r linkpatrol
echo "removed: program $(test -e /usr/bin/linkpatrol && echo there || echo gone), state $(test -e /var/lib/linkpatrol/journal.db && echo there || echo gone)"
dpkg --no-triggers -P linkpatrol
echo "purged: state $(test -e /var/lib/linkpatrol && echo there || echo gone), configuration $(test -e /etc/linkpatrol/linkpatrol.yaml && echo there || echo gone)"
INSIDE
exec chroot "$1/root" /bin/sh /inside
"#;

#[test]
fn the_debian_package_installs_and_the_daemon_measures() {
    for program in
        ["dpkg-deb", "strip", "python3", "setpriv", "systemd-sysusers", "systemd-tmpfiles", "curl", "promtool"]
    {
        if peer(program).is_none() {
            return;
        }
    }
    if !is_root() {
        return skip("a root of its own needs root");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut build = Command::new(root().join("deploy/debian/build"));
    let built = build.arg(env!("CARGO_BIN_EXE_linkpatrol")).arg(folder.path()).output().expect("the build script");
    assert!(built.status.success(), "{}", words(&built));
    let package = String::from_utf8_lossy(&built.stdout).trim().to_owned();
    let listed = Command::new("dpkg-deb").arg("--contents").arg(&package).output().expect("dpkg-deb");
    for (mode, file) in [
        ("-rwxr-xr-x", "./usr/bin/linkpatrol"),
        ("-rw-r-----", "./etc/linkpatrol/linkpatrol.yaml"),
        ("-rw-r--r--", "./lib/systemd/system/linkpatrol.service"),
        ("-rw-r--r--", "./usr/share/man/man1/linkpatrol-serve.1"),
        ("-rw-r--r--", "./usr/share/doc/linkpatrol/zh-CN/operations.md"),
    ] {
        let there = |line: &str| line.starts_with(&format!("{mode} root/root ")) && line.ends_with(&format!(" {file}"));
        assert!(String::from_utf8_lossy(&listed.stdout).lines().any(there), "{file}: {}", words(&listed));
    }

    let mount = folder.path().join("mount");
    fs::create_dir(&mount).expect("a mount point");
    let mut install = Command::new("unshare");
    install.args(["--mount", "--net", "--fork", "--pid", "--kill-child", "sh", "-c", INSTALL, "install"]);
    let output = install.arg(&mount).arg(&package).output().expect("unshare");
    let told = words(&output);
    if told.contains("NO_OVERLAY") {
        return skip("this machine lays no file system over another");
    }
    assert!(output.status.success(), "{told}");
    for expected in [
        "user linkpatrol root:linkpatrol:750 root:linkpatrol:640 linkpatrol:linkpatrol:750",
        "0 errors, 0 warnings",
        "linkpatrol_link_up{link=\"SELF-0001\"} 1",
        "linkpatrol_prober_info{mode=\"raw\"} 1",
        "ready 200 wall 200",
        "state linkpatrol",
        "removed: program gone, state there",
        "purged: state gone, configuration gone",
    ] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
}

/// A request through nginx, as a browser makes it.
fn curl(site: &Site, folder: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = site.namespace.command(&["curl", "-sS", "--resolve", "noc.example:443:127.0.0.1"]);
    command.arg("--cacert").arg(folder.join("cert.pem")).args(arguments).output().expect("curl")
}

#[test]
fn nginx_takes_the_shipped_example_and_passes_pages_and_streams_on() {
    let Some(mut site) = Site::make(2) else { return };
    let (Some(nginx), Some(_)) = (peer("nginx"), peer("curl")) else { return };
    let folder = site.folder.path().to_owned();
    let own = rcgen::generate_simple_self_signed(["noc.example".to_owned()]).expect("a certificate");
    site.write("cert.pem", &own.cert.pem());
    site.write("key.pem", &own.signing_key.serialize_pem());
    let shipped = fs::read_to_string(root().join("deploy/nginx/linkpatrol.conf")).expect("the shipped example");
    let placed = |text: &str, name: &str| folder.join(text).display().to_string() + name;
    let example = shipped
        .replace("/etc/nginx/linkpatrol.pem", &placed("cert.pem", ""))
        .replace("/etc/nginx/linkpatrol.key", &placed("key.pem", ""));
    site.write("example.conf", &example);
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", folder.join(name).display()))
        .concat();
    site.write(
        "nginx.conf",
        &format!(
            "daemon off;\nmaster_process off;\npid {};\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}include {};\n}}\n",
            folder.join("nginx.pid").display(),
            folder.join("example.conf").display()
        ),
    );
    let nginx = nginx.display().to_string();
    let config = folder.join("nginx.conf").display().to_string();
    let tested = site.namespace.command(&[&nginx, "-t", "-c", &config]).output().expect("nginx");
    assert!(tested.status.success(), "{}", words(&tested));
    let _proxy = Running::start("nginx", &folder, &mut site.namespace.command(&[&nginx, "-c", &config]));
    site.start(&[]);
    site.all_up(2);

    let links = curl(&site, &folder, &["https://noc.example/api/v1/links"]);
    assert!(String::from_utf8_lossy(&links.stdout).contains("LL-0001"), "{}", words(&links));
    let plain = site.namespace.command(&[
        "curl",
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %{redirect_url}",
        "http://127.0.0.1/wall",
    ]);
    let plain = { plain }.arg("-HHost: noc.example").output().expect("curl");
    assert_eq!(String::from_utf8_lossy(&plain.stdout), "301 https://noc.example/wall", "{}", words(&plain));
    let metrics = curl(&site, &folder, &["-o", "/dev/null", "-w", "%{http_code}", "https://noc.example/metrics"]);
    assert_eq!(String::from_utf8_lossy(&metrics.stdout), "403", "{}", words(&metrics));
    // A stream has no end: curl is told when to stop, and what came until then was not held back.
    let stream = curl(&site, &folder, &["-N", "--max-time", "2", "-i", "https://noc.example/api/v1/events"]);
    let told = String::from_utf8_lossy(&stream.stdout).to_lowercase();
    assert!(told.contains("200 ok") && told.contains("content-type: text/event-stream"), "{}", words(&stream));
    assert!(told.contains("\ndata:"), "{}", words(&stream));
}
