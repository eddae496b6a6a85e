//! The date of a file behind a real FTP server (vsftpd), and the greeting of a real SSH server, by a running daemon: good, too
//! old, gone, shut, and good again.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    process::Command,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use crate::{
    harness::{Running, peer, words},
    site::Site,
};

const SERVICES: &str = "defaults: {interval: 1s, timeout: 900ms, confirm: 1, spacing: 100ms}
modules: blackbox.yml
services:
  - {id: daily, name: 示例日报文件, url: 'ftp://127.0.0.1:2121/pub/日报 1.csv', freshness: {within: 1h}}
  - {id: absent, url: 'ftp://127.0.0.1:2121/pub/nothing.csv', freshness: {within: 1h}}
  - {id: transfers, name: 文件交换服务器, url: '127.0.0.1:2222', module: ssh}
";
/// As blackbox_exporter's own example file has it.
const MODULES: &str = "modules:
  ssh: {prober: tcp, timeout: 900ms, tcp: {query_response: [{expect: '^SSH-2.0-'}, {send: SSH-2.0-blackbox-ssh-check}]}}
";

fn service(site: &Site, id: &str) -> Value {
    site.get(&format!("/api/v1/services/{id}")).json()
}

fn is(site: &Site, id: &str, state: &str) -> Value {
    site.wait(&format!("{id} is {state}"), |site| Some(service(site, id)).filter(|one| one["state"] == state))
}

/// Readable by the user that serves it, up to the root of the site.
fn open(site: &Site, folder: &str) {
    for name in ["", folder] {
        fs::set_permissions(site.path(name), fs::Permissions::from_mode(0o755)).expect("rights");
    }
}

fn vsftpd(site: &Site) -> Running {
    let folder = site.path("www");
    let lines = [
        "listen=YES\nlisten_address=127.0.0.1\nlisten_port=2121\nbackground=NO\nseccomp_sandbox=NO".to_owned(),
        "anonymous_enable=YES\nlocal_enable=NO\nwrite_enable=NO\nmax_per_ip=50".to_owned(),
        format!("anon_root={}\nsecure_chroot_dir={}\n", folder.display(), site.path("empty").display()),
    ];
    site.write("vsftpd.conf", &lines.join("\n"));
    let configuration = site.path("vsftpd.conf").display().to_string();
    let mut command = site.namespace.command(&["vsftpd", &configuration]);
    Running::start("vsftpd", site.folder.path(), &mut command)
}

fn sshd(site: &Site) -> Running {
    let key = site.path("host_key").display().to_string();
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key]).output();
    assert!(made.as_ref().is_ok_and(|made| made.status.success()), "{:?}", made.map(|made| words(&made)));
    let listen = ["-o", "ListenAddress=127.0.0.1", "-o", "Port=2222", "-o", "PidFile=none", "-o", "UsePAM=no"];
    let _ = fs::create_dir_all("/run/sshd");
    let mut command = site.namespace.command(&["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-h", &key]);
    Running::start("sshd", site.folder.path(), command.args(listen))
}

#[test]
fn a_file_behind_a_real_server_is_dated_and_a_server_of_transfers_greets() {
    let Some(mut site) = Site::make(1) else { return };
    if ["vsftpd", "sshd", "ssh-keygen"].iter().any(|program| peer(program).is_none()) {
        return;
    }
    for folder in ["www", "www/pub", "empty"] {
        fs::create_dir(site.path(folder)).expect("a folder");
        open(&site, folder);
    }
    site.write("www/pub/日报 1.csv", "a,b\n");
    let ftp = vsftpd(&site);
    let ssh = sshd(&site);
    site.write("site/blackbox.yml", MODULES);
    site.write("site/services.yaml", SERVICES);
    site.start(&[]);
    let daily = is(&site, "daily", "up");
    assert!(daily["reason"].is_null(), "it was written just now: {daily}");
    is(&site, "transfers", "up");
    let absent = site.wait("the other is visited", |site| {
        Some(service(site, "absent")).filter(|absent| absent["reason"].is_string())
    });
    assert_eq!((&absent["state"], &absent["reason"]), (&"never_verified".into(), &"answer_status".into()), "{absent}");

    File::options()
        .append(true)
        .open(site.path("www/pub/日报 1.csv"))
        .and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_480)))
        .expect("an old date");
    let stale = is(&site, "daily", "degraded");
    assert_eq!(stale["reason"], "stale", "{stale}");

    drop((ftp, ssh));
    let down = is(&site, "daily", "down");
    assert_eq!((&down["phase"], &down["reason"]), (&"connect".into(), &"connection_refused".into()), "{down}");
    is(&site, "transfers", "down");
    let _ftp = vsftpd(&site);
    let _ssh = {
        let _ = fs::remove_file(site.path("host_key"));
        let _ = fs::remove_file(site.path("host_key.pub"));
        sshd(&site)
    };
    is(&site, "transfers", "up");
    is(&site, "daily", "degraded");
}
